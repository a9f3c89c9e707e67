from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.routing.quality.choose import choose, foresee, settled
from weighbridge.routing.quality.look import Look
from weighbridge.routing.quality.rule import Arm, Choice, Rates, Rule, State

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
LOOK = Look("", "Hello?", "Hello?", 1, 40, None, 0, (), "text")
SMALL, TINY, SHORT = Arm("lab/small"), Arm("lab/tiny"), Arm("lab/small", "low", 100)
RULE = Rule(
    route="rt-000000000000",
    certificate="crt-1",
    reference="lab/large",
    arms=(SMALL, TINY),
    tau=0.1,
    novelty=2.0,
    shadow_rate=0.05,
    expires=NOW + timedelta(days=1),
)
PRICES = {"lab/large": 10, "lab/small": 2, "lab/tiny": 1}


class Learnt(msgspec.Struct):
    """What was learnt, as the test says it: figures by arm."""

    of_losses: Sequence[float]
    of_tokens: Sequence[float] = (100.0, 100.0, 100.0)
    of_novelty: float = 1.0

    def losses(self, look: Look, route: str | None = None) -> Sequence[float]:
        return self.of_losses

    def tokens(self, look: Look) -> Sequence[float]:
        return self.of_tokens

    def novelty(self, look: Look) -> float:
        return self.of_novelty


def chosen(learnt: Learnt, prices: Mapping[str, int | None] = PRICES, rule: Rule = RULE) -> tuple[str | None, str]:
    """The model, and why."""

    def expense(arm: Arm, tokens: float) -> Decimal | None:
        price = prices.get(arm.model)
        return None if price is None else Decimal(price) * Decimal(tokens)

    choice = choose(rule, foresee(learnt, LOOK, rule.route), expense)
    return None if choice.arm is None else choice.arm.id, choice.why


@pytest.mark.parametrize(
    ("losses", "model", "why"),
    [
        ((0.05, 0.05), "lab/tiny", "proven"),
        ((0.05, 0.2), "lab/small", "proven"),
        ((0.01, 0.05), "lab/small", "proven"),
        ((0.07, 0.2), "lab/small", "proven"),
        ((0.09, 0.2), None, "reference"),
        ((0.2, 0.2), None, "reference"),
        ((float("nan"), 0.2), None, "reference"),
    ],
)
def test_the_one_that_saves_most_for_what_it_loses_is_taken(
    losses: tuple[float, ...], model: str | None, why: str
) -> None:
    assert chosen(Learnt(losses)) == (model, why)


def test_what_is_longwinded_may_be_dearer_than_its_price_says() -> None:
    assert chosen(Learnt((0.0, 0.0), (100.0, 100.0, 300.0))) == ("lab/small", "proven")


def test_a_bound_on_the_answer_makes_it_cheaper() -> None:
    rule = msgspec.structs.replace(RULE, arms=(SHORT, TINY))
    assert chosen(Learnt((0.0, 0.0), (900.0, 900.0, 300.0)), rule=rule) == ("lab/small@low#100", "proven")


@pytest.mark.parametrize(
    ("prices", "model", "why"),
    [
        ({"lab/tiny": None}, "lab/small", "proven"),
        ({"lab/tiny": None, "lab/small": None}, None, "policy"),
        ({"lab/tiny": None, "lab/small": 11}, None, "reference"),
        ({"lab/tiny": 10, "lab/small": 10}, None, "reference"),
        ({"lab/large": None}, "lab/tiny", "proven"),
    ],
)
def test_who_may_not_be_asked_or_saves_nothing_is_passed_over(
    prices: dict[str, int | None], model: str | None, why: str
) -> None:
    assert chosen(Learnt((0.0, 0.0)), {**PRICES, **prices}) == (model, why)


@pytest.mark.parametrize("novelty", [2.1, float("inf"), float("nan")])
def test_what_is_strange_goes_to_the_reference(novelty: float) -> None:
    assert chosen(Learnt((0.0, 0.0), of_novelty=novelty)) == (None, "novel")


def test_a_choice_says_what_it_was_made_by() -> None:
    choice = choose(
        RULE, foresee(Learnt((0.05, 0.5)), LOOK, RULE.route), lambda arm, tokens: Decimal(PRICES[arm.model])
    )
    assert choice == Choice(SMALL, "proven", 0.05, 1.0)


@pytest.mark.parametrize(
    ("state", "tau", "expired", "why"),
    [
        ("proven", 0.1, False, None),
        ("proven", 0.1, True, "expired"),
        ("proven", float("-inf"), False, "reference"),
        ("stepped_back", 0.05, False, None),
        ("stepped_back", float("-inf"), False, "stepped_back"),
        ("rolled_back", 0.1, False, "rolled_back"),
        ("expired", 0.1, False, "expired"),
    ],
)
def test_some_rules_leave_nothing_to_choose(state: State, tau: float, expired: bool, why: str | None) -> None:
    expires = NOW if expired else NOW + timedelta(seconds=1)
    rule = msgspec.structs.replace(RULE, state=state, tau=tau, expires=expires)
    choice = settled(rule, NOW)
    assert (None if choice is None else (choice.arm, choice.why)) == (None if why is None else (None, why))


share = st.floats(-1, 1)


@given(losses=st.tuples(share, share), one=share, two=share)
def test_a_stricter_knob_never_moves_what_a_looser_one_leaves(
    losses: tuple[float, float], one: float, two: float
) -> None:
    strict = msgspec.structs.replace(RULE, tau=min(one, two))
    loose = msgspec.structs.replace(RULE, tau=max(one, two))
    moved = chosen(Learnt(losses), rule=strict)[0] is not None
    assert not moved or chosen(Learnt(losses), rule=loose)[0] is not None


def test_of_models_that_cost_nothing_the_proven_one_is_taken() -> None:
    free = dict.fromkeys(PRICES, 0)
    assert chosen(Learnt((0.5, 0.0)), free) == ("lab/tiny", "proven")
    assert chosen(Learnt((0.5, 0.0)), {**free, "lab/tiny": 1}) == (None, "reference")


def test_a_price_that_falls_moves_nothing_that_was_not_proven() -> None:
    proven = msgspec.structs.replace(RULE, rates=(Rates(0.0, 10.0), Rates(0.0, 9.0), Rates(0.0, 9.0)))
    losses = Learnt((0.05, 0.05))
    assert chosen(losses)[0] is not None  # by today's prices nine tenths are saved, which is worth it
    assert chosen(losses, rule=proven) == (None, "reference")  # a tenth was, which is worth a loss of 0.01
    assert chosen(Learnt((0.005, 0.5)), rule=proven) == ("lab/small", "proven")


def test_what_has_become_dearer_than_the_reference_is_not_taken_whatever_was_proven() -> None:
    proven = msgspec.structs.replace(RULE, rates=(Rates(0.0, 10.0), Rates(0.0, 2.0), Rates(0.0, 1.0)))
    assert chosen(Learnt((0.0, 0.0)), rule=proven) == ("lab/tiny", "proven")
    assert chosen(Learnt((0.0, 0.0)), {**PRICES, "lab/tiny": 11}, rule=proven) == ("lab/small", "proven")


@pytest.mark.parametrize(("tokens", "model"), [(100.0, "lab/small"), (400.0, "lab/tiny"), (10.0, None)])
def test_a_dear_request_may_lose_more(tokens: float, model: str | None) -> None:
    rates = (Rates(0.0, 10.0), Rates(0.0, 2.0), Rates(0.0, 1.0))
    rule = msgspec.structs.replace(RULE, rates=rates, usual=1000.0)
    assert chosen(Learnt((0.06, 0.075), (tokens,) * 3), rule=rule)[0] == model


def test_rates_count_the_prompt_and_the_request_too() -> None:
    assert Rates(0.1, 1.0, 5.0).cost(20, 7.0) == 14.0
