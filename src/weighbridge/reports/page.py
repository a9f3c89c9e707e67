"""A page of HTML that needs nothing else: no network, no script; and the parts that reports put in it."""

from html import escape
from importlib.resources import files
from typing import Final, Literal

from weighbridge.reports.language import Tongue

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""Whatever slips into the page, a browser fetches nothing and runs nothing."""


def page(tongue: Tongue, *, title: str, body: str, style: str = "") -> str:
    """The whole page; `title` is text, `body` HTML."""
    sheet = (files("weighbridge.reports") / "page.css").read_text(encoding="utf-8")
    return (
        f'<!doctype html><html lang="{tongue.code}" dir="{tongue.direction}"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{text(title)}</title><style>{sheet}{style}</style></head><body>{body}</body></html>\n"
    )


def text(said: str) -> str:
    """As HTML. Names of others are to be a Tongue's `name`."""
    return escape(said)


def foreign(english: str, tongue: Tongue) -> str:
    """Text that there is in English only, as HTML."""
    said = escape(" ".join(english.split()))
    return said if tongue.code == "en" else f'<span lang="en" dir="ltr">{said}</span>'


def folded(summary: str, inner: str, *, opened: bool = False) -> str:
    """HTML that is shown on demand."""
    return f"<details{' open' if opened else ''}><summary>{text(summary)}</summary>{inner}</details>"


def wide(heads: str, lines: str) -> str:
    """A table that scrolls by itself where the screen is narrow, by keys too."""
    return f'<div class="wide" tabindex="0"><table><thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table></div>'


def head(said: str, *, number: bool = False) -> str:
    """A column's."""
    return f'<th scope="col"{_class("n" if number else "")}>{text(said)}</th>'


def cell(said: str, kind: Literal["", "n", "d"] = "") -> str:
    """A table's; `n` for a number, `d` for a day."""
    return f"<td{_class(kind)}>{text(said)}</td>"


def _class(kind: str) -> str:
    return f' class="{kind}"' if kind else ""
