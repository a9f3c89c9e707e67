"""/v1/admin/budgets and OpenRouter's /api/v1/keys: budgets over HTTP, by the same roles and in the same audit log."""

import asyncio
import json
import shutil
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.house import ASKED as REQUEST
from tests.gateway.house import Gateway
from tests.gateway.office import Office, call, ids, log, office
from tests.gateway.test_openrouter_clients import PACKAGES
from weighbridge import db
from weighbridge.audit_log import Wanted
from weighbridge.ledger.budgets import table

BUDGETS = "/v1/admin/budgets"
KEYS = "/api/v1/keys"
Json = dict[str, Any]  # Any: JSON
NODE = shutil.which("node")


async def test_a_budget_is_set_listed_replaced_and_removed(gateway: Gateway) -> None:
    owner = office(gateway, "owner")
    asked = {"scope": "project", "name": "search", "unit": "usd", "period": "month", "amount": "500.5", "soft": 80}
    made = await owner.call("POST", BUDGETS, asked)
    assert {name: made[name] for name in asked} == asked
    assert (made["hard"], made["uses"]) == (True, [])
    again = await owner.call("POST", BUDGETS, {**asked, "amount": 20, "hard": False})
    assert (again["id"], again["amount"], again["hard"]) == (made["id"], "20", False)
    assert (await owner.call("GET", BUDGETS))["data"] == [again]
    assert await owner.call("DELETE", f"{BUDGETS}/{made['id']}") == {
        "id": made["id"],
        "deleted": True,
        "object": "budget.deleted",
    }
    assert (await owner.call("GET", BUDGETS))["data"] == []
    await owner.call("DELETE", f"{BUDGETS}/{made['id']}", status=404)
    rows = log(gateway, Wanted(target=str(made["id"])))
    assert [row.change.action for row in rows] == ["budget.create", "budget.change", "budget.remove"]
    assert {row.actor.id for row in rows} == {owner.admin.id}


async def test_what_is_used_of_a_budget_is_shown(gateway: Gateway) -> None:
    owner = office(gateway, "owner")
    await owner.call("POST", BUDGETS, {"scope": "all", "unit": "requests", "period": "day", "amount": 1000})
    async with asyncio.timeout(10):
        while not await uses(owner):  # budgets are looked at, and what is used is told, by the clock
            assert (await gateway.ask()).status == 200
            await asyncio.sleep(0.05)
    (use,) = await uses(owner)
    assert use["subject"] == ""
    assert use["used"] >= 1
    assert use["used"] + use["in_advance"] + use["left"] == 1000


async def test_of_a_budget_for_each_the_most_used_are_listed_and_anybody_can_be_looked_for(gateway: Gateway) -> None:
    owner = office(gateway, "owner")
    asked = {"scope": "user", "name": "*", "unit": "requests", "period": "total", "amount": 1000}
    made = await owner.call("POST", BUDGETS, asked)
    with closing(db.connect(gateway.ledger)) as connection:
        rows = [(made["id"], f"u{number:03}", number) for number in range(130)]
        for row in rows:
            connection.execute("INSERT INTO budget_use (budget, subject, begins, used) VALUES (?, ?, 0, ?)", row)
    (listed,) = await budgets(owner)
    assert [use["subject"] for use in listed["uses"]] == [f"u{number:03}" for number in range(129, 29, -1)]
    assert listed["others"] == 30
    (one,) = await budgets(owner, "?subject=u007")
    assert (one["uses"], one["others"]) == ([{"subject": "u007", "used": 7, "in_advance": 0, "left": 993}], 0)
    (nobody,) = await budgets(owner, "?subject=u999")
    assert nobody["uses"] == []


async def budgets(owner: Office, query: str = "") -> list[Json]:
    """As they are listed."""
    data = (await owner.call("GET", BUDGETS + query))["data"]
    assert isinstance(data, list)
    return data


async def uses(owner: Office) -> list[Json]:
    """Of the one budget there is."""
    return [use for use in (await budgets(owner))[0]["uses"] if use["used"]]


ASKED = {"scope": "all", "unit": "usd", "period": "day", "amount": 5}
BAD = [
    ({**ASKED, "amount": "NaN"}, "amount"),
    ({**ASKED, "amount": "1e999999"}, "amount"),
    ({**ASKED, "amount": "-1"}, None),
    ({**ASKED, "amount": 0}, "amount"),
    ({**ASKED, "unit": "tokens", "amount": 1.5}, "amount"),
    ({**ASKED, "unit": "euros"}, "unit"),
    ({**ASKED, "name": "x"}, None),
    ({**ASKED, "scope": "key", "name": "key-0"}, "name"),
    ({**ASKED, "soft": 0}, "soft"),
    ({**ASKED, "period": "at once"}, None),
]


@pytest.mark.parametrize(("body", "param"), BAD)
async def test_a_budget_that_makes_no_sense_is_refused(gateway: Gateway, body: object, param: str | None) -> None:
    owner = office(gateway, "owner")
    assert (await owner.call("POST", BUDGETS, body, status=400))["param"] == param
    assert (await owner.call("GET", BUDGETS))["data"] == []


async def test_an_admin_sets_budgets_below_its_scope_and_not_its_own(gateway: Gateway) -> None:
    owner, admin = office(gateway, "owner"), office(gateway, "admin", "acme")
    auditor = office(gateway, "auditor", "acme")
    mine = await owner.call("POST", "/v1/admin/keys", {"name": "a", "organisation": "acme"})
    other = await owner.call("POST", "/v1/admin/keys", {"name": "b", "organisation": "other"})
    asked = {"unit": "usd", "period": "day", "amount": 5}
    top = await owner.call("POST", BUDGETS, {**asked, "scope": "organisation", "name": "acme"})
    await owner.call("POST", BUDGETS, {**asked, "scope": "organisation", "name": "other"})
    below = await admin.call("POST", BUDGETS, {**asked, "scope": "key", "name": mine["id"]})
    for scope, name in [
        ("organisation", "acme"),
        ("organisation", "*"),
        ("key", other["id"]),
        ("key", "*"),
        ("all", ""),
        ("user", "u"),
        ("tag", "t"),
        ("project", "p"),
        ("project", "*"),
    ]:
        await admin.call("POST", BUDGETS, {**asked, "scope": scope, "name": name}, status=403)
    await admin.call("DELETE", f"{BUDGETS}/{top['id']}", status=403)
    for who in (admin, auditor):
        assert ids(await who.call("GET", BUDGETS)) == [top["id"], below["id"]]
    await auditor.call("POST", BUDGETS, {**asked, "scope": "key", "name": mine["id"]}, status=403)
    await auditor.call("DELETE", f"{BUDGETS}/{below['id']}", status=403)
    await office(gateway, "member", "acme").call("GET", BUDGETS, status=403)
    await admin.call("DELETE", f"{BUDGETS}/{below['id']}")


async def test_an_admin_sets_budgets_of_its_own_organisations_projects(gateway: Gateway) -> None:
    owner, admin = office(gateway, "owner"), office(gateway, "admin", "acme")
    other, below = office(gateway, "admin", "other"), office(gateway, "auditor", "acme", "web")
    asked = {"scope": "project", "name": "web", "unit": "usd", "period": "day", "amount": 5}
    mine = await admin.call("POST", BUDGETS, {**asked, "organisation": "acme"})
    each = await admin.call("POST", BUDGETS, {**asked, "organisation": "acme", "name": "*"})
    theirs = await other.call("POST", BUDGETS, {**asked, "organisation": "other"})
    assert (mine["organisation"], mine["name"], theirs["organisation"]) == ("acme", "web", "other")
    assert (await owner.call("POST", BUDGETS, {**asked, "organisation": "acme"}))["id"] == mine["id"]
    nobodys = await owner.call("POST", BUDGETS, asked)
    for body in (asked, {**asked, "organisation": "other"}, {**asked, "organisation": "other", "name": "*"}):
        await admin.call("POST", BUDGETS, body, status=403)
    await owner.call("POST", BUDGETS, {**asked, "scope": "user", "organisation": "acme"}, status=400)
    for budget in (theirs, nobodys):
        await admin.call("DELETE", f"{BUDGETS}/{budget['id']}", status=404)
    seen = [
        (admin, [mine["id"], each["id"]]),
        (below, [mine["id"]]),
        (other, [theirs["id"]]),
    ]
    for who, expected in seen:
        assert ids(await who.call("GET", BUDGETS)) == expected
    assert {row.change.organisation for row in log(gateway, Wanted(target=str(mine["id"])))} == {"acme"}


async def test_openrouters_key_management_makes_limits_and_revokes_keys(gateway: Gateway) -> None:
    owner = office(gateway, "owner")
    answer = await call(gateway, "POST", KEYS, {"name": "app", "limit": 12.5, "limit_reset": "monthly"}, key=owner.key)
    assert answer.status == 201
    made, secret = answer.document["data"], str(answer.document["key"])
    assert isinstance(made, dict)
    known = {"name": "app", "limit": 12.5, "limit_remaining": 12.5, "limit_reset": "monthly", "disabled": False}
    assert {name: made[name] for name in known} == known
    await gateway.until("/v1/models", secret, 200)
    answer = await gateway.ask({**REQUEST, "max_tokens": 50}, key=secret)
    assert answer.status == 200, answer.body
    own = (await gateway.get("/api/v1/key", key=secret)).document["data"]
    assert isinstance(own, dict)
    assert (own["limit"], own["limit_reset"], own["limit_remaining"] <= 12.5) == (12.5, "monthly", True)
    path = f"{KEYS}/{made['hash']}"
    shown = (await owner.call("GET", path))["data"]
    assert isinstance(shown, dict)
    assert (shown["usage"] > 0, shown["usage_daily"]) == (True, shown["usage"])
    changed = (await owner.call("PATCH", path, {"name": "app 2", "limit_reset": "daily"}))["data"]
    assert isinstance(changed, dict)
    assert (changed["name"], changed["limit"], changed["limit_reset"]) == ("app 2", 12.5, "daily")
    budgets = (await owner.call("GET", BUDGETS))["data"]
    assert isinstance(budgets, list)
    (budget,) = budgets
    assert (budget["scope"], budget["name"], budget["period"], budget["amount"]) == ("key", made["hash"], "day", "12.5")
    unlimited = (await owner.call("PATCH", path, {"limit": None}))["data"]
    assert isinstance(unlimited, dict)
    assert (unlimited["limit"], unlimited["limit_remaining"], unlimited["limit_reset"]) == (None, None, None)


async def test_a_key_is_never_there_without_its_limit(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = office(gateway, "owner")
    answer = await call(gateway, "POST", KEYS, {"name": "kept", "limit": 5}, key=owner.key)
    kept = answer.document["data"]["hash"]  # type: ignore[index]

    def fails(*given: object, **more: object) -> None:
        raise db.Error("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(table, "enter", fails)
        refused = await call(gateway, "POST", KEYS, {"name": "lost", "limit": 5}, key=owner.key)
        unchanged = await call(gateway, "PATCH", f"{KEYS}/{kept}", {"name": "renamed", "limit": 7}, key=owner.key)
    assert (refused.status, unchanged.status) == (503, 503)
    listed = (await owner.call("GET", f"{KEYS}?include_disabled=true"))["data"]
    assert isinstance(listed, list)
    assert {each["name"]: each["limit"] for each in listed} == {"test": None, "kept": 5}


async def test_what_openrouters_key_management_has_deleted_stays_in_the_list_of_the_disabled(gateway: Gateway) -> None:
    owner = office(gateway, "owner")
    answer = await call(gateway, "POST", KEYS, {"name": "app"}, key=owner.key)
    made, secret = answer.document["data"], str(answer.document["key"])
    assert isinstance(made, dict)
    path = f"{KEYS}/{made['hash']}"
    assert await owner.call("DELETE", path) == {"deleted": True}
    await gateway.until("/v1/models", secret, 401)
    hashes = [each["hash"] for each in (await owner.call("GET", KEYS))["data"]]  # type: ignore[attr-defined]
    assert made["hash"] not in hashes
    every = (await owner.call("GET", f"{KEYS}?include_disabled=true"))["data"]
    assert isinstance(every, list)
    assert [each["disabled"] for each in every if each["hash"] == made["hash"]] == [True]
    assert (await owner.call("GET", f"{KEYS}?offset=1&include_disabled=true"))["data"] == every[1:]
    refused = await call(gateway, "PATCH", path, {"disabled": False}, key=owner.key)
    assert refused.status == 400
    await call(gateway, "GET", f"{KEYS}?offset=x", key=owner.key)
    assert (await call(gateway, "POST", KEYS, {"name": "a", "limit_reset": "daily"}, key=owner.key)).status == 400
    assert (await call(gateway, "GET", KEYS, key=gateway.key)).status == 401


SCRIPT = """
import { OpenRouter } from "@openrouter/sdk";
const client = new OpenRouter({ apiKey: process.argv[2], serverURL: process.argv[3] });
const made = await client.apiKeys.create({ requestBody: { name: "sdk", limit: 5, limitReset: "weekly" } });
const hash = made.data.hash;
const listed = await client.apiKeys.list();
const one = await client.apiKeys.get({ hash });
const changed = await client.apiKeys.update({ hash, requestBody: { name: "sdk 2", limit: 7 } });
const deleted = await client.apiKeys.delete({ hash });
const hashes = listed.data.map((key) => key.hash);
console.log(JSON.stringify({ key: made.key, hash, hashes, limit: one.data.limit, changed: changed.data, deleted }));
"""


@pytest.mark.skipif(
    NODE is None or not (PACKAGES / "@openrouter/sdk").is_dir(), reason="no node, or no @openrouter/sdk"
)
async def test_openrouters_own_sdk_manages_keys(gateway: Gateway, tmp_path: Path) -> None:
    owner = office(gateway, "owner")
    (tmp_path / "node_modules").symlink_to(PACKAGES)
    script = tmp_path / "keys.mjs"
    script.write_text(SCRIPT)
    url = f"http://127.0.0.1:{gateway.port}/api/v1"
    process = await asyncio.create_subprocess_exec(
        str(NODE), str(script), owner.key, url, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    said = json.loads(out)
    assert said["key"].startswith("wb-")
    assert said["hash"] in said["hashes"]
    assert said["limit"] == 5
    assert (said["changed"]["name"], said["changed"]["limit"], said["changed"]["limitReset"]) == ("sdk 2", 7, "weekly")
    assert said["deleted"] == {"deleted": True}
