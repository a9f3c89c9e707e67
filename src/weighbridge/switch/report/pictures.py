"""The charts of a route: each way to answer it against what was asked for, and cost and loss along the knob."""

from weighbridge.reports.chart import Lines
from weighbridge.reports.chart import drawing as lines
from weighbridge.reports.intervals import Range, Ranges
from weighbridge.reports.intervals import drawing as ranges
from weighbridge.reports.language import Tongue
from weighbridge.switch.outcome import Interval
from weighbridge.switch.report.document import Route
from weighbridge.switch.report.language import percent, spread
from weighbridge.switch.report.sentences import verdict


def losses(route: Route, tongue: Tongue) -> str:
    """Losses with their intervals, held against epsilon; nothing where none is known."""
    words = tongue.words
    rows = []
    if route.routed is not None and route.routed.loss is not None:
        rows.append(_range(words["routed" if route.proven else "would_route"], route.routed.loss, tongue, 0))
    for each in route.candidates:
        if each.outcome.loss is not None:
            name = words["always"].format(model=tongue.name(each.side.arm))
            rows.append(_range(name, each.outcome.loss, tongue, 1))
    if not rows:
        return ""
    limit = words["limit"].format(epsilon=percent(route.epsilon, tongue))
    what = Ranges(tuple(rows), route.epsilon, limit, lambda value: percent(value, tongue))
    return f"<figure>{ranges(what, words['chart_loss'], verdict(route, tongue), tongue, alone=False)}</figure>"


def curve(route: Route, tongue: Tongue) -> str:
    """What each step of the knob costs, if anything, what it loses, and how much it moves."""
    words, points = tongue.words, route.curve
    series = [
        (words["loss_short"], tuple(each.loss for each in points)),
        (words["moved_short"], tuple(each.moved for each in points)),
    ]
    if any(each.cost for each in points):
        series.insert(0, (words["cost_of_reference"], tuple(each.cost for each in points)))
    what = Lines(
        tuple(float(place) for place in range(len(points))),
        (words["all_reference"], words["all_moved"]),
        tuple(series),
        lambda value: percent(value, tongue),
    )
    return f"<figure>{lines(what, words['curve'], words['about_curve'], tongue, alone=False)}</figure>"


def _range(name: str, interval: Interval, tongue: Tongue, series: int) -> Range:
    return Range(name, interval.low, interval.high, interval.value, spread(interval, tongue), series)
