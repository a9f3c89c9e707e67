"""What a trace notes, whose trace it is, and what spans say of how a request went."""

from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.watching.test_meter import CHARGE, entry
from weighbridge.ledger.entry import Attempt, Entry
from weighbridge.watching.spans import Span, spans
from weighbridge.watching.tracing import Trace, Tracer, parent_in

TRACE, SPAN = 0x4BF92F3577B34DA6A3CE929D0E0E4736, 0x00F067AA0BA902B7
GOOD = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.mark.parametrize(
    ("header", "known"),
    [
        (GOOD, (TRACE, SPAN, True)),
        (GOOD[:-1] + b"0", (TRACE, SPAN, False)),
        (GOOD[:-2] + b"03", (TRACE, SPAN, True)),
        (b" " + GOOD + b" ", (TRACE, SPAN, True)),
        (b"01" + GOOD[2:] + b"-what-comes-later", (TRACE, SPAN, True)),
        (None, None),
        (b"", None),
        (b"ff" + GOOD[2:], None),
        (GOOD + b"-more", None),
        (GOOD.upper(), None),
        (GOOD[:-3], None),
        (b"00-" + b"0" * 32 + GOOD[35:], None),
        (GOOD[:36] + b"0" * 16 + b"-01", None),
        (GOOD + b"," + GOOD, None),
    ],
)
def test_traceparent_is_read_as_w3c_says(header: bytes | None, known: tuple[int, int, bool] | None) -> None:
    assert parent_in(header) == known


@given(st.binary(max_size=80))
def test_nothing_that_a_client_sends_breaks_it(header: bytes) -> None:
    found = parent_in(header)
    assert found is None or found[0] > 0


class Clock:
    """A clock that is set."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class Kept:
    """A tracer, and the traces that it kept."""

    def __init__(self, *, share: float = 1.0, passes_on: bool = False) -> None:
        self.traces: list[Trace] = []
        self.clock = Clock()
        self.tracer = Tracer(
            lambda entry, operation, trace: self.traces.append(trace),
            self.clock,
            share=share,
            passes_on=passes_on,
            chance=Random(7),
        )


@pytest.mark.parametrize(
    ("share", "headers", "is_kept"),
    [
        (1.0, {}, True),
        (0.0, {}, False),
        (0.0, {b"traceparent": GOOD}, True),
        (1.0, {b"traceparent": GOOD[:-1] + b"0"}, False),
        (1.0, {b"traceparent": b"nonsense"}, True),
    ],
)
def test_a_clients_word_comes_before_the_share(share: float, headers: dict[bytes, bytes], is_kept: bool) -> None:
    kept = Kept(share=share)
    trace = kept.tracer.begin(headers)
    if trace is not None:
        trace.end(entry(), "chat")
    assert (trace is not None) == is_kept
    assert len(kept.traces) == is_kept


def test_the_share_of_traces_is_kept() -> None:
    kept = Kept(share=0.2)
    count = sum(kept.tracer.begin({}) is not None for _ in range(5000))
    assert 850 < count < 1150


def test_one_that_is_passed_on_without_being_kept_notes_nothing() -> None:
    kept = Kept(share=0.0, passes_on=True)
    trace = kept.tracer.begin({})
    assert trace is not None
    header = trace.asked("near", "tiny")
    assert header.startswith(b"traceparent: 00-%032x-" % trace.id)
    assert header.endswith(b"-00\r\n")
    trace.end(entry(), "chat")
    assert kept.traces == []
    assert trace.asks == []


@pytest.mark.parametrize("state", [b"a=1\r\nx-injected: 1", b"\xff", b"x" * 513, b""])
def test_a_tracestate_that_is_none_is_not_passed_on(state: bytes) -> None:
    trace = Kept(passes_on=True).tracer.begin({b"traceparent": GOOD, b"tracestate": state})
    assert trace is not None
    assert b"tracestate" not in trace.asked("near", "tiny")


def made(settled: Entry, asks: Sequence[tuple[str, float]]) -> tuple[Span, list[Span]]:
    """The spans of a request that asked these providers, each so many seconds after it came."""
    kept = Kept()
    trace = kept.tracer.begin({})
    assert trace is not None
    for provider, after in asks:
        kept.clock.now = after
        trace.asked(provider, "tiny")
    server, *clients = spans(settled, "chat", trace)
    assert all(client.parent == server.id for client in clients)
    return server, clients


def times(server: Span, clients: Sequence[Span]) -> list[tuple[float, float]]:
    """When each began and ended, in seconds since the request came."""
    return [((each.begin - server.begin) / 1e9, (each.end - server.begin) / 1e9) for each in clients]


def test_those_that_failed_end_when_they_failed_and_the_last_with_the_answer() -> None:
    attempts = (Attempt("far", "tiny", "upstream_timeout", 0.1), Attempt("near", "tiny", None, 0.05))
    server, clients = made(entry(attempts=attempts), [("far", 0.0), ("near", 0.2)])
    assert times(server, clients) == [pytest.approx((0.0, 0.1)), pytest.approx((0.2, 0.5))]
    assert [each.error for each in clients] == ["upstream_timeout", None]
    assert server.error is None


def test_one_that_another_was_faster_than_is_told_so() -> None:
    attempts = (
        Attempt("far", "tiny", "hedge_lost", 0.3, charge=CHARGE),
        Attempt("near", "tiny", None, 0.1, charge=CHARGE),
    )
    server, clients = made(entry(attempts=attempts), [("far", 0.0), ("near", 0.2)])
    assert [each.error for each in clients] == ["hedge_lost", None]
    assert [each.attributes["gen_ai.usage.output_tokens"] for each in clients] == [5, 5]
    assert times(server, clients)[1] == pytest.approx((0.2, 0.5))


def test_one_that_was_asked_when_the_client_left_has_a_span_to_its_end() -> None:
    settled = entry(attempts=(), ending="client_left", status=499, error="client_left", first_byte=None)
    server, clients = made(settled, [("near", 0.1)])
    assert times(server, clients) == [pytest.approx((0.1, 0.5))]
    assert clients[0].error == "client_left"
    assert server.error is None, "the client's leaving is no fault of the server"


def test_a_refusal_is_the_clients_fault_and_a_broken_upstream_is_not() -> None:
    assert made(entry(ending="refused", status=400, error="bad_request"), [])[0].error is None
    assert made(entry(ending="upstream_broke", status=502, error="upstream_error"), [])[0].error == "upstream_error"
    assert made(entry(ending="stopped", status=503, error="stopped"), [])[0].error == "stopped"


@given(
    st.lists(st.tuples(st.sampled_from(["near", "far"]), st.floats(0, 10)), max_size=6),
    st.lists(st.tuples(st.sampled_from(["near", "far"]), st.sampled_from([None, "upstream_error"])), max_size=6),
)
def test_spans_lie_within_the_request_whatever_was_noted(
    asks: list[tuple[str, float]], tried: list[tuple[str, str | None]]
) -> None:
    attempts = tuple(Attempt(provider, "tiny", error, 0.3) for provider, error in tried)
    server, clients = made(entry(attempts=attempts, duration=10.0), sorted(asks, key=lambda ask: ask[1]))
    assert len(clients) == len(asks)
    assert len({each.id for each in (server, *clients)}) == len(asks) + 1
    for each in clients:
        assert server.begin <= each.begin <= each.end <= server.end
