"""docs/conformance.md: the part of it that a run writes, between two markers."""

from collections.abc import Sequence
from pathlib import Path

from conformance import reasons, suites
from conformance.reasons import Reason, reason_of
from conformance.results import Board, Case, Outcome
from conformance.suites import Suite

PAGE = Path(__file__).parent.parent / "docs" / "conformance.md"
BEGIN = "<!-- conformance: begin (written by python -m conformance) -->"
END = "<!-- conformance: end -->"
NONE = "-"
"""Not run."""
OURS = "weighbridge"
_GATEWAYS = (OURS, "litellm", "portkey")
_GROUPS = {
    "theirs": "Projects' own tests, unmodified",
    "ours": "Scenarios of ours, with the client as it is published",
    "agent": "Agents: each is to edit one file, and the file is looked at",
}
UNEXPLAINED = "**no reason is listed**"


def write(board: Board, page: Path = PAGE) -> None:
    """Put the tables of `board` between the markers of `page`. Raises ValueError when they are not there."""
    text = page.read_text("utf-8")
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page} has no line {BEGIN!r} with {END!r} after it")
    page.write_text(f"{head}{BEGIN}\n\n{of_board(board)}\n{END}{tail}", "utf-8")


def of_board(board: Board, listed: Sequence[Suite] | None = None, why: Sequence[Reason] | None = None) -> str:
    """All tables, as Markdown; suites and reasons are those of the files unless given."""
    listed = suites.read() if listed is None else listed
    why = reasons.read() if why is None else why
    parts = [_told(board)]
    for group, heading in _GROUPS.items():
        rows = [_row(suite, board) for suite in listed if suite.group == group and _seen(suite, board)]
        if rows:
            parts += ["", f"### {heading}", "", _table(("", *_GATEWAYS, "versions"), rows)]
    parts += ["", "### What is missed, and why", "", *_misses(board, listed, why)]
    parts += ["", "### What was left out", "", *_left_out(board, listed)]
    return "\n".join(parts) + "\n"


def unexplained(board: Board, why: Sequence[Reason]) -> list[Case]:
    """Our gateway's misses that no reason tells about."""
    ours = [outcome for outcome in board.outcomes if outcome.gateway == OURS]
    return [case for each in ours for case in each.failed if reason_of(why, each.suite, case) is None]


def _told(board: Board) -> str:
    dates = sorted({outcome.date for outcome in board.outcomes})
    when = f"{dates[0]} to {dates[-1]}" if len(dates) > 1 else dates[0] if dates else "never"
    versions = {outcome.gateway: outcome.gateway_version for outcome in board.outcomes}
    named = ", ".join(f"{name} {versions[name]}" for name in _GATEWAYS if name in versions)
    return f"Taken {when}: {named}. Passed of total; what a suite skips by itself is not in the total."


def _seen(suite: Suite, board: Board) -> bool:
    return any(board.of(suite.name, gateway) is not None for gateway in _GATEWAYS)


def _row(suite: Suite, board: Board) -> tuple[str, ...]:
    outcomes = [board.of(suite.name, gateway) for gateway in _GATEWAYS]
    last = next((each for each in outcomes if each is not None), None)
    versions = "" if last is None else ", ".join(f"{name} {version}" for name, version in _shown(last))
    scores = (_score(outcome, suite, gateway) for outcome, gateway in zip(outcomes, _GATEWAYS, strict=True))
    return (suite.title, *scores, versions)


def _shown(outcome: Outcome) -> list[tuple[str, str]]:
    """Without the tools that run tests."""
    return [(name, each) for name, each in outcome.versions.items() if not name.startswith("pytest")]


def _score(outcome: Outcome | None, suite: Suite, gateway: str) -> str:
    if gateway in suite.not_offered:
        return suite.not_offered[gateway]
    if outcome is None or outcome.not_run:
        return NONE
    if suite.group == "agent":
        return "yes" if outcome.passed else "**no**"
    score = f"{outcome.passed} of {outcome.total}"
    return score if not outcome.failed else f"**{score}**"


def _misses(board: Board, listed: Sequence[Suite], why: Sequence[Reason]) -> list[str]:
    rows = []
    for suite in listed:
        outcome = board.of(suite.name, OURS)
        if outcome is not None:
            told: dict[str, list[Case]] = {}
            for case in outcome.failed:
                told.setdefault(reason_of(why, suite.name, case) or UNEXPLAINED, []).append(case)
            rows += [(suite.name, _ids(cases), reason) for reason, cases in told.items()]
    if not rows:
        return ["Nothing is missed."]
    return [_table(("suite", "tests", "why"), rows)]


def _left_out(board: Board, listed: Sequence[Suite]) -> list[str]:
    rows = []
    for suite in listed:
        for gateway in _GATEWAYS:
            outcome = board.of(suite.name, gateway)
            if outcome is not None and outcome.not_run:
                rows.append((suite.name, gateway, "all", _cell(outcome.not_run)))
        outcome = board.of(suite.name, OURS)
        told: dict[str, int] = {}
        for case in [] if outcome is None else outcome.skipped:
            told[case.said] = told.get(case.said, 0) + 1
        rows += [(suite.name, OURS, str(count), _cell(said)) for said, count in told.items()]
    if not rows:
        return ["Nothing was left out."]
    return [_table(("suite", "gateway", "tests", "what the suite says"), rows)]


def _ids(cases: Sequence[Case]) -> str:
    """Names without their module and class; a long list is cut, the whole of it is in the results."""
    names = list(dict.fromkeys(f"`{case.id.rpartition('::')[2].partition('[')[0]}`" for case in cases))
    shown = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
    return f"{len(cases)}: {shown}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
