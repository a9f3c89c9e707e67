"""The first page: figures, first steps, what each role sees, and a gateway that is away."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.ledger.made_up import charge, entry
from tests.web.house import Browser, Page, Window, window
from weighbridge import audit_log, db
from weighbridge.accounts import keys
from weighbridge.accounts.keys import Labels
from weighbridge.config import Secret
from weighbridge.db import microseconds
from weighbridge.gateway.route_health import EndpointHealth
from weighbridge.ledger import store
from weighbridge.ledger.budgets import table
from weighbridge.ledger.budgets.budget import Budget
from weighbridge.ledger.budgets.budget import window as window_of
from weighbridge.ledger.entry import Entry
from weighbridge.routing.health import Percentiles
from weighbridge.web.pages.today.health import MOST, of_list
from weighbridge.wire.usage import Usage

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def add(made: Window, *entries: Entry) -> None:
    with closing(db.connect(made.database)) as connection:
        store.add(connection, entries)


def set_budget(made: Window, project: str, *, used: int) -> None:
    """Of a hundred requests."""
    with closing(db.connect(made.database)) as connection:
        budget = Budget("", "project", project, "requests", "total", 100, NOON)
        kept = table.enter(connection, budget, by=audit_log.GATEWAY)
        sql = "INSERT INTO budget_use (budget, subject, begins, used) VALUES (?, ?, ?, ?)"
        connection.execute(sql, (kept.id, project, window_of("total", microseconds(NOON)).begins, used))


async def added_up(browser: Browser, **headers: str) -> Page:
    """The page once nothing on it is being added up."""
    for _ in range(100):
        page = await browser.get("/", **headers)
        if "data-again" not in page.text:
            return page
    raise AssertionError("still being added up")


async def test_an_empty_gateway_shows_the_next_steps_and_no_empty_charts(tmp_path: Path) -> None:
    async with window(tmp_path / "home", seeded=False) as made:
        page = await made.browser.get("/")
        assert page.status == 200
        for part in ("Ask something", "Make a key", "Connect a program", "curl http://", "OpenAI(base_url="):
            assert part in page.text
        assert '<svg class="drawing' not in page.text
        assert "Spend by day" not in page.text
        assert page.text.count('class="done"') == 0
        with closing(db.connect(made.database)) as connection:
            key, _ = keys.create(connection, name="ci", now=NOON)
        assert (await made.browser.get("/")).text.count('class="done"') == 1
        add(made, entry(at=datetime.now(UTC), key=key.id))
        assert "First steps" not in (await added_up(made.browser)).text


async def test_what_one_may_not_do_is_not_asked_of_him(tmp_path: Path) -> None:
    async with window(tmp_path / "home", seeded=False) as made:
        auditor = await made.signed_in(made.admin("auditor"))
        page = await auditor.get("/")
        assert "Make a key" not in page.text
        assert "Nothing was asked yet" in page.text


async def test_today_and_the_month_are_added_up(tmp_path: Path) -> None:
    async with window(tmp_path / "home", seeded=False, now=NOON) as made:
        spent = charge("1.25", Usage(1000, 500))
        broke = entry(at=NOON, ending="upstream_broke", status=502, error="upstream_error", charge=None)
        unpriced = entry(at=NOON - timedelta(days=2), charge=charge(None))
        add(made, entry(at=NOON, charge=spent), broke, entry(at=NOON - timedelta(days=1), charge=spent), unpriced)
        page = await added_up(made.browser)
        figures = await made.browser.get("/", x_part="figures")
        assert "<html" not in figures.text
        for shown in (
            "$1.25",
            'Yesterday: <data value="1.25',
            "$2.50",
            "50.0 %",
            "1 request of unknown price",
            "November 2026",
        ):
            assert shown in figures.text.replace("</data>", ""), shown
        assert page.text.count('class="drawing"') == 4
        assert "20 November 2026" in page.text


async def test_parts_are_given_alone_and_cost_nothing_of_the_others(tmp_path: Path) -> None:
    async with window(tmp_path / "home") as made:
        await added_up(made.browser)
        for part, has in (
            ("charts", "Spend by day"),
            ("elsewhere", "on open models"),
            ("budgets", "No budget is set"),
            ("health", "Endpoints"),
            ("news", "What changed lately"),
        ):
            page = await made.browser.get("/", x_part=part)
            assert (page.status, has in page.text, "<main" in page.text) == (200, True, False), part


async def test_each_sees_what_is_his(tmp_path: Path) -> None:
    async with window(tmp_path / "home", seeded=False, now=NOON) as made:
        for organisation, cost in (("acme", "3"), ("globex", "5")):
            add(made, entry(at=NOON, organisation=organisation, project="p", charge=charge(cost)))
        whole = await added_up(made.browser)
        assert "$8.00" in whole.text
        scoped = await made.signed_in(made.admin("admin", organisation="acme"))
        page = await added_up(scoped)
        assert "$3.00" in page.text
        assert "$5.00" not in page.text
        assert "$8.00" not in page.text
        assert "Everything that was changed" not in page.text
        assert 'data-part="health"' in page.text
        assert "left alone" not in page.text
        with closing(db.connect(made.database)) as connection:
            mine, _ = keys.create(connection, name="own", now=NOON, labels=Labels("acme", "p", ()))
        add(made, entry(at=NOON, key=mine.id, organisation="acme", project="p", charge=charge("7")))
        member = await made.signed_in(made.admin("member", organisation="acme", project="p"))
        assert "$7.00" not in (await member.get("/")).text
        assert "Nothing was asked yet" in (await member.get("/")).text


async def test_budgets_near_their_end_stand_on_it(tmp_path: Path) -> None:
    async with window(tmp_path / "home", now=NOON) as made:
        assert "No budget is set" in (await made.browser.get("/", x_part="budgets")).text
        set_budget(made, "roomy", used=1)
        assert "The one budget has room" in (await made.browser.get("/", x_part="budgets")).text
        set_budget(made, "narrow", used=85)
        set_budget(made, "spent", used=100)
        text = (await made.browser.get("/", x_part="budgets")).text
        assert ("roomy" in text, text.index("spent") < text.index("narrow")) == (False, True)
        assert ("used up" in text, "near its end" in text) == (True, True)


async def test_a_gateway_that_is_away_is_told_and_the_rest_stands(tmp_path: Path) -> None:
    async with window(tmp_path / "home") as made:
        made.parts.key = Secret("wb-none")
        page = await added_up(made.browser)
        assert page.status == 200
        assert "The gateway does not answer" in page.text
        assert "Spend by day" in page.text
        made.parts.key = None
        assert "This machine has no key" in (await made.browser.get("/", x_part="health")).text


async def test_a_broken_policy_is_told_where_the_month_would_stand(tmp_path: Path) -> None:
    async with window(tmp_path / "home") as made:
        made.settings.policy_path.write_text("[[deny]]\n")
        page = await added_up(made.browser, x_part="elsewhere")
        assert "while the policy is broken" in page.text


def health(id_: str, status: str = "well", requests: int = 1) -> EndpointHealth:
    times = Percentiles(0.1, 0.2, 0.3, 0.4)
    return EndpointHealth(id_, "far", "lab/one", status, None, None, times, times, 1.0, None, None, requests, 0)  # type: ignore[arg-type]


@pytest.mark.parametrize("well", [0, 3, 20])
def test_what_is_unwell_is_shown_first_and_always(well: int) -> None:
    unwell = [health(f"far/bad-{number}", "left_alone") for number in range(10)]
    found = of_list([health(f"far/well-{number}", requests=number) for number in range(well)] + unwell)
    assert [each.status for each in found.endpoints[:10]] == ["left_alone"] * 10
    assert (found.unwell, len(found.endpoints) + found.more) == (10, well + 10)
    assert len(of_list([health("far/x")] * 20).endpoints) == MOST
