"""Charts: XML with title and text, mirrored, told apart without colour, and cut where they would hide the limit."""

from xml.etree import ElementTree

import pytest

from tests.reports.test_language import ARABIC, ENGLISH
from weighbridge.reports import chart, intervals
from weighbridge.reports.chart import Bars, Lines
from weighbridge.reports.intervals import Range, Ranges
from weighbridge.reports.language import Tongue

SVG = "{http://www.w3.org/2000/svg}"


def ranges(*rows: Range) -> Ranges:
    return Ranges(rows, 0.02, "limit", lambda value: f"{value:.2f}")


@pytest.mark.parametrize("tongue", [ENGLISH, ARABIC], ids=["en", "ar"])
def test_an_interval_lies_where_its_numbers_are_and_is_mirrored(tongue: Tongue) -> None:
    drawing = intervals.drawing(ranges(Range("a <b>", -0.01, 0.03, 0.005, "said")), "A <title>", "d & e", tongue)
    root = ElementTree.fromstring(drawing)
    assert (root.findtext(f"{SVG}title"), root.findtext(f"{SVG}desc")) == ("A <title>", "d & e")
    assert "a <b>" in {each.text for each in root.findall(f"{SVG}text")}
    kinds = {kind: _across(root, kind) for kind in ("line", "limit")}
    (long,) = [each for each in kinds["line"] if each[0] != each[1]]
    assert (long[0] < long[1]) is (tongue.direction == "ltr")
    assert min(long) < kinds["limit"][0][0] < max(long)
    assert len(kinds["line"]) == 3, "it has two ends"


def test_what_is_far_wider_than_the_limit_is_cut_without_an_end() -> None:
    root = ElementTree.fromstring(intervals.drawing(ranges(Range("a", -0.01, 0.9, 0.1, "")), "t", "d", ENGLISH))
    assert len(_across(root, "line")) == 2
    assert max(max(each) for each in _across(root, "line")) <= 420


@pytest.mark.parametrize("tongue", [ENGLISH, ARABIC], ids=["en", "ar"])
def test_long_names_of_lines_stand_below_each_other(tongue: Tongue) -> None:
    short, long = (
        Lines((0.0, 1.0), ("a", "b"), ((name, (0.5, 0.7)), (name, (0.1, None))), str) for name in ("cost", "cost " * 5)
    )
    heights = [float(_root(each, tongue).attrib["viewBox"].split()[3]) for each in (short, long)]
    assert heights[1] == heights[0] + 24
    assert {each.attrib["stroke-dasharray"] for each in _root(short, tongue).findall(f"{SVG}polyline")} == {"", "7 4"}


def test_bars_are_as_long_as_their_numbers() -> None:
    root = _root(Bars("share", (("a", 4.0, "4"), ("b", 1.0, "1"), ("c", None, "-"))), ENGLISH)
    wide = [float(each.attrib["width"]) for each in root.findall(f"{SVG}rect")]
    assert wide[0] == pytest.approx(4 * wide[1])
    assert wide[2] == 1


def _root(what: Bars | Lines, tongue: Tongue) -> ElementTree.Element:
    return ElementTree.fromstring(chart.drawing(what, "t", "d", tongue))


def _across(root: ElementTree.Element, kind: str) -> list[tuple[float, float]]:
    return [
        (float(each.attrib["x1"]), float(each.attrib["x2"]))
        for each in root.findall(f"{SVG}line")
        if each.attrib["class"].split()[0] == kind
    ]
