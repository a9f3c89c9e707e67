"""What each route takes and gives: the one place to add to when a route is added.

A route without an operation, or an operation without a route, fails `tests/gateway/test_openapi.py`, which says so.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from weighbridge.errors import (
    BadRequest,
    BodyTooLarge,
    Conflict,
    ContextOverflow,
    Draining,
    EngineUnavailable,
    Forbidden,
    LedgerUnavailable,
    MalformedRequest,
    NoEndpoint,
    NotFound,
    TextsUnavailable,
    Unauthorized,
    UnknownModel,
    UnknownResponse,
    UpgradeRequired,
    UpstreamBusy,
    UpstreamError,
    UpstreamKeyRefused,
    UpstreamLacksModel,
    UpstreamTimeout,
    UpstreamUnreachable,
    WeighbridgeError,
)
from weighbridge.gateway.admin import openrouter_keys
from weighbridge.gateway.admin import shapes as admin
from weighbridge.gateway.anthropic_models import AnthropicModel, AnthropicModelPage
from weighbridge.gateway.certificates import CertificateList, CertificateShown
from weighbridge.gateway.count_tokens import TokenCount
from weighbridge.gateway.explain import ExplainQuery
from weighbridge.gateway.health import Alive, Readiness
from weighbridge.gateway.market import FigureQuery
from weighbridge.gateway.models import ListedModel, ModelList
from weighbridge.gateway.openapi import requests, schemas
from weighbridge.gateway.receipts import Receipt
from weighbridge.gateway.responses import DeletedResponse, InputItems
from weighbridge.gateway.responses_compact import InputTokens
from weighbridge.gateway.route_health import RouteHealthList
from weighbridge.gateway.stored_chat import DeletedChat, StoredPage
from weighbridge.gateway.usage import UsageList, UsageQuery
from weighbridge.market.document import FigureDocument, FigureList, SourceList
from weighbridge.routing.explain import Explanation
from weighbridge.texts.line import Line
from weighbridge.wire.messages.surface import Failure as AnthropicFailure
from weighbridge.wire.responses.compact import CompactedResponse
from weighbridge.wire.responses.objects import Top
from weighbridge.wire.responses.read import Echo

Errors = tuple[type[WeighbridgeError], ...]


@dataclass(frozen=True, slots=True)
class Link:
    """An operation that what this one answers leads to, and the parameter that it is asked with."""

    to: str
    parameter: str
    value: str
    """A runtime expression of OpenAPI's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What a route takes and gives, beside its path and summary. Types are what msgspec makes a schema of."""

    gives: tuple[Any, ...]
    """The answer with 200: all of these; with `either` any of these."""
    either: bool = False
    takes: Any = None
    """The body."""
    query: Any = None
    """A Struct of the query's fields."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Other headers that matter, and what for."""
    errors: Errors = ()
    """Beside what any request may meet."""
    unready: Any = None
    """The answer with 503, where it is no error."""
    also_fails: Any = None
    """Another shape of errors, where the headers decide it."""
    text: bool = False
    """Whether it gives text, of the type `media`."""
    media: str = "text/plain"
    made: bool = False
    """Whether the answer comes with 201."""
    streams: bool = False
    switches: bool = False
    """Whether it leads to a WebSocket, with 101, instead."""
    entered: bool = False
    """Whether it leaves an entry in the ledger, whose receipt is in a header."""
    keyless: bool = False
    links: Mapping[str, Link] = field(default_factory=dict)


ANY_REQUEST: Final[Errors] = (WeighbridgeError, MalformedRequest, Draining)
"""What any request may meet, whatever it asks for."""
_BODY: Final[Errors] = (BadRequest, BodyTooLarge)
_TO_A_MODEL: Final[Errors] = (
    *_BODY,
    ContextOverflow,
    Forbidden,
    UnknownModel,
    LedgerUnavailable,
    TextsUnavailable,
    UpstreamError,
    UpstreamBusy,
    UpstreamUnreachable,
    UpstreamKeyRefused,
    UpstreamLacksModel,
    UpstreamTimeout,
    EngineUnavailable,
)
_KEPT: Final[Errors] = (NotFound, LedgerUnavailable)
KEYED: Final[Errors] = (Unauthorized,)
_RECEIPT: Final = Link("GET /v1/receipts/{id}", "id", "$response.header.x-weighbridge-receipt")
_VERSION: Final = {"anthropic-version": "where it is there, the answer is as Anthropic's: a page of models"}


def _asked(takes: Any, *gives: Any, errors: Errors = (), streams: bool = False, **links: Link) -> Operation:  # noqa: ANN401 - a type
    """A request to a model."""
    return Operation(
        takes=takes,
        gives=gives,
        errors=(*_TO_A_MODEL, *errors),
        streams=streams,
        entered=True,
        links={"receipt": _RECEIPT, **links},
    )


_CHAT: Final = _asked(
    requests.CHAT,
    schemas.Completion,
    streams=True,
    kept=Link("GET /v1/chat/completions/{id}", "id", "$response.body#/id"),
    messages=Link("GET /v1/chat/completions/{id}/messages", "id", "$response.body#/id"),
    forget=Link("DELETE /v1/chat/completions/{id}", "id", "$response.body#/id"),
)
_COMPLETIONS: Final = _asked(requests.COMPLETION, schemas.Completion, streams=True)
_EMBEDDINGS: Final = _asked(requests.EMBEDDING, schemas.Embeddings)
_RERANK: Final = _asked(requests.RERANKING, schemas.Ranking)
_MESSAGES: Final = _asked(requests.MESSAGE, schemas.AnthropicAnswer, streams=True)
_RESPONSES: Final = _asked(
    requests.RESPONSE,
    Top,
    Echo,
    errors=(UnknownResponse,),
    streams=True,
    kept=Link("GET /v1/responses/{id}", "id", "$response.body#/id"),
    input=Link("GET /v1/responses/{id}/input_items", "id", "$response.body#/id"),
    forget=Link("DELETE /v1/responses/{id}", "id", "$response.body#/id"),
    stop=Link("POST /v1/responses/{id}/cancel", "id", "$response.body#/id"),
)
_OPENROUTER_CHAT: Final = _asked(
    requests.OPENROUTER,
    schemas.OpenRouterCompletion,
    errors=(NoEndpoint,),
    streams=True,
    generation=Link("GET /api/v1/generation", "id", "$response.body#/id"),
)
_OPENROUTER_MODELS: Final = Operation(
    query=requests.FilterQuery, gives=(schemas.OpenRouterModels,), errors=(BadRequest,)
)
_ADMIN: Final[Errors] = (Forbidden, LedgerUnavailable)
_ADMIN_BODY: Final[Errors] = (*_ADMIN, *_BODY)
_ONCE: Final = {"idempotency-key": "the same request with the same one, within a day, makes nothing new"}
_OPENROUTER_KEY: Final = Operation(gives=(schemas.OpenRouterKey,))

_FIGURE: Final = Operation(query=FigureQuery, gives=(FigureDocument,), errors=(BadRequest, NotFound))
OPERATIONS: Final[Mapping[str, Operation]] = {
    "POST /v1/chat/completions": _CHAT,
    "GET /v1/chat/completions": Operation(query=requests.StoredQuery, gives=(StoredPage,), errors=(*_KEPT, BadRequest)),
    "GET /v1/chat/completions/{id}": Operation(gives=(schemas.Completion,), errors=_KEPT),
    "POST /v1/chat/completions/{id}": Operation(
        takes=requests.STORED_UPDATE, gives=(schemas.Completion,), errors=(*_KEPT, *_BODY)
    ),
    "DELETE /v1/chat/completions/{id}": Operation(gives=(DeletedChat,), errors=_KEPT),
    "GET /v1/chat/completions/{id}/messages": Operation(
        query=requests.MessageQuery, gives=(StoredPage,), errors=(*_KEPT, BadRequest)
    ),
    "POST /v1/completions": _COMPLETIONS,
    "POST /v1/embeddings": _EMBEDDINGS,
    "POST /v1/messages": _MESSAGES,
    "POST /v1/messages/count_tokens": Operation(
        takes=requests.COUNT, gives=(TokenCount,), errors=(*_BODY, Forbidden, UnknownModel)
    ),
    "POST /v1/rerank": _RERANK,
    "POST /v1/route/explain": Operation(
        query=ExplainQuery,
        takes=requests.CHAT,
        gives=(Explanation,),
        errors=(*_BODY, Forbidden, UnknownModel),
        headers={"x-weighbridge-provider": "what is asked of those who answer, as JSON: see the body's `provider`"},
    ),
    "POST /v1/responses": _RESPONSES,
    "GET /v1/responses": Operation(gives=(), switches=True, errors=(UpgradeRequired,)),
    "POST /v1/responses/compact": _asked(requests.COMPACTION, CompactedResponse, errors=(UnknownResponse,)),
    "POST /v1/responses/input_tokens": Operation(
        takes=requests.INPUT,
        gives=(InputTokens,),
        errors=(*_BODY, UnknownResponse, Forbidden, UnknownModel, LedgerUnavailable),
    ),
    "GET /v1/responses/{id}": Operation(
        query=requests.EventQuery, gives=(Top, Echo), errors=(*_KEPT, BadRequest), streams=True
    ),
    "DELETE /v1/responses/{id}": Operation(gives=(DeletedResponse,), errors=_KEPT),
    "POST /v1/responses/{id}/cancel": Operation(gives=(Top, Echo), errors=(*_KEPT, BadRequest)),
    "GET /v1/responses/{id}/input_items": Operation(
        query=requests.ItemQuery, gives=(InputItems,), errors=(*_KEPT, BadRequest)
    ),
    "GET /v1/models": Operation(
        query=requests.ModelQuery,
        headers=_VERSION,
        gives=(ModelList, AnthropicModelPage),
        either=True,
        errors=(BadRequest,),
        also_fails=AnthropicFailure,
    ),
    "GET /v1/models/{id}": Operation(
        headers=_VERSION,
        gives=(ListedModel, AnthropicModel),
        either=True,
        errors=(UnknownModel,),
        also_fails=AnthropicFailure,
    ),
    "GET /v1/route/health": Operation(gives=(RouteHealthList,)),
    "GET /v1/receipts/{id}": Operation(gives=(Receipt,), errors=(NotFound,)),
    "GET /v1/receipts/{id}/text": Operation(gives=(Line,), errors=(NotFound, TextsUnavailable)),
    "GET /v1/admin/me": Operation(gives=(admin.ListedAdmin,), errors=(LedgerUnavailable,)),
    "GET /v1/admin/keys": Operation(
        query=admin.KeyQuery, gives=(admin.KeyPage,), errors=(*_ADMIN, BadRequest, NotFound)
    ),
    "POST /v1/admin/keys": Operation(
        takes=admin.KeyCreation, gives=(admin.MadeKey,), headers=_ONCE, errors=(*_ADMIN_BODY, Conflict)
    ),
    "GET /v1/admin/keys/{id}": Operation(gives=(admin.ListedKey,), errors=_KEPT),
    "PATCH /v1/admin/keys/{id}": Operation(
        takes=admin.KeyChange, gives=(admin.ListedKey,), errors=(*_ADMIN_BODY, NotFound)
    ),
    "DELETE /v1/admin/keys/{id}": Operation(gives=(admin.ListedKey,), errors=(*_ADMIN, NotFound)),
    "POST /v1/admin/keys/{id}/rotate": Operation(
        takes=admin.KeyRotation, gives=(admin.MadeKey,), headers=_ONCE, errors=(*_ADMIN_BODY, NotFound, Conflict)
    ),
    "GET /v1/admin/admins": Operation(
        query=admin.PageQuery, gives=(admin.AdminPage,), errors=(*_ADMIN, BadRequest, NotFound)
    ),
    "POST /v1/admin/admins": Operation(
        takes=admin.AdminKeyCreation, gives=(admin.MadeAdmin,), headers=_ONCE, errors=(*_ADMIN_BODY, Conflict)
    ),
    "GET /v1/admin/admins/{id}": Operation(gives=(admin.ListedAdmin,), errors=_KEPT),
    "DELETE /v1/admin/admins/{id}": Operation(gives=(admin.ListedAdmin,), errors=(*_ADMIN, NotFound, Conflict)),
    "GET /v1/admin/organisations": Operation(gives=(admin.NodeList,), errors=_ADMIN),
    "POST /v1/admin/organisations": Operation(
        takes=admin.OrganisationSetting, gives=(admin.ListedNode,), errors=_ADMIN_BODY
    ),
    "GET /v1/admin/projects": Operation(gives=(admin.NodeList,), errors=_ADMIN),
    "POST /v1/admin/projects": Operation(takes=admin.ProjectSetting, gives=(admin.ListedNode,), errors=_ADMIN_BODY),
    "GET /v1/usage": Operation(query=UsageQuery, gives=(UsageList,), errors=(BadRequest, LedgerUnavailable)),
    "GET /v1/admin/usage": Operation(query=UsageQuery, gives=(UsageList,), errors=(*_ADMIN, BadRequest)),
    "GET /v1/market/figures": Operation(gives=(FigureList,)),
    "GET /v1/market/figures/{id}": _FIGURE,
    "GET /v1/market/figures/{id}.svg": replace(_FIGURE, gives=(), text=True, media="image/svg+xml"),
    "GET /v1/market/sources": Operation(gives=(SourceList,)),
    "GET /v1/switch/certificates": Operation(gives=(CertificateList,), errors=(LedgerUnavailable,)),
    "GET /v1/switch/certificates/{id}": Operation(gives=(CertificateShown,), errors=(LedgerUnavailable, NotFound)),
    "GET /v1/admin/budgets": Operation(query=admin.BudgetQuery, gives=(admin.BudgetList,), errors=_ADMIN),
    "POST /v1/admin/budgets": Operation(takes=admin.BudgetSetting, gives=(admin.ListedBudget,), errors=_ADMIN_BODY),
    "DELETE /v1/admin/budgets/{id}": Operation(gives=(admin.RemovedBudget,), errors=(*_ADMIN, NotFound)),
    "POST /v1/admin/forget": Operation(
        takes=admin.UserToForget, gives=(admin.ForgottenUser,), errors=(*_ADMIN_BODY, TextsUnavailable)
    ),
    "GET /v1/admin/audit-log": Operation(
        query=admin.AuditQuery, gives=(admin.AuditPage,), errors=(*_ADMIN, BadRequest)
    ),
    "GET /metrics": Operation(gives=(), text=True, errors=(Forbidden, NotFound, LedgerUnavailable)),
    "GET /healthz": Operation(gives=(Alive,), keyless=True),
    "GET /readyz": Operation(gives=(Readiness,), unready=Readiness, keyless=True),
    "GET /openapi.json": Operation(gives=(schemas.Some,), keyless=True),
    "POST /api/v1/chat/completions": _OPENROUTER_CHAT,
    "POST /api/v1/completions": _COMPLETIONS,
    "POST /api/v1/embeddings": _EMBEDDINGS,
    "POST /api/v1/rerank": _RERANK,
    "GET /api/v1/models": _OPENROUTER_MODELS,
    "GET /api/v1/models/user": _OPENROUTER_MODELS,
    "GET /api/v1/models/count": replace(
        _OPENROUTER_MODELS, query=requests.CountQuery, gives=(schemas.OpenRouterCount,)
    ),
    "GET /api/v1/models/{id}/endpoints": Operation(gives=(schemas.OpenRouterEndpoints,), errors=(UnknownModel,)),
    "GET /api/v1/model/{id}": Operation(gives=(schemas.OpenRouterOneModel,), errors=(UnknownModel,)),
    "GET /api/v1/generation": Operation(
        query=requests.GenerationQuery, gives=(schemas.OpenRouterGeneration,), errors=(BadRequest, NotFound)
    ),
    "GET /api/v1/key": _OPENROUTER_KEY,
    "GET /api/v1/auth/key": _OPENROUTER_KEY,
    "GET /api/v1/credits": Operation(gives=(schemas.OpenRouterCredits,)),
    "GET /api/v1/keys": Operation(
        query=openrouter_keys.OpenRouterKeyQuery,
        gives=(openrouter_keys.OpenRouterKeyList,),
        errors=(*_ADMIN, BadRequest),
    ),
    "POST /api/v1/keys": Operation(
        takes=openrouter_keys.OpenRouterKeyCreation,
        gives=(openrouter_keys.OpenRouterNewKey,),
        made=True,
        headers=_ONCE,
        errors=(*_ADMIN_BODY, Conflict),
    ),
    "GET /api/v1/keys/{id}": Operation(gives=(openrouter_keys.OpenRouterOneKey,), errors=_KEPT),
    "PATCH /api/v1/keys/{id}": Operation(
        takes=openrouter_keys.OpenRouterKeyChange,
        gives=(openrouter_keys.OpenRouterOneKey,),
        errors=(*_ADMIN_BODY, NotFound),
    ),
    "DELETE /api/v1/keys/{id}": Operation(gives=(openrouter_keys.OpenRouterDeleted,), errors=(*_ADMIN, NotFound)),
    "GET /api/v1/providers": Operation(gives=(schemas.OpenRouterProviders,)),
    "POST /api/v1/messages": _MESSAGES,
    "POST /api/v1/responses": _RESPONSES,
}
"""By method and path."""
