"""What a key is told of what was proven of its routes."""

import json
import math
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.gateway.house import Answer, House
from tests.gateway.switched import ROUTE, put, scene
from weighbridge import db
from weighbridge.accounts import keys
from weighbridge.switch import store
from weighbridge.switch.store import PlanRow

PATH = "/v1/switch/certificates"


def plan(house: House, key: str) -> None:
    """The plan of the certificate, with its route as this key's."""
    document = json.dumps({"routes": [{"route": ROUTE, "key": key, "cases": [1, 2]}]}).encode()
    with closing(db.connect(house.database)) as connection:
        store.add_plan(connection, PlanRow("plan-1", datetime.now(UTC), document))


def id_of(house: House, name: str) -> str:
    with closing(db.connect(house.database)) as connection:
        return next(key.id for key in keys.listing(connection) if key.name == name)


def listed(answer: Answer) -> list[dict[str, Any]]:
    found = answer.document["data"]
    assert isinstance(found, list)
    return found


async def test_a_key_sees_what_is_proven_of_its_routes_and_what_holds_by_it(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        gateway = here.gateway
        put(gateway)
        plan(gateway, id_of(gateway, "test"))
        shown: Any = listed(await gateway.get(PATH))[0]
        assert (shown["id"], shown["route"], shown["state"], shown["tau"]) == ("crt-1", ROUTE, "proven", 0.1)
        assert shown["document"]["reference"] == "lab/large"
        assert (await gateway.get(f"{PATH}/crt-1")).document == shown
        put(gateway, number=2, tau=-math.inf)
        shown = (await gateway.get(f"{PATH}/crt-1")).document
        assert (shown["tau"], shown["why"]) == (None, "applied")
        put(gateway, number=3, certificate="crt-2")
        assert [(each["id"], each["state"]) for each in listed(await gateway.get(PATH))] == [
            ("crt-2", "proven"),
            ("crt-1", None),
        ]
        missing = await gateway.get(f"{PATH}/crt-3")
        assert missing.status == 404
        assert "has no certificate 'crt-3'" in str(missing.error["message"])


async def test_a_key_sees_nothing_of_another_s_routes_but_what_holds_for_any(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        put(here.gateway)
        other = here.gateway.new_key("other")
        await here.gateway.until("/v1/models", other, 200)
        plan(here.gateway, id_of(here.gateway, "test"))
        assert listed(await here.gateway.get(PATH, key=other)) == []
        assert (await here.gateway.get(f"{PATH}/crt-1", key=other)).status == 404
        here.gateway.sql('UPDATE switch_plan SET document = replace(document, \'"key": "key-\', \'"key": "", "x": "\')')
        assert len(listed(await here.gateway.get(PATH, key=other))) == 1
        assert (await here.gateway.get(PATH, key="wb-nobody")).status == 401
