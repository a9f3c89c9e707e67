"""Traces and metrics as an OpenTelemetry collector is sent them, by a whole worker."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.gateway.conftest import near
from tests.gateway.house import ASKED, Gateway, house
from tests.gateway.test_metrics import told, value
from tests.gateway.upstream import Call, Upstream
from tests.watching.collector import Collector, attributes, collector

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
KEPT = f"traceparent: 00-{TRACE}-{PARENT}-01\r\ntracestate: vendor=1\r\n"
LEFT = f"traceparent: 00-{TRACE}-{PARENT}-00\r\n"
PROMPT = "a-secret-of-the-prompt"
ASKED_SECRETLY = {**ASKED, "messages": [{"role": "user", "content": PROMPT}]}


@pytest.fixture
def taking() -> Iterator[Collector]:
    with collector() as made:
        yield made


def settings(taking: Collector, upstream: Upstream, more: str = "", other: str = "") -> str:
    return f'[telemetry]\nendpoint = "{taking.url}"\n{more}\n{near(upstream)}{other}\n[server]\ndrain_seconds = 0.2\n'


async def spans(taking: Collector, count: int) -> list[Span]:
    return await asyncio.to_thread(taking.wait_for_spans, count)


def by_kind(found: Sequence[Span]) -> tuple[Span, list[Span]]:
    (server,) = [span for span in found if span.kind == Span.SPAN_KIND_SERVER]
    clients = [span for span in found if span.kind == Span.SPAN_KIND_CLIENT]
    assert len(clients) + 1 == len(found)
    return server, clients


async def test_a_request_is_a_span_with_one_for_each_endpoint(
    tmp_path: Path, upstream: Upstream, taking: Collector
) -> None:
    async with house(tmp_path / "home", settings(taking, upstream)) as gateway:
        answer = await gateway.ask({**ASKED_SECRETLY, "stream": True})
        server, (client,) = by_kind(await spans(taking, 2))
        (entry,) = gateway.entries()
    assert server.name == "chat near/tiny"
    assert server.parent_span_id == b""
    assert client.parent_span_id == server.span_id
    assert client.trace_id == server.trace_id
    assert server.start_time_unix_nano <= client.start_time_unix_nano <= client.end_time_unix_nano
    assert client.end_time_unix_nano <= server.end_time_unix_nano
    assert (server.end_time_unix_nano - server.start_time_unix_nano) / 1e9 == pytest.approx(entry.duration, abs=1e-6)
    said = attributes(list(server.attributes))
    assert entry.charge is not None
    assert entry.charge.cost is not None
    assert said == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "near",
        "gen_ai.request.model": "near/tiny",
        "gen_ai.response.model": "near/tiny",
        "gen_ai.usage.input_tokens": 12,
        "gen_ai.usage.output_tokens": 5,
        "gen_ai.usage.cache_read.input_tokens": 4,
        "http.response.status_code": 200,
        "weighbridge.receipt": answer.receipt,
        "weighbridge.ending": "complete",
        "weighbridge.streamed": True,
        "weighbridge.time_to_first_byte": pytest.approx(entry.first_byte, abs=1e-6),
        "weighbridge.counted_by": "provider",
        "weighbridge.cost_usd": float(entry.charge.cost),
    }
    asked = attributes(list(client.attributes))
    assert asked["gen_ai.request.model"] == "tiny"
    assert asked["gen_ai.usage.output_tokens"] == 5
    assert server.status.code == client.status.code == Status.STATUS_CODE_UNSET
    resource = attributes(list(taking.traces[0].resource_spans[0].resource.attributes))
    assert resource["service.name"] == "weighbridge"
    assert resource["service.instance.id"]


async def test_nothing_of_what_was_said_and_no_key_is_sent(
    tmp_path: Path, upstream: Upstream, taking: Collector
) -> None:
    async def quote(call: Call) -> None:
        await call.answer({"error": {"message": f"you said {PROMPT}"}}, 400)

    async with house(tmp_path / "home", settings(taking, upstream)) as gateway:
        await gateway.ask(ASKED_SECRETLY)
        upstream.script = quote
        await gateway.ask(ASKED_SECRETLY)
        await spans(taking, 4)
        key = gateway.key
        await gateway.worker.stop()
    sent = b"".join(taking.raw)
    assert taking.metrics, "they are sent at the stop"
    assert PROMPT.encode() not in sent
    assert b"Hello." not in sent
    assert key.encode() not in sent


async def test_each_endpoint_that_failed_has_a_span(tmp_path: Path, upstream: Upstream, taking: Collector) -> None:
    async def fail(call: Call) -> None:
        await call.answer({"error": {"message": "busy"}}, 500)

    upstream.script = fail
    toml = settings(taking, upstream) + "[routing]\nretries = 1\n"
    async with house(tmp_path / "home", toml) as gateway:
        assert (await gateway.ask()).status == 502
        server, clients = by_kind(await spans(taking, 3))
    assert server.status.code == Status.STATUS_CODE_ERROR
    assert attributes(list(server.attributes))["error.type"] == "upstream_error"
    assert [attributes(list(each.attributes))["error.type"] for each in clients] == ["upstream_error"] * 2
    assert clients[0].end_time_unix_nano <= clients[1].start_time_unix_nano


@pytest.mark.parametrize("passes_on", [False, True])
async def test_a_clients_trace_goes_on_and_is_passed_on_only_where_it_may_be(
    passes_on: bool, tmp_path: Path, upstream: Upstream, taking: Collector
) -> None:
    toml = settings(taking, upstream, f"pass_on = {str(passes_on).lower()}")
    async with house(tmp_path / "home", toml) as gateway:
        assert (await gateway.ask(headers=KEPT)).status == 200
        server, (client,) = by_kind(await spans(taking, 2))
    assert server.trace_id.hex() == client.trace_id.hex() == TRACE
    assert server.parent_span_id.hex() == PARENT
    sent = upstream.calls[0].headers
    if passes_on:
        assert sent["traceparent"] == f"00-{TRACE}-{client.span_id.hex()}-01"
        assert sent["tracestate"] == "vendor=1"
    else:
        assert "traceparent" not in sent
        assert "tracestate" not in sent


async def test_a_client_that_does_not_keep_its_trace_has_none_here(
    tmp_path: Path, upstream: Upstream, taking: Collector
) -> None:
    async with house(tmp_path / "home", settings(taking, upstream, "pass_on = true")) as gateway:
        assert (await gateway.ask(headers=LEFT)).status == 200
        assert (await gateway.ask(headers=KEPT)).status == 200
        found = await spans(taking, 2)
    assert len(found) == 2
    first = upstream.calls[0].headers["traceparent"]
    assert first.startswith(f"00-{TRACE}-")
    assert first.endswith("-00")


async def test_metrics_are_those_of_the_conventions(tmp_path: Path, upstream: Upstream, taking: Collector) -> None:
    async with house(tmp_path / "home", settings(taking, upstream, "traces = false")) as gateway:
        for body in (ASKED, {**ASKED, "stream": True}, {**ASKED, "model": "near/made-up"}):
            assert (await gateway.ask(body)).status == 200
    assert taking.traces == []
    (request,) = taking.metrics
    metrics = {each.name: each for each in request.resource_metrics[0].scope_metrics[0].metrics}
    duration = metrics["gen_ai.server.request.duration"]
    assert duration.unit == "s"
    counts = {
        str(attributes(list(point.attributes))["gen_ai.request.model"]): point.count
        for point in duration.histogram.data_points
    }
    assert counts == {"near/tiny": 2, "other": 1}
    assert list(duration.histogram.data_points[0].explicit_bounds)[:3] == [0.01, 0.02, 0.04]
    tokens = metrics["gen_ai.client.token.usage"].histogram.data_points
    sums = {
        (attributes(list(point.attributes))["gen_ai.token.type"], point.sum)
        for point in tokens
        if attributes(list(point.attributes))["gen_ai.request.model"] == "near/tiny"
    }
    assert sums == {("input", 24.0), ("output", 10.0)}
    assert metrics["gen_ai.server.time_to_first_token"].histogram.data_points[0].count == 1


async def test_a_dead_collector_loses_spans_and_holds_up_nobody(
    tmp_path: Path, upstream: Upstream, taking: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    taking.status = 400  # not tried again
    async with house(tmp_path / "home", settings(taking, upstream)) as gateway:
        began = time.perf_counter()
        for _ in range(20):
            assert (await gateway.ask()).status == 200
        assert time.perf_counter() - began < 5
        async with asyncio.timeout(10):
            while True:
                found = await told(gateway)
                if value(found["weighbridge_spans_lost_total"]) == 40:
                    break
                await asyncio.sleep(0.05)
        assert value(found["weighbridge_spans_exported_total"]) == 0
        taking.status = 200
        assert (await gateway.ask()).status == 200
        await spans(taking, 2)
    assert [
        record.getMessage().partition("the collector")[2] for record in caplog.records if "collector" in record.msg
    ] == [
        f" at {taking.url} takes no spans; they are lost until it does",
        f" at {taking.url} takes spans again",
    ]


async def test_where_nobody_listens_the_gateway_starts_answers_and_stops(tmp_path: Path, upstream: Upstream) -> None:
    toml = f'[telemetry]\nendpoint = "http://127.0.0.1:9"\n{near(upstream)}'
    async with house(tmp_path / "home", toml) as gateway:
        assert (await gateway.ask()).status == 200
        began = time.perf_counter()
    assert time.perf_counter() - began < 20


async def test_headers_of_the_settings_go_along(tmp_path: Path, upstream: Upstream, taking: Collector) -> None:
    toml = settings(taking, upstream, 'headers = "x-tenant=one, authorization=Bearer two"')
    async with house(tmp_path / "home", toml) as gateway:
        assert (await gateway.ask()).status == 200
        await spans(taking, 2)
    assert taking.headers[0]["x-tenant"] == "one"
    assert taking.headers[0]["authorization"] == "Bearer two"


async def test_without_an_endpoint_nobody_traces(gateway: Gateway, upstream: Upstream) -> None:
    assert (await gateway.ask(headers=KEPT)).status == 200
    assert "traceparent" not in upstream.calls[0].headers
    assert gateway.worker._watching.tracer is None
