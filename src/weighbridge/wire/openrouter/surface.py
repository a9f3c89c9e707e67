"""OpenRouter's chat completions as a surface: OpenAI's, with fields of its own around them.

What is OpenRouter's own stays here, since other providers refuse it; everything else goes to them as it came. Of that:

- `models`, `provider` and `preset` decide who is asked. `reasoning` and `include_reasoning` say how hard to think, and
  whether reasoning is shown: as `reasoning_effort`, a budget of tokens as the nearest, or as the model's family wants.
- The reasoning of earlier turns goes back to models that must have it, and to no other.
- `session_id` keeps the requests of a session together: it comes before the header `x-session-id`.
- Left out, as they change no answer: `usage` (always given), `route`, `trace`, `debug`, the whole
  request's `cache_control`. So are the transform `middle-out` and the plugin `context-compression`: a prompt that is
  too long is an error, and not shortened.
- Refused, naming the field: other transforms and plugins, tools that OpenRouter itself would run, `image_config`,
  `stop_server_tools_when`, `debug.echo_upstream_body`.

https://openrouter.ai/docs/api-reference/overview, and the schemas of @openrouter/sdk 1.3.19
"""

from typing import Annotated, Final, Literal

import msgspec

from weighbridge.errors import BadRequest, WeighbridgeError
from weighbridge.wire import calls
from weighbridge.wire.defaults import Dialect
from weighbridge.wire.inner import Reasoning
from weighbridge.wire.openrouter.answer import OpenRouterForm
from weighbridge.wire.openrouter.fitting import fit, without_reasoning
from weighbridge.wire.surface import Asked, Origin, Surface

_Json = dict[str, msgspec.Raw]
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]


class _Reasoning(msgspec.Struct):
    effort: Effort | None = None
    max_tokens: Annotated[int, msgspec.Meta(ge=0)] | None = None
    exclude: bool | None = None
    enabled: bool | None = None


class _Plugin(msgspec.Struct):
    id: str
    enabled: bool | None = None


class _Debug(msgspec.Struct):
    echo_upstream_body: bool | None = None


class _Tool(msgspec.Struct):
    type: str = "function"


class Request(calls.ChatCall, kw_only=True):
    """A request, as far as it is read: `model`, or several `models`."""

    model: Annotated[str, msgspec.Meta(max_length=512)] = ""
    preset: Annotated[str, msgspec.Meta(min_length=1, max_length=512)] | None = None
    session_id: Annotated[str, msgspec.Meta(max_length=256)] | None = None
    reasoning: _Reasoning | None = None
    reasoning_effort: Effort | None = None
    include_reasoning: bool | None = None
    transforms: list[str] | None = None
    plugins: list[_Plugin] | None = None
    tools: list[_Tool] | None = None
    debug: _Debug | None = None
    route: Literal["fallback"] | None = None


class About(msgspec.Struct, omit_defaults=True):
    """`error_type` is one of OpenRouter's; `code` is the gateway's own, `param` the field at fault."""

    error_type: str
    code: str
    param: str | None = None


class Fault(msgspec.Struct):
    """What went wrong; `code` is the status."""

    code: int
    message: str
    metadata: About


class Failure(msgspec.Struct):
    """The document of an error, in OpenRouter's shape."""

    error: Fault


_REFUSED: Final = ("image_config", "stop_server_tools_when")
_DROPPED: Final = ("usage", "route", "trace", "debug", "cache_control")
_READ: Final = (
    "models",
    "preset",
    "provider",
    "session_id",
    "reasoning",
    "include_reasoning",
    "transforms",
    "plugins",
)
_OWN: Final = frozenset((*_REFUSED, *_DROPPED, *_READ))
_NO_CHANGE: Final = frozenset({"middle-out", "context-compression"})
_EFFORTS: Final[tuple[tuple[float, Effort], ...]] = (
    (0.15, "minimal"),
    (0.35, "low"),
    (0.65, "medium"),
    (0.875, "high"),
    (1.0, "xhigh"),
)
"""Up to this share of the answer's tokens: half-way between the shares that OpenRouter gives each effort."""
_BUDGETS: Final[tuple[tuple[int, Effort], ...]] = ((1024, "low"), (8192, "medium"))
"""Up to so many tokens, where the answer has no limit; above, it is `high`."""

_requests: Final = msgspec.json.Decoder(Request)
_fields: Final = msgspec.json.Decoder(_Json)
_encode: Final = msgspec.json.Encoder().encode


class OpenRouterSurface:
    """See Surface. One for each request: the event that ends a broken stream says whose answer it was."""

    dialect: Dialect | None = "openrouter"

    def __init__(self) -> None:
        self._origin = Origin()

    def read(self, body: bytes) -> Asked:
        """See Surface.read."""
        request = calls.read(body, _requests)
        names = list(dict.fromkeys([*([request.model] if request.model else []), *(request.models or ())]))
        if not names:
            raise BadRequest("model: name one, or several in `models`", param="model")
        fields = _fields.decode(body)
        _refuse(request, fields)
        plain = {name: value for name, value in fields.items() if name not in _OWN}
        plain["model"] = msgspec.Raw(_encode(names[0]))
        effort = _effort(request)
        if effort is not None:
            plain["reasoning_effort"] = msgspec.Raw(_encode(effort))
        plain_body = _encode(plain | {"messages": without_reasoning(fields["messages"])})
        form = OpenRouterForm(self._origin, shows_reasoning=_shows_reasoning(request))
        return Asked(
            calls.read_chat(plain_body),
            plain_body,
            form,
            fallbacks=tuple(names[1:]),
            preferences=request.provider,
            preset=request.preset,
            session=request.session_id or None,
            origin=self._origin,
            fit=lambda habits: fit(plain, fields["messages"], _wanted(request), habits),
            told=lambda: _encode([fields["messages"], _wanted(request)]),
        )

    def error(self, error: WeighbridgeError) -> bytes:
        """See Surface.error."""
        return _encode(_failure(error))

    def error_event(self, error: WeighbridgeError) -> bytes:
        """See Surface.error_event."""
        choice = {"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": "error"}
        chunk = self._origin_fields() | {"error": _failure(error).error, "choices": [choice]}
        return b"data: " + _encode(chunk) + b"\n\n"

    def _origin_fields(self) -> dict[str, object]:
        origin = self._origin
        return {
            "id": generation_id(origin.receipt),
            "object": "chat.completion.chunk",
            "created": origin.at,
            "model": origin.model,
            "provider": origin.provider,
        }


class OpenRouterErrors:
    """Another surface, its errors worded as OpenRouter's."""

    def __init__(self, surface: Surface) -> None:
        self._surface = surface
        self.dialect = surface.dialect

    def read(self, body: bytes) -> Asked:
        """See Surface.read."""
        return self._surface.read(body)

    def error(self, error: WeighbridgeError) -> bytes:
        """See Surface.error."""
        return _encode(_failure(error))

    def error_event(self, error: WeighbridgeError) -> bytes:
        """See Surface.error_event."""
        return b"data: " + self.error(error) + b"\n\n"


def _refuse(request: Request, fields: _Json) -> None:
    for name in _REFUSED:
        if name in fields and bytes(fields[name]) not in (b"null", b"{}", b"[]"):
            raise BadRequest(f"{name}: there is nothing like it here; leave it out", param=name)
    for at, transform in enumerate(request.transforms or ()):
        if transform not in _NO_CHANGE:
            raise BadRequest(f"transforms: there is no {transform!r} here; leave it out", param=f"transforms[{at}]")
    for at, plugin in enumerate(request.plugins or ()):
        if plugin.enabled is not False and plugin.id not in _NO_CHANGE:
            raise BadRequest(f"plugins: there is no {plugin.id!r} here; leave it out", param=f"plugins[{at}].id")
    for at, tool in enumerate(request.tools or ()):
        if tool.type.startswith("openrouter:"):
            said = f"tools: {tool.type!r} runs at OpenRouter only; offer a function and run it yourself"
            raise BadRequest(said, param=f"tools[{at}].type")
    if request.debug is not None and request.debug.echo_upstream_body:
        raise BadRequest("debug.echo_upstream_body: not shown here", param="debug.echo_upstream_body")


def _wanted(request: Request) -> Reasoning | None:
    wanted = request.reasoning
    if wanted is None or (wanted.enabled is None and wanted.effort is None and wanted.max_tokens is None):
        return None
    off = wanted.enabled is False or wanted.max_tokens == 0
    return Reasoning(on=not off, effort=wanted.effort, budget=wanted.max_tokens or None)


def _effort(request: Request) -> Effort | None:
    """How hard to think; None leaves it to the model."""
    wanted = request.reasoning
    if wanted is None:
        return None
    if wanted.enabled is False:
        return "none"
    if wanted.effort is not None:
        return wanted.effort
    if wanted.max_tokens is None:
        return "medium" if wanted.enabled else None
    if wanted.max_tokens == 0:
        return "none"
    limit = request.max_completion_tokens or request.max_tokens
    if limit is None or limit <= 0:
        return next((effort for most, effort in _BUDGETS if wanted.max_tokens <= most), "high")
    share = wanted.max_tokens / limit
    return next((effort for most, effort in _EFFORTS if share <= most), "xhigh")


def _shows_reasoning(request: Request) -> bool:
    excluded = request.reasoning is not None and request.reasoning.exclude is True
    return not excluded and request.include_reasoning is not False


def generation_id(receipt: str) -> str:
    """What OpenRouter's clients know an answer by, from the receipt's id."""
    return "gen-" + receipt.removeprefix("wbr-")


def receipt_id(generation: str) -> str:
    """The reverse of `generation_id`; a receipt's own id stays as it is."""
    return "wbr-" + generation.removeprefix("gen-").removeprefix("wbr-")


_TYPES: Final = {
    "context_length_exceeded": "context_length_exceeded",
    "body_too_large": "payload_too_large",
    "upstream_timeout": "timeout",
    "upstream_busy": "rate_limit_exceeded",
    "model_not_found": "not_found",
    "no_endpoint": "not_found",
    "engine_unavailable": "provider_unavailable",
}
_TYPES_BY_KIND: Final = {
    "invalid_request_error": "invalid_request",
    "authentication_error": "authentication",
    "permission_error": "permission_denied",
    "not_found_error": "not_found",
    "rate_limit_error": "rate_limit_exceeded",
    "upstream_error": "provider_unavailable",
    "server_error": "server",
}


def _failure(error: WeighbridgeError) -> Failure:
    kind = _TYPES.get(error.code) or _TYPES_BY_KIND[error.kind]
    return Failure(Fault(error.status, error.message, About(kind, error.code, error.param)))
