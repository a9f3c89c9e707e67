"""Classes of the Model Openness Framework, and licences that are classed or unclear."""

from datetime import date

import pytest

from tests.market.recipes.measures.test_downloads import keep
from weighbridge.market.recipes.figure import figure
from weighbridge.market.sources.framework import components
from weighbridge.market.store import Store
from weighbridge.market.tables import Model, Openness

DAY = date(2026, 5, 11)
SOURCE = "model-openness"


def page(model: str, least: int, licence: str) -> list[Openness]:
    """All required components from class III down to one."""
    there = [each.name for each in components() if each.required and each.least >= least]
    return [Openness(model, SOURCE, name, licence, None, SOURCE, DAY) for name in there]


@pytest.mark.parametrize(("counts", "classes"), [("licensed", ["I", "III", "none"]), ("listed", ["I", "II", "III"])])
def test_a_class_asks_for_all_components_of_those_below_it(counts: str, classes: list[str], store: Store) -> None:
    keep(store, SOURCE, [*page("open", 1, "MIT"), *page("tools", 2, "unlicensed"), *page("model", 3, "Llama 2")])
    found = figure(store, "openness-classes", {"counts": counts})
    assert sorted(str(row[1]) for row in found.measured.rows) == classes
    lacks = {row[0]: row[2] for row in found.measured.rows}
    assert lacks["open"] is None
    assert lacks["model"] == "Training code, Inference code, Evaluation code, Evaluation data"
    assert found.value("class I") == 1


def test_what_is_not_given_does_not_count_even_where_it_is_listed(store: Store) -> None:
    rows = page("closed", 3, "Component not included.")
    keep(store, SOURCE, rows)
    assert figure(store, "openness-classes", {"counts": "listed"}).value("class III or better") == 0


def test_a_licence_that_nobody_read_is_unclear_and_stays_in_the_base(store: Store) -> None:
    said = {"a": "MIT", "b": "apache-2.0", "c": "Some own terms", "d": None}
    source = "catalogue-models"
    keep(
        store,
        source,
        [Model(name, None, DAY, True, each, None, None, None, source, DAY) for name, each in said.items()],
    )
    found = figure(store, "licence-mix")
    assert found.measured.rows == [("permissive", 2, 0.5), ("unclear", 2, 0.5)]
    assert found.measured.unmatched == 0.5
    by_licence = figure(store, "licence-mix", {"by": "licence", "group": "MIT"})
    assert (by_licence.value("share"), by_licence.measured.unmatched) == (0.25, 0.25)
