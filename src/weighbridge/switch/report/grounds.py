"""What a promise rests on, until when it holds, and what has become of it since it was applied."""

import math
from collections.abc import Mapping
from typing import Final

from weighbridge.reports.language import Tongue
from weighbridge.reports.page import cell, folded, head, text, wide
from weighbridge.switch.outcome import Judge, LengthEffect, Sight
from weighbridge.switch.report.document import Route, Step, Watched
from weighbridge.switch.report.language import percent, setting, spread
from weighbridge.switch.report.sentences import graders
from weighbridge.switch.report.titles import reason

_TWO_SIDED: Final = 1.96
"""Standard errors about a mean within which it lies, 95 times in a hundred."""


def grounds(route: Route, tongue: Tongue) -> str:
    """As HTML."""
    words, rests = tongue.words, route.rests
    found: dict[str, str | None] = {
        "proven_on": tongue.counted("more", rests.replays),
        "fitted_on": tongue.counted("more", rests.fitted) if rests.fitted else None,
        "requests_of": None if rests.first is None or rests.last is None else tongue.days(rests.first, rests.last),
        "graders": graders(rests.graders, tongue) or None,
        "judge": words["exact"] if rests.judge is None else tongue.name(rests.judge.name),
        "judge_error": None if rests.judge is None else _error(rests.judge, tongue),
        "length": None if rests.length is None else _length(rests.length, tongue),
        "sight": _sight(rests.sight, tongue) if route.proven else None,
        "prices": None if rests.prices is None else tongue.dated(rests.prices),
        "policy": None if rests.policy is None else tongue.name(rests.policy),
        "encoder": words["no_encoder"] if rests.encoder is None else tongue.name(rests.encoder),
        "confidence": percent(route.confidence, tongue),
        "certificate": None if rests.certificate is None else tongue.name(rests.certificate),
        "issued": None if rests.issued is None else tongue.dated(rests.issued.date()),
        "until": None if rests.expires is None else tongue.dated(rests.expires.date()),
    }
    return folded(words["rests" if route.proven else "rests_none"], _facts(found, tongue), opened=route.proven)


def watched(route: Route, plan: str, tongue: Tongue) -> str:
    """As HTML; how to apply it where it is not yet, and nothing where there is no certificate."""
    words, since = tongue.words, route.watched
    if since is None and not route.proven:
        return ""
    if since is None:
        said = words["not_applied"].format(command=tongue.name(f"weighbridge switch apply {plan}"))
        return f'<p class="note">{text(said)}</p>'
    counted = words["shadows_graded"].format(shadows=tongue.number(since.shadows), graded=tongue.number(since.graded))
    found = {
        "state": words[f"state_{since.state}"],
        "rate": None if since.rate is None else percent(since.rate, tongue),
        "shadows": counted,
        "shadow_loss": None if since.loss is None else percent(since.loss, tongue),
        "shadow_harmed": tongue.number(since.harmed),
        "alarms": tongue.number(since.alarms),
    }
    return f"<h3>{text(words['watched'])}</h3>{_facts(found, tongue)}{_steps(since, tongue)}"


def _steps(since: Watched, tongue: Tongue) -> str:
    words = tongue.words
    heads = "".join(head(words[name]) for name in ("when", "state", "knob_short", "why"))
    return wide(heads, "".join(_step(each, tongue) for each in since.steps)) if since.steps else ""


def _step(step: Step, tongue: Tongue) -> str:
    words = tongue.words
    knob = setting(step.tau, tongue)
    said = (words[f"state_{step.state}"], knob, reason(step.why, tongue))
    return f"<tr>{cell(tongue.dated(step.at.date()), 'd')}{''.join(cell(each) for each in said)}</tr>"


def _error(judge: Judge, tongue: Tongue) -> str:
    words = tongue.words
    if judge.error is None:
        return words["not_measured"]
    return words["judge_pairs"].format(error=spread(judge.error, tongue), pairs=tongue.counted("pairs", judge.pairs))


def _length(effect: LengthEffect, tongue: Tongue) -> str:
    said = {
        "equal": percent(effect.at_equal_length, tongue),
        "error": percent(_TWO_SIDED * effect.at_equal_length_error, tongue),
        "judged": percent(effect.mean, tongue),
        "twice": percent(math.log(2) * effect.slope, tongue),
    }
    return tongue.words["length_said"].format(**said)


def _sight(sight: Sight | None, tongue: Tongue) -> str:
    words = tongue.words
    if sight is None:
        return words["sight_unknown"]
    if not sight.blind_to:
        return words["sight_all"]
    word = "sight_part" if sight.share else "sight_none"
    return words[word].format(seen=percent(sight.share, tongue), graders=graders(sight.blind_to, tongue))


def _facts(found: Mapping[str, str | None], tongue: Tongue) -> str:
    rows = "".join(
        f"<dt>{text(tongue.words[name])}</dt><dd>{text(said)}</dd>" for name, said in found.items() if said is not None
    )
    return f'<dl class="facts">{rows}</dl>'
