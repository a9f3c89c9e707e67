"""/v1/admin/keys: keys are made, shown once, changed, rotated and revoked, and it is written down."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from tests.gateway.house import ASKED, Gateway
from tests.gateway.office import call, ids, log, office
from tests.gateway.upstream import Upstream
from weighbridge.audit_log import Wanted

KEYS = "/v1/admin/keys"


async def until(gateway: Gateway, key: object, status: int) -> None:
    await gateway.until("/v1/models", str(key), status)


async def test_a_key_made_over_http_opens_the_gateway_and_is_shown_once(gateway: Gateway) -> None:
    owner = office(gateway, "owner")
    expires = (datetime.now(UTC) + timedelta(days=1)).isoformat().replace("+00:00", "Z")
    labels = {"organisation": "acme", "project": "search", "tags": ["Pii"]}
    asked = {"name": "ci", "models": ["near/*"], "expires": expires, "store": True, **labels, "defaults": {"cache": 60}}
    made = await owner.call("POST", KEYS, asked)
    secret = str(made["key"])
    assert secret.startswith("wb-")
    expected = {**asked, "tags": ["pii"], "object": "key", "revoked": None, "member": None, "ends_in": secret[-4:]}
    assert {name: made[name] for name in expected} == expected
    await until(gateway, secret, 200)
    shown = await owner.call("GET", f"{KEYS}/{made['id']}")
    assert shown == {name: value for name, value in made.items() if name != "key"}
    assert secret not in str(await owner.call("GET", KEYS))
    assert secret not in str(log(gateway))


async def test_what_is_changed_is_else_and_the_rest_stays(gateway: Gateway) -> None:
    owner = office(gateway, "owner")
    made = await owner.call("POST", KEYS, {"name": "a", "models": ["x/y"], "project": "p", "tags": ["t"]})
    path = f"{KEYS}/{made['id']}"
    changed = await owner.call("PATCH", path, {"models": None, "name": "b", "store": True})
    same = {name: value for name, value in made.items() if name not in ("key", "models", "name", "store")}
    assert changed == {**same, "models": None, "name": "b", "store": True}
    assert await owner.call("PATCH", path, {}) == changed
    (row,) = log(gateway, Wanted(action="key.change"))
    assert (row.change.before, row.change.after) == (
        {"models": ["x/y"], "name": "a", "store": False},
        {"models": None, "name": "b", "store": True},
    )


async def test_texts_of_a_key_are_kept_and_kept_no_more(gateway: Gateway) -> None:
    owner = office(gateway, "owner")
    made = await owner.call("POST", KEYS, {"name": "a", "keeps_text": {"days": 7, "inputs": True}})
    path = f"{KEYS}/{made['id']}"
    assert made["keeps_text"] == {"days": 7, "inputs": True}
    assert (await owner.call("PATCH", path, {"name": "b"}))["keeps_text"] == {"days": 7, "inputs": True}
    assert (await owner.call("PATCH", path, {"keeps_text": {}}))["keeps_text"] == {"days": 30, "inputs": False}
    assert (await owner.call("PATCH", path, {"keeps_text": None}))["keeps_text"] is None
    for wrong in ({"days": 0}, {"days": "x"}, {"for_ever": True}):
        refused = await owner.call("PATCH", path, {"keeps_text": wrong}, status=400)
        assert str(refused["param"]).startswith("keeps_text")
    *_, row = log(gateway, Wanted(action="key.change"))
    assert (row.change.before, row.change.after) == (
        {"keeps_text": {"days": 30, "inputs": False}},
        {"keeps_text": None},
    )


async def test_a_revoked_key_opens_nothing_and_stays_so(gateway: Gateway) -> None:
    owner = office(gateway, "owner")
    made = await owner.call("POST", KEYS, {"name": "a"})
    await until(gateway, made["key"], 200)
    first = await owner.call("DELETE", f"{KEYS}/{made['id']}")
    assert first["revoked"] is not None
    assert await owner.call("DELETE", f"{KEYS}/{made['id']}") == first
    await until(gateway, made["key"], 401)
    assert len(log(gateway, Wanted(action="key.revoke"))) == 1
    await owner.call("POST", f"{KEYS}/{made['id']}/rotate", status=409)
    assert made["id"] in ids(await owner.call("GET", KEYS))
    assert made["id"] not in ids(await owner.call("GET", f"{KEYS}?revoked=false"))


async def test_a_rotated_key_has_another_secret_and_the_old_one_ends(gateway: Gateway) -> None:
    owner = office(gateway, "owner")
    made = await owner.call("POST", KEYS, {"name": "a"})
    await until(gateway, made["key"], 200)
    rotated = await owner.call("POST", f"{KEYS}/{made['id']}/rotate")
    assert rotated["id"] == made["id"]
    await until(gateway, rotated["key"], 200)
    await until(gateway, made["key"], 401)


async def test_a_rotation_with_an_overlap_leaves_both_open(gateway: Gateway) -> None:
    owner = office(gateway, "owner")
    made = await owner.call("POST", KEYS, {"name": "a"})
    rotated = await owner.call("POST", f"{KEYS}/{made['id']}/rotate", {"overlap_seconds": 3600})
    await until(gateway, rotated["key"], 200)
    assert (await gateway.get("/v1/models", key=str(made["key"]))).status == 200
    again = await owner.call("POST", f"{KEYS}/{made['id']}/rotate")
    await until(gateway, again["key"], 200)
    assert [(await gateway.get("/v1/models", key=str(old["key"]))).status for old in (made, rotated)] == [401, 401]


async def test_the_models_of_an_organisation_bind_all_its_keys(gateway: Gateway, upstream: Upstream) -> None:
    owner = office(gateway, "owner")
    made = await owner.call("POST", KEYS, {"name": "a", "organisation": "acme", "project": "search"})
    other = await owner.call("POST", KEYS, {"name": "b", "organisation": "else", "project": "search"})
    await until(gateway, made["key"], 200)
    await owner.call("POST", "/v1/admin/organisations", {"name": "acme", "models": ["far/*"]})

    async def is_bound() -> None:
        while (await gateway.ask(key=str(made["key"]))).status != 403:  # noqa: ASYNC110 - keys are read by the clock
            await asyncio.sleep(0.02)

    async with asyncio.timeout(5):
        await is_bound()
    assert (await gateway.get("/v1/models", key=str(made["key"]))).document["data"] == []
    assert (await gateway.ask(ASKED, key=str(other["key"]))).status == 200
    await owner.call("POST", "/v1/admin/organisations", {"name": "acme", "models": ["near/tiny", "far/*"]})
    await owner.call("POST", "/v1/admin/projects", {"name": "search", "organisation": "acme", "models": ["far/x"]})
    async with asyncio.timeout(5):
        await is_bound()
    listed = (await owner.call("GET", "/v1/admin/projects"))["data"]
    assert isinstance(listed, list)
    assert [(each["organisation"], each["name"], each["models"]) for each in listed] == [
        ("acme", "search", ["far/x"]),
        ("else", "search", None),
    ]
    assert [row.change.target for row in log(gateway) if row.change.action.endswith(".set")] == [
        "acme",
        "acme",
        "acme/search",
    ]


async def test_pages_follow_each_other_without_a_gap(gateway: Gateway) -> None:
    owner = office(gateway, "owner")
    made = [(await owner.call("POST", KEYS, {"name": f"k{at}", "project": "p"}))["id"] for at in range(5)]
    found: list[object] = []
    after = ""
    while True:
        page = await owner.call("GET", f"{KEYS}?project=p&limit=2{after}")
        found += ids(page)
        after = f"&after={page['last_id']}"
        if not page["has_more"]:
            break
    assert found == made
    assert (await owner.call("GET", f"{KEYS}?project=none"))["last_id"] is None


async def test_the_same_creation_asked_for_twice_makes_one_key_and_gives_the_same_answer(gateway: Gateway) -> None:
    owner = office(gateway, "owner")
    once = "idempotency-key: deploy 17\r\n"
    answers = await asyncio.gather(*(owner.call("POST", KEYS, {"name": "a"}, headers=once) for _ in range(8)))
    assert all(answer == answers[0] for answer in answers)
    await until(gateway, answers[0]["key"], 200)
    assert len(log(gateway, Wanted(action="key.create", target=str(answers[0]["id"])))) == 1
    refused = await owner.call("POST", KEYS, {"name": "b"}, headers=once, status=409)
    assert (refused["code"], refused["param"]) == ("conflict", "idempotency-key")
    other = office(gateway, "owner", name="other")
    assert (await other.call("POST", KEYS, {"name": "a"}, headers=once))["id"] != answers[0]["id"]
    rotated = await owner.call("POST", f"{KEYS}/{answers[0]['id']}/rotate", headers="idempotency-key: r\r\n")
    assert await owner.call("POST", f"{KEYS}/{answers[0]['id']}/rotate", headers="idempotency-key: r\r\n") == rotated
    assert rotated["key"] != answers[0]["key"]
    await owner.call("POST", KEYS, {"name": "a"}, headers=once, status=409)
    secrets = {str(rotated["key"]), str(answers[0]["key"])}
    files = b"".join(file.read_bytes() for file in gateway.ledger.parent.iterdir() if file.is_file())
    assert not any(secret.encode() in files for secret in secrets)


BAD = [
    ("POST", KEYS, {}, "name"),
    ("POST", KEYS, {"name": ""}, "name"),
    ("POST", KEYS, {"name": "a", "models": []}, "models"),
    ("POST", KEYS, {"name": "a", "modles": ["x"]}, "modles"),
    ("POST", KEYS, {"name": "a", "models": [1]}, "models[0]"),
    ("POST", KEYS, {"name": "a", "expires": "2001-01-01T00:00:00Z"}, "expires"),
    ("POST", KEYS, {"name": "a", "expires": "2101-01-01T00:00:00"}, "expires"),
    ("POST", KEYS, {"name": "a", "tags": ["a,b"]}, "tags[0]"),
    ("POST", KEYS, {"name": "a", "member": "adm-0"}, "member"),
    ("POST", KEYS, {"name": "a", "defaults": {"cache": 0}}, "defaults.cache"),
    ("POST", KEYS, b"{", None),
    ("POST", KEYS, b"[]", None),
    ("GET", f"{KEYS}?limit=0", None, "limit"),
    ("GET", f"{KEYS}?revoked=maybe", None, "revoked"),
    ("POST", "/v1/admin/organisations", {"name": "a"}, "models"),
    ("POST", "/v1/admin/admins", {"name": "a", "role": "king"}, "role"),
    ("POST", "/v1/admin/admins", {"name": "a", "role": "owner", "project": "p"}, "role"),
    ("POST", "/v1/admin/admins", {"name": "a", "role": "admin", "makes_keys": True}, "makes_keys"),
    ("POST", "/v1/admin/admins", {"name": "a", "role": "member", "makes_keys": True}, "project"),
    ("GET", "/v1/admin/audit-log?since=soon", None, "since"),
    ("GET", "/v1/admin/audit-log?after=x", None, "after"),
    ("GET", "/v1/admin/audit-log?order=up", None, "order"),
]


@pytest.mark.parametrize(("method", "path", "body", "param"), BAD)
async def test_what_makes_no_sense_is_refused_by_the_name_of_the_field(
    gateway: Gateway, method: str, path: str, body: object, param: str | None
) -> None:
    before = len(log(gateway)) + 1
    refused = await office(gateway, "owner").call(method, path, body, status=400)
    assert (refused["param"], refused["type"]) == (param, "invalid_request_error")
    assert len(log(gateway)) == before, "nothing was changed"


@pytest.mark.parametrize("path", [f"{KEYS}/key-0", f"{KEYS}?after=key-0", "/v1/admin/admins/adm-0"])
async def test_what_is_not_there_is_404(gateway: Gateway, path: str) -> None:
    assert (await office(gateway, "owner").call("GET", path, status=404))["type"] == "not_found_error"


async def test_a_key_for_models_is_no_admin_key_nor_the_other_way_round(gateway: Gateway) -> None:
    assert "wba-" in str((await call(gateway, "GET", KEYS, key=gateway.key)).error["message"])
    owner = office(gateway, "owner")
    refused = await gateway.ask(key=owner.key)
    assert (refused.status, "admin key" in str(refused.error["message"])) == (401, True)
    assert (await call(gateway, "GET", KEYS, key="wba-none")).status == 401


async def test_a_row_says_from_which_address_a_change_came(gateway: Gateway) -> None:
    owner = office(gateway, "owner")
    await owner.call("POST", KEYS, {"name": "a"})
    await owner.call("POST", KEYS, {"name": "b"}, headers="x-forwarded-for: 203.0.113.9\r\n")
    assert [(row.actor.id, row.actor.address) for row in log(gateway, Wanted(actor=owner.admin.id))] == [
        (owner.admin.id, "127.0.0.1"),
        (owner.admin.id, "127.0.0.1 for 203.0.113.9"),
    ]


ODD: list[object] = [
    None,
    [],
    "text",
    7,
    {"name": None},
    {"name": "a\x00b"},
    {"name": "\ud800"},
    {"name": "a" * 10_000},
    {"name": "a", "models": {"a": 1}},
    {"name": "a", "models": ["\x00"]},
    {"name": "a", "tags": ["\x07"]},
    {"name": "a", "expires": "9999-12-31T23:59:59.999999+00:00"},
    {"name": "a", "expires": "0001-01-01T00:00:00+14:00"},
    {"name": "a", "expires": 1e300},
    {"name": "a", "defaults": {"provider": {"order": 7}}},
    {"name": "a", "organisation": "\x00"},
    {"overlap_seconds": -1},
    {"overlap_seconds": 10**30},
    {"scope": "all", "unit": "tokens", "period": "day", "amount": 10**30},
    {"scope": "all", "unit": "usd", "period": "day", "amount": "Infinity"},
    {"scope": "tag", "name": "\x00", "unit": "usd", "period": "day", "amount": 1},
    {"name": "a", "limit": 1e300},
    {"name": "a", "limit": 5e-324},
    b'{"name": "' + b"\xff" * 9 + b'"}',
    b"[" * 100_000,
]


@pytest.mark.parametrize("body", ODD, ids=lambda body: str(body)[:30])
async def test_nothing_odd_breaks_anything(gateway: Gateway, body: object) -> None:
    owner = office(gateway, "owner")
    made = await owner.call("POST", KEYS, {"name": "a"})
    for method, path in [
        ("POST", KEYS),
        ("PATCH", f"{KEYS}/{made['id']}"),
        ("POST", f"{KEYS}/{made['id']}/rotate"),
        ("POST", "/v1/admin/admins"),
        ("POST", "/v1/admin/organisations"),
        ("POST", "/v1/admin/projects"),
        ("POST", "/v1/admin/budgets"),
        ("POST", "/api/v1/keys"),
        ("PATCH", f"/api/v1/keys/{made['id']}"),
    ]:
        answer = await call(gateway, method, path, body, key=owner.key)
        assert answer.status in (200, 201, 400), (path, answer.body)
    assert (await owner.call("GET", f"{KEYS}/{made['id']}"))["id"] == made["id"]
    assert log(gateway)


@pytest.mark.parametrize("path", [f"{KEYS}/%00", f"{KEYS}?organisation=%00", f"{KEYS}/%ff%fe", f"{KEYS}?after=%F0%9F"])
async def test_no_odd_address_breaks_anything(gateway: Gateway, path: str) -> None:
    answer = await call(gateway, "GET", path, key=office(gateway, "owner").key)
    assert answer.status in (200, 400, 404)
