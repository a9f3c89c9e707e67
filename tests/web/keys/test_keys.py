"""/keys: made, changed, rotated and revoked in the window, by the same rights and in the same log as by the API."""

import html
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final

import pytest

from tests.web.house import Page, Window, window
from weighbridge import audit_log, db
from weighbridge.accounts import keys
from weighbridge.accounts.keys import Key, Keyring
from weighbridge.audit_log import Row, Wanted
from weighbridge.errors import Unauthorized
from weighbridge.ledger.budgets import table
from weighbridge.ledger.budgets.budget import Budget
from weighbridge.ledger.spending import used_by_keys

HOSTILE = "</title><script>alert(1)</script>"


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Window]:
    async with window(tmp_path / "home") as made:
        yield made


def key_in(page: Page) -> str:
    """The key that a page shows once."""
    found: set[str] = set(re.findall(r"\bwb-[\w-]{30,}", page.text))
    assert len(found) == 1, found
    return found.pop()


def opens(here: Window, secret: str, now: datetime | None = None) -> Key:
    with closing(db.connect(here.database)) as connection:
        ring = Keyring(connection)
        ring.refresh()
        return ring.open(secret.encode(), now=now or datetime.now(UTC))


def every_key(here: Window) -> dict[str, Key]:
    with closing(db.connect(here.database)) as connection:
        return {key.name: key for key in keys.listing(connection)}


def budgets(here: Window) -> list[Budget]:
    with closing(db.connect(here.database)) as connection:
        return table.listing(connection)


def rows(here: Window, **wanted: str) -> list[Row]:
    with closing(db.connect(here.database)) as connection:
        assert audit_log.verify(connection).fault is None
        return audit_log.rows(connection, Wanted(**wanted))  # type: ignore[arg-type] # texts alone


def errors_in(page: Page) -> dict[str, str]:
    """What is wrong with which field."""
    found = re.findall(r'<p class="error" id="f-([\w-]+)-error">(.*?)</p>', page.text, re.DOTALL)
    return {name: html.unescape(re.sub(r"<[^>]+>", "", said)).removeprefix("Error:").strip() for name, said in found}


async def test_a_key_is_made_with_its_budget_and_shown_once(here: Window) -> None:
    form = {
        "name": "board",
        "models": "qwen/*\ndeepseek/deepseek-v3.2",
        "expires": "2199-01-31T12:00",
        "organisation": "acme",
        "project": "research",
        "tags": "batch, Personal-Data",
        "keep": "on",
        "keep-days": "7",
        "priority": "low",
        "cache": "60",
        "provider": '{"data_collection": "deny"}',
        "budget-amount": "25.5",
        "budget-unit": "usd",
        "budget-period": "month",
        "budget-hard": "on",
        "budget-soft": "90",
        "once": "a",
    }
    page = await here.browser.post("/keys/new", form)
    assert (page.status, page.headers["cache-control"]) == (200, "no-store")
    secret = key_in(page)
    assert f"Authorization: Bearer {secret}" in html.unescape(page.text)
    assert '"model":"deepseek/deepseek-v3.2"' in html.unescape(page.text)
    key = opens(here, secret)
    assert (key.name, key.models, key.labels.tags) == (
        "board",
        ("qwen/*", "deepseek/deepseek-v3.2"),
        ("batch", "personal-data"),
    )
    assert (key.labels.organisation, key.labels.project) == ("acme", "research")
    assert key.expires == datetime(2199, 1, 31, 12, tzinfo=UTC)
    assert key.keeps is not None
    assert (key.keeps.days, key.defaults.priority, key.defaults.cache) == (7, "low", 60)
    assert key.defaults.provider is not None
    (budget,) = budgets(here)
    assert (budget.scope, budget.name, budget.period, budget.soft, budget.hard) == ("key", key.id, "month", 90, True)
    assert budget.amount == Decimal("25.5") * 10**12
    (made,) = rows(here, action="key.create", target=key.id)
    assert (made.actor.id.startswith("adm-"), made.actor.address) == (True, "127.0.0.1")
    for path in ("/keys", f"/keys/{key.id}", "/keys/history"):
        shown = await here.browser.get(path)
        assert "board" in shown.text
        assert secret not in shown.text


async def test_the_same_form_twice_makes_one_key(here: Window) -> None:
    before = len(every_key(here))
    form = {"name": "once", "once": "x", "budget-amount": "1", "budget-unit": "usd", "budget-period": "day"}
    assert (await here.browser.post("/keys/new", form)).status == 200
    again = await here.browser.post("/keys/new", form)
    assert (again.status, again.location) == (303, f"/keys/{every_key(here)['once'].id}")
    assert len(every_key(here)) == before + 1
    assert len(budgets(here)) == 1
    assert "made already" in (await here.browser.get(again.location)).text


async def test_amounts_are_read_in_arabic_too(here: Window) -> None:
    form = {
        "name": "عربي",
        "budget-amount": "\u0661\u066c\u0662\u0665\u0660\u066b\u0665",
        "budget-unit": "usd",
        "budget-period": "month",
    }
    assert (await here.browser.post("/keys/new", form)).status == 200
    (budget,) = budgets(here)
    assert budget.amount == Decimal("1250.5") * 10**12


WRONG: Final[tuple[tuple[Mapping[str, str], str, str], ...]] = (
    ({}, "name", "Fill this in."),
    ({"name": "x" * 201}, "name", "too long"),
    ({"name": "a\x07b"}, "name", "Control characters"),
    ({"name": "x", "expires": "soon"}, "expires", "Write a day and a time"),
    ({"name": "x", "expires": "2001-01-01T00:00"}, "expires", "that moment has passed"),
    ({"name": "x", "tags": "ünknown"}, "tags", "A tag is at most 64"),
    ({"name": "x", "keep": "on", "keep-days": "0"}, "keep-days", "whole number from 1 to 36,500"),
    ({"name": "x", "provider": "{"}, "provider", "not valid JSON"),
    ({"name": "x", "provider": '{"sorted": 1}'}, "provider", "no preferences"),
    ({"name": "x", "cache": "-1"}, "cache", "Write a whole number"),
    ({"name": "x", "priority": "urgent"}, "priority", "Choose one of the list."),
    ({"name": "x", "budget-amount": "-5"}, "budget-amount", "above zero"),
    ({"name": "x", "budget-amount": "nan"}, "budget-amount", "above zero"),
    ({"name": "x", "budget-amount": "1.5", "budget-unit": "tokens"}, "budget-amount", "only whole ones"),
    ({"name": "x", "budget-amount": "1" + "0" * 20}, "budget-amount", "a number up to"),
    ({"name": "x", "budget-amount": "5", "budget-period": "at once"}, "budget-unit", "only requests"),
    ({"name": "x", "budget-amount": "5", "budget-soft": "101"}, "budget-soft", "from 1 to 100"),
)
"""A form, the field at fault, and what is said there."""


async def test_what_is_wrong_is_said_at_its_field_and_what_was_typed_stays(here: Window) -> None:
    before = every_key(here)
    for form, field, said in WRONG:
        page = await here.browser.post("/keys/new", {"tags": "kept-tag", "budget-unit": "usd", **form})
        assert page.status == 422, form
        assert said in errors_in(page)[field], errors_in(page)
        assert f'href="#f-{field}"' in page.text
        if "tags" not in form:
            assert 'value="kept-tag"' in page.text
    assert every_key(here) == before
    assert budgets(here) == []


async def test_a_key_and_its_budget_are_there_together_or_neither_is(
    here: Window, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*given: object, **more: object) -> None:
        raise db.Error("the disk is full")

    before = every_key(here)
    monkeypatch.setattr(table, "enter", fails)
    page = await here.browser.post("/keys/new", {"name": "x", "budget-amount": "5"})
    assert page.status == 503
    assert every_key(here) == before


async def test_names_of_others_are_text(here: Window) -> None:
    assert (await here.browser.post("/keys/new", {"name": HOSTILE, "models": "<b>/x", "project": "<i>"})).status == 200
    key = every_key(here)[HOSTILE]
    for path in ("/keys", f"/keys/{key.id}", f"/keys/{key.id}/change", f"/keys/{key.id}/revoke", "/keys/history"):
        page = await here.browser.get(path)
        assert page.status == 200
        for raw in ("<script>alert", "<b>/x", "<i>"):
            assert raw not in page.text, path


async def test_a_key_is_changed_and_keeps_the_end_it_had(here: Window) -> None:
    desk = every_key(here)["desk"]
    with closing(db.connect(here.database)) as connection:
        past = int((datetime.now(UTC) - timedelta(days=1)).timestamp() * 1e6) + 7
        connection.execute("UPDATE key SET expires_at = ? WHERE id = ?", (past, desk.id))
    page = await here.browser.get(f"/keys/{desk.id}/change")
    expires = re.search(r'name="expires" type="datetime-local" value="([^"]+)"', page.text)
    assert expires is not None
    form = {"name": "desk 2", "project": "front", "organisation": "acme", "tags": "prod, new", "expires": expires[1]}
    answer = await here.browser.post(f"/keys/{desk.id}/change", form)
    assert (answer.status, answer.location) == (303, f"/keys/{desk.id}")
    after = every_key(here)["desk 2"]
    assert (after.labels.project, after.labels.tags) == ("front", ("new", "prod"))
    assert after.expires is not None
    assert int(after.expires.timestamp() * 1e6) == past
    (row,) = rows(here, action="key.change")
    assert set(row.change.after or {}) == {"name", "project", "tags"}
    shown = await here.browser.get(f"/keys/{desk.id}")
    assert "counts within a second" in shown.text
    assert "expired" in shown.text


async def test_a_key_is_rotated_and_the_old_secret_opens_as_long_as_was_said(here: Window) -> None:
    first = key_in(await here.browser.post("/keys/new", {"name": "turning"}))
    key = opens(here, first)
    form = {"overlap": "3600", "ends_in": key.hint}
    page = await here.browser.post(f"/keys/{key.id}/rotate", form)
    second = key_in(page)
    assert f"…{key.hint}" in page.text
    assert opens(here, first).id == opens(here, second).id == key.id
    with pytest.raises(Unauthorized, match="expired"):
        opens(here, first, datetime.now(UTC) + timedelta(hours=1, minutes=1))
    again = await here.browser.post(f"/keys/{key.id}/rotate", form)
    assert (again.status, again.location) == (303, f"/keys/{key.id}")
    third = key_in(await here.browser.post(f"/keys/{key.id}/rotate", {"overlap": "0", "ends_in": second[-4:]}))
    with pytest.raises(Unauthorized):
        opens(here, second)
    assert opens(here, third).id == key.id


async def test_a_key_is_revoked_when_it_was_said_twice(here: Window) -> None:
    secret = key_in(await here.browser.post("/keys/new", {"name": "going"}))
    key = opens(here, secret)
    sure = await here.browser.get(f"/keys/{key.id}/revoke")
    assert (sure.status, "cannot be undone" in sure.text) == (200, True)
    assert opens(here, secret).id == key.id
    assert (await here.browser.post(f"/keys/{key.id}/revoke")).status == 303
    with pytest.raises(Unauthorized, match="revoked"):
        opens(here, secret)
    assert "going" not in (await here.browser.get("/keys")).text
    assert "going" in (await here.browser.get("/keys?revoked=on")).text
    page = await here.browser.get(f"/keys/{key.id}")
    assert f"/keys/{key.id}/revoke" not in page.text


async def test_the_list_is_searched_and_paged(here: Window) -> None:
    with closing(db.connect(here.database)) as connection:
        for number in range(60):
            keys.create(connection, name=f"many {number}", now=datetime.now(UTC))
    first = await here.browser.get("/keys")
    links = re.findall(r'href="/keys/(key-\w+)"', first.text)
    assert len(links) == 50
    following = re.search(r'rel="next" href="([^"]+)"', first.text)
    assert following is not None
    second = await here.browser.get(html.unescape(following[1]))
    rest = re.findall(r'href="/keys/(key-\w+)"', second.text)
    assert len(rest) == len(every_key(here)) - 50
    assert not set(links) & set(rest)
    found = await here.browser.get("/keys?name=MANY+59")
    assert re.findall(r'href="/keys/(key-\w+)"', found.text) == [every_key(here)["many 59"].id]
    assert "No key is like this" in (await here.browser.get("/keys?name=nowhere")).text
    by_place = await here.browser.get("/keys?organisation=acme&project=research")
    assert re.findall(r'href="/keys/(key-\w+)"', by_place.text) == [every_key(here)["batch"].id]


async def test_each_role_sees_and_does_what_it_may(here: Window) -> None:
    acme = await here.signed_in(here.admin("admin", organisation="acme"))
    auditor = await here.signed_in(here.admin("auditor"))
    every = every_key(here)
    page = await acme.get("/keys")
    assert ("desk" in page.text, "globex" in page.text) == (True, False)
    assert (await acme.get(f"/keys/{every['lab'].id}")).status == 404
    assert (await acme.post(f"/keys/{every['lab'].id}/revoke", of="/keys/new")).status == 404
    made = await acme.post("/keys/new", {"name": "theirs", "project": "new", "budget-amount": "5"})
    assert opens(here, key_in(made)).labels.organisation == "acme"
    refused = await acme.post("/keys/new", {"name": "elsewhere", "organisation": "globex"})
    assert (refused.status, "may not do" in refused.text) == (422, True)
    assert "elsewhere" not in every_key(here)
    assert (await auditor.get("/keys")).status == 200
    for path in ("/keys/new", f"/keys/{every['desk'].id}/change", f"/keys/{every['desk'].id}/rotate"):
        assert (await auditor.get(path)).status == 403, path
    assert (await auditor.post(f"/keys/{every['desk'].id}/revoke", of="/keys")).status == 403


async def test_a_member_has_its_own_keys(here: Window) -> None:
    page = await here.browser.post(
        "/keys/admins/new",
        {"name": "Carol", "role": "member", "organisation": "acme", "project": "research", "makes_keys": "on"},
    )
    secret = re.search(r"wba-[\w-]{30,}", page.text)
    assert secret is not None
    carol = await here.signed_in(secret[0])
    assert "No keys yet" in (await carol.get("/keys")).text
    form = await carol.get("/keys/new")
    assert "budget-amount" not in form.text
    made = await carol.post("/keys/new", {"name": "my own", "budget-amount": "99"})
    key = opens(here, key_in(made))
    assert (key.labels.project, key.member is not None) == ("research", True)
    assert budgets(here) == []
    assert "my own" in (await carol.get("/keys")).text
    assert (await carol.get("/keys/history")).status == 403
    assert (await carol.get(f"/keys/{every_key(here)['batch'].id}")).status == 404
    place = {"organisation": "acme", "project": "research", "member": key.member or ""}
    bound = await here.browser.post("/keys/new", {"name": "for Carol", **place})
    assert opens(here, key_in(bound)).member == key.member


async def test_an_empty_gateway_says_what_to_do(tmp_path: Path) -> None:
    async with window(tmp_path / "home", seeded=False) as here:
        page = await here.browser.get("/keys")
        assert "Make the first key" in page.text
        assert "No budgets yet" in (await here.browser.get("/budgets")).text
        assert "No policy is in force" in (await here.browser.get("/policies")).text
        assert "No policy was ever in force" in (await here.browser.get("/policies/history")).text


async def test_a_month_that_is_not_added_up_yet_is_no_zero(here: Window, monkeypatch: pytest.MonkeyPatch) -> None:
    async def not_yet(_: object) -> None: ...

    desk = every_key(here)["desk"].id
    for path in ("/keys", f"/keys/{desk}", f"/keys/{desk}/revoke"):
        known = (await here.browser.get(path)).text
        assert "data-again" not in known
        with monkeypatch.context() as patch:
            patch.setattr(here.parts.lately, "used", not_yet)
            page = (await here.browser.get(path)).text
        assert ("data-again" in page) == ("revoke" not in path)
        assert "$0.00" not in page


async def test_what_was_used_this_month_is_that_of_past_days_and_of_today(tmp_path: Path) -> None:
    now = datetime(2026, 11, 20, 15, tzinfo=UTC)
    async with window(tmp_path / "home", now=now) as there:
        desk = every_key(there)["desk"].id
        with closing(db.connect(there.database)) as connection:
            month = used_by_keys(connection, [desk], now.replace(day=1, hour=0))[desk]
            today = used_by_keys(connection, [desk], now.replace(hour=0))[desk]
        page = (await there.browser.get(f"/keys/{desk}")).text
    assert 0 < today.requests < month.requests
    assert f'<data value="{month.requests}">' in page
    assert f'<data value="{month.tokens}">' in page
