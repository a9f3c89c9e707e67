"""New requests take turns while answers stream, and wait for nobody when none do."""

import asyncio
from dataclasses import dataclass, field

from weighbridge.transport.turns import _A_FEW, _LATELY, Turns


@dataclass
class Clock:
    """A clock that stands still until it is told."""

    seconds: float = 100.0

    def __call__(self) -> float:
        return self.seconds


@dataclass
class Crowd:
    """Requests that note in which turn of the loop they began."""

    begun: list[tuple[int, int]] = field(default_factory=list)
    turn: int = 0

    def member(self, number: int) -> "Member":
        """One request of the crowd."""
        return Member(self, number)


@dataclass
class Member:
    """One request."""

    crowd: Crowd
    number: int

    def begin(self) -> None:
        """See Waiting.begin."""
        self.crowd.begun.append((self.crowd.turn, self.number))


async def _pass_turns(crowd: Crowd, turns: int) -> None:
    for _ in range(turns):
        crowd.turn += 1
        await asyncio.sleep(0)


async def test_a_crowd_begins_at_once_where_nothing_streams() -> None:
    turns, crowd = Turns(Clock()), Crowd()
    for number in range(100):
        turns.take(crowd.member(number))
    assert crowd.begun == [(0, number) for number in range(100)]


async def test_a_crowd_begins_a_few_in_each_turn_and_in_its_order_while_answers_stream() -> None:
    turns, crowd = Turns(Clock()), Crowd()
    turns.streamed()
    for number in range(3 * _A_FEW + 1):
        turns.take(crowd.member(number))
    assert len(crowd.begun) == _A_FEW
    await _pass_turns(crowd, 6)
    assert [number for _, number in crowd.begun] == list(range(3 * _A_FEW + 1))
    in_turn = [sum(turn == one for turn, _ in crowd.begun) for one in range(6)]
    assert max(in_turn) == _A_FEW
    assert sum(in_turn) == 3 * _A_FEW + 1


async def test_who_comes_later_does_not_pass_those_who_wait() -> None:
    clock = Clock()
    turns, crowd = Turns(clock), Crowd()
    turns.streamed()
    for number in range(2 * _A_FEW):
        turns.take(crowd.member(number))
    clock.seconds += 2 * _LATELY  # nothing streams any more, but some still wait
    turns.take(crowd.member(2 * _A_FEW))
    await _pass_turns(crowd, 6)
    assert [number for _, number in crowd.begun] == list(range(2 * _A_FEW + 1))


async def test_soon_after_the_last_chunk_all_begin_at_once_again() -> None:
    clock = Clock()
    turns, crowd = Turns(clock), Crowd()
    turns.streamed()
    clock.seconds += 2 * _LATELY
    for number in range(100):
        turns.take(crowd.member(number))
    assert len(crowd.begun) == 100
