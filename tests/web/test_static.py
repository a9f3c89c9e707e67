"""What a browser gets besides pages: little script, and a look that can be read in both themes and both directions."""

import re
from pathlib import Path

import pytest

import weighbridge.web

WINDOW = Path(weighbridge.web.__file__).parent
STATIC, TEMPLATES = WINDOW / "static", WINDOW / "templates"
MOST_SCRIPT = 60_000
SHEET = (STATIC / "window.css").read_text("utf-8")
COLOURS = {
    name: pair
    for name, *pair in re.findall(r"--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", SHEET)  # light, dark
}
TEXT = [
    *((ink, ground) for ink in ("ink", "soft", "accent") for ground in ("ground", "paper", "sunk", "hover", "tint")),
    ("on-accent", "accent"),
    ("on-accent", "accent-hover"),
    *((kind, ground) for kind in ("good", "warn", "bad") for ground in ("paper", "ground", f"{kind}-tint")),
    *(("ink", f"{kind}-tint") for kind in ("good", "warn", "bad")),
]
SHAPES = [(line, ground) for line in ("edge", "accent", "second", "third", "fourth") for ground in ("paper", "ground")]


def test_all_script_together_is_small() -> None:
    assert sum(file.stat().st_size for file in STATIC.rglob("*.js")) < MOST_SCRIPT


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_text_and_shapes_stand_out_from_their_ground(theme: int) -> None:
    needed = [(pair, 4.5) for pair in TEXT] + [(pair, 3.0) for pair in SHAPES]
    faint = {
        pair: round(found, 2)
        for pair, least in needed
        if (found := _contrast(COLOURS[pair[0]][theme], COLOURS[pair[1]][theme])) < least
    }
    assert faint == {}


@pytest.mark.parametrize("sheet", sorted(STATIC.rglob("*.css")), ids=lambda path: path.name)
def test_a_sheet_has_no_left_and_right(sheet: Path) -> None:
    sided = r"(?<![\w-])(?:(?:margin|padding|border|inset)-(?:left|right)|left|right|float)\s*:"
    assert re.findall(sided, sheet.read_text("utf-8")) == []


@pytest.mark.parametrize("template", sorted(TEMPLATES.rglob("*.html")), ids=lambda path: path.name)
def test_a_template_has_nothing_that_the_content_policy_stops(template: Path) -> None:
    text = template.read_text("utf-8")
    assert re.findall(r"""\sstyle\s*=|<style|\son\w+\s*=\s*["']|javascript:|<script(?![^>]*\ssrc=)""", text) == []
    assert re.findall(r"""(?:src|href)=["'](?:https?:)?//""", text) == []


@pytest.mark.parametrize("file", sorted((*STATIC.rglob("*.js"), *STATIC.rglob("*.css"))), ids=lambda path: path.name)
def test_script_and_sheets_fetch_nothing_from_elsewhere(file: Path) -> None:
    assert (
        re.findall(
            r"(?:https?:)?//(?!www\.w3\.org/)[\w.-]+\.\w+/|@import|\beval\(|innerHTML|document\.write",
            file.read_text("utf-8"),
        )
        == []
    )


def _contrast(one: str, other: str) -> float:
    """https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio"""
    bright, dim = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
