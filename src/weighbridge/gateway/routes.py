"""Path → handler, nothing else; and what every answer has in common: errors in one shape, CORS."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from weighbridge.errors import (
    BodyTooLarge,
    Draining,
    MalformedRequest,
    MethodNotAllowed,
    NotFound,
    Unauthorized,
    WeighbridgeError,
)
from weighbridge.gateway import answers
from weighbridge.gateway.admin.admins import AdminAdmins
from weighbridge.gateway.admin.audit_log import AdminAuditLog
from weighbridge.gateway.admin.budgets import AdminBudgets
from weighbridge.gateway.admin.desk import Desk
from weighbridge.gateway.admin.forgetting import AdminForgetting
from weighbridge.gateway.admin.keys import AdminKeys
from weighbridge.gateway.admin.openrouter_keys import OpenRouterKeys
from weighbridge.gateway.admin.places import AdminPlaces
from weighbridge.gateway.anthropic_models import AnthropicModels
from weighbridge.gateway.certificates import Certificates
from weighbridge.gateway.chat import Chat
from weighbridge.gateway.count_tokens import CountTokens
from weighbridge.gateway.explain import Explain
from weighbridge.gateway.health import Health
from weighbridge.gateway.market import Market
from weighbridge.gateway.messages import Messages
from weighbridge.gateway.metrics import Metrics
from weighbridge.gateway.models import Models
from weighbridge.gateway.openapi.handler import OpenApi
from weighbridge.gateway.openrouter import OpenRouterAccount, OpenRouterChat
from weighbridge.gateway.openrouter_models import OpenRouterModels
from weighbridge.gateway.receipts import Receipts
from weighbridge.gateway.responses import Responses
from weighbridge.gateway.responses_compact import CompactResponses, CountInputTokens
from weighbridge.gateway.responses_socket import ResponsesSocket
from weighbridge.gateway.route_health import RouteHealth
from weighbridge.gateway.stored_chat import StoredChat
from weighbridge.gateway.usage import AdminUsage, Usage
from weighbridge.transport.message import Headers, Reply, Request
from weighbridge.transport.server import Handler
from weighbridge.wire.chat.surface import CHAT
from weighbridge.wire.messages.surface import MESSAGES
from weighbridge.wire.openrouter.surface import OpenRouterErrors, OpenRouterSurface
from weighbridge.wire.responses.surface import RESPONSES
from weighbridge.wire.surface import Surface
from weighbridge.wire.tasks.completions import COMPLETIONS
from weighbridge.wire.tasks.embeddings import EMBEDDINGS
from weighbridge.wire.tasks.rerank import RERANK

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Route:
    """A path, in which one `{id}` stands for whatever is there, and who answers."""

    method: str
    path: str
    handler: Handler
    summary: str
    surface: Surface = CHAT
    """The dialect in which errors are worded that arise before the handler has the request."""
    not_offered: str = ""
    """What else to say to whoever comes with a method that the path does not take."""


def routes(  # noqa: PLR0913 - one for each family of routes
    chat: Chat,
    models: Models,
    receipts: Receipts,
    health: Health,
    *,
    stored_chat: StoredChat,
    responses: Responses,
    openrouter_models: OpenRouterModels,
    openrouter_account: OpenRouterAccount,
    desk: Desk,
    forgetting: AdminForgetting,
    usage: Usage,
    metrics: Metrics,
    market: Market,
    certificates: Certificates,
) -> tuple[Route, ...]:
    """All there are; the reference page and the OpenAPI document are made from this table."""
    table: tuple[Route, ...] = (
        *_chat(stored_chat),
        Route("POST", "/v1/completions", replace(chat, surface=COMPLETIONS), "text that goes on, or fills a gap"),
        Route(
            "POST",
            "/v1/embeddings",
            replace(chat, surface=EMBEDDINGS, default_model=None),
            "a vector for each text",
        ),
        Route("POST", "/v1/messages", Messages(chat), "a message, in Anthropic's format", MESSAGES),
        Route(
            "POST",
            "/v1/messages/count_tokens",
            CountTokens(chat.open, chat.planning, chat.providers, chat.now, chat.switch),
            "about how many tokens a message's request has",
            MESSAGES,
        ),
        Route(
            "POST",
            "/v1/rerank",
            replace(chat, surface=RERANK, default_model=None),
            "documents in the order of their relevance",
        ),
        *_responses(chat, responses),
        Route(
            "GET",
            "/v1/models",
            AnthropicModels(models).list,
            "the models that can be asked for, with licence and origin",
        ),
        Route(
            "GET",
            "/v1/models/{id}",
            AnthropicModels(models).one,
            "one of them",
            not_offered="models are not deleted here: each is on offer as long as a provider or the settings have it",
        ),
        Route(
            "POST",
            "/v1/route/explain",
            Explain(chat.open, chat.planning, chat.now, chat.default_model, chat.switch),
            "whom a request would be sent to, in which order, and why not to others; nobody is asked",
        ),
        Route(
            "GET",
            "/v1/route/health",
            RouteHealth(chat.open, chat.now, chat.planning),
            "how the endpoints that were asked are doing",
        ),
        Route("GET", "/v1/receipts/{id}", receipts.one, "the ledger's entry for an answer of this key"),
        Route("GET", "/v1/receipts/{id}/text", receipts.text, "what was asked and answered, where the key keeps that"),
        Route("GET", "/metrics", metrics.show, "what all workers have counted, as Prometheus reads it"),
        Route("GET", "/healthz", health.healthz, "whether the process lives; needs no key"),
        Route("GET", "/readyz", health.readyz, "whether it can serve; needs no key"),
        Route("GET", "/openapi.json", OpenApi(lambda: table), "this table, as an OpenAPI document; needs no key"),
        Route("GET", "/v1/usage", usage, "what the key has used and what it cost, by model, country, user, day …"),
        Route(
            "GET", "/v1/market/figures", market.figures, "the figures of the open-model market there are recipes for"
        ),
        Route(
            "GET",
            "/v1/market/figures/{id}",
            market.figure,
            "one of them: definition, values, table, sensitivity, inputs",
        ),
        Route("GET", "/v1/market/figures/{id}.svg", market.svg, "its chart"),
        Route("GET", "/v1/market/sources", market.sources, "where the market's data come from, and what is here of it"),
        Route(
            "GET",
            "/v1/switch/certificates",
            certificates.list,
            "what was proven of the key's routes, and what is routed by it",
        ),
        Route("GET", "/v1/switch/certificates/{id}", certificates.one, "one of them"),
        *_admin(desk, AdminUsage(desk, usage.tallied, usage.catalog)),
        Route("POST", "/v1/admin/forget", forgetting, "delete what is kept of one of a client's users"),
        *_openrouter(chat, responses, openrouter_models, openrouter_account, OpenRouterKeys(desk)),
    )
    return table


def _chat(stored: StoredChat) -> tuple[Route, ...]:
    one = "/v1/chat/completions/{id}"
    return (
        Route("POST", "/v1/chat/completions", stored.create, "a chat completion, as JSON or as a stream of events"),
        Route("GET", "/v1/chat/completions", stored.list, "those that were kept"),
        Route("GET", one, stored.one, "one that was kept"),
        Route("POST", one, stored.update, "give one other metadata"),
        Route("DELETE", one, stored.delete, "forget one"),
        Route("GET", f"{one}/messages", stored.messages, "what went into one"),
    )


def _responses(chat: Chat, responses: Responses) -> tuple[Route, ...]:
    compact = CompactResponses(replace(chat, default_model=None), responses.kept)
    count = CountInputTokens(chat, responses.kept)
    return (
        Route("POST", "/v1/responses", responses.create, "a response, as JSON or as a stream of events", RESPONSES),
        Route(
            "GET",
            "/v1/responses",
            ResponsesSocket(responses),
            "a WebSocket, over which responses are asked for and streamed",
            RESPONSES,
        ),
        Route("POST", "/v1/responses/compact", compact, "a conversation made short by the model", RESPONSES),
        Route("POST", "/v1/responses/input_tokens", count, "about how many tokens a response's request has", RESPONSES),
        Route("GET", "/v1/responses/{id}", responses.one, "one that was kept, or its events again", RESPONSES),
        Route("DELETE", "/v1/responses/{id}", responses.delete, "forget one", RESPONSES),
        Route("POST", "/v1/responses/{id}/cancel", responses.cancel, "call off one that is being streamed", RESPONSES),
        Route("GET", "/v1/responses/{id}/input_items", responses.input_items, "what went into one", RESPONSES),
    )


def _admin(desk: Desk, usage: AdminUsage) -> tuple[Route, ...]:
    """What takes an admin key."""
    keys, admins, places, budgets = AdminKeys(desk), AdminAdmins(desk), AdminPlaces(desk), AdminBudgets(desk)
    one_key, one_admin = "/v1/admin/keys/{id}", "/v1/admin/admins/{id}"
    for_good = "disable one for good; it stays in the list"
    return (
        Route("GET", "/v1/admin/me", admins.me, "the admin key that the request came with, and its role"),
        Route("GET", "/v1/admin/keys", keys.list, "the keys that the admin key sees"),
        Route("POST", "/v1/admin/keys", keys.create, "make a key, and show it this once"),
        Route("GET", one_key, keys.one, "one of them"),
        Route("PATCH", one_key, keys.change, "give one another name, models, end, labels or defaults"),
        Route("DELETE", one_key, keys.revoke, for_good),
        Route("POST", f"{one_key}/rotate", keys.rotate, "change the secret of one for another, and show it this once"),
        Route("GET", "/v1/admin/admins", admins.list, "the admin keys that the admin key sees"),
        Route("POST", "/v1/admin/admins", admins.create, "make an admin key, and show it this once"),
        Route("GET", one_admin, admins.one, "one of them"),
        Route("DELETE", one_admin, admins.revoke, for_good),
        Route("GET", "/v1/admin/organisations", places.organisations, "the organisations, and what holds for each"),
        Route("POST", "/v1/admin/organisations", places.set_organisation, "set what holds for all keys of one"),
        Route("GET", "/v1/admin/projects", places.projects, "the projects, and what holds for each"),
        Route("POST", "/v1/admin/projects", places.set_project, "set what holds for all keys of one"),
        Route("GET", "/v1/admin/usage", usage, "what the keys have used that the admin key sees"),
        Route("GET", "/v1/admin/budgets", budgets.list, "the budgets and limits, and what is used of each"),
        Route("POST", "/v1/admin/budgets", budgets.set, "set one; of the same kind there is one only"),
        Route("DELETE", "/v1/admin/budgets/{id}", budgets.remove, "take one away"),
        Route("GET", "/v1/admin/audit-log", AdminAuditLog(desk), "who has changed what, when, from where"),
    )


def _openrouter(
    chat: Chat, responses: Responses, models: OpenRouterModels, account: OpenRouterAccount, keys: OpenRouterKeys
) -> tuple[Route, ...]:
    """OpenRouter's API, for its clients."""
    completions = OpenRouterErrors(COMPLETIONS)
    embeddings = replace(chat, surface=OpenRouterErrors(EMBEDDINGS), default_model=None)
    rerank = replace(chat, surface=OpenRouterErrors(RERANK), default_model=None)
    in_its_errors = OpenRouterSurface()
    table: tuple[tuple[str, str, Handler, str], ...] = (
        ("POST", "/api/v1/chat/completions", OpenRouterChat(chat), "a chat completion, in OpenRouter's dialect"),
        ("POST", "/api/v1/completions", replace(chat, surface=completions), "as under `/v1`"),
        ("POST", "/api/v1/embeddings", embeddings, "as under `/v1`"),
        ("POST", "/api/v1/rerank", rerank, "as under `/v1`"),
        ("GET", "/api/v1/models", models.list, "the models that can be asked for, in OpenRouter's shape"),
        ("GET", "/api/v1/models/user", models.list, "the same"),
        ("GET", "/api/v1/models/count", models.count, "how many there are"),
        ("GET", "/api/v1/models/{id}/endpoints", models.endpoints, "who serves a model, the cheapest first"),
        ("GET", "/api/v1/model/{id}", models.one, "one of them"),
        ("GET", "/api/v1/generation", account.generation, "what became of the answer `?id=gen-…` of this key"),
        ("GET", "/api/v1/key", account.key, "what the key is and has used"),
        ("GET", "/api/v1/auth/key", account.key, "the same"),
        ("GET", "/api/v1/credits", account.credits, "what the key has used; nobody buys credits here"),
        ("GET", "/api/v1/keys", keys.list, "the keys that the admin key sees"),
        ("POST", "/api/v1/keys", keys.create, "make a key, and show it this once"),
        ("GET", "/api/v1/keys/{id}", keys.one, "one of them"),
        ("PATCH", "/api/v1/keys/{id}", keys.change, "give one another name or limit, or disable it"),
        ("DELETE", "/api/v1/keys/{id}", keys.delete, "disable one for good"),
        ("GET", "/api/v1/providers", account.providers, "the providers that are set up here"),
    )
    return (
        *(Route(*row, in_its_errors) for row in table),
        Route("POST", "/api/v1/messages", Messages(chat), "as under `/v1`", MESSAGES),
        Route("POST", "/api/v1/responses", responses.create, "as under `/v1`", RESPONSES),
    )


class Gateway:
    """The handler of every request."""

    def __init__(
        self,
        table: Sequence[Route],
        *,
        cors_origins: Sequence[str] = (),
        renew: Callable[[], Awaitable[bool]] | None = None,
    ) -> None:
        """`renew` reads the keys again, and says whether they are others; None: they are as they are."""
        self._exact = _by_path(route for route in table if "{" not in route.path)
        self._around = _by_surroundings(route for route in table if "{" in route.path)
        self._surfaces = {_surroundings(route.path): route.surface for route in table}
        self._not_offered = {_surroundings(route.path): route.not_offered for route in table if route.not_offered}
        self._origins = frozenset(origin.encode() for origin in cors_origins)
        self._renew = renew

    async def __call__(self, request: Request, reply: Reply) -> None:
        """Find who answers, and answer for them when they raise."""
        if b"origin" in request.headers and self._origins:
            reply.also = self._cors(request.headers[b"origin"])
        try:
            try:
                await self._handler(request)(request, reply)
            except Unauthorized as exc:  # before anything was done
                if self._renew is None or not exc.may_have_come or not await self._renew():
                    raise
                await self._handler(request)(request, reply)
        except WeighbridgeError as exc:
            answers.error(reply, exc, self._surface(request.path))
        except asyncio.CancelledError:
            raise
        except Exception:
            log.exception("%s %s failed", request.method, request.path)
            fault = WeighbridgeError("something of ours went wrong; the log has it")
            answers.error(reply, fault, self._surface(request.path))

    def refuse(self, reply: Reply, status: int, what: str, target: bytes) -> None:
        """What a client hears whose request never became one: the transport's status, in its dialect's shape."""
        exc = _REFUSALS.get(status, MalformedRequest)(what)
        if isinstance(exc, Draining):
            exc.retry_after = _SOON
        path = target.partition(b"?")[0].decode("latin-1")
        answers.error(reply, exc, self._surface(path), status=status)

    def _handler(self, request: Request) -> Handler:
        methods = self._exact.get(request.target) or self._methods(request.path)
        if methods is None:
            raise NotFound(f"there is nothing at {request.path[:200]!r}; the paths: {', '.join(sorted(self._paths()))}")
        if request.method in methods:
            return methods[request.method]
        if request.method == "HEAD" and "GET" in methods:
            return methods["GET"]
        if request.method == "OPTIONS":
            return _Options(methods)
        around = self._match(request.path)
        besides = "" if around is None else self._not_offered.get(around, "")
        return _OtherMethod(methods, self._surface(request.path), besides)

    def _surface(self, path: str) -> Surface:
        exact = self._surfaces.get(_surroundings(path))
        if exact is not None:
            return exact
        around = self._match(path)
        if around is not None:
            return self._surfaces[around]
        above = path.rpartition("/")[0]  # what lies under a known path is asked for by the same clients
        return self._surface(above) if above else CHAT

    def _methods(self, path: str) -> Mapping[str, Handler] | None:
        exact = self._exact.get(path.encode())
        if exact is not None:
            return exact
        around = self._match(path)
        return None if around is None else self._around[around]

    def _match(self, path: str) -> "_Around | None":
        """What stands around the id in this path; of several the one that leaves the shortest id."""
        found = (around for around in self._around if _lies_within(path.encode(), *around))
        return max(found, key=lambda around: len(around[0]) + len(around[1]), default=None)

    def _paths(self) -> list[str]:
        around = [f"{before.decode()}{{id}}{after.decode()}" for before, after in self._around]
        return [path.decode() for path in self._exact] + around

    def _cors(self, origin: bytes) -> Headers:
        if origin not in self._origins and b"*" not in self._origins:
            return ()
        return (*_EXPOSED, (b"access-control-allow-origin", origin), (b"vary", b"Origin"))


_EXPOSED: Final = ((b"access-control-expose-headers", b", ".join(answers.EXPOSED)),)


@dataclass(frozen=True, slots=True)
class _Options:
    """OPTIONS on any path: what it takes; to a browser of an allowed origin, that it may."""

    methods: Mapping[str, Handler]

    async def __call__(self, request: Request, reply: Reply) -> None:
        allowed = _allow(self.methods).encode()
        headers: Headers = ((b"allow", allowed),)
        if reply.also:
            headers += (
                (b"access-control-allow-methods", allowed),
                (b"access-control-allow-headers", request.headers.get(b"access-control-request-headers", b"*")),
                (b"access-control-max-age", b"600"),
            )
        reply.send(200, headers, b"")


@dataclass(frozen=True, slots=True)
class _OtherMethod:
    """A method the path does not take: the answer names those it does."""

    methods: Mapping[str, Handler]
    surface: Surface
    besides: str

    async def __call__(self, request: Request, reply: Reply) -> None:
        allowed = _allow(self.methods)
        said = f"{request.path[:200]} takes {allowed}, not {request.method}"
        exc = MethodNotAllowed(f"{said}; {self.besides}" if self.besides else said)
        answers.error(reply, exc, self.surface, headers=((b"allow", allowed.encode()),))


def _allow(methods: Mapping[str, Handler]) -> str:
    also = ("HEAD", "OPTIONS") if "GET" in methods else ("OPTIONS",)
    return ", ".join((*methods, *also))


_Around = tuple[bytes, bytes]
"""What stands before the id in a path, and after it."""


def _by_path(table: Iterable[Route]) -> dict[bytes, dict[str, Handler]]:
    found: dict[bytes, dict[str, Handler]] = {}
    for route in table:
        found.setdefault(route.path.encode(), {})[route.method] = route.handler
    return found


def _by_surroundings(table: Iterable[Route]) -> dict[_Around, dict[str, Handler]]:
    found: dict[_Around, dict[str, Handler]] = {}
    for route in table:
        found.setdefault(_surroundings(route.path), {})[route.method] = route.handler
    return found


def _surroundings(path: str) -> _Around:
    before, _, after = path.partition("{id}")
    return before.encode(), after.encode()


def _lies_within(path: bytes, before: bytes, after: bytes) -> bool:
    return path.startswith(before) and path.endswith(after) and len(path) > len(before) + len(after)


_REFUSALS: Final[Mapping[int, type[WeighbridgeError]]] = {413: BodyTooLarge, 500: WeighbridgeError, 503: Draining}
_SOON: Final = 1.0
"""Seconds after which another worker, or the next process, may take a client that was turned away."""
