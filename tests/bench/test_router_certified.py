from collections.abc import Mapping
from datetime import date
from pathlib import Path

import msgspec
import numpy as np
import pytest

from bench.router.certified import PLACES, Known, Tried, deciders, drawn, foretold, settings
from bench.router.proofs import BEGIN, END, OURS, PROMISES, Measured, Outcome, Row, page_of, write

KEPT: Mapping[str, Measured] = {
    "mix24": Measured(date(2026, 11, 23), 200, {OURS: Row(0.52, 0.04, 0.027, 0.68), "other": Row(0.7, 0.4, 0.05, 0.8)})
}


def known(rows: int) -> Known:
    """One candidate at a tenth of the price, that is foretold to lose more from row to row."""
    risk = np.linspace(0, 0.9, rows)[:, None]
    prices = np.tile([1.0, 0.1], (rows, 1))
    return Known(risk, prices, np.ones((rows, 1)), prices, 1.0)


def test_each_place_of_the_knob_moves_a_few_more_of_what_was_learnt_from() -> None:
    learnt = known(200)
    moved = [learnt.tried(tau).of(np.arange(200)).moved for tau in settings(learnt)]
    assert len(moved) == PLACES
    assert np.diff(moved) == pytest.approx(1 / PLACES, abs=0.01)
    assert moved[-1] == 1


def test_what_is_foretold_of_a_row_learnt_from_is_what_the_others_foretell() -> None:
    random = np.random.default_rng(1)
    points = random.normal(size=(60, 3))
    kernel = np.exp(-((points[:, None] - points) ** 2).sum(axis=2)).astype(np.float32)
    targets = random.normal(size=(60, 2))
    targets[0] = targets[1:40].mean(axis=0)  # the mean is taken of all
    rows = np.arange(40)
    known = foretold(kernel, rows, targets[:40])
    again = foretold(kernel, rows[1:], targets[1:40])
    assert known[0] == pytest.approx(again[0], abs=1e-4)


def test_of_many_candidates_what_they_have_in_common_counts_most() -> None:
    random = np.random.default_rng(3)
    hard = random.normal(size=(400, 1)) * np.ones((1, 12))
    known = hard + 0.3 * random.normal(size=(400, 12))
    told = drawn(known, np.arange(200))
    assert np.abs(told - hard)[200:].mean() < 0.8 * np.abs(known - hard)[200:].mean()


def test_the_knob_stops_before_the_first_place_that_is_not_shown_to_keep_the_promise() -> None:
    random = np.random.default_rng(2)
    places = []
    for worse in (0.0, 0.02, 0.2, 0.0):
        losses = (random.random(1500) < worse).astype(float)
        places.append(Tried(losses, np.full(1500, 0.1), np.ones(1500)))
    learnt, held = np.arange(500), np.arange(500, 1500)
    found = {name: decides(places, learnt, held) for name, decides in deciders(0.05).items()}
    assert found.pop("by Hoeffding's bound") == 0
    assert set(found.values()) == {2}


def test_a_split_is_broken_where_more_is_lost_than_was_promised() -> None:
    outcomes = [Outcome(0.5, 0.04, 0.6), Outcome(0.7, 0.06, 0.8)]
    found = Row.of(outcomes, 0.05)
    assert (found.saved, found.loss, found.moved) == pytest.approx((0.6, 0.05, 0.7))
    assert (found.broken, found.untrue) == (0.5, 0.0)


def test_a_promise_is_about_the_replays_too() -> None:
    place = Tried(np.array([0.0, 0.0, 1.0, 1.0]), np.full(4, 0.5), np.ones(4))
    found = place.outcome(np.array([2, 3]), np.array([0, 1]))
    assert (found.loss, found.whole, found.saved) == (1.0, 0.5, 0.5)


def test_a_promise_is_kept_where_enough_is_saved_and_little_enough_broken() -> None:
    assert "broken: kept. 200 splits" in page_of(KEPT)
    for worse in (Row(0.49, 0.04, 0.02, 0.6), Row(0.6, 0.055, 0.04, 0.7)):
        spoilt = msgspec.structs.replace(KEPT["mix24"], rows={OURS: worse})
        assert "**not kept**" in page_of({"mix24": spoilt})
    assert {promise.table for promise in PROMISES} == {"mix24", "mmlupro24"}


def test_the_page_keeps_what_stands_around(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    write(KEPT, page)
    assert page.read_text().startswith(f"before\n{BEGIN}\n\n### Certified: mix24")
    assert page.read_text().endswith(f"{END}\nafter\n")
    page.write_text("no markers")
    with pytest.raises(ValueError, match="has no line"):
        write(KEPT, page)
