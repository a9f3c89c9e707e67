"""The window as an application: every page behind its door, with what a browser must be told on the way out."""

import asyncio
import contextlib
import hashlib
import importlib
import logging
import mimetypes
import pkgutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import cache
from importlib.resources import files
from typing import Final
from urllib.parse import quote, urlsplit

from starlette.applications import Starlette
from starlette.datastructures import FormData, MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from weighbridge.accounts import admins
from weighbridge.accounts.admins import Admin
from weighbridge.audit_log import Actor
from weighbridge.errors import Forbidden, NotFound, Unauthorized, WeighbridgeError
from weighbridge.web import pages, signing
from weighbridge.web.forms import form_of
from weighbridge.web.live import Live, marks
from weighbridge.web.look import Looks, look
from weighbridge.web.parts import Parts
from weighbridge.web.rendering import rendered
from weighbridge.web.signing import Ended, Guard, Session, Tickets
from weighbridge.web.tongue import N_
from weighbridge.web.visit import PART, Place, Visit, advice

log = logging.getLogger(__name__)

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS: Final = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_LARGEST_FORM: Final = 32 * 1024 * 1024
_LARGEST_SIGN_IN: Final = 16 * 1024
_TITLES: Final = {
    400: N_("This cannot be done so"),
    401: N_("You are not signed in"),
    403: N_("You may not do this"),
    404: N_("There is nothing here"),
    413: N_("This is too large"),
    429: N_("Too many tries"),
    503: N_("The ledger is not to be had"),
}


def build(parts: Parts) -> Starlette:
    """The application; its lifespan closes what `parts` has open."""
    door = _Door(parts)
    routes = [
        Route("/static/{name}", _static, methods=["GET"]),
        Route("/healthz", _alive, methods=["GET"]),
        Route("/sign-in", door.sign_in_page, methods=["GET"]),
        Route("/sign-in", door.sign_in, methods=["POST"]),
        Route("/sign-out", door.guarded(Place("/sign-out", door.sign_out, "POST")), methods=["POST"]),
        Route("/enter", door.enter, methods=["GET"]),
        Route("/live", door.live, methods=["GET"]),
        *(Route(each.path, door.guarded(each), methods=[each.method]) for each in every_place()),
        Route("/{rest:path}", door.guarded(Place("/{rest}", _nothing)), methods=["GET"]),
    ]
    hours = parts.settings.window.session_hours
    middleware = [
        Middleware(_Front, parts=parts),
        Middleware(
            SessionMiddleware,
            secret_key=signing.secret(parts.settings.home),
            session_cookie="weighbridge",
            max_age=int(hours * 3600),
            same_site="strict",
            https_only=(parts.public_url or "").startswith("https:"),
        ),
        Middleware(Looks),
    ]
    app = Starlette(routes=routes, middleware=middleware, lifespan=door.lifespan)
    app.state.live = door.events
    return app


def every_place() -> Iterator[Place]:
    """Those of each module of `pages`: its PLACES."""
    for each in pkgutil.iter_modules(pages.__path__):
        module = importlib.import_module(f"{pages.__name__}.{each.name}")
        yield from getattr(module, "PLACES", ())


async def _nothing(visit: Visit) -> Response:
    raise NotFound(f"the window has no page {visit.request.url.path[:200]!r}")


async def _alive(request: Request) -> Response:
    return PlainTextResponse("ok\n")


class _Front:
    """What every answer says to the browser, and which names of ours a browser may have come by."""

    def __init__(self, app: ASGIApp, parts: Parts) -> None:
        self._app = app
        self._parts = parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        if not self._is_known(Request(scope).headers.get("host", "")):
            answer = PlainTextResponse("This address has another name: see window.public_url.\n", 421)
            await answer(scope, receive, sending)
            return
        await self._app(scope, receive, sending)

    def _is_known(self, host: str) -> bool:
        """A page of somebody else's, under a name that leads here, is not let in."""
        name = urlsplit(f"//{host}").hostname
        own = self._parts.settings.window.host
        if own not in _LOOPBACK and self._parts.public_url is None:
            return True  # whoever binds to the world without a name of its own has said so
        public = urlsplit(self._parts.public_url or "").hostname
        return name in _LOOPBACK or name == own or (public is not None and name == public)


class _Door:
    """Lets people in, and each page see who comes."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self._guard = Guard()
        self._tickets = Tickets(parts.settings.home)
        self._ended = Ended(parts.settings.home, hours=parts.settings.window.session_hours)
        self.events = Live(lambda: parts.database.read(marks))

    @contextlib.asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[None]:
        """The window's time."""
        looking = asyncio.create_task(self.events.run())
        try:
            yield
        finally:
            self.events.end()
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)
            self.parts.gateway.close()
            self.parts.database.close()

    def guarded(self, place: Place) -> Callable[[Request], Awaitable[Response]]:
        """The page for who is signed in and may see it; for others the way in."""

        async def answer(request: Request) -> Response:
            visit: Visit | None = None
            try:
                visit = await self._visit(request)
                place.check(visit.admin)
                return await place.handler(visit)
            except Unauthorized as error:
                return self._way_in(request, error)
            except WeighbridgeError as error:
                return self.told(request, error, visit)
            except Exception:
                log.exception("%s %s failed", request.method, request.url.path)
                fault = WeighbridgeError("something of ours went wrong; it is in the window's log")
                return self.told(request, fault, visit)
            finally:
                await request.close()  # files that a form brought

        return answer

    async def _visit(self, request: Request) -> Visit:
        """Raises Unauthorized, Forbidden, LedgerUnavailable."""
        session, now = self._session(request), self.parts.now()
        admin = await self.parts.database.read(lambda connection: signing.open_admin(connection, session.admin, now))
        form = FormData()
        if request.method == "POST":
            form = await self._form(request, _LARGEST_FORM)
            if not signing.is_token(session, form.get("csrf")):
                raise Forbidden("the form is not of this session: load its page again, and send it from there")
        seen, is_page = look(request), request.method == "GET" and PART not in request.headers
        return Visit(
            request=request,
            parts=self.parts,
            admin=admin,
            by=self._actor(admin, request),
            now=now,
            tongue=seen.tongue,
            theme=seen.theme,
            token=session.token,
            form=form,
            said=request.session.pop("said", None) if PART not in request.headers else None,
            stamp=await self.events.stamp() if is_page else "",
        )

    def _session(self, request: Request) -> Session:
        hours = self.parts.settings.window.session_hours
        found = signing.session_of(request, hours=hours, now=self.parts.now())
        if found is None or self._ended.has(found.token):
            raise Unauthorized("nobody is signed in")
        return found

    async def _form(self, request: Request, most: int) -> FormData:
        """See form_of: ours are the public address, and the name that was let pass at the front."""
        own = f"{request.url.scheme}://{request.headers.get('host', '')}"
        public = self.parts.public_url
        return await form_of(request, (own,) if public is None else (own, public), most)

    def _actor(self, admin: Admin, request: Request) -> Actor:
        return Actor(admin.id, _address(request))

    def _way_in(self, request: Request, error: Unauthorized) -> Response:
        """To the sign-in, and from there back."""
        if PART in request.headers or request.method != "GET" or request.url.path == "/live":
            return self.told(request, error)
        where = _address_of(request)
        if request.headers.get("sec-fetch-site") == "cross-site":  # so it came without the cookie, if it has one
            seen = look(request)
            what = {"next": where, "theme": seen.theme, "path": ""}
            return HTMLResponse(rendered(seen.tongue.code, "onward.html", what))
        return RedirectResponse(f"/sign-in?next={quote(where)}" if where != "/" else "/sign-in", 303)

    def told(self, request: Request, error: WeighbridgeError, visit: Visit | None = None) -> Response:
        """An error as a page; within the others, for who is signed in."""
        seen = look(request)
        title = _TITLES.get(error.status)
        what = {
            "status": error.status,
            "title": None if title is None else seen.tongue.gettext(title),
            "message": error.message,
            "advice": None if seen.tongue.code != "en" else advice(error),
            "theme": seen.theme,
            "path": request.url.path,
            **({} if visit is None else {"visit": visit, "csrf": visit.csrf}),
        }
        return HTMLResponse(rendered(seen.tongue.code, "error.html", what), error.status)

    # the way in

    async def sign_in_page(self, request: Request) -> Response:
        """The form for a key."""
        return self._asks(request, request.query_params.get("next", "/"))

    async def sign_in(self, request: Request) -> Response:
        """Takes a key."""
        try:
            form = await self._form(request, _LARGEST_SIGN_IN)
        except WeighbridgeError as error:
            return self.told(request, error)
        where, gettext = _within(str(form.get("next", "/"))), look(request).tongue.gettext
        address = _address(request) or ""
        if self._guard.waits(address) > 0:
            return self._asks(request, where, gettext("Too many tries: wait five minutes."), 429)
        key, now = str(form.get("key", "")).strip(), self.parts.now()
        if key.startswith("wb-"):
            said = gettext("This key opens models. The window takes the key of an admin, which begins with wba-.")
            return self._asks(request, where, said, 422)
        try:
            admin = await self.parts.database.read(lambda known: admins.open_with(known, key.encode(), now=now))
        except Unauthorized:
            self._guard.failed(address)
            log.warning("a wrong key was tried at the window from %s", address)
            return self._asks(request, where, gettext("This is no key of an admin here, or it was revoked."), 422)
        except WeighbridgeError as error:
            return self.told(request, error)
        return await self._let_in(request, admin, where)

    async def enter(self, request: Request) -> Response:
        """Takes a link that works once."""
        if request.method == "HEAD":  # which looks, and does not come in
            return Response()
        now = self.parts.now()
        try:
            id_ = await asyncio.to_thread(self._tickets.used, request.query_params.get("ticket", ""))
            admin = await self.parts.database.read(lambda known: signing.open_admin(known, id_, now))
        except Unauthorized:
            said = look(request).tongue.gettext(
                "This link has been used, or has had its time. On the gateway's machine, this prints another: "
                "weighbridge window"
            )
            return self._asks(request, "/", said, 401)
        except WeighbridgeError as error:
            return self.told(request, error)
        return await self._let_in(request, admin, _within(request.query_params.get("next", "/")))

    async def sign_out(self, visit: Visit) -> Response:
        """Ends a session."""
        await visit.do(
            lambda known, caller: signing.note(known, caller.admin, caller.by, "window.sign_out", caller.now)
        )
        await asyncio.to_thread(self._ended.end, visit.token)
        visit.request.session.clear()
        return RedirectResponse("/sign-in", 303)

    async def live(self, request: Request) -> Response:
        """What has changed, as long as the page is open."""
        try:
            session, now = self._session(request), self.parts.now()
            await self.parts.database.read(lambda known: signing.open_admin(known, session.admin, now))
        except WeighbridgeError as error:
            return self.told(request, error)
        headers, stamp = {"x-accel-buffering": "no"}, request.query_params.get("seen", "")
        return StreamingResponse(self.events.events(stamp), media_type="text/event-stream", headers=headers)

    async def _let_in(self, request: Request, admin: Admin, where: str) -> Response:
        now, by = self.parts.now(), self._actor(admin, request)
        try:
            await self.parts.database.write(lambda known: signing.note(known, admin, by, "window.sign_in", now))
        except WeighbridgeError as error:
            return self.told(request, error)
        signing.begin(request, admin, now)
        return RedirectResponse(where, 303)

    def _asks(self, request: Request, where: str, error: str | None = None, status: int = 200) -> Response:
        seen = look(request)
        what = {"next": _within(where), "error": error, "theme": seen.theme, "path": "/sign-in"}
        return HTMLResponse(rendered(seen.tongue.code, "sign_in.html", what), status)


def _within(where: str) -> str:
    """A path of the window; anything else is its first page."""
    parts = urlsplit(where)
    is_ours = where.startswith("/") and not where.startswith(("//", "/\\")) and not parts.netloc and not parts.scheme
    return where if is_ours and not any(ord(letter) < 33 for letter in where) else "/"


def _address_of(request: Request) -> str:
    """What was asked for, as it was written."""
    path = request.scope.get("raw_path", b"/").decode("latin-1")
    return f"{path}?{request.url.query}" if request.url.query else str(path)


def _address(request: Request) -> str | None:
    return None if request.client is None else request.client.host


async def _static(request: Request) -> Response:
    """Our own script, styles and pictures."""
    found = _files().get(request.path_params["name"])
    if found is None:
        return PlainTextResponse("no such file\n", 404)
    content, kind, tag = found
    headers = {"etag": tag, "cache-control": "no-cache"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=kind, headers=headers)


@cache
def _files() -> dict[str, tuple[bytes, str, str]]:
    """By name: what is in it, its type and its tag."""
    found = {}
    for each in files("weighbridge.web").joinpath("static").iterdir():
        content = each.read_bytes()
        kind = mimetypes.guess_type(each.name)[0] or "application/octet-stream"
        found[each.name] = (content, kind, f'"{hashlib.sha256(content).hexdigest()[:20]}"')
    return found
