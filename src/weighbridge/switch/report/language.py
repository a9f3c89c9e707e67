"""The languages of the switch's report: one file of texts/ each, all with the same words and placeholders."""

from collections.abc import Mapping
from functools import cache
from typing import Final

from weighbridge.errors import WeighbridgeError
from weighbridge.reports import language as installed
from weighbridge.reports.language import Tongue
from weighbridge.switch.outcome import ALWAYS, Interval

_NONE: Final = "\N{EN DASH}"


@cache
def languages() -> Mapping[str, Tongue]:
    """All installed ones by their codes."""
    return installed.texts("weighbridge.switch.report", Tongue, WeighbridgeError)


def language(code: str) -> Tongue:
    """The one of a code. Raises WeighbridgeError that says which there are."""
    return installed.chosen(code, languages(), WeighbridgeError)


def spread(interval: Interval | None, tongue: Tongue) -> str:
    """A value in its interval, in percent; a dash where it is not known."""
    if interval is None:
        return _NONE
    ends = tongue.words["range"].format(low=percent(interval.low, tongue), high=percent(interval.high, tongue))
    if interval.value is None:
        return ends
    return tongue.words["estimated"].format(value=percent(interval.value, tongue), range=ends)


def percent(share: float | None, tongue: Tongue) -> str:
    """A share of 1 with as many places as tell it from nothing; a dash where it is not known."""
    if share is None:
        return _NONE
    shown_at = round(share * 100, 1 if abs(share) >= 0.001 else 2)
    places = 0 if shown_at == int(shown_at) else 1 if abs(share) >= 0.001 else 2
    shown = tongue.share(shown_at / 100, places)
    return shown.replace(" ", "\N{NO-BREAK SPACE}")


def setting(tau: float | None, tongue: Tongue) -> str:
    """Of the knob."""
    if tau is None:
        return tongue.words["never"]
    return tongue.words["ever"] if tau >= ALWAYS else percent(tau, tongue)
