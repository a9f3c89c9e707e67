"""A route's title, and the reasons of our own graders and rules, in the report's languages.

Names that others gave, and reasons that others wrote, stay as they are, in their own direction.
"""

import re
from collections.abc import Mapping
from typing import Final

from weighbridge.reports.language import Tongue
from weighbridge.switch.graders import grader
from weighbridge.switch.planned import About
from weighbridge.switch.report.language import percent

_SHOWN_TOOLS: Final = 3
_JOINED: Final = " \N{MIDDLE DOT} "


def title(about: About, tongue: Tongue) -> str:
    """What the requests of a route have in common."""
    words = tongue.words
    parts = [words["title_key"].format(name=tongue.name(about.key)) if about.key else words["title_any_key"]]
    if about.tools:
        parts.append(_tools(about.tools, tongue))
    if about.format != "text":
        parts.append(words.get(f"title_{about.format}") or tongue.name(about.format))
    if about.app:
        parts.append(words["title_app"].format(name=tongue.name(about.app)))
    if about.instructions:
        parts.append(words["title_instructions"].format(name=tongue.name(about.instructions)))
    return _JOINED.join(parts)


def _tools(tools: tuple[str, ...], tongue: Tongue) -> str:
    names = tongue.words["comma"].join(tongue.name(each) for each in tools[:_SHOWN_TOOLS])
    more = len(tools) - _SHOWN_TOOLS
    if more <= 0:
        return tongue.words["title_tools"].format(names=names)
    return tongue.words["title_more_tools"].format(names=names, more=tongue.number(more))


def reason(why: str, tongue: Tongue) -> str:
    """What a grader said of a case, or why a rule has come to hold."""
    word = _REASONS.get(why)
    if word is not None:
        return tongue.words[word]
    if found := _CHECKS.fullmatch(why):
        return tongue.counted("checks", int(found[1]))
    if found := _ALARM.fullmatch(why):
        count, loss, most = int(found[1]), float(found[2]), float(found[3])
        return tongue.words["reason_alarm"].format(
            shadows=tongue.counted("shadows", count), loss=percent(loss, tongue), most=percent(most, tongue)
        )
    return tongue.name(why)


_REASONS: Final[Mapping[str, str]] = {
    grader.EXPECTED: "reason_expected",
    grader.AGREEMENT: "reason_agreement",
    "in both orders": "reason_both_orders",
    "a tie": "reason_tie",
    "the orders disagree": "reason_orders",
    "the candidate gave no answer": "reason_unanswered",
    "both say the same": "reason_same",
    "applied": "reason_applied",
    "by its owner": "reason_owner",
    "the certificate has run out": "reason_run_out",
}
_CHECKS: Final = re.compile(r"of (\d+) checks")
_ALARM: Final = re.compile(r"(\d+) shadows lost (-?[\d.]+) in the mean, and it was to be (-?[\d.]+) at most")
