"""What charts have in common: an SVG that is read without colour, by a screen reader, on light and dark, and mirrored.

Names and numbers stand at what they are of, lines differ in their dashes and marks, title and desc say what is drawn,
and there are two sets of hues.
"""

from collections.abc import Sequence
from html import escape
from typing import Final, Literal

from weighbridge.reports.language import Tongue

WIDTH: Final = 420
LONGEST: Final = 54
"""Characters of a name that fit."""
HUES: Final = ("", " b", " c", " d")
DASHES: Final = ("", "7 4", "2 4", "10 3 2 3")
STYLE: Final = (
    "svg.drawing{width:100%;max-width:34rem;height:auto}"
    ".bar,.mark{fill:#2b6cb0}.line{fill:none;stroke:#2b6cb0;stroke-width:2.5}.b{fill:#b7471a}.line.b{fill:none;"
    "stroke:#b7471a}.c{fill:#2f7d4f}.line.c{fill:none;stroke:#2f7d4f}.d{fill:#6b4fa0}.line.d{fill:none;stroke:#6b4fa0}"
    "text{fill:currentColor;paint-order:stroke;stroke:var(--paper,Canvas);stroke-width:4px;"
    "font:14px system-ui,'Noto Sans','Noto Sans Arabic',sans-serif}text.little{font-size:12px}"
    ".grid{stroke:currentColor;opacity:.22}.limit{stroke:currentColor;stroke-width:1.5;stroke-dasharray:3 3}"
    "@media(prefers-color-scheme:dark){.bar,.mark{fill:#7db3e8}.line{stroke:#7db3e8}.b{fill:#f0a27e}"
    ".line.b{stroke:#f0a27e}.c{fill:#7fcf9d}.line.c{stroke:#7fcf9d}.d{fill:#bba4e6}.line.d{stroke:#bba4e6}}"
    "svg.alone{color:#1b1f24;--paper:#fff}"
    "@media(prefers-color-scheme:dark){svg.alone{color:#e8e8e8;background:#16191d;--paper:#16191d}}"
)
"""What charts that are part of a page share. No style stands at an element: a strict page would not take it."""


def framed(body: str, height: float, title: str, description: str, tongue: Tongue, *, alone: bool) -> str:
    """The SVG; `alone`: for a file of its own rather than a part of a page."""
    kind = ' xmlns="http://www.w3.org/2000/svg" class="drawing alone"' if alone else ' class="drawing"'
    return (
        f'<svg{kind} viewBox="0 0 {WIDTH} {height:.0f}" role="img" lang="{tongue.code}" '
        f'direction="{tongue.direction}"><title>{escape(title)}</title>'
        f"<desc>{escape(description)}</desc>{f'<style>{STYLE}</style>' if alone else ''}{body}</svg>"
    )


def words(x: float, y: float, said: str, *, anchor: Literal["start", "middle", "end"], little: bool = False) -> str:
    """A text; `anchor` is of reading, as SVG's is: `start` is its right side where lines begin there."""
    kind = ' class="little"' if little else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{kind}>{escape(said)}</text>'


def across(x: float, tongue: Tongue) -> float:
    """From where lines begin: mirrored where that is the right."""
    return WIDTH - x if tongue.direction == "rtl" else x


def shortened(name: str) -> str:
    """A name that fits above what it names."""
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"


def mark(place: int, x: float, y: float) -> str:
    """What marks a series' points, by its place among the first four."""
    if place == 0:
        return f'<circle class="mark" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>'
    if place == 1:
        return f'<rect class="mark{HUES[place]}" x="{x - 3.5:.1f}" y="{y - 3.5:.1f}" width="7" height="7"/>'
    three = [(x, y - 4.5), (x + 4.5, y + 3.5), (x - 4.5, y + 3.5)]
    turned = three if place == 2 else [(at, 2 * y - up) for at, up in three]
    return f'<polygon class="mark{HUES[place]}" points="{points(turned)}"/>'


def line(place: int, along: Sequence[tuple[float, float]]) -> str:
    """A series' line."""
    return f'<polyline class="line{HUES[place]}" stroke-dasharray="{DASHES[place]}" points="{points(along)}"/>'


def straight(kind: str, one: tuple[float, float], other: tuple[float, float]) -> str:
    """From one point to another; `kind` is a class of the style."""
    return f'<line class="{kind}" x1="{one[0]:.1f}" y1="{one[1]:.1f}" x2="{other[0]:.1f}" y2="{other[1]:.1f}"/>'


def points(of: Sequence[tuple[float, float]]) -> str:
    """As SVG writes them."""
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in of)


def step(high: float, low: float) -> float:
    """A distance of grid lines that is 1, 2 or 5 by a power of ten, of which about four fit."""
    rough = (high - low) / 4 or 1
    power = 10.0 ** int(f"{rough:e}".partition("e")[2])
    return next((power * each for each in (1, 2, 5, 10) if power * each >= rough), power * 10)
