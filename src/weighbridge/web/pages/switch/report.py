"""The report of a plan, as a document of its own: it can be kept, sent and printed as it is."""

import base64
import hashlib
import re

from starlette.responses import Response

from weighbridge.accounts.tree import EVERYWHERE
from weighbridge.app.switch.reporting import reported
from weighbridge.app.switch.setting import Setting
from weighbridge.app.switch.standing import plan_of
from weighbridge.app.unable import Unable
from weighbridge.errors import NotFound
from weighbridge.switch.report.document import Report
from weighbridge.switch.report.page import page as written
from weighbridge.web.pages.switch.around import at_hand, report_tongue, require
from weighbridge.web.visit import Visit


async def page(visit: Visit) -> Response:
    """GET /switch/plans/{id}/report; with the texts of the worst examples for whom they are."""
    require(visit, "switch.read")
    id_: str = visit.request.path_params["id"]
    texts = visit.admin.reaches("text.read", EVERYWHERE)

    def made(at: Setting) -> Report:
        return reported(at, plan_of(at.connection, id_), texts=texts)

    try:
        found = await at_hand(visit, made)
    except Unable as error:
        raise NotFound(f"{error.message}; {error.next_step}" if error.next_step else error.message) from error
    html = written(found, report_tongue(visit))
    headers = {"content-security-policy": _policy(html)}
    if visit.query("as") == "file":
        headers["content-disposition"] = f'attachment; filename="{id_}.html"'
    return Response(html, media_type="text/html", headers=headers)


def _policy(html: str) -> str:
    """Nothing is fetched and nothing runs; the page's own style is known by its hash."""
    styles = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    hashes = [base64.b64encode(hashlib.sha256(each.encode()).digest()).decode() for each in styles[:1]]
    allowed = " ".join(f"'sha256-{each}'" for each in hashes)
    return f"default-src 'none'; style-src {allowed}; img-src data:; frame-ancestors 'none'; base-uri 'none'"
