"""A request's plan told: in a header of its answer, or by itself, without anybody being asked."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.house import ASKED, Answer, House, house
from tests.gateway.test_preferences import DIALECTS, MODEL, answered, serves
from tests.gateway.upstream import Upstream

EXPLAIN = "x-weighbridge-explain: 1\r\n"
ASKED_BOTH = {**ASKED, "model": MODEL}
MANY = 300


@pytest.fixture
async def upstreams() -> AsyncIterator[list[Upstream]]:
    ups = [Upstream(answered, models=()) for _ in range(2)]
    async with AsyncExitStack() as stack:
        for each in ups:
            await each.listen()
            stack.push_async_callback(each.close)
        yield ups


@pytest.fixture
async def gateway(tmp_path: Path, upstreams: list[Upstream]) -> AsyncIterator[House]:
    toml = "[routing]\nsort = 'price'\nretries = 0\n[server]\ndefault_model = 'lab/tiny'\n[presets.frugal]\n"
    toml += "models = ['lab/tiny']\nprovider = { ignore = ['dear'] }\n"
    toml += serves("cheap", upstreams[0].port, "1") + serves("dear", upstreams[1].port, "2", "retention_days = 0")
    async with house(tmp_path / "home", toml) as made:
        yield made


def plan(answer: Answer) -> dict[str, Any]:  # Any: JSON
    """What the header says."""
    said = answer.headers["x-weighbridge-plan"]
    assert len(said) <= 6 * 1024
    found: dict[str, Any] = json.loads(said)
    return found


def order(said: dict[str, Any]) -> list[str]:
    """Who is asked."""
    return [each["endpoint"].partition("/")[0] for each in said["order"]]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("streamed", [False, True])
async def test_an_answer_has_its_plan_in_a_header_where_that_is_asked_for(
    gateway: House, dialect: str, streamed: bool
) -> None:
    target, body = DIALECTS[dialect]
    if streamed and dialect != "embeddings":
        body = {**body, "stream": True}
    answer = await gateway.ask({"model": MODEL, **body}, target=target, headers=EXPLAIN)
    assert answer.status == 200
    assert order(plan(answer)) == ["cheap", "dear"]
    silent = await gateway.ask({"model": MODEL, **body}, target=target)
    assert "x-weighbridge-plan" not in silent.headers


async def test_an_error_has_its_plan_too(gateway: House) -> None:
    body = {**ASKED_BOTH, "provider": {"zdr": True, "max_price": {"prompt": 1}}}
    answer = await gateway.ask(body, headers=EXPLAIN)
    assert (answer.status, answer.error["param"]) == (404, "provider.zdr")
    said = plan(answer)
    assert not said["order"]
    assert {out["endpoint"]: out["rule"] for out in said["excluded"]} == {
        "cheap/tiny-at-cheap": "provider.zdr",
        "dear/tiny-at-dear": "provider.max_price",
    }


async def test_what_names_nothing_has_no_plan(gateway: House) -> None:
    answer = await gateway.ask({**ASKED, "model": "nope"}, headers=EXPLAIN)
    assert answer.status == 404
    assert "x-weighbridge-plan" not in answer.headers


async def test_a_model_of_one_endpoint_is_explained_with_its_price(gateway: House) -> None:
    answer = await gateway.ask({**ASKED, "model": "dear/tiny-at-dear"}, headers=EXPLAIN)
    (only,) = plan(answer)["order"]
    assert (only["endpoint"], float(only["cost"]) > 0) == ("dear/tiny-at-dear", True)


async def test_a_long_plan_is_cut_and_says_by_how_much(tmp_path: Path, upstreams: list[Upstream]) -> None:
    toml = "".join(serves(f"host-{number}", upstreams[0].port, "1") for number in range(MANY))
    async with house(tmp_path / "home", toml) as gateway:
        ignored = [f"host-{number}" for number in range(MANY - 100, MANY)]
        body = {**ASKED_BOTH, "provider": {"ignore": ignored}}
        said = plan(await gateway.ask(body, headers=EXPLAIN))
        assert said["order"]
        assert said["excluded"]
        assert len(said["order"]) + said["left_out"]["order"] == MANY - 100
        assert len(said["excluded"]) + said["left_out"]["excluded"] == 100
        whole = (await gateway.ask(body, target="/v1/route/explain")).document
        assert (len(whole["order"]), len(whole["excluded"])) == (MANY - 100, 100)  # type: ignore[arg-type]  # lists


async def test_long_names_and_a_long_policy_leave_the_header_short(tmp_path: Path, upstreams: list[Upstream]) -> None:
    rules = "".join(f'[[deny]]\nname = "{each}"\nwhen.licence.users = {each}\n' for each in range(1, 3000))
    file = tmp_path / "policy.toml"
    file.write_text(rules)
    toml = f'[policy]\nfile = "{file}"\n' + serves("cheap", upstreams[0].port, "1")
    async with house(tmp_path / "home", toml) as gateway:
        strangers = [f"cheap/{chr(0xE9) * 500}{each}" for each in range(10)]
        answer = await gateway.ask({**ASKED, "model": strangers[0], "models": strangers[1:]}, headers=EXPLAIN)
        said = plan(answer)
    assert len(said["models"]) == 10
    assert said["policy"]


@pytest.mark.parametrize("dialect", [*DIALECTS, "rerank"])
async def test_a_request_of_any_dialect_is_explained_without_asking_anybody(
    gateway: House, upstreams: list[Upstream], dialect: str
) -> None:
    body = {"query": "a", "documents": ["b"]} if dialect == "rerank" else DIALECTS[dialect][1]
    asked = (
        {"model": MODEL, **body, "provider": {"order": ["dear"]}} if dialect != "rerank" else {"model": MODEL, **body}
    )
    answer = await gateway.ask(asked, target=f"/v1/route/explain?dialect={dialect}")
    said: dict[str, Any] = answer.document
    assert answer.status == 200, answer.body
    assert order(said) == (["cheap", "dear"] if dialect == "rerank" else ["dear", "cheap"])
    assert said["models"] == [MODEL]
    assert not [call for each in upstreams for call in each.calls]
    assert not gateway.entries()


async def test_what_nobody_may_answer_is_explained_as_such(gateway: House) -> None:
    answer = await gateway.ask({**ASKED_BOTH, "provider": {"only": ["openai"]}}, target="/v1/route/explain")
    said: dict[str, Any] = answer.document
    assert (answer.status, said["error"]["code"], said["error"]["param"]) == (200, "no_endpoint", "provider.only")
    assert len(said["excluded"]) == 2


async def test_headers_presets_and_the_default_model_count(gateway: House) -> None:
    header = 'x-weighbridge-provider: {"only":["dear"]}\r\nx-weighbridge-session: mine\r\n'
    said: dict[str, Any] = (await gateway.ask(ASKED_BOTH, target="/v1/route/explain", headers=header)).document
    assert (order(said), said["seed_from"]) == (["dear"], "session")
    said = (await gateway.ask({**ASKED, "model": "frugal"}, target="/v1/route/explain")).document
    assert order(said) == ["cheap"]
    unnamed = {name: value for name, value in ASKED.items() if name != "model"}
    said = (await gateway.ask(unnamed, target="/v1/route/explain")).document
    assert (said["models"], said["seed_from"]) == ([MODEL], "opening")


@pytest.mark.parametrize(
    ("body", "target", "status"),
    [
        (b"{", "/v1/route/explain", 400),
        ({**ASKED, "model": "nope"}, "/v1/route/explain", 404),
        (ASKED_BOTH, "/v1/route/explain?dialect=klingon", 400),
        ({**ASKED_BOTH, "provider": {"only": ["deer"]}}, "/v1/route/explain", 400),
    ],
)
async def test_what_cannot_be_planned_is_an_error(gateway: House, body: object, target: str, status: int) -> None:
    answer = await gateway.ask(body, target=target)
    assert answer.status == status
    assert not gateway.entries()


async def test_a_key_that_may_not_ask_gets_no_plan(gateway: House) -> None:
    key = gateway.new_key("narrow", models=("other/*",))
    await gateway.until("/v1/models", key, 200)
    answer = await gateway.ask(ASKED_BOTH, target="/v1/route/explain", key=key)
    assert answer.status == 403
    assert (await gateway.ask(ASKED_BOTH, target="/v1/route/explain", key="wb-none")).status == 401
