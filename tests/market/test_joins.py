"""Models joined by reviewed rows, letter by letter: what no row has stays unknown."""

import pytest

from weighbridge.errors import MarketError
from weighbridge.market.identity.book import Alias, Base, Book, Entity, Publisher, Rename, book, checked, joined

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
    ],
)
def test_a_name_is_the_model_that_a_row_says(scheme: str, name: str, model: str | None) -> None:
    assert book().model(scheme, name) == model  # type: ignore[arg-type]  # a scheme, from the table


def test_a_derivative_has_the_base_that_a_row_says() -> None:
    assert book().base("openrouter", "tngtech/deepseek-r1t2-chimera:free") == "deepseek/deepseek-r1"
    assert book().base("openrouter", "deepseek/deepseek-r1") is None


def test_an_entity_is_owned_in_the_end_by_one() -> None:
    owned = checked({}, {"a": Entity("A", (), "b"), "b": Entity("B", (), "c"), "c": Entity("C", ())}, [])
    assert [owned.owner(each) for each in "abc"] == ["c", "c", "c"]
    with pytest.raises(MarketError, match="owns itself"):
        checked({}, {"a": Entity("A", (), "b"), "b": Entity("B", (), "a")}, [])


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


def test_every_row_says_where_it_was_read() -> None:
    found: Book = book()
    for rows in (found.publishers, found.aliases, found.renames, found.bases):
        assert all(row.source for row in rows.values())
    assert all(place.source for entity in found.entities.values() for place in entity.places)
