"""/requests and /requests/{id}, by plain HTTP: found, led to, shown, kept from who may not see it."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import closing
from html import unescape
from pathlib import Path

import pytest
import pytest_asyncio

from tests.web.house import Browser, Window, window
from tests.web.requests.ledger import HOSTILE, Kept, fill
from weighbridge import audit_log, db
from weighbridge.accounts import admins, keys
from weighbridge.audit_log import Wanted

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Window]:
    async with window(tmp_path_factory.mktemp("window") / "home", seeded=False) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def kept(here: Window) -> Kept:
    return fill(here)


def found(text: str) -> list[str]:
    """The requests that a page lists."""
    return re.findall(r'<a href="(/requests/wbr-[0-9a-f]{32})"', text)


async def listed(browser: Browser, query: str = "") -> list[str]:
    page = await browser.get(f"/requests{query}")
    assert page.status == 200, page.text
    return found(page.text)


async def suggesting(browser: Browser, path: str, name: str) -> str:
    """The page once it suggests this name: the first view does not wait for long."""
    async with asyncio.timeout(20):
        while f'<option value="{name}">' not in (text := (await browser.get(path)).text):
            continue
    return text


async def test_all_are_listed_the_newest_first(here: Window, kept: Kept) -> None:
    shown = await listed(here.browser)
    assert shown == sorted((f"/requests/{one.id}" for one in kept.entries.values()), reverse=True)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("?model=lab/*", ["other"]),
        ("?key=other", ["other"]),
        ("?key=nobody", []),
        ("?error=*", ["hostile"]),
        ("?status=4xx", ["hostile"]),
        ("?endpoint=second/tiny", ["failover"]),
        ("?cost_from=0.2", ["plain"]),
        ("?seconds_from=3", ["failover"]),
        ("?within=30d&until=&tag=ci", ["hostile"]),
        ("?user=somebody", []),
        ("?ending=refused&model=nope", []),
    ],
)
async def test_a_form_finds_what_it_asks_for(here: Window, kept: Kept, query: str, names: list[str]) -> None:
    assert await listed(here.browser, query) == [kept[name] for name in names]


async def test_a_form_that_is_wrong_comes_back_as_it_was_typed(here: Window) -> None:
    page = await here.browser.get("/requests?status=often&model=%22%3E%3Cscript%3E")
    assert page.status == 422
    assert 'value="often"' in page.text
    assert 'href="#f-status"' in page.text
    assert "<script>" not in page.text.replace('<script type="module"', "")
    assert found(page.text) == []


async def test_pages_go_on_where_the_last_one_ended(here: Window, kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weighbridge.web.pages.requests.listing._PAGE", 3)
    shown: list[str] = []
    path: str | None = "/requests"
    while path is not None:
        page = await here.browser.get(path)
        shown += found(page.text)
        further = re.search(r'rel="next" href="([^"]+)"', page.text)
        path = None if further is None else unescape(further[1])
    assert shown == sorted((f"/requests/{one.id}" for one in kept.entries.values()), reverse=True)


async def test_what_was_not_looked_at_is_said_with_a_link_to_go_on(
    here: Window, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("weighbridge.ledger.search._FIRST_LOOK", 2)
    monkeypatch.setattr("weighbridge.web.pages.requests.listing.PATIENCE", -1.0)
    page = await here.browser.get("/requests?user=nobody")
    assert "Older ones were not looked at yet." in page.text
    (further,) = re.findall(r'href="(/requests\?[^"]*before=[^"]+)"', page.text)
    assert "user=nobody" in unescape(further)
    assert "data-part" not in page.text


async def test_the_newest_are_live_and_come_alone(here: Window, kept: Kept) -> None:
    page = await here.browser.get("/requests")
    assert 'data-part="found" data-on="ledger"' in page.text
    part = await here.browser.get("/requests", x_part="found")
    assert "<html" not in part.text
    assert found(part.text) == found(page.text)
    older = await here.browser.get(f"/requests?before={kept.entries['plain'].id}")
    assert "data-part" not in older.text


async def test_a_pasted_receipt_leads_to_its_request(here: Window, kept: Kept) -> None:
    id_ = kept.entries["plain"].id
    for pasted in (id_, id_.upper(), f"gen-{id_[4:]}", f"%20{id_}%20"):
        page = await here.browser.get(f"/requests?receipt={pasted}")
        assert (page.status, page.location) == (303, kept["plain"])
    for pasted in ("nothing", f"wbr-{'0' * 32}"):
        page = await here.browser.get(f"/requests?receipt={pasted}")
        assert page.status == 422
        assert f'value="{pasted}"' in page.text


async def test_an_empty_ledger_says_what_comes_next(tmp_path: Path) -> None:
    async with window(tmp_path / "home", seeded=False) as empty:
        page = await empty.browser.get("/requests")
    assert "No request yet" in page.text
    assert 'href="/playground"' in page.text


async def test_the_page_of_one_says_what_happened(here: Window, kept: Kept) -> None:
    text = " ".join(re.sub(r"<[^>]+>", "", (await here.browser.get(kept["failover"])).text).split())
    text = unescape(text)
    assert "The key mine <i> asked for qwen/tiny on" in text
    assert "The answer came from second, where the model is called tiny, and began after 1.50 s." in text
    assert "It was sent whole; all of it took 4.00 s." in text
    assert "upstream_busy" in text
    assert "Its answer names another model: tiny-2." in text
    assert "reckoned" not in text


async def test_attempts_are_a_table_in_the_order_of_time(here: Window, kept: Kept) -> None:
    page = (await here.browser.get(kept["hedged"])).text
    rows = re.findall(r'<tr>\s*<th scope="row" class="named"><bdi dir="ltr">(\w+)</bdi>(.*?)</tr>', page, re.DOTALL)
    assert [name for name, _ in rows] == ["slow", "near"]
    assert "overtaken" in rows[0][1]
    assert "$0.01" in rows[0][1]
    assert "$0.02" in rows[1][1]
    assert "style=" not in page


async def test_bars_are_mirrored_for_who_reads_from_right_to_left(here: Window, kept: Kept) -> None:
    drawn = {}
    for language in ("en", "ar"):
        page = (await here.browser.get(kept["failover"], accept_language=language)).text
        drawn[language] = re.findall(r'<rect class="answering" x="([\d.]+)" y="2" width="([\d.]+)"', page)[0]
    x, width = map(float, drawn["en"])
    assert drawn["ar"][1] == drawn["en"][1]
    assert float(drawn["ar"][0]) == pytest.approx(1000 - x - width, abs=0.2)


async def test_names_of_strangers_are_text(here: Window, kept: Kept) -> None:
    for path in ("/requests", kept["hostile"], kept["plain"]):
        page = (await here.browser.get(path)).text
        bare = re.sub(r"<(script|link)[^>]+(src|href)=\"/static/[^>]+>(</script>)?", "", page)
        assert "<script" not in bare, path
        assert "<i>" not in bare, path
        assert "<b>" not in bare, path
        assert "\u202e" not in bare, path
        assert "49" not in re.findall(r"alert\(1\)[^<]{0,40}", bare)


async def test_an_adjustment_and_what_it_puts_right_lead_to_each_other(here: Window, kept: Kept) -> None:
    assert kept["adjustment"] in found((await here.browser.get(kept["plain"])).text)
    assert kept["plain"] in found((await here.browser.get(kept["adjustment"])).text)
    assert kept["plain"] in found((await here.browser.get(kept["again"])).text)


async def test_what_was_no_request_has_no_command(here: Window, kept: Kept) -> None:
    assert "curl http://127.0.0.1:9/v1/chat/completions" in (await here.browser.get(kept["failover"])).text
    for name in ("adjustment", "taken over"):
        assert "curl" not in (await here.browser.get(kept[name])).text


@pytest.mark.parametrize("path", ["/requests/wbr-0", f"/requests/wbr-{'0' * 32}", "/requests/%3Cscript%3E"])
async def test_what_is_not_there_is_not_found(here: Window, path: str) -> None:
    assert (await here.browser.get(path)).status == 404


async def test_an_admin_of_an_organisation_sees_its_requests_alone(here: Window, kept: Kept) -> None:
    browser = await here.signed_in(here.admin("auditor", organisation="globex"))
    assert await listed(browser) == [kept["other"]]
    assert (await browser.get(kept["other"])).status == 200
    assert (await browser.get(kept["plain"])).status == 404
    assert (await browser.get(f"/requests?receipt={kept.entries['plain'].id}")).status == 422
    assert await listed(browser, f"?key={kept.mine.id}") == []
    for query in ("", "?key=other", "?key=mine"):
        suggested = await suggesting(browser, f"/requests{query}", "lab/other")
        assert "qwen/tiny" not in suggested
        assert "mine &lt;i&gt;" not in suggested


async def test_a_member_sees_the_requests_of_its_own_keys(here: Window, kept: Kept) -> None:
    secret = here.admin("member", organisation="acme", project="search")
    browser = await here.signed_in(secret)
    assert await listed(browser) == []
    with closing(db.connect(here.database)) as connection:
        member = next(one for one in admins.listing(connection) if one.hint == secret[-4:] and one.role == "member")
        connection.execute("UPDATE key SET member = ? WHERE id = ?", (member.id, kept.mine.id))
    try:
        shown = await listed(browser)
        assert kept["plain"] in shown
        assert kept["other"] not in shown
        page = await browser.post(f"{kept['plain']}/text", of=kept["plain"])
        assert "A &lt;u&gt;word&lt;/u&gt;." in page.text
    finally:
        with closing(db.connect(here.database)) as connection:
            connection.execute("UPDATE key SET member = NULL WHERE id = ?", (kept.mine.id,))
            assert keys.find(connection, kept.mine.id) is not None


async def test_what_was_said_is_read_by_a_deed_that_the_audit_log_names(here: Window, kept: Kept) -> None:
    before = await here.browser.get(kept["plain"])
    assert "bold" not in before.text
    page = await here.browser.post(f"{kept['plain']}/text", of=kept["plain"])
    assert page.status == 200
    assert "What is &lt;b&gt;bold&lt;/b&gt;?" in page.text
    assert "alert(1)" in page.text
    assert "<b>bold" not in page.text
    assert "\u202e" not in page.text
    assert "Said(" not in page.text
    assert page.headers["cache-control"] == "no-store"
    assert "This sends the same request" in page.text
    with closing(db.connect(here.database)) as connection:
        rows = audit_log.rows(connection, Wanted(action="text.read", target=kept.entries["plain"].id))
    assert rows[-1].change.organisation == "acme"
    assert rows[-1].change.after == {"key": kept.mine.id}
    assert HOSTILE not in str(rows)


@pytest.mark.parametrize("role", ["auditor", "admin"])
async def test_who_may_not_read_texts_reads_none(here: Window, kept: Kept, role: str) -> None:
    browser = await here.signed_in(here.admin(role, organisation="acme"))
    page = await browser.get(kept["plain"])
    assert "is not for you to read" in page.text
    refused = await browser.post(f"{kept['plain']}/text", of="/requests?within=1h")
    assert refused.status in {403, 404}
    assert "bold" not in refused.text


async def test_a_text_that_is_not_kept_is_not_found(here: Window, kept: Kept) -> None:
    page = await here.browser.post(f"{kept['failover']}/text", of=kept["failover"])
    assert page.status == 404
    with closing(db.connect(here.database)) as connection:
        assert audit_log.rows(connection, Wanted(action="text.read", target=kept.entries["failover"].id)) == []
