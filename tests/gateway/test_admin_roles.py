"""Who may do what over HTTP: every role, every action, everywhere."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import get_args

import pytest

from tests.gateway.house import Gateway, house
from tests.gateway.office import Office, call, ids, log, office
from weighbridge import db
from weighbridge.accounts import keys
from weighbridge.accounts.admins import Admin
from weighbridge.accounts.keys import Key, Labels
from weighbridge.accounts.roles import RIGHTS, Action, Role
from weighbridge.accounts.tree import Place

PLACES = (Place(), Place("acme"), Place("acme", "search"), Place("acme", "ads"), Place("other"), Place(None, "search"))
WITHIN = {
    Place(): set(PLACES),
    Place("acme"): {Place("acme"), Place("acme", "search"), Place("acme", "ads")},
    Place("acme", "search"): {Place("acme", "search")},
    Place(None, "search"): {Place(None, "search")},
}
"""What lies within each scope, written out."""
# The table of the documentation, written out a second time: a change of either is a decision.
ALL, READS, OWN = {"owner", "admin"}, {"owner", "admin", "auditor"}, "member"
TABLE: dict[Action, tuple[set[str], str]] = {
    "key.read": (READS, "own"),
    "key.create": (ALL, "own, makes keys"),
    "key.change": (ALL, "no"),
    "key.rotate": (ALL, "own, makes keys"),
    "key.revoke": (ALL, "own"),
    "project.read": (READS, "no"),
    "project.set": (ALL, "no"),
    "budget.read": (READS, "no"),
    "budget.set": (ALL, "no"),
    "policy.read": (READS, "no"),
    "policy.set": ({"owner"}, "no"),
    "switch.read": (READS, "no"),
    "switch.set": ({"owner"}, "no"),
    "usage.read": (READS, "own"),
    "text.read": ({"owner"}, "own"),
    "audit.read": (READS, "no"),
    "admin.read": (READS, "no"),
    "admin.create": ({"owner"}, "no"),
    "admin.revoke": ({"owner"}, "no"),
    "user.forget": ({"owner"}, "no"),
}
BELOW = {"project.set", "budget.set"}


def test_the_table_has_every_action_and_every_role() -> None:
    assert set(TABLE) == set(RIGHTS) == set(get_args(Action))
    assert {role for rights in RIGHTS.values() for role in rights} == set(get_args(Role))


@pytest.mark.parametrize("action", get_args(Action))
@pytest.mark.parametrize("role", get_args(Role))
def test_every_role_reaches_what_the_table_says_and_no_more(action: Action, role: Role) -> None:
    roles, member = TABLE[action]
    for scope, place, is_key, owner, makes in product(
        WITHIN, PLACES, (True, False), (None, "adm-me", "adm-x"), (True, False)
    ):
        admin = Admin("adm-me", "me", "abcd", role, datetime.now(UTC), scope, makes_keys=makes)
        if role == "member":
            own = is_key and owner == "adm-me" and (member == "own" or (member == "own, makes keys" and makes))
            expected = place in WITHIN[scope] and own
        else:
            expected = role in roles and place in WITHIN[scope]
            if expected and role == "admin" and action in BELOW and not is_key and place == scope != Place():
                expected = False
        assert admin.reaches(action, place, member=owner, is_key=is_key) == expected, (
            scope,
            place,
            is_key,
            owner,
            makes,
        )


# over HTTP


@dataclass
class Town:
    """A gateway with a key in every place, and an admin of every role and scope."""

    gateway: Gateway
    keys: dict[Place, Key]


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    async with house(tmp_path / "home", "[local]\nenabled = false\n") as gateway:
        with closing(db.connect(gateway.ledger)) as connection:
            every = {
                place: keys.create(
                    connection,
                    name=str(place),
                    now=datetime.now(UTC),
                    labels=Labels(place.organisation, place.project),
                )[0]
                for place in PLACES
            }
        yield Town(gateway, every)


Asked = tuple[str, str, object]
CALLS: dict[Action, Callable[[str, Place], Asked]] = {
    "key.read": lambda key, _: ("GET", f"/v1/admin/keys/{key}", None),
    "key.create": lambda _, place: (
        "POST",
        "/v1/admin/keys",
        {"name": "n", "organisation": place.organisation, "project": place.project},
    ),
    "key.change": lambda key, _: ("PATCH", f"/v1/admin/keys/{key}", {"name": "changed"}),
    "key.rotate": lambda key, _: ("POST", f"/v1/admin/keys/{key}/rotate", {}),
    "key.revoke": lambda key, _: ("DELETE", f"/v1/admin/keys/{key}", None),
}
SCOPES: list[tuple[Role, Place]] = [
    ("owner", Place()),
    *((role, scope) for role in ("admin", "auditor", "member") for scope in WITHIN),
]


@pytest.mark.parametrize(("role", "scope"), SCOPES, ids=str)
async def test_each_role_does_to_keys_over_http_what_the_table_says(town: Town, role: Role, scope: Place) -> None:
    who = office(town.gateway, role, scope.organisation, scope.project)
    visible = {str(town.keys[place].id) for place in WITHIN[scope]} if role != "member" else set()
    listed = set(ids(await who.call("GET", "/v1/admin/keys?limit=100")))
    assert visible <= listed
    assert {key.id for key in town.keys.values()} & listed == visible
    for action, place in product(CALLS, PLACES):
        method, path, body = CALLS[action](town.keys[place].id, place)
        before = len(log(town.gateway))
        answer = await call(town.gateway, method, path, body, key=who.key)
        roles, _ = TABLE[action]
        may = role in roles and place in WITHIN[scope]
        if action == "key.create" and role != "member" and role in roles:
            # what is left out is where the admin is
            whole = Place(place.organisation or scope.organisation, place.project or scope.project)
            may = scope.has(whole.organisation, whole.project)
        sees = town.keys[place].id in visible
        expected = 200 if may else 403 if action == "key.create" or sees else 404
        assert answer.status == expected, (action, place, answer.body)
        changed = len(log(town.gateway)) - before
        assert changed == int(answer.status == 200 and method != "GET"), (action, place)
        if action == "key.revoke" and answer.status == 200:
            town.gateway.sql(f"UPDATE key SET disabled_at = NULL WHERE id = '{town.keys[place].id}'")


@pytest.mark.parametrize(("role", "scope"), SCOPES, ids=str)
async def test_each_role_sees_and_sets_of_the_rest_what_the_table_says(town: Town, role: Role, scope: Place) -> None:
    who = office(town.gateway, role, scope.organisation, scope.project)
    reads = role in ("owner", "admin", "auditor")
    for path in ("organisations", "projects", "audit-log", "admins"):
        answer = await call(town.gateway, "GET", f"/v1/admin/{path}", key=who.key)
        assert answer.status == (200 if reads else 403), path
    for place in PLACES[1:]:
        is_project = place.project is not None
        name = place.project if is_project else place.organisation
        body = {"name": name, "models": ["a/b"], **({"organisation": place.organisation} if is_project else {})}
        path = f"/v1/admin/{'projects' if is_project else 'organisations'}"
        answer = await call(town.gateway, "POST", path, body, key=who.key)
        may = role == "owner" or (role == "admin" and place in WITHIN[scope] and place != scope)
        assert answer.status == (200 if may else 403), (place, answer.body)
    for wanted in ("owner", "admin", "auditor", "member"):
        answer = await call(town.gateway, "POST", "/v1/admin/admins", {"name": "n", "role": wanted}, key=who.key)
        assert answer.status == (200 if role == "owner" else 403)
    answer = await call(town.gateway, "POST", "/v1/admin/forget", {"user": "ann"}, key=who.key)
    assert answer.status == (200 if role == "owner" else 403)
    other = office(town.gateway, "auditor", "acme", "search")
    answer = await call(town.gateway, "DELETE", f"/v1/admin/admins/{other.admin.id}", key=who.key)
    sees = reads and Place("acme", "search") in WITHIN[scope]
    assert answer.status == (200 if role == "owner" else 403 if sees else 404)


async def test_an_admin_sees_of_the_audit_log_and_of_places_what_lies_in_its_scope(town: Town) -> None:
    auditor = office(town.gateway, "auditor", "acme", "search")
    rows = (await auditor.call("GET", "/v1/admin/audit-log?limit=100"))["data"]
    assert isinstance(rows, list)
    assert {(row["organisation"], row["project"]) for row in rows} == {("acme", "search")}
    projects = (await auditor.call("GET", "/v1/admin/projects"))["data"]
    assert isinstance(projects, list)
    assert [(each["organisation"], each["name"]) for each in projects] == [("acme", "search")]
    assert (await auditor.call("GET", "/v1/admin/organisations"))["data"] == []
    for query in ("organisation=other", "project=ads"):
        await auditor.call("GET", f"/v1/admin/audit-log?{query}", status=403)
        await auditor.call("GET", f"/v1/admin/keys?{query}", status=403)


async def test_an_admin_can_move_no_key_out_of_or_into_its_scope(town: Town) -> None:
    admin = office(town.gateway, "admin", "acme", "search")
    mine = f"/v1/admin/keys/{town.keys[Place('acme', 'search')].id}"
    for change in ({"project": "ads"}, {"project": None}, {"organisation": None}, {"organisation": "other"}):
        await admin.call("PATCH", mine, change, status=403)
    other = f"/v1/admin/keys/{town.keys[Place('acme', 'ads')].id}"
    await admin.call("PATCH", other, {"project": "search"}, status=404)


async def test_a_member_has_its_own_keys_and_sees_no_other(town: Town) -> None:
    first = office(town.gateway, "member", "acme", "search", makes_keys=True, name="first")
    second = office(town.gateway, "member", "acme", "search", makes_keys=True, name="second")
    made = await first.call("POST", "/v1/admin/keys", {"name": "mine", "models": ["a/b"]})
    assert (made["organisation"], made["project"], made["member"]) == ("acme", "search", first.admin.id)
    assert ids(await first.call("GET", "/v1/admin/keys")) == [made["id"]]
    assert ids(await second.call("GET", "/v1/admin/keys")) == []
    path = f"/v1/admin/keys/{made['id']}"
    for method, where in (("GET", path), ("DELETE", path), ("POST", f"{path}/rotate")):
        await second.call(method, where, status=404)
    await first.call("PATCH", path, {"models": None}, status=403)
    others: dict[str, object] = {"tags": ["a"], "defaults": {"cache": 1}, "member": second.admin.id, "keeps_text": {}}
    for field, value in {"store": True, **others}.items():
        refused = await first.call("POST", "/v1/admin/keys", {"name": "n", field: value}, status=403)
        assert refused["param"] == field
    for place in ({"project": "ads"}, {"organisation": "other"}):
        await first.call("POST", "/v1/admin/keys", {"name": "n", **place}, status=403)
    await first.call("POST", f"{path}/rotate")
    assert (await first.call("DELETE", path))["revoked"] is not None


async def test_an_admin_makes_a_key_for_a_member_who_may_not_make_one(town: Town) -> None:
    admin = office(town.gateway, "admin", "acme")
    member = office(town.gateway, "member", "acme", "search")
    asked = {"name": "for them", "project": "search", "member": member.admin.id}
    made = await admin.call("POST", "/v1/admin/keys", asked)
    assert ids(await member.call("GET", "/v1/admin/keys")) == [made["id"]]
    await member.call("POST", "/v1/admin/keys", {"name": "n"}, status=403)
    refused = await admin.call("POST", "/v1/admin/keys", {**asked, "project": "ads"}, status=400)
    assert refused["param"] == "member"
    assert await member.call("GET", "/v1/admin/me") == await admin.call("GET", f"/v1/admin/admins/{member.admin.id}")


async def test_an_admin_key_that_was_revoked_or_has_ended_opens_nothing_at_once(town: Town) -> None:
    owner = office(town.gateway, "owner")
    admin = office(town.gateway, "admin")
    await admin.call("GET", "/v1/admin/keys")
    await owner.call("DELETE", f"/v1/admin/admins/{admin.admin.id}")
    assert "revoked" in str((await admin.call("GET", "/v1/admin/keys", status=401))["message"])
    ended = await owner.call("POST", "/v1/admin/admins", {"name": "n", "role": "auditor"})
    town.gateway.sql(f"UPDATE admin SET expires_at = 1 WHERE id = '{ended['id']}'")
    assert (await call(town.gateway, "GET", "/v1/admin/keys", key=str(ended["key"]))).status == 401


async def test_the_last_owner_stays_whatever_the_race(town: Town) -> None:
    first, second = office(town.gateway, "owner", name="first"), office(town.gateway, "owner", name="second")

    async def away(who: Office, other: Office) -> int:
        path = f"/v1/admin/admins/{other.admin.id}"
        return (await call(town.gateway, "DELETE", path, key=who.key)).status

    statuses = await asyncio.gather(away(first, second), away(second, first))
    assert sorted(statuses) in ([200, 401], [200, 409])
    left = first if statuses[0] == 200 else second
    assert "the last owner" in str(
        (await left.call("DELETE", f"/v1/admin/admins/{left.admin.id}", status=409))["message"]
    )
