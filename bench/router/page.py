"""docs/benchmarks.md: the part that the router's benchmark writes, between two markers."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from bench.router.measure import ENCODED, LEARNED, Figure
from bench.router.proofs import OURS, PROMISES, Measured
from bench.router.results import Results
from bench.router.specs import SPECS
from bench.table import PAGE

BEGIN: Final = "<!-- router: begin (written by python -m bench.router) -->"
END: Final = "<!-- router: end -->"
LESS_IS_BETTER: Final = ("CPT50", "CPT80")
QUICK: Final = {"": 300, "use": 3000, "use-short": 3000}
"""Microseconds that a decision may take, in 99 of 100 requests, by the encoder."""


def write(results: Results, proven: Mapping[str, Measured], page: Path = PAGE) -> None:
    """Put the tables between the markers of `page`. Raises ValueError when they are not there."""
    text = page.read_text("utf-8")
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page} has no line {BEGIN!r} with {END!r} after it")
    page.write_text(f"{head}{BEGIN}\n\n{of_results(results, proven)}\n{END}{tail}", "utf-8")


def of_results(results: Results, proven: Mapping[str, Measured]) -> str:
    """All tables, as Markdown; `proven` is what was certified."""
    specs = [spec for spec in SPECS if spec.name in results.tables]
    parts = [
        f"Taken {results.taken} with `{results.command}`: means over {results.resplits} splits.",
        "",
        "### What was promised of the router",
        "",
        promises(results, proven),
    ]
    for spec in specs:
        parts += ["", f"### {spec.title}", "", _contenders(results.tables[spec.name])]
    parts += ["", *_shifts(results), *_noise(results), *_costs(results)]
    return "\n".join(parts).rstrip() + "\n"


def promises(results: Results, proven: Mapping[str, Measured]) -> str:
    """What was promised, and what is kept of it."""
    rows = [*_of_tables(results), *_of_proofs(proven), *_of_speed(results)]
    return _table(("table", "figure", "promised", "without an encoder", "with the multilingual one", "kept"), rows)


def _of_proofs(proven: Mapping[str, Measured]) -> Iterable[Sequence[str]]:
    for promise in PROMISES:
        if promise.table in proven:
            row = proven[promise.table].rows[OURS]
            figure = f"certified, at most {promise.epsilon:.0%} lost: saved, broken"
            promised = f"≥ {promise.saved:.0%}, ≤ {promise.broken:.0%}"
            kept = "yes" if promise.kept(row) else "**no**"
            yield promise.table, figure, promised, "-", f"{row.saved:.1%}, {row.broken:.1%}", kept


def _of_speed(results: Results) -> Iterable[Sequence[str]]:
    for each in results.speed:
        found, most = f"{each.p99:.0f}", QUICK[each.encoder]
        cells = ("-", found) if each.encoder else (found, "-")
        yield (
            "mix24",
            f"µs of a decision, p99 {each.encoder}".strip(),
            f"≤ {most}",
            *cells,
            "yes" if each.p99 <= most else "**no**",
        )


def _of_tables(results: Results) -> Iterable[Sequence[str]]:
    for spec in SPECS:
        rows = results.tables.get(spec.name)
        if rows is None:
            continue
        for figure, promised in spec.promised.items():
            found = [rows[name][figure] for name in (LEARNED, ENCODED) if name in rows]
            kept = any(_kept(figure, each.mean, promised) for each in found)
            yield (
                spec.name,
                figure,
                f"{'≤' if figure in LESS_IS_BETTER else '≥'} {promised:g}",
                _figure(figure, rows.get(LEARNED, {}).get(figure)),
                _figure(figure, rows.get(ENCODED, {}).get(figure)),
                "yes" if kept else "**no**",
            )


def _kept(figure: str, found: float, promised: float) -> bool:
    return found <= promised if figure in LESS_IS_BETTER else found >= promised


def _contenders(rows: dict[str, dict[str, Figure]]) -> str:
    widest: dict[str, Figure] = max(rows.values(), key=len)
    names = list(widest)
    ordered = sorted(rows, key=_place)
    return _table(("", *names), [(name, *(_figure(each, rows[name].get(each)) for each in names)) for name in ordered])


def _place(contender: str) -> int:
    """Where it stands in its table: without learning, the field's, ours, the best possible."""
    order = ("random", "always", "best single", "hull", "task-mean", "kNN", "ridge", "learned", "oracle")
    return next(at for at, begin in enumerate(order) if contender.startswith(begin))


def _shifts(results: Results) -> Iterable[str]:
    if not results.shifts:
        return
    yield "### A task that was not learnt from\n"
    yield _table(
        (
            "table",
            "task left out",
            "sent back by the gate",
            "lost without it",
            "lost with it",
            "alarm rang",
            "after requests",
        ),
        [
            (
                each.table,
                each.task,
                f"{each.flagged:.0%}",
                f"{each.lost:+.1%}",
                f"{each.lost_gated:+.1%}",
                f"{each.rang:.0%}",
                "-" if each.requests is None else f"{each.requests:,.0f}",
            )
            for each in results.shifts
        ],
    )
    yield ""


def _noise(results: Results) -> Iterable[str]:
    if not results.noise:
        return
    yield "### Labels that are wrong\n"
    names = list(results.noise[0].figures)
    yield _table(
        ("table", "of the labels", *names),
        [
            (each.table, f"{each.flipped:.0%}", *(_figure(name, each.figures[name]) for name in names))
            for each in results.noise
        ],
    )
    yield ""


def _costs(results: Results) -> Iterable[str]:
    if results.speed:
        yield "### What a decision takes, and what is left of a saving\n"
        yield _table(
            ("µs a request", "p50", "p99"),
            [(each.encoder or "without an encoder", f"{each.median:.0f}", f"{each.p99:.0f}") for each in results.speed],
        )
        yield ""
    if results.net:
        yield _table(
            ("share of the reference's cost", "saved", "moved", "router's CPU", "shadows", "judge", "left"),
            [
                (
                    each.table,
                    f"{each.gross:.1%}",
                    f"{each.moved:.0%} of requests",
                    f"{each.cpu:.3%}",
                    f"{each.shadow:.1%}",
                    f"{each.judge:.1%}",
                    f"{each.gross - each.cpu - each.shadow - each.judge:.1%}",
                )
                for each in results.net
            ],
        )
        yield ""


def _figure(name: str, figure: Figure | None) -> str:
    if figure is None:
        return "-"
    places = 3 if name in ("APGR", "AIQ") else 1
    return f"{figure.mean:.{places}f} ± {figure.spread:.{places}f}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
