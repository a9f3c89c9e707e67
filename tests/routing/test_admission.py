"""Places, lines before them, and who is turned away."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.routing.admission import PRIORITIES, SHARE, Lane, Lines, Waiter, lower
from weighbridge.wire.preferences import Priority


class Queue:
    """One lane of one place that is taken, and who was served in what order."""

    def __init__(self, *, queue: int = 100) -> None:
        self.lane = Lane("local", 1)
        self.lines = Lines((self.lane,), queue=queue)
        self.served: list[str] = []
        self.shed: list[str] = []
        self.names: dict[Waiter, str] = {}
        self.at = 0.0
        assert self.lines.enter(self.lane)

    def come(self, name: str, priority: Priority = "normal") -> Waiter | None:
        """Someone joins the line."""
        waiter = self.lines.join((self.lane,), priority, self._told)
        if waiter is None:
            self.shed.append(name)
        else:
            self.names[waiter] = name
        return waiter

    def _told(self, waiter: Waiter) -> None:
        (self.served if waiter.lane is self.lane else self.shed).append(self.names[waiter])

    def serve(self, count: int = 1) -> None:
        """So many places are given back, one a second."""
        for _ in range(count):
            self.at += 1
            self.lines.leave(self.lane, self.at)


def test_a_place_is_free_until_all_are_taken() -> None:
    lane = Lane("local", 2)
    lines = Lines((lane,), queue=1)
    assert [lines.enter(lane) for _ in range(3)] == [True, True, False]
    lines.leave(lane, 1.0)
    assert lines.enter(lane)


ORDERS: list[tuple[str, Sequence[tuple[str, Priority]], list[str]]] = [
    ("by arrival", [("a", "normal"), ("b", "normal"), ("c", "normal")], ["a", "b", "c"]),
    ("by priority", [("l", "low"), ("n", "normal"), ("h", "high")], ["h", "n", "l"]),
    (
        "by priority, then by arrival",
        [("l1", "low"), ("h1", "high"), ("l2", "low"), ("n1", "normal"), ("h2", "high")],
        ["h1", "h2", "n1", "l1", "l2"],
    ),
]


@pytest.mark.parametrize(("came", "order"), [case[1:] for case in ORDERS], ids=[case[0] for case in ORDERS])
def test_who_is_served_first(came: Sequence[tuple[str, Priority]], order: list[str]) -> None:
    queue = Queue()
    for name, priority in came:
        queue.come(name, priority)
    queue.serve(len(came))
    assert queue.served == order


def test_the_longest_waiting_gets_every_eighth_place_however_urgent_the_others_are() -> None:
    queue = Queue(queue=1000)
    queue.come("patient", "low")
    for at in range(3 * SHARE):
        queue.come(f"h{at}", "high")
        queue.come(f"g{at}", "high")
        queue.serve()
    assert queue.served.index("patient") == SHARE - 1


@given(st.lists(st.sampled_from(PRIORITIES), min_size=1, max_size=30))
def test_nobody_waits_for_more_places_than_a_share_for_each_who_came_before(first: list[Priority]) -> None:
    queue = Queue(queue=10_000)
    for at, priority in enumerate(first):
        queue.come(f"first {at}", priority)
    bound = SHARE * len(first)
    for at in range(bound):
        queue.come(f"late {at}", "high")
        queue.serve()
    assert {f"first {at}" for at in range(len(first))} <= set(queue.served)


SHEDDING: list[tuple[str, Sequence[tuple[str, Priority]], list[str], list[str]]] = [
    ("the newcomer among equals", [("a", "normal"), ("b", "normal"), ("c", "normal")], ["c"], ["a", "b"]),
    ("the lowest for one more urgent", [("l", "low"), ("n", "normal"), ("h", "high")], ["l"], ["h", "n"]),
    ("of the lowest the last", [("l1", "low"), ("l2", "low"), ("n", "normal")], ["l2"], ["n", "l1"]),
    ("the newcomer that is the lowest", [("n", "normal"), ("h", "high"), ("l", "low")], ["l"], ["h", "n"]),
    (
        "one after the other",
        [("l1", "low"), ("l2", "low"), ("h1", "high"), ("h2", "high"), ("h3", "high")],
        ["l2", "l1", "h3"],
        ["h1", "h2"],
    ),
]


@pytest.mark.parametrize(("came", "shed", "served"), [case[1:] for case in SHEDDING], ids=[c[0] for c in SHEDDING])
def test_who_is_turned_away_when_the_line_is_full(
    came: Sequence[tuple[str, Priority]], shed: list[str], served: list[str]
) -> None:
    queue = Queue(queue=2)
    for name, priority in came:
        queue.come(name, priority)
    assert queue.shed == shed
    queue.serve(len(came))
    assert queue.served == served


def test_who_leaves_the_line_is_passed_over() -> None:
    queue = Queue()
    first = queue.come("a")
    queue.come("b")
    assert first is not None
    queue.lines.quit(first)
    queue.serve(2)
    assert queue.served == ["b"]
    assert (queue.lane.busy, queue.lane.waiting) == (0, 0)


def test_one_that_would_do_with_either_lane_gets_the_first_that_is_free_and_no_second() -> None:
    a, b = Lane("a", 1), Lane("b", 1)
    lines = Lines((a, b), queue=5)
    assert lines.enter(a)
    assert lines.enter(b)
    told: list[Waiter] = []
    waiter = lines.join((a, b), "normal", told.append)
    lines.leave(b, 1.0)
    lines.leave(a, 2.0)
    assert told == [waiter]
    assert (waiter is not None and waiter.lane, a.busy, b.busy) == (b, 0, 1)


def test_a_flood_of_one_lane_leaves_another_its_line() -> None:
    a, b = Lane("a", 1), Lane("b", 1)
    lines = Lines((a, b), queue=2)
    assert lines.enter(a)
    assert lines.enter(b)
    flood = [lines.join((a,), "normal", lambda _: None) for _ in range(4)]
    assert [waiter is not None for waiter in flood] == [True, True, False, False]
    assert lines.join((b,), "low", lambda _: None) is not None
    assert lines.join((a, b), "low", lambda _: None) is not None, "it waits where there is room to wait"


def test_the_bound_of_the_worker_holds_over_all_lanes_and_serves_the_most_urgent_of_all() -> None:
    a, b, rest = Lane("a", 2), Lane("b", 2), Lane("others", None)
    lines = Lines((a, b, rest), queue=5, most=2)
    assert [lines.enter(lane) for lane in (a, rest, b)] == [True, True, False]
    served: list[str | None] = []
    for lane, priority in ((a, "low"), (b, "high"), (rest, "normal")):
        lines.join((lane,), priority, lambda waiter: served.append(waiter.lane and waiter.lane.name))  # type: ignore[arg-type]  # a literal in a tuple widens
    lines.leave(a, 1.0)
    lines.leave(rest, 2.0)
    lines.leave(b, 3.0)
    assert served == ["b", "others", "a"]


def test_the_wait_is_told_by_the_pace_of_late() -> None:
    queue = Queue()
    assert queue.lines.wait((queue.lane,), "normal") is None
    for name in ("a", "b", "c", "d", "e"):
        queue.come(name, "normal")
    queue.serve(3)
    assert queue.lines.wait((queue.lane,), "normal") == 3.0
    assert queue.lines.wait((queue.lane,), "high") == 1.0


@pytest.mark.parametrize("one", PRIORITIES)
def test_the_lower_of_two_priorities(one: Priority) -> None:
    assert lower(one, "low") == lower("low", one) == "low"
    assert lower(one, "high") == lower("high", one) == one


MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("come"), st.sampled_from([(0,), (1,), (0, 1), (2,), (0, 2)]), st.sampled_from(PRIORITIES)),
        st.tuples(st.just("end"), st.integers(0, 50), st.none()),
        st.tuples(st.just("quit"), st.integers(0, 50), st.none()),
    ),
    max_size=120,
)


@given(MOVES, st.one_of(st.none(), st.integers(1, 4)))
def test_no_place_is_lost_or_given_twice_and_none_is_free_while_someone_waits_for_it(
    moves: list[tuple[str, object, object]], most: int | None
) -> None:
    lanes = (Lane("a", 1), Lane("b", 3), Lane("others", None))
    lines = Lines(lanes, queue=3, most=most)
    holding: list[Lane] = []
    waiting: list[Waiter] = []

    def told(waiter: Waiter) -> None:
        waiting.remove(waiter)
        if waiter.lane is not None:
            holding.append(waiter.lane)

    for at, (move, what, priority) in enumerate(moves):
        if move == "come":
            assert isinstance(what, tuple)
            wanted = [lanes[each] for each in what]
            entered = next((lane for lane in wanted if lines.enter(lane)), None)
            if entered is not None:
                holding.append(entered)
            elif (waiter := lines.join(wanted, priority, told)) is not None:  # type: ignore[arg-type]  # of PRIORITIES
                waiting.append(waiter)
        elif move == "end" and holding:
            assert isinstance(what, int)
            lines.leave(holding.pop(what % len(holding)), float(at))
        elif move == "quit" and waiting:
            assert isinstance(what, int)
            lines.quit(waiting.pop(what % len(waiting)))
        assert [lane.busy for lane in lanes] == [holding.count(lane) for lane in lanes]
        assert all(lane.bound is None or lane.busy <= lane.bound for lane in lanes)
        assert most is None or len(holding) <= most
        assert all(lane.waiting == sum(lane in each.lanes for each in waiting) for lane in lanes)
        assert not any(lines.has_room and lane.has_room and lane.waiting for lane in lanes)
        assert all(lane.waiting <= 3 for lane in lanes)
