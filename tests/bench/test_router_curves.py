import numpy as np
import pytest

from bench.router.curves import Frontier, area, calls, saved
from bench.router.data import Table, read
from bench.router.measure import frontier
from bench.router.specs import SPECS
from bench.router.splits import Board


def curve(*points: tuple[float, float]) -> Frontier:
    return Frontier(*np.array(points, float).T)


def test_the_hull_leaves_out_what_a_mixture_beats() -> None:
    hull = curve((1, 0.5), (2, 0.55), (3, 0.8), (4, 0.7), (5, 0.9)).hull()
    assert list(zip(hull.cost, hull.quality, strict=True)) == [(1, 0.5), (3, 0.8), (5, 0.9)]


def test_the_area_is_level_beyond_the_best_point() -> None:
    assert area(curve((0, 0.5), (1, 1.0)), 0, 2) == pytest.approx((0.75 + 1.0) / 2)


@pytest.mark.parametrize(("share", "found"), [(0.9, 0.5), (1.0, 0.0), (0.8, 1.0), (0.95, 0.25)])
def test_what_is_saved_is_read_off_the_hull(share: float, found: float) -> None:
    assert saved(curve((0, 0.8), (1, 1.0)), share, 1.0, 1.0) == pytest.approx(found)


def test_nothing_is_saved_where_the_quality_is_never_reached() -> None:
    assert saved(curve((0, 0.5), (1, 0.7)), 0.99, 1.0, 1.0) == 0


def test_calls_of_a_random_score_are_half_way() -> None:
    random = np.random.default_rng(0)
    strong, weak = (random.random(40_000) < share for share in (0.9, 0.6))
    found = calls(random.random(40_000), weak.astype(float), strong.astype(float))
    assert found.apgr == pytest.approx(0.5, abs=0.03)
    assert found.half == pytest.approx(50, abs=4)
    assert found.most == pytest.approx(80, abs=4)


def test_calls_of_one_who_knows_are_few() -> None:
    random = np.random.default_rng(0)
    strong, weak = ((random.random(5000) < share).astype(float) for share in (0.9, 0.6))
    known = calls(strong - weak + 1e-6 * random.random(5000), weak, strong)
    assert known.apgr > 0.95
    assert known.most < 35


def test_the_knob_leads_from_the_reference_to_the_cheapest() -> None:
    quality = np.array([[1.0, 0.0], [1.0, 1.0]])
    cost = np.array([[4.0, 1.0], [4.0, 1.0]])
    table = Table("t", np.array(["a", "a"]), ["one", "two"], ("ref", "arm"), quality, cost, cost)
    played = Board(SPECS[2], table, table.looks, quality[:, :1] - quality[:, 1:], None)
    found = frontier(played, np.array([0, 1]), played.losses, cost, 4.0)
    assert (found.cost[0], found.quality[0]) == (4.0, 1.0)
    assert (found.cost[-1], found.quality[-1]) == (1.0, 0.5)
    assert (2.5, 1.0) in list(zip(found.cost, found.quality, strict=True))


def test_the_simple_anchors_come_out_as_in_the_evidence() -> None:
    try:
        table = read("routerbench_slice")
    except FileNotFoundError:
        pytest.skip("the tables of ../shared are not here")
    reference, found = table.column("gpt-4-1106-preview"), []
    for seed in range(5):
        rows = np.random.default_rng(seed).permutation(len(table.prompts))[int(0.6 * len(table.prompts)) :]
        quality, cost = table.quality[rows].mean(axis=0), table.cost[rows].mean(axis=0)
        singles = Frontier(cost, quality)
        found.append(
            (
                area(singles, cost.min(), cost[reference]),
                saved(singles, 0.95, cost[reference], quality[reference]),
                saved(singles, 0.99, cost[reference], quality[reference]),
            )
        )
    assert np.mean(found, axis=0) == pytest.approx([0.8184, 0.397, 0.079], abs=5e-4)
