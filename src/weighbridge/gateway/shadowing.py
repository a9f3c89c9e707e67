"""Some of the calls that a cheaper model answered, asked of the reference as well, once their clients have the answer.

Which ones chance decides, seeded by the receipt, so that it can be told afterwards. What is asked goes through the
gateway like any request: under the client's own key, its labels and its budgets, under the same policies, in the
lowest priority, with an entry of its own. Prompts and answers are held in memory until they are graded, and not kept.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from hashlib import blake2b
from typing import Final

import msgspec

from weighbridge.errors import WeighbridgeError
from weighbridge.gateway import answers
from weighbridge.gateway.keeping_texts import DIALECTS
from weighbridge.gateway.overhearing import Overheard
from weighbridge.gateway.switching import Decision, InForce, tag_of
from weighbridge.gateway.tab import Tab
from weighbridge.switch.answers import answer_of
from weighbridge.switch.case import Answer, Case, Grade
from weighbridge.texts.gathering import gathered
from weighbridge.texts.text import Dialect
from weighbridge.transport.message import Headers, Reply, Request, Successor
from weighbridge.wire.surface import Asked

log = logging.getLogger(__name__)

TAG: Final = "shadow"
"""What the entries of such calls are marked with."""
_LONGEST: Final = 1024 * 1024
"""Bytes of a request or an answer that are held; longer ones are not watched."""
_AT_ONCE: Final = 2
_CHAT: Final = b"/v1/chat/completions"
_OURS: Final = (b"stream", b"stream_options", b"store", b"metadata")
"""Fields that say how an answer is to be given or kept, and nothing of what it is."""
_AS_SENT: Final = (b"authorization", b"x-api-key", b"x-title")
_OFF: Final = dict.fromkeys((b"x-weighbridge-switch", b"x-weighbridge-hedge", b"x-weighbridge-resume"), b"off")
_fields: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])

Serve = Callable[[Request, Reply], Awaitable[None]]
"""Answers a chat completion request, whoever sends it."""
Ask = Callable[[bytes], Awaitable[Answer]]
"""Asks for a chat completion under the key, the labels and the policies of the request that is watched."""


class Shadow(msgspec.Struct, frozen=True):
    """What came of one call that was watched."""

    receipt: str
    """Of the client's answer."""
    at: datetime
    held: InForce
    """As it held then."""
    arm: str
    predicted: float | None
    shadow_receipt: str | None
    """Of the reference's answer; None: there is none, or it is not known."""
    grade: Grade | None
    """None: the reference gave no answer, or nobody can say what the two are worth."""


class Watched(msgspec.Struct):
    """One call, until the reference has answered too."""

    case: Case
    held: InForce
    arm: str
    predicted: float | None
    headers: dict[bytes, bytes]
    answered: "_Answered"


class _Answered(msgspec.Struct):
    """What a client got."""

    body: bytes
    dialect: Dialect
    streamed: bool

    def read(self) -> Answer | None:
        """The same as a grader reads it; None where it cannot be read."""
        document = gathered(self.body, self.dialect) if self.streamed else self.body
        return None if document is None else answer_of(document, self.dialect)


Graded = Callable[[InForce, Case, Answer, Answer, Ask], Awaitable[Grade | None]]
"""From the rule, a case, the reference's answer, the arm's, and how anybody is asked to judge."""
Record = Callable[[Shadow], Awaitable[None]]
"""Writes it down, and looks whether there is an alarm."""


class Shadowing:
    """For one worker. `run` it in the background."""

    def __init__(self, grade: Graded, record: Record, now: Callable[[], datetime], *, most_waiting: int) -> None:
        self._grade = grade
        self._record = record
        self._now = now
        self._waiting: asyncio.Queue[Watched] = asyncio.Queue(most_waiting)
        self._under_way = 0
        self.dropped = 0
        """Calls that were to be watched and were not: too many at once, or a stop."""

    def watched(self, decision: Decision, asked: Asked, tab: Tab, request: Request, reply: Reply) -> Reply:
        """The reply, or where the call is watched one that notes what the client gets."""
        held, arm, dialect = decision.held, decision.choice.arm, DIALECTS.get(request.path)
        if held is None or arm is None or dialect is None or not drawn(tab.id, held.rule.shadow_rate):
            return reply
        if asked.untold is not None or asked.call.choices != 1 or len(asked.body) > _LONGEST:
            return reply
        return ShadowedReply(self, _Call(decision, asked, tab, request, dialect), reply)

    def take(self, watched: Watched) -> None:
        """It is asked when there is time."""
        try:
            self._waiting.put_nowait(watched)
        except asyncio.QueueFull:
            if not self.dropped:
                log.warning("more calls are to be watched than can be: some are left out")
            self.dropped += 1

    async def run(self, serve: Serve) -> None:
        """Until it is cancelled: then what waits is dropped, and counted."""
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(_AT_ONCE):
                    group.create_task(self._keep_asking(serve))
        finally:
            self.dropped += self._waiting.qsize() + self._under_way
            if self.dropped:
                log.warning("%d calls that were to be watched were not", self.dropped)

    async def _keep_asking(self, serve: Serve) -> None:
        while True:
            watched = await self._waiting.get()
            self._under_way += 1
            try:
                await self._record(await self._shadow(watched, serve))
            except WeighbridgeError as exc:
                log.warning("a watched call cannot be written down: %s", exc.message)
            except Exception:
                log.exception("a watched call came to nothing")
            self._under_way -= 1

    async def _shadow(self, watched: Watched, serve: Serve) -> Shadow:
        async def ask(body: bytes) -> Answer:
            return await _asked(serve, body, watched.headers)

        case, grade = watched.case, None
        answered = await asyncio.to_thread(watched.answered.read)
        reference = await ask(_without_delivery(case.body, watched.held.rule.reference))
        if answered is not None and reference.error is None:
            grade = await self._grade(watched.held, case, reference, answered, ask)
        return Shadow(case.id, self._now(), watched.held, watched.arm, watched.predicted, reference.receipt, grade)


def drawn(receipt: str, rate: float) -> bool:
    """Whether chance has this one of so many watched."""
    return int.from_bytes(blake2b(receipt.encode(), digest_size=8, person=b"shadow").digest()) < rate * 2**64


class _Call(msgspec.Struct):
    """A call that is watched, while its client is answered."""

    decision: Decision
    asked: Asked
    tab: Tab
    request: Request
    dialect: Dialect


class ShadowedReply(Overheard):
    """See Reply. What the client gets is noted, and handed over when it has it all."""

    __slots__ = ("_call", "_parts", "_shadowing", "_size")

    def __init__(self, shadowing: Shadowing, call: _Call, inner: Reply) -> None:
        super().__init__(inner)
        self._shadowing = shadowing
        self._call = call
        self._parts: list[bytes] = []
        self._size = 0

    def hear(self, data: bytes) -> None:
        """See Overheard.hear."""
        self._size += len(data)
        if self._size <= _LONGEST:
            self._parts.append(data)

    def send(self, status: int, headers: Headers, body: bytes) -> None:
        """See Reply.send."""
        super().send(status, headers, body)
        self._hand_over()

    def end(self, data: bytes = b"") -> None:
        """See Reply.end."""
        super().end(data)
        self._hand_over()

    def _hand_over(self) -> None:
        """If the answer came whole, and from the arm, the reference is asked when there is time."""
        tab, decision, asked = self._call.tab, self._call.decision, self._call.asked
        held, arm, entry = decision.held, decision.choice.arm, tab.entry
        if held is None or arm is None or entry is None or entry.ending != "complete" or self._size > _LONGEST:
            return
        if tab.endpoint is None or tab.endpoint.model != arm.model:
            return  # the reference has answered, or an answer was given again
        case = Case(entry.id, decision.route, asked.body, entry.at)
        headers = _headers(self._call.request, asked, tab, held.rule.certificate)
        answered = _Answered(b"".join(self._parts), self._call.dialect, self.streamed)
        self._shadowing.take(Watched(case, held, arm.id, decision.choice.loss, headers, answered))


def _headers(request: Request, asked: Asked, tab: Tab, certificate: str) -> dict[bytes, bytes]:
    """Of the request to the reference: whoever asked, under the same marks, and out of everybody's way."""
    headers: dict[bytes, bytes] = {name: request.headers[name] for name in _AS_SENT if name in request.headers}
    own = {*tab.key.labels.tags, tag_of(certificate)}
    tags = [each for each in tab.tags if each not in own]
    headers[b"x-weighbridge-tags"] = ",".join([*tags, tag_of(certificate), TAG]).encode("latin-1")
    headers[b"x-weighbridge-priority"] = b"low"
    headers[b"x-weighbridge-cache"] = b"off"
    if asked.preferences is not None:
        headers[b"x-weighbridge-provider"] = msgspec.json.encode(asked.preferences)
    return headers | _OFF


def _without_delivery(body: bytes, model: str) -> bytes:
    """The request as a whole answer of this model is asked for."""
    fields = {name: value for name, value in _fields.decode(body).items() if name.encode() not in _OURS}
    fields["model"] = msgspec.Raw(msgspec.json.encode(model))
    return msgspec.json.encode(fields)


async def _asked(serve: Serve, body: bytes, headers: dict[bytes, bytes]) -> Answer:
    reply = Gathering()
    try:
        await serve(Request("POST", _CHAT, headers, body), reply)
    except WeighbridgeError as exc:
        return Answer(error=exc.code)
    receipt = dict(reply.headers).get(answers.RECEIPT)
    told = None if receipt is None else receipt.decode()
    answer = answer_of(bytes(reply.body)) if reply.status == 200 else None
    if answer is None:
        return Answer(error=f"status_{reply.status}", receipt=told)
    return msgspec.structs.replace(answer, receipt=told)


class _Nobody:
    """A client within the process: see Client."""

    lost = left = draining = False
    choked = peer = None

    def write(self, data: bytes) -> None:
        """See Client.write."""

    def streamed(self) -> None:
        """See Client.streamed."""

    def close(self) -> None:
        """See Client.close."""

    def abort(self) -> None:
        """See Client.abort."""

    def switch(self, successor: Successor) -> None:
        """See Client.switch."""


class Gathering(Reply):
    """See Reply. The answer stays here, whole."""

    __slots__ = ("body", "headers", "status")

    def __init__(self) -> None:
        super().__init__(_Nobody(), headless=False, last=False, chunked=False)
        self.status = 0
        self.headers: Headers = ()
        self.body = bytearray()

    def send(self, status: int, headers: Headers, body: bytes) -> None:
        """See Reply.send."""
        self.start(status, headers)
        self.end(body)

    def start(self, status: int, headers: Headers) -> None:
        """See Reply.start."""
        self.started, self.status, self.headers = True, status, headers

    def write(self, data: bytes) -> None:
        """See Reply.write."""
        self.body += data

    def end(self, data: bytes = b"") -> None:
        """See Reply.end."""
        self.body += data
        self.ended = True

    def abort(self) -> None:
        """See Reply.abort."""
        self.ended = True
