"""Every error a caller can meet, and what it means for the wire and for a retry.

WeighbridgeError
├── BadRequest               400  the caller can mend it
│   ├── MalformedRequest     400  not HTTP as we take it (408, 417 and 431 as well)
│   ├── ContextOverflow      400  the prompt does not fit the model's context
│   ├── UnknownResponse      400  the response to go on from is not kept here
│   └── BodyTooLarge         413  the body is over the server's limit
├── Unauthorized             401  no key, or not one of ours
├── BudgetSpent              402  what the request may cost is more than a budget has left
├── Forbidden                403  a good key that may not do this
│   └── PolicyRefused        403  the policy in force lets no endpoint of the model serve this request
├── NotFound                 404  no such path or thing
│   ├── UnknownModel         404  no model of that name; the nearest are named
│   └── NoEndpoint           404  no endpoint of the model meets what the request asks of its providers
├── MethodNotAllowed         405
├── LimitReached             429  too many requests, tokens or dollars in a minute, or too much at once
├── Conflict                 409  what is there already stands in the way
├── UpgradeRequired          426  a WebSocket is spoken at this path
├── LedgerUnavailable        503  the ledger can't be written, so no answer may leave
├── TextsUnavailable         503  a text that must be kept can't be, or one that was can't be read
├── Draining                 503  the server is about to stop
├── NotCached                504  only an answer given before was wanted, and none is kept
├── Overloaded               503  every place is taken, and no more may wait
├── CatalogError             500  a data file of the catalogue contradicts itself or another
├── PolicyError              500  a policy file can't be used
├── MarketError              500  a market file, recipe or choice can't be used
├── ServingError             500  a process we watch over can't be kept up
│   └── WeightsUnavailable   500  a model's file can't be had from any source
└── UpstreamError            502  one attempt failed; another endpoint may do
    ├── UpstreamBusy         429  the provider asks us to slow down
    ├── UpstreamUnreachable  502  refused, no such name, TLS failed
    ├── UpstreamKeyRefused   502  the provider does not take the key we have for it
    ├── UpstreamLacksModel   404  the provider does not serve the model (any more)
    ├── UpstreamTimeout      504
    ├── GatewayAway          502  our own gateway does not answer the window
    ├── AnswerUnfit          502  a cheaper model's answer was not of the form that was asked for
    └── EngineUnavailable    503  a model we run ourselves is loading or restarting

`code` is stable: clients and tests compare it, never the text. A class's docstring says what happened and
what the caller can do about it; the reference is made from both.
"""

from typing import ClassVar, Literal

Kind = Literal[
    "invalid_request_error",
    "authentication_error",
    "permission_error",
    "not_found_error",
    "rate_limit_error",
    "insufficient_quota",
    "upstream_error",
    "server_error",
]


class WeighbridgeError(Exception):
    """Something of ours went wrong; also the base of all others.

    Please report it, with the receipt.
    """

    status: ClassVar[int] = 500
    kind: ClassVar[Kind] = "server_error"
    code: ClassVar[str] = "internal_error"
    try_another: ClassVar[bool] = False

    def __init__(self, message: str, *, param: str | None = None, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        """What was wrong and what to do next; never a secret or a prompt."""
        self.param = param
        """The request field at fault, as a path such as `messages[0].role`."""
        self.retry_after = retry_after
        """Seconds after which the same request may succeed."""
        self.receipt: str | None = None
        """The id of the entry it left, where it left one; set where the error is told."""


class BadRequest(WeighbridgeError):
    """The request cannot be read or makes no sense.

    `param` names the field at fault, where one is; mend it and send the request again.
    """

    status, kind, code = 400, "invalid_request_error", "invalid_request"


class MalformedRequest(BadRequest):
    """The bytes are not an HTTP/1.1 request, or not one within the limits of time and size.

    The status says which: 400, 408 (too slow), 417 (an unknown expectation) or 431 (too many headers).
    """

    code = "malformed_request"


class ContextOverflow(BadRequest):
    """The prompt is longer than the model's context.

    Shorten the messages, or choose a model with a longer context from `GET /v1/models`.
    """

    code = "context_length_exceeded"


class UnknownResponse(BadRequest):
    """The response that `previous_response_id` names is not kept here, or not for this key.

    Send the items of the conversation as `input`; to have responses kept, make a key with `--store`.
    """

    code = "previous_response_not_found"


class BodyTooLarge(BadRequest):
    """The body is over the server's limit.

    Send less, or raise `server.max_body_bytes`.
    """

    status, code = 413, "body_too_large"


class Unauthorized(WeighbridgeError):
    """No key came with the request, or none that opens anything.

    Send `Authorization: Bearer wb-…`; `weighbridge keys create` makes a key.
    """

    status, kind, code = 401, "authentication_error", "invalid_api_key"
    may_have_come: bool = False
    """Whether the key may open something since the keys were read the last time."""


class BudgetSpent(WeighbridgeError):
    """A budget has less left than the request may cost at most.

    The message says whose budget, what is left and when it renews. Ask for a shorter answer (`max_tokens`) or a cheaper
    model, or have the budget raised with `weighbridge budgets set`.
    """

    status, kind, code = 402, "insufficient_quota", "budget_spent"
    shorter: int | None = None
    """Tokens of an answer that is covered, where the budget has such asked for instead."""


class LimitReached(WeighbridgeError):
    """Too many requests, tokens or dollars in this minute, too many requests at once, or a budget held by them.

    Wait for `Retry-After` seconds; clients' libraries do so by themselves.
    """

    status, kind, code = 429, "rate_limit_error", "limit_reached"
    shorter: int | None = None
    """See BudgetSpent."""


class Forbidden(WeighbridgeError):
    """The key is good and may not do this.

    Use a key that may, or make one with `weighbridge keys create`.
    """

    status, kind, code = 403, "permission_error", "not_allowed"


class PolicyRefused(Forbidden):
    """The policy in force lets no endpoint of the model serve this request.

    The message names the rule and what would pass: take that, or ask whoever wrote the policy.
    """

    code = "policy_refused"

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        retry_after: float | None = None,
        rule: str = "",
        policy: str = "",
    ) -> None:
        super().__init__(message, param=param, retry_after=retry_after)
        self.rule = rule
        """The rule that kept it out, with its policy's name."""
        self.policy = policy
        """The SHA-256 of the policies in force."""


class NotFound(WeighbridgeError):
    """No such path, or no such thing at it.

    Compare the path with the table of routes.
    """

    status, code = 404, "not_found"
    kind: ClassVar[Kind] = "not_found_error"


class UnknownModel(NotFound):
    """No model of that name is on offer.

    Take one of the nearest names in the message, or any of `GET /v1/models`.
    """

    kind: ClassVar[Kind] = "invalid_request_error"
    code = "model_not_found"


class NoEndpoint(NotFound):
    """No endpoint of the model meets what the request asks of its providers.

    Loosen the field that `param` names, or take another model; `GET /api/v1/models/{id}/endpoints` lists them.
    """

    kind: ClassVar[Kind] = "invalid_request_error"
    code = "no_endpoint"


class MethodNotAllowed(WeighbridgeError):
    """The path exists and does not take this method.

    Use a method that the `Allow` header names.
    """

    status, kind, code = 405, "invalid_request_error", "method_not_allowed"


class Conflict(WeighbridgeError):
    """What is there already stands in the way of the request: another one with its Idempotency-Key, or the last owner.

    The message says what; mend that, or leave it as it is.
    """

    status, kind, code = 409, "invalid_request_error", "conflict"


class UpgradeRequired(WeighbridgeError):
    """The path speaks WebSocket, and the request is no handshake of version 13.

    Connect with a WebSocket client, or use `POST`.
    """

    status, kind, code = 426, "invalid_request_error", "upgrade_required"


class LedgerUnavailable(WeighbridgeError):
    """The ledger can't be written (disk full, file gone): no answer may leave without its receipt.

    Free disk space or mend the path that `weighbridge doctor` shows; then send the request again.
    """

    status, kind, code = 503, "server_error", "ledger_unavailable"


class TextsUnavailable(WeighbridgeError):
    """Prompts and answers of this key are to be kept and can't be, or one that was kept can't be read.

    Mend what the message names (the disk, the file, the encryption key); or set `texts.required = false`.
    """

    status, kind, code = 503, "server_error", "texts_unavailable"


class NotCached(WeighbridgeError):
    """The request wanted only an answer that was given before (`x-weighbridge-cache: only-if-cached`); none is kept.

    Send `x-weighbridge-cache: on` to have a provider asked where none is.
    """

    status, kind, code = 504, "not_found_error", "not_cached"


class Draining(WeighbridgeError):
    """The server is stopping and takes no new requests.

    Send the request again after `Retry-After` seconds.
    """

    status, kind, code = 503, "server_error", "draining"


class Overloaded(WeighbridgeError):
    """All places where the request could be answered are taken, and it could not wait, or not so long.

    Send it again after `Retry-After` seconds, or with `x-weighbridge-priority: high` where your key may.
    """

    status, kind, code = 503, "server_error", "overloaded"


class CatalogError(WeighbridgeError):
    """A data file of the catalogue is wrong; the message names the file and the row.

    Mend the row, or install the release again: its own files are checked before they leave us.
    """

    code = "catalog_error"


class PolicyError(WeighbridgeError):
    """A policy file can't be used; the message names the file, the line, the key and the nearest word that would do.

    Mend it; `weighbridge policy check FILE` reads it without applying it.
    """

    code = "policy_error"


class MarketError(WeighbridgeError):
    """A file of the market's data, a recipe or a choice of one can't be used; the message says why and what would do.

    Mend what it names; `weighbridge market figures` lists the figures there are.
    """

    code = "market_error"


class ServingError(WeighbridgeError):
    """A process that has to run does not; the message names it, its last words and its log.

    Read the log that the message names; `weighbridge doctor` says what is missing.
    """

    code = "serving_error"


class WeightsUnavailable(ServingError):
    """No source gave the model's file, or there is no room for it; the message says what each one said.

    Mend the network or free the space, then `weighbridge pull` the model: a partial download resumes.
    """

    code = "weights_unavailable"


class UpstreamError(WeighbridgeError):
    """The attempt at one endpoint failed; another may do.

    Send the request again later; `weighbridge doctor` says which provider cannot be reached.
    """

    status, code, try_another = 502, "upstream_error", True
    kind: ClassVar[Kind] = "upstream_error"


class GatewayAway(UpstreamError):
    """The gateway that the window belongs to gave it no answer.

    Look whether it runs: `weighbridge up`, `weighbridge doctor`.
    """

    code = "gateway_away"


class AnswerUnfit(UpstreamError):
    """A cheaper model that a switch has sent the request to answered in another form than was asked for, and the model
    that the request names could not be asked instead.

    Send the request again later, or with `x-weighbridge-switch: off`.
    """

    code, try_another = "answer_unfit", False


class UpstreamBusy(UpstreamError):
    """The provider limits our rate or is overloaded.

    Wait `Retry-After` seconds, or name another model.
    """

    status, kind, code = 429, "rate_limit_error", "upstream_busy"


class UpstreamUnreachable(UpstreamError):
    """No connection could be made, so nothing was sent.

    Compare the provider's base URL with `weighbridge doctor`, and look whether the server runs.
    """

    code = "upstream_unreachable"


class UpstreamKeyRefused(UpstreamError):
    """The provider does not take the key we have for it, or its account is out of credit.

    The owner of the gateway mends the key that the message names.
    """

    code = "upstream_key_refused"


class UpstreamLacksModel(UpstreamError):
    """The provider says that it does not serve the model.

    Take another from `GET /v1/models`.
    """

    status, kind, code = 404, "invalid_request_error", "model_not_found"


class UpstreamTimeout(UpstreamError):
    """The provider did not connect, answer or go on in time.

    Send the request again, or raise the timeouts under `upstream`.
    """

    status, code = 504, "upstream_timeout"


class EngineUnavailable(UpstreamError):
    """A model we run ourselves is loading, restarting or not running.

    Send the request again after `Retry-After` seconds.
    """

    status, kind, code = 503, "server_error", "engine_unavailable"
