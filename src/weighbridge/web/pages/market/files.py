"""A figure as a file: the document of the API, its table, its chart."""

import msgspec
from starlette.responses import Response

from weighbridge.errors import BadRequest, NotFound
from weighbridge.ledger.tabular import Kind, csv_text
from weighbridge.market.document import documented
from weighbridge.market.recipes.figure import Figure
from weighbridge.market.report.picture import picture
from weighbridge.web.pages.market.asked import Asked, asked
from weighbridge.web.pages.market.figure import worked_out
from weighbridge.web.visit import Visit


async def document(visit: Visit) -> Response:
    """GET /market/{name}/figure.json"""
    _, found = await _found(visit)
    body = msgspec.json.format(msgspec.json.encode(documented(found)), indent=2)
    return _file(body, "application/json", f"{found.name}.json")


async def table(visit: Visit) -> Response:
    """GET /market/{name}/table.csv"""
    _, found = await _found(visit)
    columns = found.measured.columns
    kinds: dict[str, Kind] = dict.fromkeys(columns, "text")
    rows = [dict(zip(columns, row, strict=True)) for row in found.measured.rows]
    return _file(csv_text(kinds, rows).encode(), "text/csv; charset=utf-8", f"{found.name}.csv")


async def drawing(visit: Visit) -> Response:
    """GET /market/{name}/chart.svg"""
    wanted, found = await _found(visit)
    drawn = picture(found, wanted.language)
    if drawn is None:
        raise NotFound(f"there is nothing to draw in {found.name} by these choices: its table has no column of numbers")
    return _file(drawn.encode(), "image/svg+xml; charset=utf-8", f"{found.name}.svg")


async def _found(visit: Visit) -> tuple[Asked, Figure]:
    wanted = asked(visit)
    if wanted.error is not None:
        raise BadRequest(wanted.error.message, param=wanted.error.param)
    worked = await worked_out(visit, wanted)
    if worked.figure is None:
        raise NotFound(worked.lacking or worked.error or f"there is no {wanted.name} here")
    return wanted, worked.figure


def _file(body: bytes, kind: str, name: str) -> Response:
    return Response(body, media_type=kind, headers={"content-disposition": f'attachment; filename="{name}"'})
