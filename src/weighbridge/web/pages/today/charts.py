"""The last days as drawings: one for each question. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from weighbridge.reports.chart import Lines, drawing
from weighbridge.web.pages.today.figures import Day, Figures
from weighbridge.web.tongue import N_, Tongue

_Number = Callable[[Figures], float | None]


@dataclass(frozen=True, slots=True)
class _Question:
    title: str
    series: Sequence[tuple[str, _Number]]
    shown: Callable[[Tongue, float], str]


def _tokens(tongue: Tongue, value: float) -> str:
    return tongue.tokens(value)


_QUESTIONS: Final = (
    _Question(N_("Spend by day"), ((N_("US dollars"), lambda of: float(of.cost)),), lambda tongue, n: tongue.plain(n)),
    _Question(
        N_("Requests by day"),
        ((N_("Requests"), lambda of: of.requests), (N_("of which failed"), lambda of: of.errors)),
        lambda tongue, n: tongue.tokens(n),
    ),
    _Question(
        N_("Tokens by day"),
        ((N_("Tokens in"), lambda of: of.prompt), (N_("Tokens out"), lambda of: of.completion)),
        lambda tongue, n: tongue.tokens(n),
    ),
    _Question(
        N_("Seconds to the first byte, by day"),
        ((N_("Half of the requests"), lambda of: of.first_half), (N_("19 of 20 requests"), lambda of: of.first_most)),
        lambda tongue, n: tongue.plain(n),
    ),
)


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing, and what it is called."""

    title: str
    svg: str


def charts(days: Sequence[Day], tongue: Tongue) -> list[Chart]:
    """Of these days, oldest first; a question that no day has an answer to is left out."""
    return [_drawn(each, days, tongue) for each in _QUESTIONS if _is_known(each, days)]


def _is_known(question: _Question, days: Sequence[Day]) -> bool:
    return any(of(day.figures) is not None for _, of in question.series for day in days)


def _drawn(question: _Question, days: Sequence[Day], tongue: Tongue) -> Chart:
    title = tongue.gettext(question.title)
    first, last = tongue.day(days[0].day), tongue.day(days[-1].day)
    lines = Lines(
        at=tuple(float(each.day.toordinal()) for each in days),
        ends=(first, last),
        series=tuple((tongue.gettext(name), tuple(of(each.figures) for each in days)) for name, of in question.series),
        shown=lambda value: question.shown(tongue, value),
    )
    description = tongue.gettext("From %(first)s to %(last)s; the table below has the numbers.") % {
        "first": first,
        "last": last,
    }
    return Chart(title, drawing(lines, title, description, tongue.report, alone=False))
