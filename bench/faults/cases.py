"""Single faults: what the provider does, what must come of it, and what did.

Each fault is met as a stream and as a whole answer, by a model that only the faulty provider has, by one that another
provider serves as well, and, where a stream breaks off, by a client that wants it continued.
"""

import asyncio
import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import msgspec

from bench.faults.answers import WORDS
from bench.faults.certificates import Certificates
from bench.faults.client import Got
from bench.faults.ground import Gateway, faulty, gateway
from bench.faults.provider import Spec
from weighbridge.ledger.cost import plain
from weighbridge.ledger.entry import Entry

PATIENCE: Final = 0.5
"""Seconds the gateway waits for a provider, in each of its steps."""
_AT_ONCE: Final = 8
"""Cases: each has endpoints of its own, and most of them do nothing but wait."""

Kind = Literal["stream", "whole"]
Mode = Literal["alone", "beside", "resumed"]
"""Nobody else serves the model; another provider does, who is well; and the client wants a broken stream continued."""
Place = Literal["by path", "refused", "full", "no such name", "expired", "self-signed", "other host"]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that a provider does wrong. `name` is its path at the faulty provider."""

    name: str
    does: str
    """In words: the provider …"""
    code: str | None
    """Of the attempt and, where nobody else can answer, of the error the client is told; None: no harm is done."""
    status: int = 502
    """What the client gets then, where its answer has not begun."""
    breaks: Literal["", "early", "late", "end"] = ""
    """Where it happens behind the answer's head: with no event out yet, so that another may answer; with some, and the
    stream ends with an error event; or with all that was to be said. A document has never left before it is whole."""
    counted: bool = False
    """What came of the answer is charged by an estimate: it cannot be told from work."""
    kinds: tuple[Kind, ...] = ("stream", "whole")
    place: Place = "by path"


_STREAM: Final[tuple[Kind, ...]] = ("stream",)
_WHOLE: Final[tuple[Kind, ...]] = ("whole",)
FAULTS: Final[tuple[Fault, ...]] = (
    Fault("connection-refused", "refuses the connection", "upstream_unreachable", place="refused"),
    Fault("connection-ignored", "lets nobody connect", "upstream_timeout", 504, place="full"),
    Fault("no-such-name", "has no address any more", "upstream_unreachable", place="no such name"),
    Fault("certificate-expired", "shows an expired certificate", "upstream_unreachable", place="expired"),
    Fault(
        "certificate-self-signed", "shows a certificate it signed itself", "upstream_unreachable", place="self-signed"
    ),
    Fault("certificate-of-other-host", "shows another host's certificate", "upstream_unreachable", place="other host"),
    Fault("hangs-up", "closes the connection without an answer", "upstream_error"),
    Fault("not-http", "speaks another protocol", "upstream_error"),
    Fault("never-answers", "takes the request and never answers", "upstream_timeout", 504),
    Fault("head-drips", "sends the head of its answer a byte at a time", "upstream_timeout", 504),
    Fault("falls-silent", "falls silent half-way", "upstream_timeout", 504, breaks="late", counted=True),
    Fault("drips", "sends its answer slowly, a piece at a time", None),
    Fault("never-ends", "sends all of its answer and never ends it", None, kinds=_STREAM),
    Fault("never-closes", "sends an answer of unknown length and never ends it", None, kinds=_WHOLE),
    Fault("busy", "is busy (429)", "upstream_busy", 429),
    Fault("busy-for-a-second", "is busy, `Retry-After: 1`", "upstream_busy", 429),
    Fault("busy-for-an-hour", "is busy, `Retry-After: 3600`", "upstream_busy", 429),
    Fault("fails", "fails (500)", "upstream_error"),
    Fault("unavailable", "is unavailable (503)", "upstream_error"),
    Fault("refuses-our-key", "does not take our key (401)", "upstream_key_refused"),
    Fault("lacks-the-model", "lacks the model (404)", "model_not_found", 404),
    Fault("says-error", "answers 200 with an error", "upstream_error", breaks="early"),
    Fault("says-page", "answers 200 with a page of HTML", "upstream_error", breaks="early"),
    Fault("other-model", "answers for another model", None),
    Fault("reset-in-status-line", "resets in the status line", "upstream_error", kinds=_STREAM),
    Fault("reset-in-header", "resets in a header", "upstream_error", kinds=_STREAM),
    Fault("reset-after-head", "resets after the head", "upstream_error", breaks="early", counted=True, kinds=_STREAM),
    Fault(
        "reset-in-chunk-size", "resets in a chunk's size", "upstream_error", breaks="late", counted=True, kinds=_STREAM
    ),
    Fault("reset-in-field-name", "resets in `data:`", "upstream_error", breaks="late", counted=True, kinds=_STREAM),
    Fault(
        "reset-in-json", "resets in the JSON of an event", "upstream_error", breaks="late", counted=True, kinds=_STREAM
    ),
    Fault(
        "reset-in-character",
        "resets in a letter of two bytes",
        "upstream_error",
        breaks="late",
        counted=True,
        kinds=_STREAM,
    ),
    Fault(
        "reset-between-newlines",
        "resets between an event's two newlines",
        "upstream_error",
        breaks="late",
        counted=True,
        kinds=_STREAM,
    ),
    Fault(
        "reset-between-events",
        "resets between two events",
        "upstream_error",
        breaks="late",
        counted=True,
        kinds=_STREAM,
    ),
    Fault(
        "reset-after-finish", "resets after the last word", "upstream_error", breaks="end", counted=True, kinds=_STREAM
    ),
    Fault("reset-in-usage", "resets in the usage", "upstream_error", breaks="end", counted=True, kinds=_STREAM),
    Fault("reset-in-done", "resets in `[DONE]`", "upstream_error", breaks="end", counted=True, kinds=_STREAM),
    Fault("reset-before-terminal-chunk", "resets after `[DONE]`", None, kinds=_STREAM),
    Fault("reset-in-terminal-chunk", "resets in the terminal chunk", None, kinds=_STREAM),
    Fault("reset-in-body", "resets in the body", "upstream_error", breaks="late", counted=True, kinds=_WHOLE),
)


@dataclass(frozen=True, slots=True)
class Case:
    """A fault, met in one way."""

    fault: Fault
    kind: Kind
    mode: Mode

    @property
    def late(self) -> bool:
        """Some of the answer is out already when it happens."""
        return self.fault.breaks in ("late", "end") and self.kind == "stream"

    @property
    def name(self) -> str:
        """Unique, and good for a model's name."""
        return f"{self.fault.name}-{self.kind}-{self.mode}"


def _cases() -> Iterator[Case]:
    for fault in FAULTS:
        for kind in fault.kinds:
            yield Case(fault, kind, "alone")
            yield Case(fault, kind, "beside")
            if fault.breaks in ("late", "end") and kind == "stream":
                yield Case(fault, kind, "resumed")


CASES: Final = tuple(_cases())


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one request. `error` is the code the client was told, `attempts` are the codes of the ledger."""

    case: str
    status: int
    whole: bool
    error: str | None
    seconds: float
    ending: str
    entry_status: int
    entry_error: str | None
    attempts: list[str | None]
    providers: list[str]
    answered_as: str | None
    """What the last attempt's answer called itself, where that was not what was asked."""
    counted_by: str | None
    right: bool
    """Every word of the answer is there, once, and no other."""
    cost: str | None
    """US dollars, in digits."""
    told_cost: str | None
    """What the answer itself said that it costs."""


async def outcomes(folder: Path) -> dict[str, Outcome]:
    """Every case, some at once, through one gateway, which lives in `folder`.

    Raises AssertionError where an entry is lost or double.
    """
    certificates = Certificates.made(folder / "certificates")
    tls = [certificates.expired, certificates.self_signed, certificates.other_host]
    with _addresses() as (refused, full):
        async with faulty(Spec(certificates=[str(each) for each in tls])) as provider:
            places = {
                "by path": f"http://127.0.0.1:{provider.ports.by_path}",
                "refused": f"http://127.0.0.1:{refused}",
                "full": f"http://127.0.0.1:{full}",
                "no such name": "http://gone.weighbridge.invalid",
                **{
                    place: f"https://127.0.0.1:{port}"
                    for place, port in zip(("expired", "self-signed", "other host"), provider.ports.tls, strict=True)
                },
            }
            settings = _settings(places, certificates.authority)
            async with gateway(folder / "home", settings) as ours:
                turns = asyncio.Semaphore(_AT_ONCE)
                async with asyncio.TaskGroup() as group:
                    asking = {case.name: group.create_task(_ask(ours, case, turns)) for case in CASES}
                got = {name: task.result() for name, task in asking.items()}
                await ours.stop()
            return _entered(got, ours.entries())


async def _ask(ours: Gateway, case: Case, turns: asyncio.Semaphore) -> Got:
    body: dict[str, object] = {
        "model": f"faults/{case.name}",
        "messages": [{"role": "user", "content": "How warm is it in Zürich?"}],
        "provider": {"order": [case.fault.name]},
    }
    if case.kind == "stream":
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    client = ours.client()
    async with turns:
        got = await client.ask(body, "x-weighbridge-resume: 1\r\n" if case.mode == "resumed" else "")
    client.leave()
    return got


def _entered(got: dict[str, Got], entries: list[Entry]) -> dict[str, Outcome]:
    """Each answer with its entry; there is one for each, and no other."""
    by_id = {entry.id: entry for entry in entries}
    assert len(entries) == len(by_id) == len(got), f"{len(entries)} entries for {len(got)} requests"
    return {name: _outcome(name, each, by_id.pop(each.receipt or "")) for name, each in got.items()}


def _outcome(name: str, got: Got, entry: Entry) -> Outcome:
    charge = entry.charge
    return Outcome(
        case=name,
        status=got.status,
        whole=got.whole,
        error=got.error,
        seconds=round(got.seconds, 3),
        ending=entry.ending,
        entry_status=entry.status,
        entry_error=entry.error,
        attempts=[attempt.error for attempt in entry.attempts],
        providers=[attempt.provider for attempt in entry.attempts],
        answered_as=entry.attempts[-1].answered_as,
        right=_said(got) == "".join(WORDS),
        counted_by=None if charge is None else charge.counted_by,
        cost=None if charge is None or charge.cost is None else plain(charge.cost),
        told_cost=got.cost,
    )


def _said(got: Got) -> str:
    """The text of an answer, whole or as a stream."""
    if not got.body.startswith((b"data:", b":")):
        return "" if not got.whole else str(json.loads(got.body)["choices"][0]["message"]["content"])
    events = [event for event in got.body.split(b"\n\n") if event.startswith(b"data: {")]
    choices = [choice for event in events for choice in json.loads(event[6:]).get("choices", ())]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


def _settings(places: dict[str, str], authority: Path) -> str:
    """A provider for each fault, with a model for each of its cases; one that is well and serves half of them too."""
    lines = [
        "[upstream]",
        f'ca_file = "{authority}"',
        *(f"{step}_timeout_seconds = {PATIENCE}" for step in ("connect", "first_byte", "idle")),
        *_provider("well", places["by path"]),
        *(line for case in CASES if case.mode != "alone" for line in _model("well", case, dollars=2)),
    ]
    for fault in FAULTS:
        lines += _provider(fault.name, places[fault.place])
        lines += [line for case in CASES if case.fault is fault for line in _model(fault.name, case, dollars=1)]
    return "\n".join(lines) + "\n"


def _provider(name: str, place: str) -> list[str]:
    # Mistral's way to go on with an answer, which is to repeat its beginning: so does the faulty provider
    return [f"[providers.{name}]", f'base_url = "{place}/{name}/v1"', 'habits = "mistral"']


def _model(provider: str, case: Case, *, dollars: int) -> list[str]:
    return [
        f"[[providers.{provider}.models]]",
        f'id = "{case.name}"',
        f'model = "faults/{case.name}"',
        f'input = "{dollars}"',
        f'output = "{4 * dollars}"',
    ]


@contextmanager
def _addresses() -> Iterator[tuple[int, int]]:
    """A port that refuses everybody, and one whose queue of connections is full."""
    with ExitStack() as stack:
        refused = stack.enter_context(socket.socket())
        refused.bind(("127.0.0.1", 0))
        full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        stack.enter_context(socket.create_connection(full.getsockname()))
        yield refused.getsockname()[1], full.getsockname()[1]
