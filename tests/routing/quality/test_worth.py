from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.routing.quality.choose import Foreseen, choose
from weighbridge.routing.quality.rule import Arm, Rates, Rule
from weighbridge.routing.quality.worth import saved, taken, worth

INF = float("inf")
ARMS = tuple(Arm(f"lab/{name}") for name in "abc")
loss = st.floats(-1, 1)
cost = st.integers(0, 20)


@pytest.mark.parametrize(
    ("losses", "costs", "tau", "arm"),
    [
        ([0.0, 0.05], [10, 5, 1], 0.1, 0),
        ([0.02, 0.05], [10, 5, 1], 0.2, 1),
        ([0.06, 0.2], [10, 5, 1], 0.1, -1),
        ([-0.2, 0.05], [10, 9, 1], 0.0, 0),
        ([-0.2, 0.05], [10, 11, 1], 0.0, -1),
        ([0.5, 0.9], [10, 5, 1], INF, 1),
        ([-0.5, -0.9], [10, 5, 1], -INF, -1),
        ([0.0, 0.0], [10, np.nan, 1], 0.1, 1),
        ([0.0, 0.0], [0, 0, 1], 0.1, 0),
        ([np.nan, 0.0], [10, 1, 5], 0.1, 1),
    ],
)
def test_the_arm_that_is_worth_most_is_taken(losses: list[float], costs: list[float], tau: float, arm: int) -> None:
    assert taken(np.array([losses]), np.array([costs], float), tau).tolist() == [arm]


@pytest.mark.parametrize(
    ("cost", "reference", "usual", "saving"),
    [
        (5, 10, None, 0.5),
        (5, 10, 10, 0.5),
        (10, 40, 10, 1.5),
        (5, 10, 40, 0.25),
        (12, 10, None, -0.2),
        (0, 0, 10, 1.0),
    ],
)
def test_what_is_saved_is_counted_between_this_request_and_the_usual_one(
    cost: float, reference: float, usual: float | None, saving: float
) -> None:
    assert saved(cost, reference, usual) == pytest.approx(saving)


def test_a_dear_request_may_lose_more_than_a_cheap_one_for_as_great_a_share() -> None:
    losses, costs = np.array([[0.1], [0.1]]), np.array([[40.0, 10.0], [10.0, 2.5]])
    assert taken(losses, costs, 0.1, 10).tolist() == [0, -1]
    assert taken(losses, costs, 0.1).tolist() == [-1, -1]


def test_a_quarter_of_the_saving_may_lose_a_quarter_of_the_knob() -> None:
    assert worth(0.025, 0.25, 0.1) == pytest.approx(0)


@given(
    losses=st.tuples(loss, loss, loss),
    costs=st.tuples(cost, cost, cost, cost),
    tau=st.floats(-1, 1),
    usual=st.none() | st.integers(1, 20),
)
def test_many_requests_are_decided_as_the_gateway_decides_one(
    losses: tuple[float, ...], costs: tuple[int, ...], tau: float, usual: int | None
) -> None:
    expires = datetime(2026, 11, 23, tzinfo=UTC) + timedelta(days=1)
    rates = () if usual is None else tuple(Rates(0.0, price) for price in costs)
    rule = Rule("rt-0", "crt-1", "lab/reference", ARMS, tau, 1.0, 0.0, expires, rates=rates, usual=usual)
    prices = dict(zip(["lab/reference", *(arm.model for arm in ARMS)], costs, strict=True))
    foreseen = Foreseen(losses, (1.0,) * 4, 0.0)
    choice = choose(rule, foreseen, lambda arm, tokens: Decimal(prices[arm.model]))
    arm = int(taken(np.array([losses]), np.array([costs], float), tau, usual)[0])
    if choice.arm is None or arm < 0:
        assert choice.arm is None
        assert arm == -1
        return
    one, other = ARMS.index(choice.arm), arm
    savings = [saved(costs[at + 1], costs[0], usual) for at in (one, other)]
    gains = [worth(losses[at], saving, tau) for at, saving in zip((one, other), savings, strict=True)]
    assert gains[0] == pytest.approx(gains[1], abs=1e-9)
