"""Receipt ids: unique over all workers, and in the order of time."""

import re

from weighbridge.ledger.entry import Ids


def test_an_id_names_what_it_is() -> None:
    assert re.fullmatch(r"wbr-[0-9a-f]{32}", Ids().next())


def test_the_ids_of_a_worker_sort_as_they_were_made() -> None:
    ids = Ids()
    made = [ids.next() for _ in range(10_000)]
    assert made == sorted(made)
    assert len(set(made)) == 10_000


def test_no_two_workers_make_the_same_id() -> None:
    workers = [Ids() for _ in range(100)]
    made = [worker.next() for worker in workers for _ in range(20)]
    assert len(set(made)) == 2_000


def test_ids_of_different_workers_sort_by_time() -> None:
    first, second = Ids(), Ids()
    early = first.next()
    while (late := second.next())[:16] == early[:16]:
        pass  # within the same millisecond the workers decide
    assert early < late
