"""One route's part of the page: verdict, ways to answer it, models side by side, worst examples, what it rests on."""

from collections.abc import Callable
from typing import Final

from weighbridge.reports.language import Tongue
from weighbridge.reports.page import cell, folded, head, text, wide
from weighbridge.switch.outcome import Outcome, Point
from weighbridge.switch.report.document import Candidate, Report, Route, Side
from weighbridge.switch.report.examples import examples
from weighbridge.switch.report.grounds import grounds, watched
from weighbridge.switch.report.language import percent, setting, spread
from weighbridge.switch.report.pictures import curve, losses
from weighbridge.switch.report.sentences import bound, more, verdict
from weighbridge.switch.report.titles import title

_Shown = Callable[[Side, Tongue], str]


def section(route: Route, report: Report, tongue: Tongue) -> str:
    """As HTML."""
    hue = {"proven": " proven", "running": "", "undecided": ""}.get(route.why, " no")
    parts = (
        _title(route, tongue),
        f'<p class="verdict{hue}">{text(verdict(route, tongue))}</p>',
        _values(route, tongue),
        losses(route, tongue),
        _ways(route, tongue),
        _models(route, report, tongue),
        _curve(route, tongue),
        examples(route, tongue),
        grounds(route, tongue),
        watched(route, report.plan, tongue),
    )
    return f'<article id="{text(route.id)}" aria-labelledby="{text(route.id)}-title">{"".join(parts)}</article>'


def _title(route: Route, tongue: Tongue) -> str:
    shown = f'{text(title(route.about, tongue))} <bdi class="id" dir="ltr">{text(route.id)}</bdi>'
    return f'<h2 id="{text(route.id)}-title">{shown}</h2>'


def _values(route: Route, tongue: Tongue) -> str:
    words, routed, expires = tongue.words, route.routed or Outcome(), route.rests.expires
    saving = None if routed.saving is None else routed.saving.value
    harm = None if routed.harm is None else words["at_most"].format(high=percent(routed.harm.high, tongue))
    month = None if saving is None or route.month is None else tongue.dollars(saving * route.month)
    found = {
        "loss": None if routed.loss is None else bound(route, tongue),
        "harm": harm,
        "saving": None if saving is None else percent(saving, tongue),
        "moved": None if routed.moved is None else percent(routed.moved, tongue),
        "month": month,
        "until": None if expires is None or not route.proven else tongue.dated(expires.date()),
    }
    cards = "".join(
        f"<div><dt>{text(words[name])}</dt><dd>{text(said)}</dd></div>" for name, said in found.items() if said
    )
    return f'<dl class="values">{cards}</dl>' if cards else ""


def _ways(route: Route, tongue: Tongue) -> str:
    """What is promised, beside what would be had without any routing."""
    words = tongue.words
    rows = []
    if route.routed is not None:
        rows.append(_way(words["routed" if route.proven else "would_route"], route.routed, tongue))
    for each in route.candidates:
        name = words["always"].format(model=tongue.name(each.side.arm))
        rows.append(_way(name, each.outcome, tongue, _alone(each, tongue)))
    nothing = percent(0, tongue)
    stays = "".join(cell(nothing, "n") for _ in range(4))
    rows.append(f'<tr><th scope="row">{text(words["always_reference"])}</th>{stays}</tr>')
    heads = head(words["way"]) + "".join(head(words[name], number=True) for name in ("loss", "harm", "saving", "moved"))
    return f"<h3>{text(words['ways'])}</h3>{wide(heads, ''.join(rows))}"


def _alone(candidate: Candidate, tongue: Tongue) -> str:
    """What is said of it if it always answered."""
    said = tongue.words[f"alone_{candidate.why}"]
    return said if candidate.more is None else f"{said} {more(candidate.more, tongue)}"


def _way(name: str, outcome: Outcome, tongue: Tongue, said: str = "") -> str:
    note = f'<br><span class="small">{text(said)}</span>' if said else ""
    return (
        f'<tr><th scope="row">{text(name)}{note}</th>'
        f"{cell(spread(outcome.loss, tongue), 'n')}{cell(spread(outcome.harm, tongue), 'n')}"
        f"{cell(spread(outcome.saving, tongue), 'n')}{cell(percent(outcome.moved, tongue), 'n')}</tr>"
    )


def _seconds(value: float | None, tongue: Tongue) -> str:
    if value is None:
        return tongue.words["unknown"]
    return tongue.words["seconds"].format(number=tongue.number(value, 2 if value < 10 else 1))


_MEASURES: Final[dict[str, _Shown]] = {
    "answers": lambda side, tongue: tongue.number(side.answers),
    "failed": lambda side, tongue: tongue.number(side.failed),
    "cost": lambda side, tongue: tongue.measured(side.cost, "usd"),
    "p50": lambda side, tongue: _seconds(side.p50, tongue),
    "p95": lambda side, tongue: _seconds(side.p95, tongue),
    "refused": lambda side, tongue: percent(side.refused, tongue),
    "format_valid": lambda side, tongue: percent(side.format_valid, tongue),
    "tools_valid": lambda side, tongue: percent(side.tools_valid, tongue),
    "cut": lambda side, tongue: percent(side.cut, tongue),
    "tokens": lambda side, tongue: tongue.words["unknown"] if side.tokens is None else tongue.number(side.tokens),
}


def _models(route: Route, report: Report, tongue: Tongue) -> str:
    words = tongue.words
    sides = (route.reference, *(each.side for each in route.candidates))
    names = [f"{tongue.name(report.reference)} ({words['the_reference']})", *(tongue.name(s.arm) for s in sides[1:])]
    heads = head(words["measure"]) + "".join(head(name, number=True) for name in names)
    rows = "".join(
        f'<tr><th scope="row">{text(words[name])}</th>{"".join(cell(shown(side, tongue), "n") for side in sides)}</tr>'
        for name, shown in _MEASURES.items()
        if any(getattr(side, name) is not None for side in sides)
    )
    return f"<h3>{text(words['models'])}</h3>{wide(heads, rows)}"


def _curve(route: Route, tongue: Tongue) -> str:
    words = tongue.words
    if len(route.curve) < 3:  # two are the reference and an arm alone: the table of ways has them
        return ""
    heads = head(words["knob"]) + "".join(
        head(words[name], number=True) for name in ("cost_of_reference", "loss_short", "moved")
    )
    rows = "".join(_point(each, tongue) for each in route.curve)
    return (
        f"<h3>{text(words['curve'])}</h3><p class=small>{text(words['about_curve'])}</p>{curve(route, tongue)}"
        f"{folded(words['table'], wide(heads, rows))}"
    )


def _point(point: Point, tongue: Tongue) -> str:
    words = tongue.words
    knob = setting(point.tau, tongue)
    chosen = f" ({words['chosen']})" if point.chosen else ""
    numbers = "".join(cell(percent(value, tongue), "n") for value in (point.cost, point.loss, point.moved))
    return f"<tr{' class=chosen' if point.chosen else ''}>{cell(knob + chosen)}{numbers}</tr>"
