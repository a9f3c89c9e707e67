"""Reviewed names: exact, dated, and without contradiction."""

from datetime import date

import pytest

from weighbridge.errors import MarketError
from weighbridge.market.identity.book import Entity, Parent, Place, Publisher, book, checked

MOVED = Entity("A", (Place("CN", "x"), Place("SG", "y", date(2026, 1, 1))))


def test_a_lab_of_the_catalogue_has_the_catalogues_country() -> None:
    assert book().countries("openrouter", date(2026, 8, 16))["deepseek"] == "CN"


def test_a_seat_is_that_of_the_day() -> None:
    found = checked({}, {"a": MOVED}, [Publisher("openrouter", "a", "a", "lab", "x")])
    assert found.countries("openrouter", date(2025, 12, 31)) == {"a": "CN"}
    assert found.countries("openrouter", date(2026, 1, 1)) == {"a": "SG"}
    assert found.countries("arena", date(2026, 1, 1)) == {}


@pytest.mark.parametrize(
    ("labs", "own", "rows", "said"),
    [
        ({"a": MOVED}, {"a": MOVED}, [], "home in the catalogue"),
        ({}, {"a": Entity("A", (Place("UK", "x"),))}, [], "'UK' is no country's code"),
        ({}, {"a": Entity("A", (), Parent("b", "x"))}, [], "parent 'b'"),
        ({}, {}, [Publisher("arena", "A", "a", "lab", "x")], "'a' is no entity"),
        ({}, {}, [Publisher("arena", "A", "", "stealth", "x")] * 2, "twice"),
    ],
)
def test_rows_that_contradict_each_other_are_refused(
    labs: dict[str, Entity], own: dict[str, Entity], rows: list[Publisher], said: str
) -> None:
    with pytest.raises(MarketError, match=said):
        checked(labs, own, rows)
