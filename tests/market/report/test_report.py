"""The report: one page that fetches nothing, complete in each language, and its charts."""

from importlib.resources import files
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.market.conftest import WEEK, taken
from tests.reports.shown import assert_fits, assert_same_words, assert_self_contained, holes
from weighbridge.errors import MarketError
from weighbridge.market.recipes.figure import Figure, figure
from weighbridge.market.recipes.measures.measure import Measured, Value
from weighbridge.market.recipes.recipe import recipes
from weighbridge.market.report.chart import chart, drawn
from weighbridge.market.report.language import language, languages, read
from weighbridge.market.report.page import page, worked_out
from weighbridge.market.store import Store

HOSTILE = WEEK.replace("nobody/knows", "nobody/<script>alert(1)</script>")
PER_DAY = Measured(
    (Value("multiple", "ratio", 3.0),),
    ("day", "models", "closed multiple", "open multiple"),
    [("2026-08-10", 4, 1.5, None), ("2026-08-11", 5, 3.0, 0.25)],
    None,
)


@pytest.fixture
def top(store: Store, tmp_path: Path) -> Figure:
    taken(store, tmp_path / "a.csv", HOSTILE)
    return figure(store, "top-20", {"window": "2026-08-10"})


@pytest.mark.parametrize("code", languages())
def test_the_page_is_well_formed_fetches_nothing_and_can_be_cited(code: str, top: Figure) -> None:
    text = page([top], {"price-gap": "needs <that>"}, language(code))
    assert_self_contained(text, language(code))
    for said in (top.inputs[0].sha256, *top.attribution, "needs &lt;that&gt;", language(code).words["cite"]):
        assert said in text


def test_the_page_says_what_could_not_be_worked_out(store: Store, tmp_path: Path) -> None:
    taken(store, tmp_path / "a.csv", WEEK.replace("2026-08", "2025-08"))
    found, why = worked_out(store)
    assert "top-20" in why, "the file has no day of the recipe's own window"
    assert "market sync" in why["arena-rank"]
    assert set(why) | {each.name for each in found} == set(recipes())


def test_languages_have_the_same_words_and_placeholders() -> None:
    for other in languages().values():
        assert_same_words(other, language("en"))


@pytest.mark.parametrize("code", [code for code in languages() if code != "en"])
def test_translations_are_of_recipes_as_they_are(code: str) -> None:
    for name, said in language(code).figures.items():
        recipe = recipes()[name]
        assert holes(said.definition) <= holes(recipe.definition), name
        assert set(said.alternatives) <= {each.title for each in recipe.alternatives}, name
        assert (said.not_reproduced is None) or recipe.not_reproduced is not None, name


def test_a_figure_without_translation_is_marked_as_english(top: Figure) -> None:
    arabic = language("ar")
    text = page([top], {}, read("ar", _without_figures()))
    assert f'<span lang="en" dir="ltr">{top.title}</span>' in text
    assert arabic.figures["top-20"].title not in text


def test_numbers_and_days_are_those_of_the_language() -> None:
    english, arabic = language("en"), language("ar")
    assert english.share(0.5721) == "57.2 %"
    assert arabic.share(0.5721) == "٥٧٫٢٪\u061c"  # noqa: RUF001 - its digits
    assert english.measured(75_340_581_084_831, "tokens") == "75.3 trillion"
    assert arabic.number(1234567.5, 1) == "١٬٢٣٤٬٥٦٧٫٥"  # noqa: RUF001 - its digits
    assert english.window("2026-08-10:2026-08-16") == "10 August 2026 to 16 August 2026"
    assert arabic.window("2026-08-10") == "١٠ أغسطس ٢٠٢٦"  # noqa: RUF001 - its digits
    assert english.measured(None, "usd") == "unknown"
    assert english.measured(0.012595, "usd") == "$0.0126"
    assert arabic.term("openai/gpt-4o input") == "المدخل \u2068openai/gpt-4o\u2069"
    assert arabic.cell("2025-03", "month") == "مارس ٢٠٢٥"


def test_a_language_that_there_is_not_names_those_there_are() -> None:
    with pytest.raises(MarketError, match="ar, en"):
        language("xx")
    with pytest.raises(MarketError, match=r"texts zz.*code"):
        read("zz", "direction = 'ltr'")


def test_lines_are_drawn_for_days_and_bars_for_names(top: Figure) -> None:
    over_days = drawn(PER_DAY)
    assert over_days is not None
    assert over_days.days
    assert [name for name, _ in over_days.series] == ["closed multiple", "open multiple"]
    by_name = drawn(top.measured)
    assert by_name is not None
    assert not by_name.days
    assert drawn(Measured((), ("model", "note"), [("a", "b")], None)) is None
    assert drawn(Measured((), (), [], None)) is None


@pytest.mark.parametrize("code", languages())
def test_a_chart_is_xml_with_title_and_text_and_is_mirrored(code: str) -> None:
    drawing = chart(PER_DAY, "A <title>", "said & done", language(code))
    assert drawing is not None
    root = ElementTree.fromstring(drawing)
    space = "{http://www.w3.org/2000/svg}"
    assert (root.findtext(f"{space}title"), root.findtext(f"{space}desc")) == ("A <title>", "said & done")
    first, second = (float(each.attrib["cx"]) for each in root.findall(f"{space}circle")[:2])
    assert (first > second) is (language(code).direction == "rtl")
    dashes = {each.attrib["stroke-dasharray"] for each in root.findall(f"{space}polyline")}
    assert len(dashes) == 2, "lines are told apart without colour"


@pytest.mark.parametrize(("code", "width"), [("en", 390), ("ar", 390), ("ar", 1280)])
def test_chromium_shows_the_page_without_anything_standing_out(
    code: str, width: int, top: Figure, tmp_path: Path
) -> None:
    assert_fits(page([top], {}, language(code)), language(code).direction, width, tmp_path)


def _without_figures() -> str:
    text = (files("weighbridge.market.report") / "texts" / "ar.toml").read_text(encoding="utf-8")
    return text[: text.index("[figures.")]
