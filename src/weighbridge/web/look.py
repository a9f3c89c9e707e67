"""How somebody wants to see the window: in which language, and in which colours.

`?language=ar` and `?theme=dark` at any page choose, and cookies remember it.
"""

from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import urlencode

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from weighbridge.web.tongue import Tongue, preferred, tongues

Theme = Literal["auto", "light", "dark"]
THEMES: Final[tuple[Theme, ...]] = ("auto", "light", "dark")
_YEAR: Final = 365 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Look:
    """What a request's pages are written and drawn in."""

    tongue: Tongue
    theme: Theme


def look(request: Request) -> Look:
    """As was chosen, else as the browser asks, else English in the system's colours."""
    chosen = tongues().get(request.cookies.get("language", ""))
    theme = request.cookies.get("theme", "auto")
    return Look(
        tongue=chosen or preferred(request.headers.get("accept-language")),
        theme=theme if theme in THEMES else "auto",
    )


class Looks:
    """Takes a choice out of an address, remembers it in a cookie, and leads to the address without it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        chosen = _chosen(scope) if scope["type"] == "http" and scope["method"] == "GET" else {}
        if not chosen:
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        rest = urlencode([(key, value) for key, value in request.query_params.multi_items() if key not in chosen])
        path = "/" + scope["raw_path"].decode("ascii", "replace").lstrip(
            "/\\"
        )  # two of them would begin the name of another host
        answer = RedirectResponse(f"{path}?{rest}" if rest else path, status_code=303, headers=_NOT_KEPT)
        for key, value in chosen.items():
            secure = request.url.scheme == "https"
            answer.set_cookie(key, value, max_age=_YEAR, path="/", secure=secure, httponly=True, samesite="lax")
        await answer(scope, receive, send)


_NOT_KEPT: Final = {"Cache-Control": "no-store"}


def _chosen(scope: Scope) -> dict[str, str]:
    asked = QueryParams(scope["query_string"])
    known = {"language": tuple(tongues()), "theme": THEMES}
    return {key: asked[key] for key, values in known.items() if asked.get(key) in values}
