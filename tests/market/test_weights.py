"""A figure's move is split among its causes, each brought in alone; what is left is the interaction."""

import os
from dataclasses import replace
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest
from pyarrow import parquet

from tests.market.conftest import NOW, WEEK
from weighbridge.market.diff import Moved, Remembered, diff, worked_out
from weighbridge.market.document import FigureValue
from weighbridge.market.identity.book import read
from weighbridge.market.made import make
from weighbridge.market.parts import EVER, Part
from weighbridge.market.recipes.figure import measured
from weighbridge.market.recipes.recipe import Recipe, recipe
from weighbridge.market.store import Store
from weighbridge.market.sync import take
from weighbridge.market.tables import Price
from weighbridge.market.weights import _split

FIGURE = "top-20"
RESTATED = WEEK.replace(",500", ",700")
HEAD = WEEK.splitlines(keepends=True)[0]
NEXT_DAY = "2026-08-11,openai/gpt-5,800\n"


@pytest.fixture(autouse=True)
def asked_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weighbridge.market.diff.recipes", lambda: {FIGURE: recipe(FIGURE)})


def taken(store: Store, text: str, *, hours: int) -> None:
    path = store.directory.with_name(f"{hours}.csv")
    path.write_text(text, encoding="utf-8")
    list(take(store, path, now=NOW + timedelta(hours=hours)))


def noted(store: Store, *, rows: dict[str, str] | None = None, asked: Recipe | None = None) -> Remembered:
    """The state as it is; or by other reviewed rows, or by another recipe."""
    state, _ = worked_out(store, NOW)
    rows, asked = rows or state.rows, asked or recipe(FIGURE)
    found = measured(store, asked, store.payloads(), asked.choices, names=read(rows))
    written = msgspec.json.encode(asked)
    said = msgspec.structs.replace(
        state.figures[FIGURE],
        values=[FigureValue(each.name, each.unit, each.value) for each in found.values],
        recipe=sha256(written).hexdigest(),
        asked=msgspec.Raw(written),
    )
    names = sha256(msgspec.json.encode(rows, order="sorted")).hexdigest()
    return msgspec.structs.replace(state, rows=rows, names=names, figures={**state.figures, FIGURE: said})


def moved(store: Store, before: Remembered) -> Moved:
    """Of the figure, whose weights must add up."""
    state, why = worked_out(store, NOW)
    (found,) = [each for each in diff(store, before, state, why).moved if each.figure == FIGURE]
    for number, (then, now) in enumerate(zip(found.before, found.after, strict=True)):
        parts = [each.values[number].value for each in found.weights]
        assert then.value is not None
        assert now.value is not None
        assert sum(part for part in parts if part is not None) == pytest.approx(now.value - then.value)
    return found


def said(found: Moved, name: str) -> dict[str, float | None]:
    """By cause, the difference of one value."""
    return {
        each.cause: None if value.value is None else round(value.value, 4)
        for each in found.weights
        for value in each.values
        if value.name == name
    }


def test_what_is_restated_and_what_is_new_are_told_apart_by_rows(store: Store) -> None:
    taken(store, WEEK, hours=0)
    before = noted(store)
    taken(store, RESTATED + NEXT_DAY, hours=1)
    found = moved(store, before)
    assert found.causes == ["new data", "restated source"]
    assert said(found, "tokens") == {"restated source": 200, "new data": 800, "interaction": 0}
    # of 1,000 tokens 500; of 1,200 700; of 1,800 500; of 2,000 700
    assert said(found, "share") == {"restated source": 0.0833, "new data": -0.2222, "interaction": -0.0111}


def test_a_new_alias_is_weighed_beside_new_data(store: Store) -> None:
    rows = worked_out(store, NOW)[0].rows
    lines = [line for line in rows["publishers.csv"].splitlines() if not line.startswith("openrouter,deepseek,")]
    taken(store, WEEK, hours=0)
    before = noted(store, rows={**rows, "publishers.csv": "\n".join(lines)})
    taken(store, f"{HEAD}2026-08-11,deepseek/deepseek-v4,800\n", hours=1)
    found = moved(store, before)
    assert found.causes == ["new alias", "new data"]
    assert said(found, "tokens") == {"new data": 800, "new alias": 0, "interaction": 0}
    assert said(found, "share") == {"new data": 0, "new alias": 0.5, "interaction": 0.2222}


def test_another_recipe_and_another_programme_are_weighed(store: Store) -> None:
    taken(store, WEEK, hours=0)
    own = recipe(FIGURE)
    before = noted(store, asked=msgspec.structs.replace(own, choices=own.chosen({"unknown": "attributed"})))
    found = moved(store, before)
    assert (found.causes, said(found, "tokens")) == (["changed recipe"], {"changed recipe": 150})
    values = [FigureValue(each.name, each.unit, 900) for each in found.after]
    figures = {**before.figures, FIGURE: msgspec.structs.replace(noted(store).figures[FIGURE], values=values)}
    found = moved(store, msgspec.structs.replace(noted(store), figures=figures))
    assert (found.causes, said(found, "tokens")) == (["changed programme"], {"changed programme": 100})


def test_parts_that_were_merged_and_taken_away_are_had_again(store: Store) -> None:
    taken(store, WEEK, hours=0)
    before = noted(store)
    taken(store, RESTATED, hours=1)
    (merged, *_) = make(store.parts("usage", store.payloads()), now=NOW, least=0)
    os.utime(merged, (0, 0))
    make(store.parts("usage", store.payloads()), now=NOW, least=0)
    assert not list((store.directory / "tables" / "usage").rglob("*.parquet"))
    found = moved(store, before)
    assert (found.causes, said(found, "tokens")) == (["restated source"], {"restated source": 200})


def test_what_was_noted_by_an_earlier_release_is_not_weighed(store: Store) -> None:
    taken(store, WEEK, hours=0)
    before = noted(store)
    taken(store, RESTATED, hours=1)
    state, why = worked_out(store, NOW)
    (found,) = diff(store, msgspec.structs.replace(before, rows={}), state, why).moved
    assert (found.causes, found.weights) == (["restated source"], [])


def test_of_a_table_without_days_a_later_word_is_new_and_another_of_that_day_restated(tmp_path: Path) -> None:
    store, day = Store(tmp_path), date(2026, 8, 10)
    parts: list[Part] = []
    for number, (model, as_of) in enumerate((("m", 10), ("m", 10), ("m", 11), ("n", 10))):
        writing = store.writing(f"{number}" * 64)
        writing.add(Price(model, "p", "base", None, f"{number}", "1", None, None, "list", day.replace(day=as_of)))
        (name,) = writing.finish()
        parts.append(Part(store.directory / "tables" / name, "list", "all", f"{number}", number, EVER))
    old = replace(store.parts("price", []), parts=(parts[0],))
    counted = []
    for part in parts[1:]:
        split = _split(store, old, part, tmp_path / part.payload)
        counted.append(tuple(0 if each is None else parquet.read_metadata(each.path).num_rows for each in split))
    assert counted == [(1, 0), (0, 1), (0, 1)]
