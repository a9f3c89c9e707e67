"""The metrics there are, by their names at Prometheus, and how each is read off the boards.

A name of OpenTelemetry's becomes one of Prometheus' by the rules for that: dots are underscores, the unit comes last.
https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final, Literal, NamedTuple

from weighbridge.watching import conventions
from weighbridge.watching.board import Totals
from weighbridge.watching.conventions import DURATIONS, FIRST_TOKENS, PER_TOKEN, TOKENS, provider_name
from weighbridge.watching.meter import A_MILLION, COUNTER, ENDINGS, GAUGE, NONE, PLACES, REQUESTS

Kind = Literal["counter", "gauge", "histogram"]
_MICRO: Final = -6
_PICO: Final = -12


class Family(NamedTuple):
    """One metric. `name` is without `_total`, which a counter's samples end with."""

    name: str
    kind: Kind
    meaning: str
    labels: tuple[str, ...] = ()
    unit: str = ""
    scale: int = 0
    """Figures are in units of ten to this power."""


class Distribution(NamedTuple):
    """What a histogram says of one set of labels."""

    bounds: Sequence[float]
    buckets: Sequence[int]
    """How many came to each bound and not to the one before, and how many are beyond the last."""
    sum: Decimal


Value = Decimal | Distribution
Series = tuple[tuple[str, ...], Value]
"""The values of a family's labels, in their order, and the figure. An empty label is left out."""

_ROUTE: Final = ("operation", "provider", "model")
_GEN_AI: Final = ("gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model")


def _gen_ai(name: str, meaning: str, label: str | None, unit: str = "") -> Family:
    labels = _GEN_AI if label is None else (*_GEN_AI, label)
    behind = f"_{unit}" if unit else ""
    return Family(name.replace(".", "_") + behind, "histogram", meaning, labels, unit, _MICRO if unit else 0)


TOKEN_USAGE: Final = _gen_ai(conventions.TOKEN_USAGE, "Tokens of a request, read and written.", "gen_ai_token_type")
DURATION: Final = _gen_ai(
    conventions.REQUEST_DURATION, "Time from a request to the end of its answer.", "error_type", "seconds"
)
FIRST_TOKEN: Final = _gen_ai(
    conventions.TIME_TO_FIRST_TOKEN, "Time from a request to the first event of its stream.", None, "seconds"
)
PER_TOKEN_TIME: Final = _gen_ai(
    conventions.TIME_PER_OUTPUT_TOKEN, "Time for each token of a stream after the first.", None, "seconds"
)
REQUEST_COUNT: Final = Family(
    "weighbridge_requests", "counter", "Requests that left an entry in the ledger.", (*_ROUTE, "ending")
)
TOKEN_COUNT: Final = Family(
    "weighbridge_tokens",
    "counter",
    "Tokens; cached and written ones are part of the input, reasoning of the output.",
    (*_ROUTE, "type"),
)
COST: Final = Family("weighbridge_cost_usd", "counter", "What requests cost, in US dollars.", _ROUTE, "usd", _PICO)
UNPRICED: Final = Family(
    "weighbridge_unpriced_requests", "counter", "Requests that cost something, nobody knows how much.", _ROUTE
)
ESTIMATED: Final = Family(
    "weighbridge_estimated_requests", "counter", "Requests whose tokens nobody counted but we, from the text.", _ROUTE
)
CACHE_HITS: Final = Family("weighbridge_cache_hits", "counter", "Answers that were given again.", _ROUTE)
ATTEMPTS: Final = Family(
    "weighbridge_attempts", "counter", "Endpoints that were asked, by what went wrong.", ("provider", "error")
)
BUDGET: Final = Family(
    "weighbridge_budget_amount",
    "gauge",
    "What a budget has in its period, in its unit.",
    ("budget", "scope", "unit", "period"),
)
BUDGET_USED: Final = Family(
    "weighbridge_budget_used", "gauge", "What of it is used, by entries that are written.", BUDGET.labels
)
WORKERS: Final = Family("weighbridge_workers", "gauge", "Workers whose figures these are the sum of.")
BUILD: Final = Family("weighbridge_build_info", "gauge", "The version that runs.", ("version",))

SINGLE: Final[Mapping[str, Family]] = {
    "request_errors": Family("weighbridge_request_errors", "counter", "Requests that ended with an error.", ("code",)),
    "retries": Family("weighbridge_retries", "counter", "Endpoints asked after the first of a request had failed."),
    "hedges": Family(
        "weighbridge_hedges", "counter", "Endpoints that another one was faster than, and that were left."
    ),
    "ledger_commits": Family("weighbridge_ledger_commits", "counter", "Groups of entries committed to the ledger."),
    "ledger_entries": Family("weighbridge_ledger_entries", "counter", "Entries committed to the ledger."),
    "cpu": Family(
        "weighbridge_worker_cpu_seconds", "counter", "Processor time of the workers.", (), "seconds", scale=_MICRO
    ),
    "spans": Family("weighbridge_spans_exported", "counter", "Spans that the collector took."),
    "spans_lost": Family(
        "weighbridge_spans_lost", "counter", "Spans that it did not take, or for which there was no room."
    ),
    "in_flight": Family("weighbridge_requests_in_flight", "gauge", "Requests that are being answered."),
    "streams": Family("weighbridge_streams_in_flight", "gauge", "Those of them whose answer has begun to leave."),
    "connections": Family("weighbridge_connections", "gauge", "Open connections of clients."),
    "waiting": Family("weighbridge_admission_waiting", "gauge", "Requests that wait for a place at a provider."),
    "left_alone": Family(
        "weighbridge_endpoints_left_alone",
        "gauge",
        "Workers that leave an endpoint alone: it failed, it said so, or others do far better.",
        ("provider", "model", "why"),
    ),
    "ledger_fault": Family("weighbridge_ledger_fault", "gauge", "Workers that cannot write the ledger."),
    "ledger_backlog": Family("weighbridge_ledger_backlog_entries", "gauge", "Entries that wait to be committed."),
    "texts_kept": Family("weighbridge_texts_kept", "counter", "Prompts with their answers that were kept."),
    "texts_lost": Family("weighbridge_texts_lost", "counter", "Those that were to be kept, and could not be."),
    "texts_fault": Family("weighbridge_texts_fault", "gauge", "Workers that cannot keep prompts and answers."),
    "texts_waiting": Family(
        "weighbridge_texts_waiting_bytes", "gauge", "Prompts and answers that wait to be kept.", (), "bytes"
    ),
    "shared_fault": Family(
        "weighbridge_shared_fault", "gauge", "Workers that cannot use the server that is shared with other machines."
    ),
    "shared_hits": Family("weighbridge_shared_hits", "counter", "Answers that were found on the shared server."),
    "shared_misses": Family("weighbridge_shared_misses", "counter", "Those that were looked for there, and were not."),
    "shared_failures": Family(
        "weighbridge_shared_failures", "counter", "Times that a request waited for the shared server in vain."
    ),
    "shared_lost": Family(
        "weighbridge_shared_lost", "counter", "Answers that could not be written to the shared server."
    ),
    "shared_told": Family("weighbridge_shared_told", "counter", "News of endpoints that workers told the others."),
    "shared_heard": Family("weighbridge_shared_heard", "counter", "News of endpoints that workers took from others."),
    "rss": Family("weighbridge_worker_resident_memory_bytes", "gauge", "Memory of the workers.", (), "bytes"),
}
"""Those with a record of their own, by the name that they are counted under."""

FAMILIES: Final = (
    TOKEN_USAGE,
    DURATION,
    FIRST_TOKEN,
    PER_TOKEN_TIME,
    REQUEST_COUNT,
    TOKEN_COUNT,
    COST,
    UNPRICED,
    ESTIMATED,
    CACHE_HITS,
    ATTEMPTS,
    *SINGLE.values(),
    BUDGET,
    BUDGET_USED,
    WORKERS,
    BUILD,
)


class BudgetNow(NamedTuple):
    """How a budget stands. Amounts are in its unit."""

    labels: tuple[str, str, str, str]
    """Its id, scope, unit and period."""
    amount: Decimal
    used: Decimal


def samples(
    totals: Totals, version: str, budgets: Sequence[BudgetNow] = ()
) -> Iterator[tuple[Family, Sequence[Series]]]:
    """Every family with its series, sorted; those that nothing was counted for have none."""
    found: defaultdict[str, dict[tuple[str, ...], Value]] = defaultdict(dict)
    for key, figures in totals.figures.items():
        if key[0] == REQUESTS and len(key) == 4:
            for family, labels, value in _of_requests(key[1:], figures):
                found[family.name][labels] = value
    for key, figures in totals.figures.items():
        if key[0] in (COUNTER, GAUGE) and (one := SINGLE.get(key[1])) is not None:
            found[one.name][key[2:]] = _scaled(figures[0], one.scale)
    for single in SINGLE.values():
        if not single.labels:  # what was never counted is told as well, so that its first one is seen to come
            found[single.name].setdefault((), Decimal(0))
    found[ATTEMPTS.name] = {labels: Decimal(count) for labels, count in _attempts(totals).items()}
    for budget in budgets:
        found[BUDGET.name][budget.labels] = budget.amount
        found[BUDGET_USED.name][budget.labels] = budget.used
    found[WORKERS.name][()] = Decimal(totals.alive)
    found[BUILD.name][(version,)] = Decimal(1)
    for family in FAMILIES:
        yield family, sorted(found[family.name].items())


def _attempts(totals: Totals) -> Mapping[tuple[str, ...], int]:
    """Those of requests that were answered at once, and the others."""
    found: defaultdict[tuple[str, ...], int] = defaultdict(int)
    for key, figures in totals.figures.items():
        if key[0] == REQUESTS and len(key) == 4 and figures[PLACES["at once"]]:
            found[key[2], NONE] += figures[PLACES["at once"]]
        elif key[:2] == (COUNTER, "attempts"):
            found[key[2], key[3] or NONE] += figures[0]
    return found


def _of_requests(route: tuple[str, ...], figures: Sequence[int]) -> Iterator[tuple[Family, tuple[str, ...], Value]]:
    """What the record of one operation, provider and model says."""
    yield from _of_times(route, figures)
    for name in ("input", "output"):
        tokens = _distribution(figures, name, TOKENS, 0)
        if any(tokens.buckets):
            yield TOKEN_USAGE, (*_gen_ai_route(route), name), tokens
            yield TOKEN_COUNT, (*route, name), tokens.sum
    for name in ("cached", "written", "reasoning"):
        if count := figures[PLACES[name]]:
            yield TOKEN_COUNT, (*route, name), Decimal(count)
    for name, family in (("unpriced", UNPRICED), ("estimated", ESTIMATED), ("given again", CACHE_HITS)):
        if count := figures[PLACES[name]]:
            yield family, route, Decimal(count)
    cost = figures[PLACES["cost"]] + figures[PLACES["millions"]] * A_MILLION
    if cost:
        yield COST, route, _scaled(cost, COST.scale)


def _of_times(route: tuple[str, ...], figures: Sequence[int]) -> Iterator[tuple[Family, tuple[str, ...], Value]]:
    gen_ai = _gen_ai_route(route)
    for ending in ENDINGS:
        duration = _distribution(figures, f"duration {ending}", DURATIONS, DURATION.scale)
        if count := sum(duration.buckets):
            yield REQUEST_COUNT, (*route, ending), Decimal(count)
            yield DURATION, (*gen_ai, "" if ending == "complete" else ending), duration
    for name, bounds, family in (("first token", FIRST_TOKENS, FIRST_TOKEN), ("per token", PER_TOKEN, PER_TOKEN_TIME)):
        times = _distribution(figures, name, bounds, family.scale)
        if any(times.buckets):
            yield family, gen_ai, times


def _gen_ai_route(route: tuple[str, ...]) -> tuple[str, ...]:
    operation, provider, model = route
    return operation, provider_name(provider), model


def _distribution(figures: Sequence[int], name: str, bounds: Sequence[float], scale: int) -> Distribution:
    begin = PLACES[name]
    end = begin + len(bounds) + 1
    return Distribution(bounds, figures[begin:end], _scaled(figures[end], scale))


def _scaled(figure: int, power: int) -> Decimal:
    return Decimal(figure).scaleb(power)
