"""What the spans of a settled request say: one of the request, and one of each endpoint that was asked.

Neither a prompt nor an answer, nor a key or its id, is in any of them; the receipt leads to the ledger's entry.
"""

from collections.abc import Iterator, Mapping
from typing import Final, Literal, NamedTuple

from weighbridge.ledger.entry import Attempt, Charge, Entry
from weighbridge.watching.conventions import provider_name
from weighbridge.watching.tracing import Ask, Trace

Attribute = str | int | float | bool
_NANO: Final = 1_000_000_000


class Span(NamedTuple):
    """One span; times are nanoseconds since 1970."""

    name: str
    kind: Literal["server", "client"]
    id: int
    parent: int | None
    is_remote: bool
    """Whether the parent is somebody else's."""
    begin: int
    end: int
    attributes: Mapping[str, Attribute]
    error: str | None
    """What went wrong on our side, or the provider's: the span's status."""


def spans(entry: Entry, operation: str, trace: Trace) -> Iterator[Span]:
    """That of the request first."""
    begin = int(entry.at.timestamp() * 1_000_000) * 1000
    end = begin + int(entry.duration * _NANO)
    yield Span(
        _name(operation, entry.model or entry.asked_model),
        "server",
        trace.span,
        trace.parent,
        trace.parent is not None,
        begin,
        end,
        _of_request(entry, operation),
        entry.error if entry.ending in ("upstream_broke", "stopped") or entry.status >= 500 else None,
    )
    left = list(entry.attempts)
    for number, ask in enumerate(trace.asks):
        attempt = next(
            (each for each in left if (each.provider, each.upstream_model) == (ask.provider, ask.upstream_model)), None
        )
        if attempt is not None:
            left.remove(attempt)
        following = trace.asks[number + 1].began if number + 1 < len(trace.asks) else None
        began = begin + int((ask.began - trace.began) * _NANO)
        ended = _ended(entry, ask, attempt, following, trace.began)
        error = entry.ending if attempt is None else attempt.error
        yield Span(
            _name(operation, ask.upstream_model),
            "client",
            ask.span,
            trace.span,
            False,
            began,
            max(began, min(end, begin + int(ended * _NANO))),
            _of_attempt(entry, operation, ask, attempt, error),
            error,
        )


def _ended(entry: Entry, ask: Ask, attempt: Attempt | None, following: float | None, began: float) -> float:
    """When an endpoint had done with a request, in seconds since that came."""
    if attempt is None or attempt.error is None:
        return entry.duration
    if attempt.charge is not None and following is not None:  # it began to answer, and broke off
        return following - began
    return ask.began - began + attempt.seconds


def _of_request(entry: Entry, operation: str) -> Mapping[str, Attribute]:
    told: dict[str, Attribute | None] = {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": None if entry.provider is None else provider_name(entry.provider),
        "gen_ai.request.model": entry.asked_model,
        "gen_ai.response.model": entry.model,
        "http.response.status_code": entry.status,
        "error.type": entry.error,
        "weighbridge.receipt": entry.id,
        "weighbridge.ending": entry.ending,
        "weighbridge.streamed": entry.streamed,
        "weighbridge.time_to_first_byte": entry.first_byte,
        **_usage(entry.charge),
    }
    return {name: value for name, value in told.items() if value is not None}


def _of_attempt(
    entry: Entry, operation: str, ask: Ask, attempt: Attempt | None, error: str | None
) -> Mapping[str, Attribute]:
    charge = None if attempt is None else attempt.charge
    if charge is None and error is None and len(entry.attempts) == 1:
        charge = entry.charge
    told: dict[str, Attribute | None] = {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": provider_name(ask.provider),
        "gen_ai.request.model": ask.upstream_model,
        "gen_ai.response.model": None if attempt is None else attempt.answered_as,
        "error.type": error,
        **_usage(charge),
    }
    return {name: value for name, value in told.items() if value is not None}


def _usage(charge: Charge | None) -> Mapping[str, Attribute | None]:
    if charge is None:
        return {}
    return {
        "gen_ai.usage.input_tokens": charge.usage.prompt,
        "gen_ai.usage.output_tokens": charge.usage.completion,
        "gen_ai.usage.cache_read.input_tokens": charge.usage.cached,
        "weighbridge.counted_by": charge.counted_by,
        "weighbridge.cost_usd": None if charge.cost is None else float(charge.cost),
    }


def _name(operation: str, model: str | None) -> str:
    return operation if model is None else f"{operation} {model}"
