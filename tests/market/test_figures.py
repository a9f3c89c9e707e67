"""Figures: what they count, what they refuse, and what must come out of the real files."""

from importlib.resources import as_file, files
from pathlib import Path

import pytest

from tests.market.conftest import NOW, WEEK, real, taken
from tests.market.recipes.measures.test_downloads import keep
from weighbridge.errors import MarketError
from weighbridge.market.recipes.figure import figure, measured
from weighbridge.market.recipes.measures.known import MEASURES
from weighbridge.market.recipes.recipe import recipes
from weighbridge.market.sources.known import SOURCES
from weighbridge.market.store import Store
from weighbridge.market.sync import take_installed

EPOCH = "market/epoch"
LISTS = "market/tracked-models"
FILES = {
    "epoch-benchmarks": (f"{EPOCH}/benchmarks_with_model_accessibility.csv",),
    "epoch-costs": (f"{EPOCH}/model_costs.csv",),
    "epoch-systems": (f"{EPOCH}/all_ml_systems_2025-08.csv",),
    "fmti": ("market/openness/fmti_Dec2025_scores.csv",),
    "lmarena": ("market/lmarena/arena_text_2024-12-31.csv", "market/lmarena/arena_text_2025-01-24.csv"),
    "lmarena-days": ("market/lmarena/arena_text_daily_2026-03-19_to_04-19.csv",),
    "model-openness": ("market/openness/mot_models_yaml.tar.gz",),
    "model-prices": ("prices/model_prices_0.0.5_snapshot.json",),
    "modelpulse-hub": ("market/hf/modelpulse_hub_monthly.csv",),
    "modelpulse-publishers": ("market/hf/modelpulse_textgen_downloads_by_publisher_monthly.csv",),
    "models.dev": ("prices/models_dev_api_like_2026-07-02.json",),
    "models.dev-models": ("prices/models_dev_models_2026-07-02.json",),
    "openrouter-prices": ("prices/openrouter_price_history_wayback_radar.json",),
    "openrouter-rankings": ("market/openrouter/rankings_daily_2026-05-24_on.csv",),
    "openrouter-weeks": ("market/openrouter/weekly_top9_2025-02_to_2026-05.csv",),
    "osai-index": ("market/openness/european_osai_index_yaml.tar.gz",),
    "tracked-models-sizes": (f"{LISTS}/metadata/model_parameters.csv",),
    "tracked-models-regions": (f"{LISTS}/metadata/organization_regions.csv",),
    "tracked-models-releases": (f"{LISTS}/metadata/release_date_corrections.csv",),
}
CARRIED = files("weighbridge.catalog") / "data" / "prices.toml"


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store that the tests of this module fill with real files, each once."""
    return Store(tmp_path_factory.mktemp("real") / "market")


@pytest.mark.parametrize("name", recipes())
def test_what_must_come_out_of_the_real_files_does(name: str, filled: Store) -> None:
    wanted = recipes()[name]
    assert wanted.expected or wanted.not_reproduced
    if not wanted.expected:
        return
    for source in wanted.sources:
        for file in FILES.get(source, ()):
            taken(filled, real(file))
    with as_file(CARRIED) as path:
        taken(filled, path)
    take_installed(filled, now=NOW)
    for expected in wanted.expected:
        found = figure(filled, name, expected.change).value(expected.value)
        assert found == pytest.approx(expected.equals, abs=expected.tolerance), expected


@pytest.mark.parametrize("name", recipes())
def test_a_recipe_makes_only_choices_that_its_measure_heeds(name: str) -> None:
    wanted = recipes()[name]
    measure = MEASURES[wanted.measure]
    measure.check(wanted.choices)
    changes = [*(each.change for each in wanted.alternatives), *(each.change for each in wanted.expected)]
    for change in changes:
        measure.check(wanted.chosen(change))
    assert set(wanted.sources) <= {source.about.name for source in SOURCES}
    assert set(wanted.nearest) <= recipes().keys() - {name}


def test_the_unknown_stays_in_the_base_and_its_share_is_told(store: Store, tmp_path: Path) -> None:
    taken(store, tmp_path / "a.csv", WEEK)
    found = figure(store, "top-20", {"window": "2026-08-10"})
    assert [(each.name, each.value) for each in found.measured.values] == [
        ("models", 1),
        ("share", 0.5),
        ("tokens", 1000),
    ]
    assert found.measured.unmatched == pytest.approx(0.15)
    assert ("unknown", 1, 100, 150, 0.15) in found.measured.rows
    assert found.attribution == ("Source: OpenRouter (openrouter.ai/rankings), as of 2026-08-10.",)


def test_other_definitions_are_worked_out_beside(store: Store, tmp_path: Path) -> None:
    taken(store, tmp_path / "a.csv", WEEK)
    found = figure(store, "top-20", {"window": "2026-08-10"})
    attributed = next(each for each in found.sensitivity if each.choices.unknown == "attributed")
    assert {each.name: each.value for each in attributed.values}["share"] == pytest.approx(500 / 850)
    assert figure(store, "top-20", {"window": "2026-08-10", "top": 1}).value("models") == 1
    merged = figure(store, "top-20", {"window": "2026-08-10", "variants": "merged"})
    assert ("US", 1, 350, 350, 0.35) in merged.measured.rows


def test_a_derivative_is_its_publishers_or_its_bases(store: Store, tmp_path: Path) -> None:
    taken(store, tmp_path / "a.csv", WEEK + "2026-08-10,tngtech/deepseek-r1t2-chimera:free,1000\n")
    day = {"window": "2026-08-10"}
    assert figure(store, "top-20", day).value("models") == 1
    assert figure(store, "top-20", {**day, "attribution": "base"}).value("share") == 0.75


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"attribution": "split"}, "it can with publisher, base"),
        ({"superseded": "drop"}, "no choice of superseded"),
        ({"window": "August"}, "2026-08-10:2026-08-16"),
        ({"window": "2026-08-16:2026-08-10"}, "ends before"),
        ({"variants": "some"}, "variants"),
    ],
)
def test_a_choice_that_cannot_be_had_is_refused(
    change: dict[str, str], said: str, store: Store, tmp_path: Path
) -> None:
    taken(store, tmp_path / "a.csv", WEEK)
    with pytest.raises(MarketError, match=said):
        figure(store, "top-20", change)


def test_a_figure_that_there_is_not_names_the_one_that_is_meant(store: Store) -> None:
    with pytest.raises(MarketError, match="did you mean top-20"):
        figure(store, "top-30")


@pytest.mark.parametrize("name", recipes())
def test_what_there_is_no_row_for_is_unknown_rather_than_nothing(name: str, store: Store) -> None:
    wanted = recipes()[name]
    for source in wanted.sources:
        keep(store, source, [])
    found = measured(store, wanted, store.payloads(), wanted.choices)
    assert {each.name: each.value for each in found.values if each.value is not None} == {}
    assert not found.rows
    assert found.unmatched is None


def test_a_fresh_install_has_figures_without_a_network(store: Store) -> None:
    take_installed(store, now=NOW)
    with as_file(CARRIED) as path:
        taken(store, path)
    kept = store.payloads()
    named = {each.source for each in kept}
    there = [name for name, wanted in recipes().items() if set(wanted.sources) <= named]
    assert len(there) >= 6
    for name in there:
        found = measured(store, recipes()[name], kept, recipes()[name].choices)
        assert all(each.value is not None for each in found.values), name
