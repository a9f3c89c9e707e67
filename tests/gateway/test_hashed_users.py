"""With `ledger.users = "hashed"` no file of ours has the name of a client's user: no ledger, no journal."""

import asyncio
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from tests.gateway.conftest import near
from tests.gateway.house import ASKED, furnished, house
from tests.gateway.office import log, office
from tests.gateway.test_budgets import budget, put, used
from tests.gateway.upstream import Call, Upstream, plainly
from weighbridge import db
from weighbridge.audit_log import Wanted
from weighbridge.ledger.budgets import leases, table
from weighbridge.ledger.entry import Claim, Draw
from weighbridge.ledger.users import Users

NAME = "ann.of.green.gables"
OLD = "anne.with.an.e"
KEY = "0123456789abcdef"
HASHED = Users("hashed", KEY)
SETTINGS = f'[ledger]\nusers = "hashed"\nusers_key = "{KEY}"\n'


def traces(home: Path, name: str) -> list[str]:
    """The files that have a user's name."""
    every = (file for file in home.rglob("*") if file.is_file())
    return [file.name for file in every if name.encode() in file.read_bytes()]


async def test_budgets_by_user_hold_and_count_by_the_hash_alone(tmp_path: Path, upstream: Upstream) -> None:
    home = tmp_path / "home"
    under_way, go_on = asyncio.Event(), asyncio.Event()

    async def slowly(call: Call) -> None:
        under_way.set()
        await go_on.wait()
        await plainly(call)

    upstream.script = slowly
    async with house(home, SETTINGS + near(upstream)) as here:
        each, _ = await put(here, budget("requests", "day", 5, "user", "*"), budget("usd", "day", 10**12))
        own = await office(here, "owner").call(
            "POST",
            "/v1/admin/budgets",
            {"scope": "user", "name": NAME, "unit": "requests", "period": "month", "amount": 5},
        )
        assert own["name"] == HASHED.of_budget(NAME)
        asking = asyncio.create_task(here.ask({**ASKED, "max_tokens": 10, "user": NAME}))
        await under_way.wait()
        assert list((home / "under-way").glob("*.journal"))
        assert traces(home, NAME) == []
        go_on.set()
        assert (await asking).status == 200
        assert (await here.entry()).user == HASHED.of_entry(NAME)
        assert used(here, each) == {HASHED.of_budget(NAME): 1}
        assert traces(home, NAME) == []
    assert traces(home, NAME) == []


async def test_names_from_before_they_were_hashed_are_overwritten_at_the_start(
    tmp_path: Path, upstream: Upstream
) -> None:
    home = tmp_path / "home"
    settings, _ = furnished(home, SETTINGS, {})
    with closing(db.connect(settings.ledger_path)) as connection:
        each = budget("requests", "total", 5, "user", "*")
        each = msgspec.structs.replace(each, id=table.put(connection, each).id)
        leases.begin(connection, "w1", "host", "journal", datetime.now(UTC))
        leases.draw(connection, [("w1", Draw(Claim(each.id, OLD, 0), 2))])
    assert traces(home, OLD) != []
    async with house(home, SETTINGS + near(upstream)) as here:
        assert used(here, each) == {HASHED.of_budget(OLD): 2}
        assert traces(home, OLD) == []


async def test_a_user_is_forgotten_over_http(tmp_path: Path, upstream: Upstream) -> None:
    async with house(tmp_path / "home", SETTINGS + near(upstream)) as here:
        owner = office(here, "owner")
        (each,) = await put(here, budget("requests", "day", 5, "user", "*"))
        for user in (NAME, OLD):
            assert (await here.ask({**ASKED, "max_tokens": 10, "user": user})).status == 200
        done = await owner.call("POST", "/v1/admin/forget", {"user": NAME})
        assert (done["uses"], done["budgets"], done["entries"], done["object"]) == (1, 0, 1, "user.forgotten")
        assert used(here, each) == {HASHED.of_budget(OLD): 1}
        (row,) = log(here, Wanted(action="user.forget"))
        assert (row.actor.id, row.change.target) == (owner.admin.id, "user")
        assert "h:" not in str(row.change.before)
        assert (await owner.call("POST", "/v1/admin/forget", {"user": ""}, status=400))["param"] == "user"
