"""The page's colours: text can be read on its background, on light and on dark, as WCAG 2.2 AA asks (1.4.3, 1.4.11)."""

import re
from importlib.resources import files

import pytest

from weighbridge.reports.drawing import STYLE
from weighbridge.switch.report.page import OWN_STYLE

SHEET = (files("weighbridge.reports") / "page.css").read_text(encoding="utf-8")
LIGHT, DARK = (dict(re.findall(r"--(\w+):(#\w+)", part)) for part in re.findall(r":root{([^}]*)}", SHEET)[:2])
HUES = {"light": ["#2b6cb0", "#b7471a", "#2f7d4f", "#6b4fa0"], "dark": ["#7db3e8", "#f0a27e", "#7fcf9d", "#bba4e6"]}
BADGES = {"light": ["#226b41", "#a03a10"], "dark": ["#7fcf9d", "#f0a27e"]}


@pytest.mark.parametrize(("name", "colours"), [("light", LIGHT), ("dark", DARK)])
def test_what_is_read_and_drawn_stands_out_from_its_background(name: str, colours: dict[str, str]) -> None:
    for ground in ("paper", "card"):
        for ink in ("ink", "soft", "link"):
            assert contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground)
    for hue in HUES[name]:
        assert hue in STYLE
        assert contrast(hue, colours["paper"]) >= 3
    for badge in BADGES[name]:
        assert badge in OWN_STYLE
        assert contrast(badge, colours["paper"]) >= 4.5


def contrast(one: str, other: str) -> float:
    """https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio"""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(each * 2 for each in colour[1:])
    parts = (int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
