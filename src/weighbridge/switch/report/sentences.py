"""The verdict in one sentence: what is promised, or why nothing is and what would decide."""

from collections.abc import Sequence
from typing import Final

from weighbridge.reports.language import Tongue
from weighbridge.switch.outcome import Interval
from weighbridge.switch.report.document import Rests, Route
from weighbridge.switch.report.language import percent

_WHOLE: Final = 0.995
"""A share that is shown as all."""


def verdict(route: Route, tongue: Tongue) -> str:
    """Of a route, as text."""
    words, rests = tongue.words, route.rests
    loss = _loss(route)
    saving = None if route.routed is None else route.routed.saving
    free = route.proven and saving is None  # on a machine of one's own there is no price to save
    said = words["proven_free" if free else route.why].format_map(
        {
            "replays": tongue.counted("replays", rests.replays),
            "days": _days(rests, tongue),
            "graded": graded(rests, tongue),
            "saving": percent(None if saving is None else saving.value, tongue),
            "moved": percent(None if route.routed is None else route.routed.moved, tongue),
            "epsilon": percent(route.epsilon, tongue),
            "confidence": percent(route.confidence, tongue),
            "low": percent(None if loss is None else loss.low, tongue),
            "high": percent(None if loss is None else loss.high, tongue),
            "watch": _watch(route, tongue),
        }
    )
    return said if route.more is None else f"{said} {more(route.more, tongue)}"


def bound(route: Route, tongue: Tongue) -> str:
    """What is known of its loss: how much it is at most, or at least where that is too much."""
    loss = _loss(route)
    if loss is None:
        return percent(None, tongue)
    if route.why == "too_lossy":
        return tongue.words["at_least"].format(low=percent(loss.low, tongue))
    high = min(loss.high, route.epsilon) if route.proven else loss.high  # the proof is another test than the interval
    return tongue.words["at_most"].format(high=percent(high, tongue))


def _loss(route: Route) -> Interval | None:
    """By the knob; where none was looked for, of the candidate that is known to lose least."""
    if route.routed is not None:
        return route.routed.loss
    known = [each.outcome.loss for each in route.candidates if each.outcome.loss is not None]
    return min(known, key=lambda each: each.high, default=None)


def more(count: int, tongue: Tongue) -> str:
    """How many replays would decide."""
    return tongue.words["more"].format(replays=tongue.counted("more", count))


def graded(rests: Rests, tongue: Tongue) -> str:
    """By whom: a judge whose error nobody measured only says what it saw."""
    if rests.judge is None:
        return tongue.words["graded_exactly"]
    word = "as_measured" if rests.judge.error is None else "judged"
    return tongue.words[word].format(judge=tongue.name(rests.judge.name))


def _days(rests: Rests, tongue: Tongue) -> str:
    if rests.first is None or rests.last is None:
        return ""
    return tongue.words["made_between"].format(days=tongue.days(rests.first, rests.last))


def _watch(route: Route, tongue: Tongue) -> str:
    """Who will notice that it has become worse; what nobody can see is not said to be watched."""
    words, sight = tongue.words, route.rests.sight
    rate = None if route.watched is None else route.watched.rate
    if sight is None:
        return words["watch_unknown"]
    if rate is not None and not rate and sight.share:
        return words["not_watched"]
    when = "will_watch" if rate is None else "watching"
    told = {"rate": percent(rate, tongue), "graders": graders(sight.blind_to, tongue)}
    if sight.share > _WHOLE:
        return words[when].format_map(told)
    if not sight.share:
        return words["blind"].format_map(told)
    return words[f"{when}_partly"].format_map(told | {"seen": percent(sight.share, tongue)})


def graders(names: Sequence[str], tongue: Tongue) -> str:
    """Their names."""
    return tongue.words["comma"].join(tongue.name(each) for each in names)
