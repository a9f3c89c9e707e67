"""Storms of one kind each: what a gateway with four endpoints makes of it when one of them, or all, go wrong."""

from collections.abc import Mapping, Sequence
from typing import Final

from bench.faults.episodes import Episode, Kind
from bench.faults.storm import Storm

_RATE: Final = 300.0
_REQUESTS: Final = 300
_MORE: Final = 1200
"""For faults that are known only after some seconds."""
_START: Final = 0.2
_AGES: Final = 60.0
_FLAP: Final = 0.1


def _one(*episodes: Episode) -> list[Sequence[Episode]]:
    """The cheapest of four lives by these, the others are well."""
    return [episodes, (), (), ()]


def _for_good(kind: Kind) -> list[Sequence[Episode]]:
    return _one(Episode(_START, _AGES, kind))


def _all(kind: Kind) -> list[Sequence[Episode]]:
    """All four, for half a second."""
    return [[Episode(_START, _START + 0.5, kind)]] * 4


def _flapping() -> list[Sequence[Episode]]:
    return _one(*(Episode(start * _FLAP, (start + 1) * _FLAP, "dead") for start in range(2, 40, 2)))


def _storm(schedules: list[Sequence[Episode]], requests: int = _REQUESTS) -> Storm:
    return Storm(schedules, requests, _RATE)


SCENARIOS: Final[Mapping[str, Storm]] = {
    "nothing is wrong": _storm([(), (), (), ()]),
    "one of four is dead": _storm(_for_good("dead")),
    "one of four never answers": _storm(_for_good("silent"), _MORE),
    "one of four is a hundred times slower": _storm(_for_good("slow"), _MORE),
    "one of four flaps": _storm(_flapping()),
    "one of four is busy (429)": _storm(_for_good("busy")),
    "one of four fails (500)": _storm(_for_good("failing")),
    "one of four answers 200 with an error": _storm(_for_good("lying")),
    "one of four resets its answers": _storm(_for_good("resetting")),
    "all four are dead for half a second": _storm(_all("dead")),
    "all four are busy (429) for half a second": _storm(_all("busy")),
    "all four fail (500) for half a second": _storm(_all("failing")),
}
