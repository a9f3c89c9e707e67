"""Models joined by reviewed rows, letter by letter: what no row has stays unknown."""

from datetime import date

import pytest

from tests.market.conftest import NOW, real
from weighbridge.errors import MarketError
from weighbridge.market.identity.book import (
    Alias,
    Base,
    Book,
    Entity,
    Outside,
    Parent,
    Publisher,
    Rename,
    book,
    checked,
    joined,
)
from weighbridge.market.recipes.figure import figure
from weighbridge.market.store import Store
from weighbridge.market.sync import take

LAB = checked({}, {"lab": Entity("Lab", ())}, [Publisher("huggingface", "new", "lab", "lab", "x")])


@pytest.mark.parametrize(
    ("scheme", "name", "model"),
    [
        ("openrouter", "minimax/minimax-m3-20260531", "minimax/minimax-m3"),
        ("openrouter", "deepseek/deepseek-r1:free", "deepseek/deepseek-r1"),
        ("openrouter", "deepseek/deepseek-v4-flash-20260731", "deepseek/deepseek-v4-flash-0731"),
        ("openrouter", "deepseek/DeepSeek-R1", None),
        ("openrouter", "other", None),
        ("arena", "DeepSeek-V3", "deepseek/deepseek-chat"),
        ("arena", "deepseek-v3", None),
        ("models.dev", "deepseek/deepseek-chat", "deepseek/deepseek-v3.2"),
        ("epoch", "Llama 3.1-405B", "meta-llama/llama-3.1-405b-instruct"),
        ("huggingface", "Qwen/Qwen3-32B", "qwen/qwen3-32b"),
        ("huggingface", "qwen/qwen3-32b", None),
        ("openrouter", "xiaomi/mimo-v2.5-20260422", "xiaomi/mimo-v2.5"),
        ("openrouter", "nvidia/nemotron-3-ultra-550b-a55b-20260604:free", "nvidia/nemotron-3-ultra-550b-a55b"),
        ("openrouter", "stepfun/step-3.5-flash", "stepfun/step-3.5-flash"),
        ("openrouter", "openai/gpt-5.6-luna-pro-20260709", None),
        ("huggingface", "tencent/Hy3", "tencent/hy3"),
    ],
)
def test_a_name_is_the_model_that_a_row_says(scheme: str, name: str, model: str | None) -> None:
    assert book().model(scheme, name) == model  # type: ignore[arg-type]  # a scheme, from the table


def test_a_derivative_has_the_base_that_a_row_says() -> None:
    assert book().base("openrouter", "tngtech/deepseek-r1t2-chimera:free") == "deepseek/deepseek-r1"
    assert book().base("openrouter", "deepseek/deepseek-r1") is None


def test_an_entity_is_owned_in_the_end_by_one_from_a_day_on() -> None:
    bought = Parent("c", "x", date(2026, 1, 1))
    owned = checked(
        {}, {"a": Entity("A", (), Parent("b", "x")), "b": Entity("B", (), bought), "c": Entity("C", ())}, []
    )
    assert [owned.owner(each, date(2026, 1, 1)) for each in "abc"] == ["c", "c", "c"]
    assert [owned.owner(each, date(2025, 12, 31)) for each in "abc"] == ["b", "b", "c"]
    with pytest.raises(MarketError, match="owns itself"):
        checked({}, {"a": Entity("A", (), Parent("b", "x")), "b": Entity("B", (), Parent("a", "x"))}, [])


@pytest.mark.parametrize(
    ("aliases", "renames", "bases", "said"),
    [
        ([Alias("arena", "M", "lab/m", "x")] * 2, [], [], "aliases.csv has .* twice"),
        ([Alias("arena", "M", "lab/other", "x")], [], [], "no model of the catalogue"),
        ([], [], [Base("arena", "M", "lab/other", "merge", "x")], "no model of the catalogue"),
        ([], [Rename("huggingface", "old", "new", "x")], [], "must have both names"),
    ],
)
def test_rows_that_name_nothing_or_one_thing_twice_are_refused(
    aliases: list[Alias], renames: list[Rename], bases: list[Base], said: str
) -> None:
    with pytest.raises(MarketError, match=said):
        joined(LAB, aliases, renames, bases, models={"lab/m"})


@pytest.mark.parametrize(
    ("model", "entity", "said"),
    [("lab/m", "lab", "home in the catalogue"), ("lab/n", "nobody", "'nobody' is no entity")],
)
def test_a_model_outside_the_catalogue_is_of_an_entity_and_not_in_it(model: str, entity: str, said: str) -> None:
    with pytest.raises(MarketError, match=said):
        joined(LAB, [], [], [], [Outside(model, entity, True, "x")], models={"lab/m"})


def test_a_name_can_be_that_of_a_model_outside_the_catalogue() -> None:
    found = joined(
        LAB, [Alias("arena", "N", "lab/n", "x")], [], [], [Outside("lab/n", "lab", True, "x")], models={"lab/m"}
    )
    assert found.model("arena", "N") == found.model("openrouter", "lab/n:free") == "lab/n"
    assert found.model("openrouter", "lab/m-2") is None


def test_every_row_says_where_it_was_read() -> None:
    found: Book = book()
    assert all(row.source for row in found.outside.values())
    assert all(row.source for row in found.hidden)
    assert all(each.parent is None or each.parent.source for each in found.entities.values())
    for rows in (found.publishers, found.aliases, found.renames, found.bases):
        assert all(row.source for row in rows.values())
    assert all(place.source for entity in found.entities.values() for place in entity.places)


def test_most_of_a_real_week_is_joined_and_what_is_not_is_told(store: Store) -> None:
    list(take(store, real("market/openrouter/rankings_daily_2026-05-24_on.csv"), now=NOW))
    found = figure(store, "token-share", {"by": "weights", "group": "open"})
    assert found.measured.unmatched == pytest.approx(0.0879, abs=0.0001)  # 0.3593 before models.csv
    assert found.value("share") == pytest.approx(0.654, abs=0.0005)
