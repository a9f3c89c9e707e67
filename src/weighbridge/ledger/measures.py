"""What an answer says of each group: the measures, in their order, whatever form they are printed or sent in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal

from weighbridge.ledger.cost import SMALLEST, plain
from weighbridge.ledger.questions import Answer, By, Figures, Row, label, quantile

Value = int | float | Decimal | None
Unit = Literal["count", "usd", "seconds"]
Show = Literal["always", "latency", "savings", "rest"]


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure of a group. Money is a Decimal of US dollars, a time seconds as a float; None is unknown."""

    unit: Unit
    head: str
    """Over its column in a table."""
    of: Callable[[Figures], Value]
    show: Show = "rest"
    """When a table has it."""


def _count(name: str) -> Callable[[Figures], Value]:
    def of(figures: Figures) -> Value:
        value: int = getattr(figures.sums, name)
        return value

    return of


def _usd(amount: int) -> Decimal:
    return amount * SMALLEST


def _mean(total: int, count: int) -> float | None:
    return total / count / 1e6 if count else None


MEASURES: Final[Mapping[str, Measure]] = {
    "requests": Measure("count", "requests", _count("requests"), "always"),
    "complete": Measure("count", "complete", _count("complete"), "always"),
    "errors": Measure("count", "errors", _count("errors")),
    "prompt_tokens": Measure("count", "tokens in", _count("prompt_tokens"), "always"),
    "cached_tokens": Measure("count", "cached", _count("cached_tokens"), "always"),
    "written_tokens": Measure("count", "written", _count("written_tokens")),
    "completion_tokens": Measure("count", "tokens out", _count("completion_tokens"), "always"),
    "reasoning_tokens": Measure("count", "reasoning", _count("reasoning_tokens"), "always"),
    "estimated": Measure("count", "estimated", _count("estimated"), "always"),
    "unpriced": Measure("count", "unpriced", _count("unpriced"), "always"),
    "adjustments": Measure("count", "adjustments", _count("adjustments")),
    "cost": Measure("usd", "cost", lambda figures: _usd(figures.sums.cost), "always"),
    "first_byte_mean": Measure(
        "seconds", "first byte", lambda f: _mean(f.sums.first_byte, f.sums.first_bytes), "latency"
    ),
    "first_byte_p50": Measure("seconds", "p50", lambda f: quantile(f.sums.first, 0.5), "latency"),
    "first_byte_p95": Measure("seconds", "p95", lambda f: quantile(f.sums.first, 0.95), "latency"),
    "duration_mean": Measure("seconds", "duration", lambda f: _mean(f.sums.duration, f.sums.requests), "latency"),
    "duration_p50": Measure("seconds", "p50", lambda f: quantile(f.sums.took, 0.5), "latency"),
    "duration_p95": Measure("seconds", "p95", lambda f: quantile(f.sums.took, 0.95), "latency"),
    "given_again": Measure("count", "given again", _count("given_again"), "savings"),
    "saved": Measure("usd", "saved so", lambda f: _usd(f.sums.saved), "savings"),
    "saved_unknown": Measure("count", "unknown", _count("saved_unknown"), "savings"),
    "prompt_cache_saved": Measure("usd", "saved by prompt caches", lambda f: _usd(f.prompt_cache_saved), "savings"),
    "prompt_cache_unknown": Measure("count", "tokens unknown", lambda f: f.prompt_cache_unknown, "savings"),
}


def values(figures: Figures) -> dict[str, Value]:
    """All measures of a group, by name."""
    return {name: measure.of(figures) for name, measure in MEASURES.items()}


def documented(figures: Figures) -> dict[str, object]:
    """The same for JSON: money as digits, times to the microsecond."""
    return {name: _written(value) for name, value in values(figures).items()}


def document(answer: Answer, row: Row, names: Mapping[str, str] | None = None) -> dict[str, object]:
    """A group for JSON; unknown is null. `names` are those of keys, by id."""
    groups: dict[str, object] = dict(zip(answer.question.by, row.group, strict=True))
    if names is not None and "key" in groups:
        groups["name"] = names.get(str(groups["key"]))
    sourced = {"sources": row.sources} if row.sources else {}
    return {**groups, **documented(row.figures), **sourced}


def labels(by: tuple[By, ...], row: Row) -> tuple[str, ...]:
    """What a row's groups are called."""
    return tuple(label(each, group) for each, group in zip(by, row.group, strict=True))


def _written(value: Value) -> int | float | str | None:
    if isinstance(value, Decimal):
        return plain(value)
    return round(value, 6) if isinstance(value, float) else value
