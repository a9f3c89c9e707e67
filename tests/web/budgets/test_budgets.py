"""/budgets: set for anybody, changed and removed in the window, with what is used and left."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Final

import pytest

from tests.web.house import Window, window
from weighbridge import audit_log, db
from weighbridge.accounts import keys
from weighbridge.audit_log import Wanted
from weighbridge.db import microseconds
from weighbridge.ledger.budgets import budget as of
from weighbridge.ledger.budgets import table
from weighbridge.ledger.budgets.budget import Budget
from weighbridge.web.pages.budgets.standing import standings

USERS_KEY = "a key of the owner's for users"


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Window]:
    async with window(tmp_path / "home") as made:
        yield made


def every_budget(here: Window) -> list[Budget]:
    with closing(db.connect(here.database)) as connection:
        return table.listing(connection)


def key_of(here: Window, name: str) -> str:
    with closing(db.connect(here.database)) as connection:
        return next(key.id for key in keys.listing(connection) if key.name == name)


def use(here: Window, budget: Budget, subject: str, used: int, worker: tuple[int, int] | None = None) -> None:
    """So much is used of it now; and so much a worker has in advance, and has used of that."""
    begins = of.window(budget.period, microseconds(datetime.now(UTC))).begins
    with closing(db.connect(here.database)) as connection:
        sql = "INSERT INTO budget_use (budget, subject, begins, used) VALUES (?, ?, ?, ?)"
        connection.execute(sql, (budget.id, subject, begins, used))
        if worker is not None:
            sql = "INSERT INTO lease (worker, budget, subject, begins, granted, used) VALUES ('w', ?, ?, ?, ?, ?)"
            connection.execute(sql, (budget.id, subject, begins, *worker))


SUBJECTS: Final[tuple[tuple[Mapping[str, str], tuple[str, str, str | None], str], ...]] = (
    ({"subject": "all"}, ("all", "", None), "The whole gateway"),
    ({"subject": "organisation", "organisation": "acme"}, ("organisation", "acme", None), "acme"),
    ({"subject": "each-organisation"}, ("organisation", "*", None), "Each organisation"),
    ({"subject": "project", "name": "lab"}, ("project", "lab", None), "lab"),
    ({"subject": "project", "name": "research", "organisation": "acme"}, ("project", "research", "acme"), "research"),
    ({"subject": "each-project"}, ("project", "*", None), "Each project"),
    ({"subject": "each-project", "organisation": "acme"}, ("project", "*", "acme"), "Each project of"),
    ({"subject": "key", "key": "desk"}, ("key", "desk", None), "desk"),
    ({"subject": "each-key"}, ("key", "*", None), "Each key"),
    ({"subject": "user", "name": "anna"}, ("user", "anna", None), "anna"),
    ({"subject": "each-user"}, ("user", "*", None), "Each user"),
    ({"subject": "tag", "name": "Batch"}, ("tag", "batch", None), "batch"),
    ({"subject": "each-tag"}, ("tag", "*", None), "Each tag"),
)
"""A form, what it becomes, and how the list names it."""


async def test_a_budget_is_set_for_anybody(here: Window) -> None:
    for form, (scope, name, organisation), shown in SUBJECTS:
        sent = {**form, "key": key_of(here, "desk")} if form["subject"] == "key" else form
        amount = {"budget-amount": "3", "budget-unit": "requests", "budget-period": "day", "budget-hard": "on"}
        page = await here.browser.post("/budgets/new", {**sent, **amount})
        assert page.status == 303, page.text
        budget = every_budget(here)[-1]
        expected = key_of(here, "desk") if name == "desk" else name
        assert (budget.scope, budget.name, budget.organisation) == (scope, expected, organisation), form
        assert (budget.amount, budget.unit, budget.period, budget.hard) == (3, "requests", "day", True)
        listing = await here.browser.get("/budgets")
        article = listing.text.partition(f'id="{budget.id}"')[0][-400:]
        assert shown in article, article
    assert len(every_budget(here)) == len(SUBJECTS)


WRONG: Final[tuple[tuple[Mapping[str, str], str], ...]] = (
    ({"subject": "all"}, "Fill this in."),
    ({"subject": "project", "budget-amount": "5"}, "Fill this in."),
    ({"subject": "key", "key": "key-nowhere", "budget-amount": "5"}, "there is no key"),
    ({"subject": "king", "budget-amount": "5"}, "Choose one of the list."),
    ({"subject": "all", "budget-amount": "five"}, "above zero"),
    ({"subject": "all", "budget-amount": "9000001"}, "at most 9,000,000"),
    (
        {"subject": "all", "budget-amount": "5", "budget-shorten": "10"},
        "Only a budget of dollars or tokens that refuses",
    ),
    ({"subject": "all", "budget-amount": "5", "budget-unit": "gold"}, "Choose one of the list."),
)


async def test_a_budget_that_makes_no_sense_is_refused(here: Window) -> None:
    for form, said in WRONG:
        page = await here.browser.post("/budgets/new", {"budget-period": "month", "budget-unit": "usd", **form})
        assert (page.status, said in page.text) == (422, True), form
    assert every_budget(here) == []


async def test_a_budget_is_changed_in_what_it_gives_and_removed(here: Window) -> None:
    form = {"subject": "all", "budget-amount": "5", "budget-unit": "usd", "budget-period": "month", "budget-hard": "on"}
    await here.browser.post("/budgets/new", form)
    (before,) = every_budget(here)
    use(here, before, "", 10**12)
    page = await here.browser.get(f"/budgets/{before.id}/change")
    assert ('value="5"' in page.text, "budget-period" in page.text) == (True, False)
    changed = {"budget-amount": "7.5", "budget-shorten": "100", "budget-hard": "on", "budget-period": "day"}
    answer = await here.browser.post(f"/budgets/{before.id}/change", changed)
    assert (answer.status, answer.location) == (303, f"/budgets#{before.id}")
    (after,) = every_budget(here)
    assert (after.id, after.amount, after.period, after.shorten_to) == (before.id, 75 * 10**11, "month", 100)
    assert "$1.00 of" not in page.text
    assert "$1.00 used, $6.50 left" in re.sub(r"<[^>]+>", "", (await here.browser.get("/budgets")).text)
    bad = await here.browser.post(f"/budgets/{before.id}/change", {"budget-amount": "0"})
    assert (bad.status, "above zero" in bad.text) == (422, True)
    assert "as much as other budgets allow" in (await here.browser.get(f"/budgets/{before.id}/remove")).text
    assert (await here.browser.post(f"/budgets/{before.id}/remove")).status == 303
    assert every_budget(here) == []
    assert (await here.browser.get(f"/budgets/{before.id}/change")).status == 404
    with closing(db.connect(here.database)) as connection:
        actions = [row.change.action for row in audit_log.rows(connection, Wanted(target=before.id))]
    assert actions == ["budget.create", "budget.change", "budget.remove"]


async def test_what_is_used_is_shown_and_what_workers_hold_is_left(here: Window) -> None:
    form = {"subject": "each-user", "budget-amount": "10", "budget-unit": "requests", "budget-period": "day"}
    await here.browser.post("/budgets/new", {**form, "budget-soft": "50", "budget-hard": "on"})
    (budget,) = every_budget(here)
    for number in range(12):
        use(here, budget, f"user-{number}", number % 10, worker=(1, 0))
    use(here, budget, "greedy", 10)
    with closing(db.connect(here.database)) as connection:
        (standing,) = standings(connection, [budget], datetime.now(UTC))
    assert (standing.shares[0].subject, standing.share, standing.is_near, standing.others) == ("greedy", 1.0, True, 3)
    nine = next(each for each in standing.shares if each.subject == "user-9")
    assert (nine.used, nine.in_advance, nine.left) == (Decimal(9), Decimal(1), Decimal(1))
    page = await here.browser.get("/budgets")
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", page.text))
    for said in ("10 requests used, 0 requests left", "9 requests used, 1 request left", "used up", "and 3 others"):
        assert said in text
    assert "1 budget is near its end." in text
    assert 'role="meter"' in page.text
    part = await here.browser.get("/budgets", x_part="list")
    assert "used up" in part.text
    assert "<html" not in part.text


async def test_users_are_named_as_the_ledger_names_them(tmp_path: Path) -> None:
    toml = f'[ledger]\nusers = "hashed"\nusers_key = "{USERS_KEY}"\n'
    async with window(tmp_path / "home", toml) as here:
        form = {"subject": "user", "name": "anna", "budget-amount": "1", "budget-unit": "usd"}
        assert (await here.browser.post("/budgets/new", form)).status == 303
        (budget,) = every_budget(here)
        assert budget.name.startswith("h:")
        assert "anna" not in (await here.browser.get("/budgets")).text


async def test_each_role_sets_what_it_may(here: Window) -> None:
    acme = await here.signed_in(here.admin("admin", organisation="acme"))
    auditor = await here.signed_in(here.admin("auditor"))
    everywhere = {"subject": "all", "budget-amount": "5", "budget-unit": "usd", "budget-period": "month"}
    refused = await acme.post("/budgets/new", everywhere)
    assert (refused.status, "may not do" in refused.text) == (422, True)
    own = await acme.post("/budgets/new", {**everywhere, "subject": "organisation", "organisation": "acme"})
    assert own.status == 422  # that is for those above
    below = await acme.post(
        "/budgets/new", {**everywhere, "subject": "project", "organisation": "acme", "name": "research"}
    )
    assert below.status == 303
    await here.browser.post("/budgets/new", everywhere)
    page = await acme.get("/budgets")
    assert ("research" in page.text, "The whole gateway" in page.text) == (True, False)
    assert "globex" not in (await acme.get("/budgets/new")).text
    whole = next(each for each in every_budget(here) if each.scope == "all")
    assert (await acme.get(f"/budgets/{whole.id}/change")).status == 404
    assert (await acme.post(f"/budgets/{whole.id}/remove", of="/budgets/new")).status == 404
    assert (await auditor.get("/budgets")).status == 200
    assert (await auditor.get("/budgets/new")).status == 403
    assert f"/budgets/{whole.id}/change" not in (await auditor.get("/budgets")).text
    assert len(every_budget(here)) == 2
