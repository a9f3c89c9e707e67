"""The schedules that endpoints fail by, and the oracle that knows them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.faults.episodes import KINDS, Episode, drawn, now_in, served

DEAD = Episode(1, 2, "dead")
LATER = Episode(2, 4, "failing")


def test_the_same_seed_gives_the_same_schedules() -> None:
    assert drawn(7, endpoints=5, seconds=60) == drawn(7, endpoints=5, seconds=60)
    assert drawn(7, endpoints=5, seconds=60) != drawn(8, endpoints=5, seconds=60)


@given(st.integers(), st.integers(1, 6), st.floats(0, 120))
def test_episodes_follow_each_other_and_are_of_known_kinds(seed: int, endpoints: int, seconds: float) -> None:
    schedules = drawn(seed, endpoints=endpoints, seconds=seconds)
    assert len(schedules) == endpoints
    for schedule in schedules:
        ends = [0.0]
        for episode in schedule:
            assert ends[-1] <= episode.start <= episode.end
            assert episode.start < seconds + 12
            assert episode.kind in KINDS
            ends.append(episode.end)


def test_all_kinds_come_in_a_long_schedule() -> None:
    assert {episode.kind for schedule in drawn(1, endpoints=5, seconds=200) for episode in schedule} == set(KINDS)


@pytest.mark.parametrize(
    ("moment", "kind"), [(0.5, None), (1, "dead"), (1.99, "dead"), (2, "failing"), (3.99, "failing"), (4, None)]
)
def test_an_episode_is_from_its_start_to_before_its_end(moment: float, kind: str | None) -> None:
    assert now_in([DEAD, LATER], moment) == kind


# the schedules, the moment, the patience; whether anyone could have been served
ORACLE: dict[str, tuple[list[list[Episode]], float, float, bool]] = {
    "nothing is wrong": ([[]], 1, 0, True),
    "one is dead, one is well": ([[DEAD], []], 1.5, 0, True),
    "the only one is dead": ([[DEAD]], 1.5, 0.2, False),
    "the only one is dead, and soon is not": ([[DEAD]], 1.5, 0.6, True),
    "dead, then failing": ([[DEAD, LATER]], 1.5, 2, False),
    "dead, then failing, then well": ([[DEAD, LATER]], 1.5, 2.6, True),
    "both are dead": ([[DEAD], [DEAD]], 1.5, 0.2, False),
    "one comes back before the other goes": ([[DEAD], [LATER]], 1.5, 0.1, True),
    "slow is not dead": ([[Episode(0, 9, "slow")]], 1, 0, True),
    "dead later": ([[LATER]], 1, 0.5, True),
    "well for a moment between two": ([[DEAD, Episode(2.1, 9, "dead")]], 1.5, 1, True),
}


@pytest.mark.parametrize("case", ORACLE)
def test_the_oracle_knows_who_could_have_been_served(case: str) -> None:
    schedules, moment, patience, expected = ORACLE[case]
    assert served(schedules, moment, patience) == expected


@given(st.integers(), st.floats(0, 30), st.floats(0, 5))
def test_a_longer_wait_never_serves_fewer(seed: int, moment: float, patience: float) -> None:
    schedules = drawn(seed, endpoints=2, seconds=30, well=1, ill=3)
    assert served(schedules, moment, patience) <= served(schedules, moment, patience + 1)
    serving = [now_in(schedule, moment) in (None, "slow") for schedule in schedules]
    assert served(schedules, moment, 0) == any(serving)
