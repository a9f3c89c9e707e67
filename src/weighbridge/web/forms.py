"""A form as a browser has sent it: from a page of ours, and no larger than it may be."""

from collections.abc import Collection
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request

from weighbridge.errors import BadRequest, BodyTooLarge, Forbidden

_MOST_FILES: Final = 4
_MOST_FIELDS: Final = 2000


async def form_of(request: Request, origins: Collection[str], most: int) -> FormData:
    """What was sent; `origins` are ours, such as https://window.example.org, and `most` its bytes.

    Raises Forbidden for what another site sends, BodyTooLarge, and BadRequest for what is no form.
    """
    _check_sender(request, origins)
    length = request.headers.get("content-length", "0")
    if "transfer-encoding" in request.headers or not length.isdecimal():
        raise BadRequest("a form says how long it is: send content-length")
    if int(length) > most:
        raise BodyTooLarge(f"this form may have {most // 1024:,} KiB at most")
    try:
        return await request.form(max_files=_MOST_FILES, max_fields=_MOST_FIELDS, max_part_size=most)
    except HTTPException as exc:
        raise BadRequest(f"the form cannot be read: {exc.detail}") from exc


def _check_sender(request: Request, origins: Collection[str]) -> None:
    """Browsers say from where a form comes; a program that says nothing has no cookies of ours to misuse."""
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin)[:2] not in {urlsplit(each)[:2] for each in origins}:
        raise Forbidden("another site sent this form")
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Forbidden("another site sent this form")
