"""What replays may cost: held before they are sent, at the dearest of the providers they may go to."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from weighbridge.catalog.model import Endpoint, Model, Price, Rate
from weighbridge.ledger.budgets.bound import TEMPLATE
from weighbridge.switch.purse import LONGEST_ANSWER, Purse, most

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def endpoint(provider: str, price: str | None) -> Endpoint:
    prices = () if price is None else (Price("p", "", Rate(Decimal(price)), Rate(2 * Decimal(price))),)
    return Endpoint(provider, "m", "a/m", prices)


MODEL = Model("a/m", endpoints=(endpoint("near", "1"), endpoint("far", "3"), endpoint("dark", None)))
BODY = b'{"model":"a/m","messages":[{"role":"user","content":"Hi"}],"max_tokens":10}'


def test_what_is_held_is_not_there_for_others_and_becomes_a_cost() -> None:
    purse = Purse(Decimal(10), Decimal(4))
    assert purse.hold(Decimal(5))
    assert not purse.hold(Decimal(2))
    purse.settle(Decimal(5), Decimal(3))
    assert (purse.spent, purse.held) == (Decimal(7), Decimal(0))
    assert purse.hold(Decimal(3))
    assert not purse.hold(Decimal("0.000000000001"))


def test_without_a_budget_there_is_no_end_to_it() -> None:
    purse = Purse(None, Decimal(0))
    assert purse.hold(Decimal(10**9))


@pytest.mark.parametrize(("providers", "price"), [({"near"}, 1), ({"near", "far"}, 3)])
def test_the_most_is_that_of_the_dearest_provider(providers: set[str], price: int) -> None:
    amount, limit = most(BODY, MODEL, providers, NOW)
    assert amount == ((len(BODY) + TEMPLATE) * price + 10 * 2 * price) * Decimal("1E-6")
    assert limit is None


def test_an_answer_without_an_end_gets_one() -> None:
    body = BODY.replace(b',"max_tokens":10', b"")
    amount, limit = most(body, MODEL, {"near"}, NOW)
    assert limit == LONGEST_ANSWER
    assert amount == (len(body) + TEMPLATE + LONGEST_ANSWER * 2) * Decimal("1E-6")


def test_what_has_no_price_cannot_be_held() -> None:
    with pytest.raises(ValueError, match="dark/m"):
        most(BODY, MODEL, {"near", "dark"}, NOW)
