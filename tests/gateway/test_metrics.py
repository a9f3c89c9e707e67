"""GET /metrics tells what the ledger says, of all workers, to whoever may know it."""

import asyncio
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.gateway.conftest import near
from tests.gateway.house import ASKED, Gateway, house
from tests.gateway.test_budgets import budget, put
from tests.gateway.upstream import Call, Upstream
from tests.watching.reading import Sample, read
from weighbridge import db
from weighbridge.accounts import admins, keys
from weighbridge.accounts.keys import Labels
from weighbridge.accounts.roles import Role
from weighbridge.accounts.tree import EVERYWHERE, Place

STREAMED = {**ASKED, "stream": True}
ROUTE = {"operation": "chat", "provider": "near", "model": "near/tiny"}
GEN_AI = {"gen_ai_operation_name": "chat", "gen_ai_provider_name": "near", "gen_ai_request_model": "near/tiny"}


async def told(gateway: Gateway) -> dict[str, list[Sample]]:
    """What /metrics says, by the names of samples."""
    answer = await gateway.get("/metrics")
    assert answer.status == 200
    return read(answer.body.decode())


def value(samples: list[Sample], **labels: str) -> float:
    """The one sample with just these labels."""
    (found,) = [each.value for each in samples if each.labels == labels]
    return found


async def test_what_is_told_adds_up_to_the_ledger(gateway: Gateway) -> None:
    for body in (ASKED, ASKED, STREAMED, {**ASKED, "model": "near/unknown"}, {**ASKED, "messages": 1}):
        await gateway.ask(body)
    entries = gateway.entries()
    found = await told(gateway)
    requests = found["weighbridge_requests_total"]
    assert sum(each.value for each in requests) == len(entries) == 5
    assert value(requests, **ROUTE, ending="complete") == 3
    charges = [entry.charge for entry in entries if entry.charge is not None]
    priced = [charge.cost for charge in charges if charge.cost is not None]
    assert value(found["weighbridge_cost_usd_total"], **ROUTE) == float(sum(priced))
    tokens = found["weighbridge_tokens_total"]
    assert value(tokens, **ROUTE, type="input") == 36
    assert value(tokens, **ROUTE, type="output") == 15
    assert value(tokens, **ROUTE, type="cached") == 12
    errors = {each.labels["code"]: each.value for each in found["weighbridge_request_errors_total"]}
    assert errors == {code: 1 for entry in entries if (code := entry.error) is not None}
    assert value(found["weighbridge_attempts_total"], provider="near", error="none") >= 3


async def test_conventions_names_hold_what_they_say(gateway: Gateway) -> None:
    await gateway.ask(ASKED)
    await gateway.ask(STREAMED)
    found = await told(gateway)
    entries = gateway.entries()
    assert value(found["gen_ai_server_request_duration_seconds_count"], **GEN_AI) == 2
    assert value(found["gen_ai_server_request_duration_seconds_sum"], **GEN_AI) == pytest.approx(
        sum(entry.duration for entry in entries), abs=3e-6
    )
    assert value(found["gen_ai_server_time_to_first_token_seconds_count"], **GEN_AI) == 1, "only streams have a first"
    assert value(found["gen_ai_server_time_per_output_token_seconds_count"], **GEN_AI) == 1
    read_ = {**GEN_AI, "gen_ai_token_type": "input"}
    assert value(found["gen_ai_client_token_usage_sum"], **read_) == 24
    assert value(found["gen_ai_client_token_usage_bucket"], **read_, le="4.0") == 0
    assert value(found["gen_ai_client_token_usage_bucket"], **read_, le="16.0") == 2


async def test_a_name_that_a_client_made_up_is_no_label(gateway: Gateway, upstream: Upstream) -> None:
    for number in range(5):
        assert (await gateway.ask({**ASKED, "model": f"near/made-up-{number}"})).status == 200
    body = (await gateway.get("/metrics")).body.decode()
    assert "made-up" not in body
    found = read(body)
    assert value(found["weighbridge_requests_total"], **{**ROUTE, "model": "other"}, ending="complete") == 5


async def test_gauges_are_of_now(gateway: Gateway, upstream: Upstream) -> None:
    found = await told(gateway)
    assert value(found["weighbridge_workers"]) == 1
    assert value(found["weighbridge_connections"]) == 1
    assert value(found["weighbridge_requests_in_flight"]) == 1, "the one for the metrics"
    assert value(found["weighbridge_streams_in_flight"]) == 0
    assert value(found["weighbridge_ledger_fault"]) == 0
    assert value(found["weighbridge_worker_resident_memory_bytes"]) > 2**20
    (version,) = found["weighbridge_build_info"]
    assert version.labels["version"]


async def test_an_endpoint_that_keeps_failing_is_told_with_its_attempts_and_retries(
    tmp_path: Path, upstream: Upstream
) -> None:
    async def fail(call: Call) -> None:
        await call.answer({"error": {"message": "no"}}, 500)

    upstream.script = fail
    toml = f"{near(upstream)}[routing]\nretries = 2\nbreaker_failures = 3\nbreaker_seconds = 60\n"
    async with house(tmp_path / "home", toml) as gateway:
        assert (await gateway.ask()).status == 502
        found = await told(gateway)
        assert value(found["weighbridge_attempts_total"], provider="near", error="upstream_error") == 3
        assert value(found["weighbridge_retries_total"]) == 2
        assert value(found["weighbridge_request_errors_total"], code="upstream_error") == 1
        left_alone = {"provider": "near", "model": "near/tiny", "why": "breaker"}
        assert value(found["weighbridge_endpoints_left_alone"], **left_alone) == 1


async def test_a_ledger_that_cannot_be_written_is_told(gateway: Gateway) -> None:
    assert value((await told(gateway))["weighbridge_ledger_fault"]) == 0
    gateway.ledger.rename(gateway.ledger.with_name("elsewhere.db"))
    assert (await gateway.ask()).status == 503
    found = await told(gateway)
    assert value(found["weighbridge_ledger_fault"]) == 1
    assert value(found["weighbridge_ledger_backlog_entries"]) == 1
    gateway.ledger.with_name("elsewhere.db").rename(gateway.ledger)
    async with asyncio.timeout(10):
        while value((await told(gateway))["weighbridge_ledger_fault"]):  # noqa: ASYNC110 - it is tried each second
            await asyncio.sleep(0.05)
    found = await told(gateway)
    assert value(found["weighbridge_ledger_backlog_entries"]) == 0
    assert value(found["weighbridge_ledger_entries_total"]) == 1


async def test_budgets_are_told_but_for_those_of_each(gateway: Gateway) -> None:
    own = budget("usd", "day", 10**12, "key", gateway_key(gateway))
    await put(gateway, own, budget("usd", "day", 10**12, "user", "*"))
    answer = await gateway.ask({**ASKED, "user": "somebody", "max_tokens": 10})
    assert answer.status == 200
    found = await told(gateway)
    (amount_,), (used,) = found["weighbridge_budget_amount"], found["weighbridge_budget_used"]
    assert amount_.labels == used.labels
    assert (amount_.labels["scope"], amount_.labels["unit"], amount_.labels["period"]) == ("key", "usd", "day")
    assert gateway_key(gateway) not in str(amount_.labels)
    assert amount_.value == 1
    assert used.value == float(answer.headers["x-weighbridge-cost"])


def gateway_key(gateway: Gateway) -> str:
    """The id of its key."""
    with closing(db.connect(gateway.ledger)) as connection:
        return keys.listing(connection)[0].id


async def test_open_metrics_are_given_to_those_who_ask(gateway: Gateway) -> None:
    await gateway.ask()
    answer = await gateway.get("/metrics", headers="accept: application/openmetrics-text;version=1.0.0,*/*;q=0.1\r\n")
    assert answer.headers["content-type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert answer.body.endswith(b"# EOF\n")
    plain = await gateway.get("/metrics")
    assert plain.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"


def _labelled(gateway: Gateway, labels: Labels) -> str:
    with closing(db.connect(gateway.ledger)) as connection:
        return keys.create(connection, name="other", now=datetime.now(UTC), labels=labels)[1]


async def test_who_may_not_see_all_usage_sees_none(gateway: Gateway) -> None:
    assert (await gateway.get("/metrics", key="")).status == 401
    assert (await gateway.get("/metrics", key="wb-unknown")).status == 401
    assert (await gateway.get("/metrics", key="wba-unknown")).status == 401
    labelled = _labelled(gateway, Labels(organisation="acme"))
    await gateway.until("/metrics", labelled, 403)
    assert "acme" not in (await gateway.get("/metrics", key=labelled)).body.decode()


@pytest.mark.parametrize(
    ("role", "scope", "status"),
    [
        ("owner", EVERYWHERE, 200),
        ("auditor", EVERYWHERE, 200),
        ("auditor", Place("acme"), 403),
        ("admin", Place("acme", "search"), 403),
        ("member", Place("acme", "search"), 403),
    ],
)
async def test_an_admin_key_sees_them_if_it_sees_all_usage(
    role: Role, scope: Place, status: int, gateway: Gateway
) -> None:
    with closing(db.connect(gateway.ledger)) as connection:
        _, secret = admins.create(connection, name="prometheus", role=role, now=datetime.now(UTC), scope=scope)
    assert (await gateway.get("/metrics", key=secret)).status == status


@pytest.mark.parametrize(("setting", "status"), [("open", 200), ("off", 404)])
async def test_the_setting_decides(setting: str, status: int, tmp_path: Path, upstream: Upstream) -> None:
    toml = f'[server]\nmetrics = "{setting}"\n{near(upstream)}'
    async with house(tmp_path / "home", toml) as gateway:
        assert (await gateway.ask()).status == 200
        assert (await gateway.get("/metrics", key="")).status == status
        assert (tmp_path / "home" / "run" / "metrics").exists() == (setting == "open"), "off counts nothing"


async def test_workers_tell_the_sum_and_the_dead_are_not_forgotten(tmp_path: Path, upstream: Upstream) -> None:
    toml = f"[server]\ndrain_seconds = 0.2\n{near(upstream)}"
    async with house(tmp_path / "home", toml) as first:
        async with house(tmp_path / "home", toml) as second:
            for gateway in (first, second, second):
                assert (await gateway.ask()).status == 200
            for gateway in (first, second):
                found = await told(gateway)
                assert value(found["weighbridge_requests_total"], **ROUTE, ending="complete") == 3
                assert value(found["weighbridge_workers"]) == 2
        found = await told(first)
        assert value(found["weighbridge_requests_total"], **ROUTE, ending="complete") == 3
        assert value(found["weighbridge_workers"]) == 1
        async with house(tmp_path / "home", toml) as third:
            assert (await third.ask()).status == 200
            found = await told(first)
            assert value(found["weighbridge_requests_total"], **ROUTE, ending="complete") == 4
    assert len(list((tmp_path / "home" / "run" / "metrics").iterdir())) == 2, "the third goes on where the second was"
