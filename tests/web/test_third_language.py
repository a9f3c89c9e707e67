"""A language is one file more: every page is there in it at once, with what is not translated in English."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web.house import window
from weighbridge.web import rendering, tongue
from weighbridge.web.window import every_place

FRENCH = """\
msgid ""
msgstr ""
"Language: fr\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Plural-Forms: nplurals=2; plural=(n > 1);\\n"

msgid "Requests"
msgstr "Requêtes"
"""


@pytest.fixture
def french(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "languages").mkdir()
    (tmp_path / "languages" / "fr.po").write_text(FRENCH, "utf-8")
    monkeypatch.setattr(tongue, "files", lambda package: tmp_path)
    tongue.tongues.cache_clear()
    rendering.environment.cache_clear()
    yield
    monkeypatch.undo()
    tongue.tongues.cache_clear()
    rendering.environment.cache_clear()


@pytest.mark.usefixtures("french")
async def test_every_page_is_there_in_a_language_that_is_one_file(tmp_path: Path) -> None:
    async with window(tmp_path / "home", "local.enabled = false\n") as made:
        offered = (await made.browser.get("/")).text
        assert 'lang="fr" hreflang="fr">Français</a>' in offered
        made.browser.cookies["language"] = "fr"
        addresses = [place.path for place in every_place() if place.method == "GET" and "{" not in place.path]
        addresses += ["/models/deepseek/deepseek-v3.2", "/market/price-moves", "/requests/wbr-" + "0" * 32]
        for address in addresses:
            page = await made.browser.get(address)
            assert page.status in (200, 404), f"{address}: {page.text[:2000]}"
            assert '<html lang="fr" dir="ltr"' in page.text, address
        page = await made.browser.get("/requests")
        assert "<h1>Requêtes</h1>" in page.text
        assert "\u202f" in page.text  # between thousands, as French has them
