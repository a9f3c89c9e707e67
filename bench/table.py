"""docs/benchmarks.md: the part of it that a run writes, between two markers."""

from collections.abc import Sequence
from pathlib import Path

from bench.figures import (
    OURS,
    chunk_p99,
    cpu_microseconds,
    difference,
    latency_p99,
    median,
    noise,
    paced_tests,
    promises,
    ratio,
    requests_per_second,
)
from bench.results import Measure, Run
from bench.tools import ROOT

PAGE = ROOT / "docs" / "benchmarks.md"
BEGIN = "<!-- bench: begin (written by python -m bench) -->"
END = "<!-- bench: end -->"

NONE = "-"
"""The candidate did not take the test."""

_CANDIDATES = ("direct", "nginx", OURS, "tensorzero", "portkey", "litellm")


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
    rounds = max((each.round for each in run.measures), default=0)
    foreign, stolen = noise(run.measures)
    parts = [
        f"Taken {run.date} with `{run.command}`, {rounds} round{'s' if rounds != 1 else ''}, medians.  ",
        f"Machine: {machine}.  ",
        f"Versions: {versions}.  ",
        f"Noise: other processes took {foreign:.1%} of a CPU, the hypervisor {stolen:.1%} (medians over the tests).",
        "",
        "### What was promised",
        "",
        of_promises(run),
        "",
        "### Throughput",
        "",
        _throughput(run),
        "",
        "### Latency",
        "",
        _latency(run),
        "",
        "### Memory",
        "",
        _memory(run),
    ]
    return "\n".join(parts) + "\n"


def of_promises(run: Run) -> str:
    """What was promised, what was measured, and whether it holds."""
    rows = [(each.what, each.promised, each.measured, "yes" if each.met else "**no**") for each in promises(run)]
    return _table(("", "promised", "measured", "kept"), rows)


def _throughput(run: Run) -> str:
    rows = []
    for name in _CANDIDATES:
        cells = [_rate(run.measures, name, test) for test in ("ns64", "ns256", "sb64")]
        if name == "litellm":
            cells[0] = _best(run.measures, name, ("ns4", "ns64"))
            cells[2] = _best(run.measures, name, ("sb4", "sb64"))
        if any(cell != NONE for cell in cells):
            spent = median(run.measures, name, "ns64", cpu_microseconds)
            rows.append((name, *cells, _number(spent, "{:,.0f}")))
    heads = ("", "JSON, 64 connections", "JSON, 256 connections", "streams in bursts, 64 connections")
    return _table((*heads, "CPU for a JSON answer, µs"), rows)


def _latency(run: Run) -> str:
    paced = paced_tests(run.measures)
    rows = []
    for name in _CANDIDATES:
        test = "r20" if name == "litellm" else "r300"
        added = difference(run.measures, test, latency_p99, of=name, to="direct") if name != "direct" else None
        cells = (
            _number(median(run.measures, name, test, lambda each: each.load.p50), "{:.2f}"),
            _number(median(run.measures, name, test, latency_p99), "{:.2f}"),
            _number(added, "{:+.2f}"),
            *(_number(median(run.measures, name, each, chunk_p99), "{:.2f}") for each in paced),
        )
        if any(cell != NONE for cell in cells):
            rows.append((f"{name} (at 20/s)" if test == "r20" else name, *cells))
    heads = ("ms", "p50 at 300/s", "p99 at 300/s", "p99 added to direct")
    return _table((*heads, *(f"chunk p99, {test.partition('-')[2]} apart" for test in paced)), rows)


def _memory(run: Run) -> str:
    rows = []
    for name in _CANDIDATES[1:]:
        largest = max((each.rss_mb for each in run.measures if each.candidate == name), default=None)
        if name in run.idle_rss_mb:
            rows.append((name, f"{run.idle_rss_mb[name]:.0f}", _number(largest, "{:.0f}")))
    text = _table(("MB, all processes", "idle", "largest after a test"), rows)
    if not run.soak:
        return text
    steps = _table(("requests", "MB"), [(f"{step.requests:,}", f"{step.rss_mb:.1f}") for step in run.soak])
    return f"{text}\n\nA gateway started anew, 64 connections:\n\n{steps}"


def _rate(measures: Sequence[Measure], name: str, test: str) -> str:
    value = median(measures, name, test, requests_per_second)
    if value is None:
        return NONE
    to_nginx = ratio(measures, test, requests_per_second, of=name, to="nginx")
    return f"{_thousands(value)}/s" + (f" ({_share(to_nginx)} x)" if to_nginx and name != "nginx" else "")


def _best(measures: Sequence[Measure], name: str, tests: Sequence[str]) -> str:
    values = [v for test in tests if (v := median(measures, name, test, requests_per_second)) is not None]
    return f"{_thousands(max(values))}/s" if values else NONE


def _thousands(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def _share(value: float) -> str:
    return f"{value:.2f}" if value >= 0.05 else f"{value:.4f}"


def _number(value: float | None, form: str) -> str:
    return NONE if value is None else form.format(value)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
