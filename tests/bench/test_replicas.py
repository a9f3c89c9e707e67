"""What the provider counted, against the ledger: each thing that can be wrong is seen, and named."""

from dataclasses import replace

import pytest

from bench.counting import stated
from bench.crowd import BROKEN
from bench.replicas import Row, bound, compare

ASKED = b'{"user":"%(number)d"}'
WELL = 0
REFUSED = 1
DIED = 2
UNREAD = 3
STATUSES = [200, 402, BROKEN, BROKEN]
TIMES = bytes([1, 0, 1, 0])


def exact(number: int) -> Row:
    says = stated(number)
    tokens = (says.prompt, says.completion, says.cached)
    return Row(f"wbr-{number}", number, "complete", 200, None, "provider", tokens, says.cost)


ROWS = [
    exact(WELL),
    Row("wbr-1", REFUSED, "refused", 402, "budget_spent", None, (None, None, None), 0),
    Row("wbr-2", DIED, "stopped", 503, "worker_died", "bound", (100, 100, None), bound(ASKED % {b"number": DIED})),
]


def but(other: Row) -> list[Row]:
    """The entries, where that of one request is another."""
    return [other if row.number == other.number else row for row in ROWS]


def test_where_all_is_well_nothing_is_named() -> None:
    found = compare(TIMES, STATUSES, ROWS, ASKED)
    assert not found.differences
    assert (found.exact, found.bound, found.refused, found.unentered) == (1, 1, 1, 1)


@pytest.mark.parametrize(
    ("times", "statuses", "rows"),
    [
        pytest.param(TIMES, STATUSES, ROWS[1:], id="an answer without an entry"),
        pytest.param(TIMES, STATUSES, ROWS[:2], id="counted, broken off and not entered"),
        pytest.param(TIMES, STATUSES, [*ROWS, exact(WELL)], id="entered twice"),
        pytest.param(bytes([2, 0, 1, 0]), STATUSES, ROWS, id="sent twice, and entered once"),
        pytest.param(bytes([0, 0, 1, 0]), STATUSES, ROWS, id="charged, and never sent"),
        pytest.param(bytes([1, 1, 1, 0]), STATUSES, ROWS, id="sent, and entered as refused"),
        pytest.param(bytes([1, 0, 1, 1]), STATUSES, ROWS, id="sent, broken off and not entered"),
        pytest.param(TIMES, [200, 200, BROKEN, BROKEN], ROWS, id="a whole answer that is entered as refused"),
        pytest.param(TIMES, [200, 402, 200, BROKEN], ROWS, id="a whole answer that is settled by its bound"),
        pytest.param(TIMES, [200, 402, BROKEN, 402], ROWS, id="refused without an entry"),
        pytest.param(
            TIMES, STATUSES, but(replace(ROWS[WELL], cost=stated(WELL).cost + 1)), id="a cost that is off by 1e-12"
        ),
        pytest.param(TIMES, STATUSES, but(replace(ROWS[WELL], tokens=(1, 2, 3))), id="other tokens"),
        pytest.param(
            TIMES, STATUSES, but(replace(ROWS[WELL], ending="client_left")), id="a whole answer that is no whole entry"
        ),
        pytest.param(
            TIMES,
            STATUSES,
            but(replace(ROWS[DIED], cost=bound(ASKED % {b"number": DIED}) - 1)),
            id="a bound that is too low",
        ),
        pytest.param(TIMES, STATUSES, but(replace(ROWS[DIED], error=None)), id="a bound that nothing flags"),
        pytest.param(TIMES, STATUSES, [*ROWS, exact(7)], id="an entry that nobody asked for"),
    ],
)
def test_what_is_wrong_is_named(times: bytes, statuses: list[int], rows: list[Row]) -> None:
    found = compare(times, statuses, rows, ASKED)
    assert [len(each) for each in found.differences.values()] == [1]
