from datetime import date
from pathlib import Path

import pytest

from bench.router.measure import ENCODED, LEARNED, Figure
from bench.router.page import BEGIN, END, of_results, write
from bench.router.proofs import OURS, Measured, Row
from bench.router.results import Net, Noise, Results, Shift, Speed, read
from bench.router.results import write as keep

RESULTS = Results(
    date(2026, 11, 23),
    "python -m bench.router",
    5,
    {
        "mmlu": {
            "oracle": {"APGR": Figure(1.27, 0.01), "CPT50": Figure(6, 0.1), "CPT80": Figure(10, 0.1)},
            LEARNED: {"APGR": Figure(0.65, 0.01), "CPT50": Figure(29.5, 0.5), "CPT80": Figure(62.5, 0.5)},
            ENCODED: {"APGR": Figure(0.66, 0.01), "CPT50": Figure(29.2, 0.5), "CPT80": Figure(61.0, 0.5)},
            "random": {"APGR": Figure(0.5, 0.01), "CPT50": Figure(50, 0.5), "CPT80": Figure(80, 0.5)},
        }
    },
    [Shift("mix24", "gsm", 0.9, 0.04, 0.004, 1.0, 1200.0)],
    [Noise("mix24", 0.1, {"AIQ": Figure(0.7, 0.01)})],
    [Speed("", 150, 280), Speed("use", 2500, 3100)],
    [Net("mix24", 0.4, 0.5, 1e-6, 0.01, 0.02)],
)
PROVEN = {"mix24": Measured(date(2026, 11, 23), 200, {OURS: Row(0.52, 0.04, 0.027, 0.68)})}


def test_a_promise_is_kept_only_if_it_is() -> None:
    page = of_results(RESULTS, PROVEN)
    assert "| mmlu | APGR | ≥ 0.655 | 0.650 ± 0.010 | 0.660 ± 0.010 | yes |" in page
    assert "| mmlu | CPT50 | ≤ 29 | 29.5 ± 0.5 | 29.2 ± 0.5 | **no** |" in page
    assert "| mmlu | CPT80 | ≤ 62 | 62.5 ± 0.5 | 61.0 ± 0.5 | yes |" in page
    assert "| mix24 | certified, at most 5% lost: saved, broken | ≥ 50%, ≤ 5% | - | 52.0%, 4.0% | yes |" in page
    assert "| mix24 | µs of a decision, p99 | ≤ 300 | 280 | - | yes |" in page
    assert "| mix24 | µs of a decision, p99 use | ≤ 3000 | - | 3100 | **no** |" in page


def test_contenders_stand_from_the_least_to_the_best_possible() -> None:
    page = of_results(RESULTS, PROVEN)
    assert page.index("| random |") < page.index(f"| {LEARNED} |") < page.index("| oracle |")


def test_what_is_left_of_a_saving_is_the_rest() -> None:
    assert "| mix24 | 40.0% | 50% of requests | 0.000% | 1.0% | 2.0% | 37.0% |" in of_results(RESULTS, PROVEN)


def test_the_page_keeps_what_stands_around_the_tables(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    write(RESULTS, PROVEN, page)
    assert page.read_text().startswith(f"before\n{BEGIN}\n\nTaken 2026-11-23")
    assert page.read_text().endswith(f"{END}\nafter\n")
    page.write_text("no markers")
    with pytest.raises(ValueError, match="has no line"):
        write(RESULTS, PROVEN, page)


def test_results_are_read_as_they_were_kept(tmp_path: Path) -> None:
    keep(RESULTS, tmp_path / "router.json")
    assert read(tmp_path / "router.json") == RESULTS
    assert read(tmp_path / "none.json") is None
