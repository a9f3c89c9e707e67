"""GET /v1/usage is what a key has used, and no other's; GET /v1/admin/usage what an admin key sees."""

from decimal import Decimal
from typing import Any

import pytest

from tests.gateway.house import ASKED, Gateway
from tests.gateway.office import office
from weighbridge.accounts.roles import Role
from weighbridge.ledger.measures import MEASURES

USAGE = "/v1/usage"


async def asked(gateway: Gateway, query: str, key: str | None = None) -> dict[str, Any]:  # Any: JSON
    answer = await gateway.get(f"{USAGE}{query}", key=key)
    assert answer.status == 200, answer.body
    return dict(answer.document)


async def test_usage_is_the_sum_of_the_keys_own_receipts(gateway: Gateway) -> None:
    for _ in range(3):
        await gateway.ask()
    await gateway.ask({**ASKED, "messages": []})
    said = await asked(gateway, "")
    entries = gateway.entries()
    cost = sum((entry.charge.cost for entry in entries if entry.charge and entry.charge.cost), Decimal(0))
    assert (said["object"], said["by"], said["since"], said["until"]) == ("list", ["model"], None, None)
    row, unreadable = said["data"]
    assert (row["model"], row["requests"], row["complete"], row["errors"]) == ("near/tiny", 3, 3, 0)
    assert (row["prompt_tokens"], row["completion_tokens"]) == (36, 15)
    assert Decimal(row["cost"]) == cost > 0
    assert 0 < row["first_byte_mean"] <= row["duration_mean"]
    assert (unreadable["model"], unreadable["requests"], unreadable["errors"]) == (None, 1, 1)
    assert set(said["total"]) == set(MEASURES)
    assert (said["total"]["requests"], said["total"]["cost"]) == (4, row["cost"])


async def test_a_key_sees_its_own_usage_only_whatever_it_asks_for(gateway: Gateway) -> None:
    other = gateway.new_key("other")
    gateway.worker._keyring.refresh()
    await gateway.ask()
    mine = (await asked(gateway, "?by=key"))["data"]
    (key,) = [row["key"] for row in mine]
    for query in ("", "?by=key", f"?key={key}", f"?by=user&key={key}", "?by=user"):
        said = await asked(gateway, query, other)
        assert (said["data"], said["total"]["requests"]) == ([], 0), query


async def test_usage_by_several_and_narrowed_down(gateway: Gateway) -> None:
    await gateway.ask({**ASKED, "user": "ann"})
    await gateway.ask({**ASKED, "user": "ben"})
    said = await asked(gateway, "?by=user,country&user=ann&since=2026-01-01&until=2100-01-01T00:00:00Z")
    assert [(row["user"], row["country"], row["requests"]) for row in said["data"]] == [("ann", None, 1)]
    assert (said["since"], said["until"]) == ("2026-01-01T00:00:00Z", "2100-01-01T00:00:00Z")
    assert (await asked(gateway, "?since=2100-01-01"))["data"] == []
    both = (await asked(gateway, "?by=user&top=1"))["data"]
    assert [(row["user"], row["requests"]) for row in both] == [("ann", 1), ("(others)", 1)]


@pytest.mark.parametrize(
    ("query", "param", "said"),
    [
        ("by=team", "by", "'team' is nothing to ask by; there are model, "),
        ("since=now", "since", "'now' is no time"),
        ("until=2026-01-01&since=2026-01-01", "until", "it is not after `since`"),
        ("top=0", "top", "a number from 1 to 1000"),
        ("top=many", "top", "a number from 1 to 1000"),
        ("team=x", "team", "there is nothing of that name to ask; there are by, since, "),
    ],
)
async def test_what_makes_no_sense_is_told(gateway: Gateway, query: str, param: str, said: str) -> None:
    answer = await gateway.get(f"{USAGE}?{query}")
    assert (answer.status, answer.error["param"]) == (400, param)
    assert said in str(answer.error["message"])


async def test_usage_needs_a_key(gateway: Gateway) -> None:
    assert (await gateway.get(USAGE, key="")).status == 401
    assert (await gateway.get("/v1/admin/usage", key="")).status == 401
    assert (await gateway.get("/v1/admin/usage")).status == 401


async def test_an_admin_key_sees_what_lies_within_its_scope(gateway: Gateway) -> None:
    owner = office(gateway, "owner")
    made = await owner.call("POST", "/v1/admin/keys", {"name": "theirs", "organisation": "acme", "project": "search"})
    await gateway.until("/v1/models", str(made["key"]), 200)
    await gateway.ask()
    await gateway.ask(key=str(made["key"]))

    async def seen(role: Role, *scope: str, query: str = "") -> dict[str | None, int]:
        said = await office(gateway, role, *scope).call("GET", f"/v1/admin/usage?by=organisation{query}")
        rows = said["data"]
        assert isinstance(rows, list)
        return {row["organisation"]: row["requests"] for row in rows}

    assert await seen("owner") == {None: 1, "acme": 1}
    assert await seen("auditor", query="&organisation=acme") == {"acme": 1}
    assert await seen("admin", "acme") == {"acme": 1}
    assert await seen("admin", "acme", "search") == {"acme": 1}
    assert await seen("admin", "acme", "else") == {}
    assert await seen("member") == {}
    await office(gateway, "admin", "acme").call("GET", "/v1/admin/usage?organisation=other", status=403)
