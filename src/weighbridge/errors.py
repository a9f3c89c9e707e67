"""Every error a caller can meet, and what it means for the wire and for a retry.

WeighbridgeError
├── BadRequest               400  the caller can mend it
│   ├── ContextOverflow      400  the prompt does not fit the model's context
│   └── BodyTooLarge         413  the body is over the server's limit
├── Unauthorized             401  no key, or not one of ours
├── Forbidden                403  a good key that may not do this
├── NotFound                 404  no such path or thing
│   └── UnknownModel         404  no model of that name; the nearest are named
├── MethodNotAllowed         405
├── LedgerUnavailable        503  the ledger can't be written, so no answer may leave
├── Draining                 503  the server is about to stop
└── UpstreamError            502  one attempt failed; another endpoint may do
    ├── UpstreamBusy         429  the provider asks us to slow down
    ├── UpstreamUnreachable  502  refused, no such name, TLS failed
    ├── UpstreamTimeout      504
    └── EngineUnavailable    503  a model we run ourselves is loading or restarting

`code` is stable: clients and tests compare it, never the text.
"""

from typing import ClassVar, Literal

Kind = Literal[
    "invalid_request_error",
    "authentication_error",
    "permission_error",
    "not_found_error",
    "rate_limit_error",
    "upstream_error",
    "server_error",
]


class WeighbridgeError(Exception):
    """Base of all. `message` says what was wrong and what to do next; never a secret or a prompt."""

    status: ClassVar[int] = 500
    kind: ClassVar[Kind] = "server_error"
    code: ClassVar[str] = "internal_error"
    try_another: ClassVar[bool] = False

    def __init__(self, message: str, *, param: str | None = None, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        """The request field at fault, as a path such as `messages[0].role`."""
        self.retry_after = retry_after
        """Seconds after which the same request may succeed."""


class BadRequest(WeighbridgeError):
    """The request cannot be read or makes no sense."""

    status, kind, code = 400, "invalid_request_error", "invalid_request"


class ContextOverflow(BadRequest):
    """The prompt is longer than the model's context."""

    code = "context_length_exceeded"


class BodyTooLarge(BadRequest):
    """The body is over the server's limit."""

    status, code = 413, "body_too_large"


class Unauthorized(WeighbridgeError):
    """No key came with the request, or none that opens anything."""

    status, kind, code = 401, "authentication_error", "invalid_api_key"


class Forbidden(WeighbridgeError):
    """The key is good and may not do this."""

    status, kind, code = 403, "permission_error", "not_allowed"


class NotFound(WeighbridgeError):
    """No such path, or no such thing at it."""

    status, code = 404, "not_found"
    kind: ClassVar[Kind] = "not_found_error"


class UnknownModel(NotFound):
    """No model of that name is on offer."""

    kind: ClassVar[Kind] = "invalid_request_error"
    code = "model_not_found"


class MethodNotAllowed(WeighbridgeError):
    """The path exists and does not take this method."""

    status, kind, code = 405, "invalid_request_error", "method_not_allowed"


class LedgerUnavailable(WeighbridgeError):
    """The ledger can't be written (disk full, file gone): no answer may leave without its receipt."""

    status, kind, code = 503, "server_error", "ledger_unavailable"


class Draining(WeighbridgeError):
    """The server is stopping and takes no new requests."""

    status, kind, code = 503, "server_error", "draining"


class UpstreamError(WeighbridgeError):
    """The attempt at one endpoint failed; another may do."""

    status, code, try_another = 502, "upstream_error", True
    kind: ClassVar[Kind] = "upstream_error"


class UpstreamBusy(UpstreamError):
    """The provider limits our rate or is overloaded."""

    status, kind, code = 429, "rate_limit_error", "upstream_busy"


class UpstreamUnreachable(UpstreamError):
    """No connection could be made, so nothing was sent."""

    code = "upstream_unreachable"


class UpstreamTimeout(UpstreamError):
    """The provider did not connect, answer or go on in time."""

    status, code = 504, "upstream_timeout"


class EngineUnavailable(UpstreamError):
    """A model we run ourselves is loading, restarting or not running."""

    status, kind, code = 503, "server_error", "engine_unavailable"
