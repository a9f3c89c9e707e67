from io import BytesIO

import numpy as np
import pytest

from tests.switch.learning.requests import ARMS, look, some
from weighbridge.routing.quality.encoders import encoder
from weighbridge.routing.quality.look import Look
from weighbridge.routing.quality.predictor import Predictor, PredictorUnreadableError, load
from weighbridge.switch.learning.fit import TooFewError, fit, learn

SUM = look("Chen has 31 boats and buys 34 more. How many boats are there?")
RIDDLE = look("Explain the riddle of Bo and the lamps: why does none of them ever leave the room?")


@pytest.fixture(scope="module")
def learnt() -> Predictor:
    looks, losses, tokens, _ = some(200)
    return fit(looks, losses, ARMS, tokens=tokens)


def test_what_is_lost_is_foretold(learnt: Predictor) -> None:
    assert learnt.losses(SUM) == pytest.approx([0.0, 0.0], abs=0.12)
    assert learnt.losses(RIDDLE) == pytest.approx([0.3, 0.8], abs=0.15)


def test_the_length_of_answers_is_foretold_the_references_first(learnt: Predictor) -> None:
    assert learnt.tokens(SUM) == pytest.approx([100] * 3, rel=0.15)
    assert learnt.tokens(RIDDLE) == pytest.approx([1000] * 3, rel=0.15)


def test_a_request_of_another_kind_is_stranger(learnt: Predictor) -> None:
    strange = look("请把下面的合同翻译成阿拉伯语, 并逐条解释其中的法律风险。")
    assert learnt.novelty(strange) > 2 * max(learnt.novelty(SUM), learnt.novelty(RIDDLE))


def test_a_predictor_foretells_the_same_when_it_was_kept(learnt: Predictor) -> None:
    again = load(learnt.save())
    assert again.arms == ARMS
    for each in (SUM, RIDDLE):
        assert again.losses(each) == pytest.approx(learnt.losses(each), abs=1e-5)
        assert again.tokens(each) == pytest.approx(learnt.tokens(each), rel=1e-4)
        assert again.novelty(each) == pytest.approx(learnt.novelty(each), abs=1e-4)


@pytest.mark.parametrize("blob", [b"", b"no archive", b"PK\x03\x04"])
def test_what_is_no_predictor_says_so(blob: bytes) -> None:
    with pytest.raises(PredictorUnreadableError, match="fit it anew"):
        load(blob)


def test_a_predictor_of_another_version_says_so(learnt: Predictor) -> None:
    with np.load(BytesIO(learnt.save())) as kept:
        arrays = {name: kept[name] for name in kept.files} | {"version": np.array(99)}
    out = BytesIO()
    np.savez(out, **arrays)
    with pytest.raises(PredictorUnreadableError, match="version 99"):
        load(out.getvalue())


def test_the_same_replays_give_the_same_predictor() -> None:
    looks, losses, tokens, _ = some(60)
    one, other = (fit(looks, losses, ARMS, tokens=tokens, seed=3) for _ in range(2))
    assert one.losses(RIDDLE) == other.losses(RIDDLE)


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_to_learn_on_is_to_have_learnt_all_at_once(missing: float) -> None:
    looks, losses, tokens, routes = some(120)
    losses = np.where(np.random.default_rng(1).random(losses.shape) < missing, np.float32(np.nan), losses)
    once, step_by_step = (
        learn(looks[:60], losses[:60], ARMS, tokens=tokens[:60], routes=routes[:60]) for _ in range(2)
    )
    once.update(looks[60:], losses[60:], tokens[60:], routes[60:])
    for at in range(60, 120):
        step_by_step.update(looks[at : at + 1], losses[at : at + 1], tokens[at : at + 1], routes[at : at + 1])
    rows = once.frame.reader.read_all(looks)
    cells = once.cells(routes, len(rows))
    anew = once.frame.sum(rows, losses, cells, len(once.routes))
    for learner in (once, step_by_step):
        assert np.allclose(
            learner.sums.linear.solve(np.ones(rows.shape[1]), 3.0)[0],
            anew.linear.solve(np.ones(rows.shape[1]), 3.0)[0],
            atol=1e-6,
        )
        opinions = learner.frame.opinions(learner.sums, learner.penalties, learner.routes)
        refit = learner.frame.opinions(anew, learner.penalties, learner.routes)
        apart = refit.kernels[0].apart(refit.kernels[0].space.place(rows))
        assert np.allclose(opinions.mean, refit.mean, atol=1e-6)
        assert np.allclose(opinions.routes.table, refit.routes.table, atol=1e-6)
        assert np.allclose(opinions.clusters.table, refit.clusters.table, atol=1e-6)
        assert np.allclose(opinions.linear.predict(rows), refit.linear.predict(rows), atol=1e-6)
        assert np.allclose(opinions.kernels[0].predict(apart), refit.kernels[0].predict(apart), atol=1e-5)


def test_what_is_learnt_on_changes_what_is_foretold() -> None:
    looks, losses, tokens, _ = some(60)
    learner = learn(looks, losses, ARMS, tokens=tokens)
    before = learner.predictor().losses(SUM)
    worse, _, more, _ = some(200, seed=1)
    learner.update(worse, np.ones((200, 2), np.float32), more)
    after = learner.predictor().losses(SUM)
    assert all(new > old + 0.3 for new, old in zip(after, before, strict=True))


def test_a_route_counts_where_the_text_says_nothing() -> None:
    random = np.random.default_rng(0)
    looks = [look(f"Case {random.integers(1000)}, please.") for _ in range(400)]
    hard = random.random(400) < 0.5
    losses = (random.random((400, 1)) < np.where(hard, 0.7, 0.05)[:, None]).astype(np.float32)
    predictor = load(fit(looks, losses, ["a"], routes=["rt-hard" if each else "rt-easy" for each in hard]).save())
    easy, other, unknown = (predictor.losses(looks[0], route)[0] for route in ("rt-easy", "rt-hard", "rt-new"))
    assert easy < unknown < other
    assert other - easy > 0.3


def test_a_route_that_comes_later_is_learnt_too() -> None:
    looks, losses, tokens, routes = some(60)
    learner = learn(looks, losses, ARMS, tokens=tokens, routes=routes)
    learner.update(looks, np.ones((60, 2), np.float32), tokens, ["rt-new"] * 60)
    assert learner.routes == ["rt-riddles", "rt-sums", "rt-new"]
    table = learner.predictor().routes.table
    assert (table[2] > table[0]).all()
    assert (table[1] < table[0]).all()


def test_noise_is_not_believed() -> None:
    looks, _, _, _ = some(150)
    losses = np.random.default_rng(0).choice([-1.0, 0.0, 1.0], (150, 8)).astype(np.float32)
    predictor = fit(looks, losses, [f"arm-{at}" for at in range(8)])
    foretold = np.array([predictor.losses(each) for each in some(60, seed=9)[0]])
    assert np.abs(foretold - losses.mean(axis=0)).mean() < 0.1


def test_it_is_learnt_with_an_encoder_too() -> None:
    looks, losses, tokens, _ = some(60)
    predictor = load(fit(looks, losses, ARMS, tokens=tokens, encoder=encoder("wordllama")).save())
    assert len(predictor.kernels) == 2
    assert predictor.losses(RIDDLE)[1] > predictor.losses(SUM)[1] + 0.3


def test_few_alike_requests_in_one_script_can_be_learnt_from() -> None:
    looks = [look("多少") for _ in range(10)]
    losses = np.array([[1.0]] * 5 + [[0.0]] * 5, np.float32)
    assert fit(looks, losses, ["a"]).losses(looks[0]) == pytest.approx([0.5], abs=0.05)


@pytest.mark.parametrize(
    ("looks", "losses", "error", "says"),
    [
        ([SUM] * 9, np.zeros((9, 2)), TooFewError, "9 requests are too few"),
        ([SUM] * 10, np.column_stack([np.zeros(10), np.full(10, np.nan)]), TooFewError, "lab/tiny was seen on no"),
        ([SUM] * 10, np.zeros((10, 3)), ValueError, "not 10 requests x 2 arms"),
        ([SUM] * 10, np.full((10, 2), 1.5), ValueError, "beyond"),
    ],
)
def test_what_cannot_be_learnt_from_is_refused(
    looks: list[Look], losses: "np.ndarray[tuple[int, int], np.dtype[np.float64]]", error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        fit(looks, losses.astype(np.float32), ARMS)


def test_lengths_of_another_shape_are_refused() -> None:
    looks, losses, tokens, _ = some(20)
    with pytest.raises(ValueError, match="tokens are"):
        fit(looks, losses, ARMS, tokens=tokens[:, :2])


def test_answers_whose_length_nobody_saw_are_taken_to_be_as_long_as_the_others() -> None:
    looks, losses, tokens, _ = some(80)
    tokens[:, 2] = np.nan
    found = fit(looks, losses, ARMS, tokens=tokens).tokens(RIDDLE)
    assert found[2] == pytest.approx(1000, rel=0.2)
