"""What of a page matters to whoever opens it: that it is whole, fetches nothing, and fits."""

import os
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from string import Formatter

import pytest

from weighbridge.reports.language import Tongue

_FRAME = """<body><iframe src="report.html" width="{width}" height="800" style="border:0"></iframe><script>
document.querySelector("iframe").onload = event => {{
  const page = event.target.contentDocument.documentElement
  const said = document.createElement("p")
  said.textContent = [page.scrollWidth - page.clientWidth, getComputedStyle(page).direction].join(" ")
  document.body.append(said)
}}</script>"""


class Page(HTMLParser):
    """A page's tags; each is closed by its own."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def assert_self_contained(text: str, tongue: Tongue) -> None:
    """It is well-formed, in its language, and neither fetches nor runs anything."""
    found = Page(text)
    assert found.open == []
    for tag, attributes in found.tags:
        assert tag not in ("script", "link", "img", "iframe", "object")
        assert attributes.get("src") is None
        assert not any(name.startswith("on") for name in attributes)
    assert "default-src 'none'" in text
    assert "url(" not in text
    assert "@import" not in text
    assert dict(found.tags)["html"] == {"lang": tongue.code, "dir": tongue.direction}


def assert_same_words(tongue: Tongue, english: Tongue) -> None:
    """It has all that English has, with the same placeholders."""
    assert tongue.words.keys() == english.words.keys()
    assert tongue.counts.keys() == english.counts.keys()
    assert (len(tongue.months), len(tongue.digits)) == (12, 10)
    for name, said in tongue.words.items():
        assert holes(said) == holes(english.words[name]), name
    for name, forms in tongue.counts.items():
        assert holes(forms["other"]) == holes(english.counts[name]["other"]), name
        assert all(holes(form) <= holes(forms["other"]) for form in forms.values()), name


def holes(text: str) -> set[str]:
    """A text's placeholders."""
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def assert_fits(text: str, direction: str, width: int, folder: Path) -> None:
    """In Chromium, nothing stands out of the page at this width. Skips where there is none."""
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if chromium is None:
        pytest.skip("there is no chromium here")
    (folder / "report.html").write_text(text, encoding="utf-8")
    (folder / "frame.html").write_text(_FRAME.format(width=width), encoding="utf-8")
    command = [chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files"]
    command += [f"--user-data-dir={folder / 'profile'}", "--virtual-time-budget=2000", "--dump-dom"]
    shown = subprocess.run(
        [*command, (folder / "frame.html").as_uri()], capture_output=True, text=True, timeout=60, check=True
    ).stdout
    assert f"<p>0 {direction}</p>" in shown
