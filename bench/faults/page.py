"""docs/faults.md: the part of it that a run writes, between two markers."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Final

from bench.faults.cases import CASES, Case, Mode, Outcome
from bench.faults.clock import DAY
from bench.faults.reckoning import Reckoning
from bench.faults.results import Run

PAGE: Final = Path(__file__).parents[2] / "docs" / "faults.md"
BEGIN: Final = "<!-- faults: begin (written by python -m bench.faults) -->"
END: Final = "<!-- faults: end -->"
MOST_BEHIND: Final = 0.01
"""By how much the availability may be under the best that any policy could have had."""


def write(run: Run, page: Path = PAGE) -> None:
    """Put the tables of `run` between the markers of `page`. Raises ValueError when they are not there."""
    text = page.read_text("utf-8")
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page} has no line {BEGIN!r} with {END!r} after it")
    page.write_text(f"{head}{BEGIN}\n\n{of_run(run)}\n{END}{tail}", "utf-8")


def of_run(run: Run) -> str:
    """All tables of a run, as Markdown."""
    machine = ", ".join(f"{name} {value}" for name, value in run.machine.items())
    versions = ", ".join(f"{name} {value}" for name, value in run.versions.items())
    parts = [
        f"Taken {run.date} with `{run.command}`.  ",
        f"Machine: {machine}.  ",
        f"Versions: {versions}.",
        "",
        f"### {run.drawn.reckoning.requests:,} requests through a random schedule of faults",
        "",
        _drawn(run),
        "",
        "### One of four endpoints, or all of them",
        "",
        _scenarios(run.scenarios),
        "",
        "### Clients, the worker and the clock",
        "",
        _others(run),
        "",
        "### One fault, and nobody else serves the model",
        "",
        _outcomes(run.outcomes, "alone"),
        "",
        "### The same, and another provider serves it too",
        "",
        _outcomes(run.outcomes, "beside"),
        "",
        "### The same, and the client wants a broken stream continued",
        "",
        _outcomes(run.outcomes, "resumed"),
    ]
    return "\n".join(parts) + "\n"


def promises(run: Run) -> list[tuple[str, str, str, bool]]:
    """What was promised of a run: of what, how much, what it was, and whether it holds."""
    found = run.drawn.reckoning
    return [
        ("requests without an entry of their own", "0", f"{found.lost:,}", found.lost == 0),
        ("entries that belong to no request", "0", f"{found.double:,}", found.double == 0),
        ("answers with a wrong token count or cost", "0", f"{len(found.wrong):,}", not found.wrong),
        ("answers that a provider gave and nobody was charged for", "0", f"{len(found.unpaid):,}", not found.unpaid),
        (
            "answered, of what any policy could have had answered",
            f"≥ {1 - MOST_BEHIND:.0%}",
            f"{found.answered:,} of {found.best:,} ({1 - found.behind:.2%})",
            found.behind <= MOST_BEHIND,
        ),
        ("the scenarios' ledgers", "exact", _yes(_exact(run)), _exact(run)),
        ("clients that left at once", "an entry each", f"{run.left.entries:,}", run.left.entries == run.left.clients),
        ("answers seen whole and lost by a kill", "0", f"{run.killed.missing}", run.killed.missing == 0),
    ]


def of_promises(run: Run) -> str:
    """The same as a table."""
    rows = [(what, promised, found, "yes" if kept else "**no**") for what, promised, found, kept in promises(run)]
    return _table(("", "promised", "measured", "kept"), rows)


def _exact(run: Run) -> bool:
    return all(each.exact for each in run.scenarios.values())


def _drawn(run: Run) -> str:
    drawn, found = run.drawn, run.drawn.reckoning
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(drawn.episodes.items()))
    errors = ", ".join(f"{count:,} `{code}`" for code, count in sorted(found.errors.items())) or "none"
    return "\n".join(
        [
            (
                f"Seed {drawn.seed}, {drawn.endpoints} endpoints of one model, {drawn.rate:,.0f} requests a second for"
                f" {found.seconds:,.0f} s, half of them streams. Episodes: {kinds}."
            ),
            "",
            of_promises(run),
            "",
            (
                f"Not answered: {errors}. Attempts for a request: {found.attempts / found.requests:.3f}. Answers took"
                f" {_ms(found.p50)} (p50), {_ms(found.p90)} (p90), {_ms(found.p99)} (p99) and {_ms(found.slowest)} at"
                f" most. The ledger's sum: {found.cost} dollars."
            ),
        ]
    )


def _scenarios(scenarios: dict[str, Reckoning]) -> str:
    rows = [
        (
            name,
            f"{found.answered} of {found.requests}",
            f"{found.best}",
            f"{found.attempts / found.requests:.2f}",
            _ms(found.p50),
            _ms(found.p90),
            _ms(found.p99),
            _ms(found.slowest),
            "exact" if found.exact else "**not exact**",
        )
        for name, found in scenarios.items()
    ]
    heads = (
        "",
        "answered",
        "the best any policy could",
        "attempts a request",
        "p50",
        "p90",
        "p99",
        "slowest",
        "ledger",
    )
    return _table(heads, rows)


def _others(run: Run) -> str:
    left, killed = run.left, run.killed
    endings = ", ".join(f"{count:,} `{ending}`" for ending, count in left.endings.items())
    costs = ", ".join(f"{count:,} of {cost} dollars" for cost, count in left.costs.items())
    rows = [
        (
            f"{left.clients:,} clients leave in the middle of a stream, at once",
            (
                f"{left.entries:,} entries ({endings}; {costs}), all of them after {left.until_entered:.1f} s;"
                f" nobody works for them after {left.until_closed:.1f} s"
            ),
        ),
        (
            f"the worker is killed {killed.kills} times under load (`kill -9`)",
            (
                f"{killed.whole:,} answers were seen whole, {killed.missing} of them are missing in the ledger,"
                f" {killed.charged_twice} are there twice; {killed.broken} requests broke off; the next answer came"
                f" within {killed.longest_pause:.1f} s"
            ),
        ),
        *(
            (
                f"the wall clock is suddenly {_off(each.off)} in the middle of a stream",
                (
                    f"{each.whole} of 3 answers whole; the longest took {each.longest:.1f} s by its entry;"
                    f" new entries have the {'new' if each.dated else '**old**'} date"
                ),
            )
            for each in run.jumps
        ),
    ]
    return _table(("", ""), rows)


def _outcomes(outcomes: Sequence[Outcome], mode: Mode) -> str:
    by_name = {each.case: each for each in outcomes}
    rows = [_row(case, by_name[case.name]) for case in CASES if case.mode == mode]
    return _table(("the provider …", "asked for", "the client gets", "after", "charged", "the entry", "tried"), rows)


def _row(case: Case, got: Outcome) -> tuple[str, ...]:
    tried = zip(got.providers, got.attempts, strict=True)
    return (
        case.fault.does,
        "a stream" if case.kind == "stream" else "a document",
        f"{got.status}, {'a whole answer' if got.whole else f'`{got.error}`'}",
        f"{got.seconds:.2f} s",
        "nothing" if got.cost is None else f"{got.cost}{' (estimate)' if got.counted_by == 'estimate' else ''}",
        f"`{got.ending}`" + (f", `{got.entry_error}`" if got.entry_error else ""),
        ", ".join(_tries(name, code, len(list(same))) for (name, code), same in groupby(tried)),
    )


def _tries(provider: str, code: str | None, times: int) -> str:
    who = "the other" if provider == "well" else "it"
    return f"{who}{f' {times} times' if times > 1 else ''}: {f'`{code}`' if code else 'answered'}"


def _off(seconds: int) -> str:
    if seconds == 0:
        return "right again"
    size = f"{abs(seconds) // DAY:,} days" if abs(seconds) >= DAY else f"{abs(seconds):,} s"
    return f"{size} {'fast' if seconds > 0 else 'slow'}"


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:,.0f} ms"


def _yes(whether: bool) -> str:
    return "exact" if whether else "not exact"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
