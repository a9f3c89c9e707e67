"""The door of the window: who comes in, by what, and what a browser is told of every page."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.web.house import Browser, Window, window
from weighbridge import audit_log, db
from weighbridge.accounts import admins
from weighbridge.accounts.admins import Admin
from weighbridge.errors import Unauthorized
from weighbridge.web import signing
from weighbridge.web.window import POLICY, every_place


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Window]:
    async with window(tmp_path / "home", seeded=False) as made:
        yield made


def actions(here: Window) -> list[str]:
    with closing(db.connect(here.database)) as connection:
        return [row.change.action for row in audit_log.rows(connection, audit_log.Wanted())]


async def test_nobody_sees_a_page_who_is_not_signed_in(here: Window) -> None:
    stranger = Browser(here.port)
    for each in every_place():
        path = re.sub(r"\{.*?\}", "x", each.path)
        page = await (stranger.get(path) if each.method == "GET" else stranger.send(path, {}))
        assert page.status in (303, 401), path
        assert page.status != 303 or page.location.startswith("/sign-in"), path


async def test_a_key_of_an_admin_lets_in_and_back_to_where_one_was(here: Window) -> None:
    browser = Browser(here.port)
    asked = await browser.get("/nowhere?a=1")
    assert (asked.status, asked.location) == (303, "/sign-in?next=/nowhere%3Fa%3D1")
    page = await browser.send("/sign-in", {"key": here.owner, "next": "/nowhere?a=1"})
    assert (page.status, page.location) == (303, "/nowhere?a=1")
    assert (await browser.get("/nowhere?a=1")).status == 404
    assert actions(here)[-1] == "window.sign_in"


@pytest.mark.parametrize("key", ["", "wba-nobody", "wb-model-key"])
async def test_other_keys_do_not_and_are_not_said_again(key: str, here: Window) -> None:
    page = await Browser(here.port).send("/sign-in", {"key": key})
    assert page.status == 422
    assert not key or key not in page.text


@pytest.mark.parametrize("where", ["//evil.example", "https://evil.example", "/\\evil", "evil", "/a\r\nx: y"])
async def test_nobody_is_led_elsewhere(where: str, here: Window) -> None:
    page = await Browser(here.port).send("/sign-in", {"key": here.owner, "next": where})
    assert (page.status, page.location) == (303, "/")


async def test_too_many_wrong_keys_and_no_more_are_taken(here: Window) -> None:
    browser = Browser(here.port)
    for _ in range(10):
        assert (await browser.send("/sign-in", {"key": "wba-x"})).status == 422
    assert (await browser.send("/sign-in", {"key": here.owner})).status == 429


async def test_a_link_lets_in_once(here: Window) -> None:
    with closing(db.connect(here.database)) as connection:
        owner = signing.owner_of_machine(connection, datetime.now(UTC))
        assert signing.owner_of_machine(connection, datetime.now(UTC)) == owner
    ticket = signing.ticket(here.settings.home, owner)
    browser = Browser(here.port)
    page = await browser.get(f"/enter?ticket={ticket}")
    assert (page.status, page.location) == (303, "/")
    assert (await browser.get("/nowhere")).status == 404
    assert (await Browser(here.port).get(f"/enter?ticket={ticket}")).status == 401
    assert (await Browser(here.port).get("/enter?ticket=none")).status == 401
    assert (here.settings.home / "window-secret").stat().st_mode & 0o777 == 0o600


async def test_a_revoked_admin_is_out_at_once(here: Window) -> None:
    key = here.admin("admin")
    browser = await here.signed_in(key)
    assert (await browser.get("/nowhere")).status == 404
    with closing(db.connect(here.database)) as connection:
        admin = admins.open_with(connection, key.encode(), now=datetime.now(UTC))
        connection.execute("UPDATE admin SET disabled_at = 1 WHERE id = ?", (admin.id,))
    assert (await browser.get("/nowhere")).status == 303


async def test_a_cookie_that_was_changed_is_none(here: Window) -> None:
    browser = Browser(here.port, dict(here.browser.cookies))
    head, _, tail = browser.cookies["weighbridge"].partition(".")
    browser.cookies["weighbridge"] = f"{head[:-2]}AA.{tail}"
    assert (await browser.get("/nowhere")).status == 303


async def test_a_form_of_another_page_or_site_is_not_taken(here: Window) -> None:
    assert (await here.browser.send("/sign-out", {})).status == 403
    assert (await here.browser.send("/sign-out", {"csrf": "guess"})).status == 403
    assert (await here.browser.post("/sign-out", of="/keys", origin="https://evil.example")).status == 403
    assert (await here.browser.post("/sign-out", of="/keys", origin="null")).status == 403
    assert (await here.browser.post("/sign-out", of="/keys", sec_fetch_site="cross-site")).status == 403
    page = await here.browser.post("/sign-out", of="/keys", origin=here.url)
    assert (page.status, page.location) == (303, "/sign-in")
    assert actions(here)[-1] == "window.sign_out"
    assert (await here.browser.get("/nowhere")).status == 303


async def test_every_answer_tells_the_browser_what_it_may_do(here: Window) -> None:
    for page in (await here.browser.get("/nowhere"), await Browser(here.port).get("/sign-in")):
        assert page.headers["content-security-policy"] == POLICY
        assert page.headers["cache-control"] == "no-store"
        assert page.headers["x-content-type-options"] == "nosniff"
    cookie = (await Browser(here.port).send("/sign-in", {"key": here.owner})).headers["set-cookie"]
    assert "httponly" in cookie.lower()
    assert "samesite=strict" in cookie.lower()


async def test_a_name_that_is_not_ours_is_refused(here: Window) -> None:
    assert (await Browser(here.port).get("/sign-in", host="evil.example")).status == 421


async def test_pages_are_told_what_has_changed(here: Window) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
    cookie = here.browser.cookies["weighbridge"]
    writer.write(f"GET /live HTTP/1.1\r\nhost: 127.0.0.1:{here.port}\r\ncookie: weighbridge={cookie}\r\n\r\n".encode())
    await reader.readuntil(b"retry: 2000")
    await here.signed_in(here.owner)  # which the audit log has
    async with asyncio.timeout(20):
        said = b""
        while b"keys" not in said:
            said = await reader.readuntil(b"\n\n")
    writer.close()


async def test_a_session_that_was_signed_out_of_opens_nothing_with_a_copied_cookie(here: Window) -> None:
    copied = Browser(here.port, dict(here.browser.cookies))
    assert (await here.browser.post("/sign-out", of="/keys")).status == 303
    assert (await copied.get("/keys")).location == "/sign-in?next=/keys"
    kept = (here.settings.home / "window-ended").read_text()
    assert copied.cookies["weighbridge"].partition(".")[0] not in kept


async def test_one_ticket_for_many_at_once_lets_one_of_them_in(here: Window) -> None:
    with closing(db.connect(here.database)) as connection:
        owner = signing.owner_of_machine(connection, datetime.now(UTC))
    path = f"/enter?ticket={signing.ticket(here.settings.home, owner)}"
    assert (await here.browser._ask("HEAD", path, b"", {})).status == 200
    pages = await asyncio.gather(*(Browser(here.port).get(path) for _ in range(8)))
    assert sorted(page.status for page in pages) == [303, *[401] * 7]


async def test_wrong_keys_of_others_keep_nobody_out_who_has_a_link(here: Window) -> None:
    for _ in range(10):
        await Browser(here.port).send("/sign-in", {"key": "wba-x"})
    with closing(db.connect(here.database)) as connection:
        owner = signing.owner_of_machine(connection, datetime.now(UTC))
    page = await Browser(here.port).get(f"/enter?ticket={signing.ticket(here.settings.home, owner)}")
    assert page.status == 303


def test_an_old_ticket_and_one_of_another_gateway_are_none(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    admin = Admin("adm-1", "me", "abcd", "owner", now)
    (one := tmp_path / "one").mkdir()
    (other := tmp_path / "other").mkdir()
    ticket = signing.ticket(one, admin)
    with pytest.raises(Unauthorized):
        signing.Tickets(other).used(ticket)
    assert signing.Tickets(one).used(ticket) == "adm-1"
    with pytest.raises(Unauthorized):
        signing.Tickets(one).used(ticket)  # after a restart too


async def test_who_comes_by_a_link_of_another_site_is_asked_again_from_here(here: Window) -> None:
    stranger = Browser(here.port)
    page = await stranger.get("/keys/%22%3E%3Cx?a=1", sec_fetch_site="cross-site")
    assert page.status == 200
    assert '<meta http-equiv="refresh" content="0;url=/keys/%22%3E%3Cx?a=1">' in page.text
    again = await stranger.get("/keys/%22%3E%3Cx?a=1", sec_fetch_site="same-origin")
    assert (again.status, again.location) == (303, "/sign-in?next=/keys/%2522%253E%253Cx%3Fa%3D1")


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ("content-length: 99999999\r\n", b"", 413),
        ("transfer-encoding: chunked\r\n", b"3\r\na=b\r\n0\r\n\r\n", 400),
        ("content-type: multipart/form-data; boundary=x\r\ncontent-length: 3\r\n", b"abc", 400),
    ],
)
async def test_what_is_no_form_or_too_long_is_refused(headers: str, body: bytes, status: int, here: Window) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
    kind = "" if "content-type" in headers else "content-type: application/x-www-form-urlencoded\r\n"
    writer.write(f"POST /sign-in HTTP/1.1\r\nhost: 127.0.0.1:{here.port}\r\n{kind}{headers}\r\n".encode() + body)
    assert int((await reader.readline()).split()[1]) == status
    writer.close()


async def test_a_session_has_its_time(tmp_path: Path) -> None:
    began = datetime(2026, 11, 23, 12, tzinfo=UTC)
    async with window(tmp_path / "home", seeded=False, now=began) as here:
        assert (await here.browser.get("/keys")).status == 200
        here.parts.now = lambda: began + timedelta(hours=11, minutes=59)
        assert (await here.browser.get("/keys")).status == 200
        here.parts.now = lambda: began + timedelta(hours=12)
        assert (await here.browser.get("/keys")).location == "/sign-in?next=/keys"
        part = await here.browser.get("/keys", x_part="lines")  # which the script turns into a link
        assert part.status == 401


async def test_behind_a_proxy_both_names_are_ours_and_cookies_are_for_tls(tmp_path: Path) -> None:
    toml = '[window]\npublic_url = "https://window.example.org"\n'
    async with window(tmp_path / "home", toml, seeded=False) as here:
        stranger = Browser(here.port)
        assert (await stranger.get("/sign-in", host="window.example.org")).status == 200
        assert (await stranger.get("/sign-in", host="evil.example")).status == 421
        origins = {"https://window.example.org": 303, "https://evil.example": 403, "http://window.example.org": 403}
        for origin, status in origins.items():
            page = await stranger.send("/sign-in", {"key": here.owner}, origin=origin, host="window.example.org:443")
            assert page.status == status, origin
            assert status != 303 or "; secure" in page.headers["set-cookie"]


async def test_a_role_sees_what_it_may_and_is_told_of_the_rest(here: Window) -> None:
    member = await here.signed_in(here.admin("member"))
    page = await member.get("/keys/history")
    assert page.status == 403
    assert "may not do" in page.text
