"""Prices, put into the store as rows: which is in force, what moved it, and what is refused."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime

import pytest

from weighbridge.errors import MarketError
from weighbridge.market.recipes.figure import figure
from weighbridge.market.store import Kept, Store
from weighbridge.market.tables import Price

LATER = date(2026, 1, 1)
WINDOW = {"window": "2025-01-01:2025-12-31"}


@dataclass(frozen=True)
class At:
    """A price that holds from a day of 2025 on."""

    month: int | None
    amounts: tuple[str, str]


def keep(store: Store, source: str, rows: Iterable[Price], *, as_of: date = LATER) -> None:
    """Rows of a source, as if a payload of a day had them."""
    name = f"{source}-{as_of}"
    writing = store.writing(name)
    for row in rows:
        writing.add(row)
    kept = Kept(
        sha256=name, size=0, name=name, source=source, as_of=as_of, taken=datetime(2026, 1, 1, tzinfo=UTC),
        licence="", line=source, rows={}, findings=(), parts=writing.finish(),
    )  # fmt: skip
    store.keep(kept)


def listed(*prices: At, as_of: date = LATER) -> list[Price]:
    model = "deepseek/deepseek-chat"
    return [_price(model, "openrouter", each, "openrouter-prices", as_of) for each in prices]


def asked(*prices: At) -> list[Price]:
    return [_price("deepseek-chat", "deepseek", each, "model-prices", LATER) for each in prices]


def _price(model: str, provider: str, at: At, source: str, as_of: date) -> Price:
    since = None if at.month is None else date(2025, at.month, 1)
    return Price(model, provider, "base", since, *at.amounts, None, None, source, as_of)


def test_each_change_has_its_cause(store: Store) -> None:
    keep(store, "openrouter-prices", listed(
        At(1, ("1", "2")), At(2, ("1", "2")), At(3, ("3", "4")), At(4, ("9", "9")), At(5, ("3", "4")),
    ))  # fmt: skip
    keep(store, "model-prices", asked(At(1, ("1", "2")), At(3, ("3", "4"))))
    found = figure(store, "price-history", WINDOW)
    assert [(row[1], row[-1]) for row in found.measured.rows] == [
        ("2025-03-01", "vendor"),
        ("2025-04-01", "another provider"),
        ("2025-05-01", "vendor listed again"),
    ]


def test_a_price_of_which_no_list_dates_the_vendors_is_not_explained(store: Store) -> None:
    keep(store, "openrouter-prices", listed(At(1, ("1", "2")), At(2, ("3", "4"))))
    keep(store, "model-prices", asked(At(None, ("3", "4"))))
    assert figure(store, "price-history", WINDOW).value("not known") == 1


def test_what_a_source_said_anew_of_one_day_is_a_restatement(store: Store) -> None:
    keep(store, "openrouter-prices", listed(At(1, ("1", "2")), as_of=date(2025, 6, 1)), as_of=date(2025, 6, 1))
    keep(store, "openrouter-prices", listed(At(1, ("1", "3"))))
    found = figure(store, "price-history", WINDOW)
    assert found.measured.rows == [("2025-01-01", "2026-01-01", 1, 2, 1, 3, "restated")]


def test_an_undated_price_holds_only_where_no_list_dates_one(store: Store) -> None:
    gpt = _price("gpt-4o", "openai", At(None, ("2.5", "10")), "model-prices", LATER)
    keep(store, "model-prices", [*asked(At(None, ("5", "5")), At(3, ("0.25", "2"))), gpt])
    found = figure(store, "price-multiple", {"window": "2025-01-01:2025-04-01", "list": "vendors"})
    assert [row[0] for row in found.measured.rows] == ["2025-03-01", "2025-04-01"]
    assert [each.value for each in found.measured.values] == [10, 5, 17.5 / 2.75]
    before = figure(store, "price-multiple", {"window": "2025-02-01", "list": "vendors"})
    assert before.value("input") == 0.5


def test_a_multiple_of_what_is_free_is_unknown(store: Store) -> None:
    keep(store, "openrouter-prices", listed(At(1, ("0", "0"))))
    gpt = _price("openai/gpt-4o", "openrouter", At(1, ("2.5", "10")), "openrouter-prices", LATER)
    keep(store, "openrouter-prices", [gpt], as_of=date(2026, 1, 2))
    found = figure(store, "price-multiple", {"window": "2025-02-01"})
    assert [each.value for each in found.measured.values] == [None, None, None]


@pytest.mark.parametrize("blend", ["3", "0:0", "a:b", "-1:2"])
def test_a_blend_that_is_none_is_refused(blend: str, store: Store) -> None:
    keep(store, "openrouter-prices", listed(At(1, ("1", "2"))))
    with pytest.raises(MarketError, match="PROMPT:ANSWER"):
        figure(store, "price-multiple", {"blend": blend})
