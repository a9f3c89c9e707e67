"""The outbox: an event is told once, kept until it is delivered, and taken by one worker at a time."""

import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta

import msgspec

from weighbridge import db
from weighbridge.alerts import breakers, outbox, prices
from weighbridge.alerts.event import Event
from weighbridge.alerts.webhook import WAITS, Outcome, again
from weighbridge.db import Connection

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def event(mark: str = "budget.spent bud-1 2026-11", *, at: datetime = NOW) -> Event:
    return Event(
        type="budget.spent", at=at, subject={"budget": "bud-1"}, figures={"limit": "5", "spent": "5.00"}, mark=mark
    )


def test_an_event_of_one_mark_is_kept_once(connection: Connection) -> None:
    assert [outbox.put(connection, event()) for _ in range(3)] == [True, False, False]
    (kept,) = outbox.listing(connection)
    assert msgspec.json.decode(kept.body) == {
        "id": kept.id,
        "type": "budget.spent",
        "timestamp": "2026-11-22T12:00:00Z",
        "data": {"subject": {"budget": "bud-1"}, "figures": {"limit": "5", "spent": "5.00"}},
    }


def test_what_was_taken_is_nobody_elses_until_the_lease_is_over(connection: Connection) -> None:
    outbox.put(connection, event())
    taken = outbox.take(connection, now=NOW)
    assert taken is not None
    assert taken.tries == 1
    assert outbox.take(connection, now=NOW + outbox.LEASE - SECOND) is None
    again = outbox.take(connection, now=NOW + outbox.LEASE)  # whoever took it was killed
    assert again is not None
    assert (again.id, again.body, again.tries) == (taken.id, taken.body, 2)


def test_what_did_not_arrive_comes_again_and_what_did_does_not(connection: Connection) -> None:
    outbox.put(connection, event())
    taken = outbox.take(connection, now=NOW)
    assert taken is not None
    outbox.failed(connection, taken.id, "500", now=NOW, again=NOW + 5 * SECOND)
    assert outbox.take(connection, now=NOW + 4 * SECOND) is None
    assert outbox.take(connection, now=NOW + 5 * SECOND) is not None
    outbox.delivered(connection, taken.id, now=NOW + 6 * SECOND)
    assert outbox.take(connection, now=NOW + timedelta(days=9)) is None
    assert outbox.listing(connection, waiting=True) == []


def test_what_was_given_up_is_tried_when_somebody_wants_it(connection: Connection) -> None:
    outbox.put(connection, event())
    taken = outbox.take(connection, now=NOW)
    assert taken is not None
    outbox.failed(connection, taken.id, "500", now=NOW, again=None)
    assert outbox.take(connection, now=NOW + timedelta(days=9)) is None
    assert outbox.retry(connection, now=NOW) == 1
    assert outbox.take(connection, now=NOW) is not None


def test_old_ones_are_forgotten_once_they_are_done(connection: Connection) -> None:
    for mark in "abc":
        outbox.put(connection, event(mark))
    first, second, _ = (outbox.take(connection, now=NOW) for _ in "abc")
    assert first is not None
    assert second is not None
    outbox.delivered(connection, first.id, now=NOW)
    outbox.failed(connection, second.id, "500", now=NOW, again=None)
    assert outbox.forget_old(connection, now=NOW + outbox.KEPT) == 0
    assert outbox.forget_old(connection, now=NOW + outbox.KEPT + SECOND) == 2
    assert len(outbox.listing(connection)) == 1


def test_of_many_workers_each_alert_is_taken_by_one(connection: Connection, place: db.Place) -> None:
    for number in range(200):
        outbox.put(connection, event(f"mark {number}"))
    taken: list[str] = []

    def work() -> None:
        with closing(db.connect(place)) as own:
            while (alert := outbox.take(own, now=NOW)) is not None:
                taken.append(alert.id)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(taken) == len(set(taken)) == 200


def test_waits_grow_to_about_three_days_and_end() -> None:
    nothing = Outcome("500")
    waits = [again(tries, nothing, NOW) for tries in range(1, len(WAITS) + 2)]
    assert waits.pop() is None
    whole = sum(((wait - NOW) for wait in waits if wait is not None), timedelta())
    assert timedelta(days=2.5) < whole < timedelta(days=3.5)
    assert again(1, Outcome("429", wait=600.0), NOW) == NOW + timedelta(seconds=600)
    assert again(1, Outcome("429", wait=9e8), NOW) == NOW + timedelta(days=1)


def turn(connection: Connection, worker: str, *endpoints: str, at: datetime) -> list[str]:
    before = len(outbox.listing(connection))
    breakers.note(connection, worker, {each: {"why": "breaker", "requests": 3} for each in endpoints}, now=at)
    new = outbox.listing(connection)
    return sorted(f"{alert.type} {alert.body.decode().split('endpoint')[1][3:6]}" for alert in new[: len(new) - before])


def test_an_endpoint_that_several_workers_leave_alone_is_told_once_and_once_when_all_are_back(
    connection: Connection,
) -> None:
    at = [NOW + each * SECOND for each in range(10)]
    assert turn(connection, "w1", "a/x", at=at[0]) == ["breaker.opened a/x"]
    assert turn(connection, "w2", "a/x", "b/y", at=at[1]) == ["breaker.opened b/y"]
    assert turn(connection, "w1", at=at[2]) == []
    assert turn(connection, "w2", "b/y", at=at[3]) == ["breaker.closed a/x"]
    assert turn(connection, "w1", "a/x", at=at[4]) == ["breaker.opened a/x"]


def test_workers_that_leave_an_endpoint_alone_at_the_same_moment_tell_it_once(
    connection: Connection, place: db.Place
) -> None:
    ready = threading.Barrier(8)

    def work(worker: int) -> None:
        with closing(db.connect(place)) as own:
            ready.wait()
            breakers.note(own, f"w{worker}", {"a/x": {}}, now=NOW + timedelta(microseconds=worker))

    workers = [threading.Thread(target=work, args=(worker,)) for worker in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [alert.type for alert in outbox.listing(connection)] == ["breaker.opened"]


def test_a_worker_that_is_gone_leaves_nothing_alone_after_a_while(connection: Connection) -> None:
    assert turn(connection, "w1", "a/x", at=NOW) == ["breaker.opened a/x"]
    assert turn(connection, "w2", at=NOW + timedelta(seconds=80)) == []
    assert turn(connection, "w2", at=NOW + timedelta(seconds=100)) == ["breaker.closed a/x"]
    assert turn(connection, "w2", at=NOW + timedelta(seconds=200)) == []


def test_a_price_is_told_when_it_changes_and_not_when_it_is_first_seen(connection: Connection) -> None:
    old, new = {"input": "0.27", "output": "1.10"}, {"input": "0.27", "output": "0.90"}
    assert prices.note(connection, {"a/x": old, "b/y": old}, now=NOW) == 0
    assert prices.note(connection, {"a/x": old}, now=NOW) == 0
    assert prices.note(connection, {"a/x": new, "b/y": old}, now=NOW) == 1
    assert prices.note(connection, {"a/x": new, "b/y": old}, now=NOW) == 0
    (alert,) = outbox.listing(connection)
    assert msgspec.json.decode(alert.body)["data"] == {
        "subject": {"endpoint": "a/x", "provider": "a"},
        "figures": {"output_before": "1.10", "output_after": "0.90"},
    }
