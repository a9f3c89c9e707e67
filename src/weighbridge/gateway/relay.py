"""Pass an answer on as it arrives, watch its usage, and settle its tab before the last byte leaves."""

import asyncio
from typing import Final

from weighbridge.errors import UpstreamError, WeighbridgeError
from weighbridge.gateway import answers
from weighbridge.gateway.resume import Following, Resuming
from weighbridge.gateway.tab import Tab
from weighbridge.providers.base import Answer
from weighbridge.transport.message import Headers, Reply
from weighbridge.wire import reported, sse
from weighbridge.wire.decoding import readable
from weighbridge.wire.repaired import Repaired, put_right
from weighbridge.wire.surface import Asked, Stream, Verified
from weighbridge.wire.tasks import rerank

_STREAM: Final = b"text/event-stream"
_MOST: Final = 64 * 1024 * 1024
"""Bytes of an answer that is not a stream; a longer one is a broken upstream."""
_NO_BUFFERS: Final = ((b"cache-control", b"no-cache"), (b"x-accel-buffering", b"no"))


async def relay(
    answer: Answer, asked: Asked, tab: Tab, reply: Reply, resuming: Resuming | None = None
) -> UpstreamError | None:
    """Give the client the answer, whole or as a stream, in its own dialect, and leave one entry.

    With `resuming` a stream that breaks off is gone on with by another endpoint, if one can.

    What broke off a stream that had begun, when it did: its entry is written, and the client is still to be told.
    Raises UpstreamError when an answer breaks off before a byte of it has left: what it cost is noted, nothing is
    settled, and another endpoint may be asked. Raises LedgerUnavailable when its receipt cannot be written.
    """
    try:
        if answer.content_type[: len(_STREAM)].lower() != _STREAM:
            await _whole(answer, asked, tab, reply)
        elif _exact(asked) and not asked.call.streamed:
            await _gathered(answer, asked, tab, reply)
        else:
            return await _stream(answer, asked, tab, reply, resuming)
        return None
    finally:
        answer.body.close()


async def _whole(answer: Answer, asked: Asked, tab: Tab, reply: Reply) -> None:
    tab.spoke_at_once()
    document = answer.body.take() if answer.body.complete else await _read(answer, tab)
    passed = asked.passed
    usage = reported.usage_in(document) if passed is None else passed.usage_in(document)
    if usage is None and asked.task in ("embeddings", "rerank"):
        usage = rerank.usage_in(document)
    if usage is None and (fault := reported.fault_in(document)) is not None:
        raise tab.refused(UpstreamError(f"the provider answered 200 with an error: {answer.tell(fault)}"))
    if usage is None and not readable(document):
        size = len(document)
        raise tab.refused(UpstreamError(f"the provider answered 200 with {size:,} bytes that are not JSON"))
    tab.heard(document)
    said = _said_in(document, asked) if usage is None else 0
    charge = tab.charge(usage, said)
    told = tab.told(charge)
    if asked.repair is not None:
        document = put_right(document, asked.repair)
    try:
        if asked.verified is not None and passed is None:
            _verify(document, asked.verified, tab)
        document = (asked.form if passed is None else passed.form).whole(document, told)
    except UpstreamError as exc:  # it worked for it, whatever it is
        tab.broke(exc, usage, said)
        raise
    receipt = tab.settle("complete", 200, charge=charge)
    answer.body.close()
    if receipt is not None:
        await receipt
    if asked.keep is not None:
        await asked.keep()
    kind = (_STREAM if asked.call.streamed else answers.JSON[1]) if _exact(asked) else answer.content_type
    headers: Headers = ((b"content-type", kind), (answers.RECEIPT, tab.id.encode()))
    if told is not None:
        headers += ((answers.COST, told.encode()),)
    reply.send(200, headers, document)


def _verify(document: bytes, verified: Verified, tab: Tab) -> None:
    """Raises UpstreamError where the answer is by the model that is looked at, and will not do."""
    if tab.endpoint is not None and tab.endpoint.model == verified.model:
        verified.check(document)


def _exact(asked: Asked) -> bool:
    return asked.exact if asked.passed is None else asked.passed.exact


def _said_in(document: bytes, asked: Asked) -> int:
    return reported.said(document)[0] if asked.passed is None else asked.passed.said_in(document)


async def _gathered(answer: Answer, asked: Asked, tab: Tab, reply: Reply) -> None:
    """A stream as one document: the provider streams though the client did not ask for it."""
    stream = _machine(asked, tab)
    try:
        broke = await _gather(answer, stream, tab)
    except asyncio.CancelledError:
        tab.settle_cut(left=reply.left, usage=stream.usage, said_bytes=stream.said_bytes)
        raise
    if broke is not None:
        raise _unsent(broke, stream, tab)
    charge = tab.charge(stream.usage, stream.said_bytes if stream.usage is None else 0)
    told = tab.told(charge)
    receipt = tab.settle("complete", 200, charge=charge)
    if receipt is not None:
        await receipt
    headers: Headers = (answers.JSON, (answers.RECEIPT, tab.id.encode()))
    if told is not None:
        headers += ((answers.COST, told.encode()),)
    last = stream.last()
    if asked.keep is not None:
        await asked.keep()
    reply.send(200, headers, last)


async def _gather(answer: Answer, stream: Stream, tab: Tab) -> UpstreamError | None:
    """Every event, kept. What broke it off, if something did."""
    size = 0

    def keep(data: bytes) -> bool:
        nonlocal size
        if not size:
            tab.heard(data)
        size += len(data)
        if size > _MOST:
            raise UpstreamError(f"the provider's answer is over {_MOST:,} bytes")
        stream.feed(data)
        tab.spoke()
        return not (stream.done or stream.fault is not None)

    try:
        await answer.body.pour(keep)
        stream.end()
    except UpstreamError as exc:
        return exc
    except sse.TooLong as exc:
        return UpstreamError(f"the provider sent {exc}")
    return None if stream.whole else _unfinished(answer, stream)


async def _read(answer: Answer, tab: Tab) -> bytes:
    parts: list[bytes] = []
    size = 0
    try:
        while data := await answer.body.read():
            parts.append(data)
            size += len(data)
            if size > _MOST:
                raise UpstreamError(f"the provider's answer is over {_MOST:,} bytes")
    except UpstreamError as exc:
        document = b"".join(parts)
        if document.startswith(b"{") and readable(document):  # only its end was still to come
            return document
        tab.broke(exc, None, size)  # it had been working: what came of the answer bounds what it may bill
        raise
    return b"".join(parts)


async def _stream(
    answer: Answer, asked: Asked, tab: Tab, reply: Reply, resuming: Resuming | None
) -> UpstreamError | None:
    stream = _machine(asked, tab, resuming)
    try:
        broke = await _pass_on(answer, stream, tab, reply)
        if broke is not None and not reply.started:
            raise _unsent(broke, stream, tab)
        if broke is not None:
            answer.body.close()  # whoever goes on with it may need its place
        while broke is not None and resuming is not None:
            if resuming.finished:
                broke = None
            elif (following := await resuming.after(broke, tab)) is not None:
                stream = following.stream
                broke = await _go_on(following, tab, reply)
            else:
                break
        if not reply.started:
            _start(answer, tab, reply)
        await _end(stream, broke, asked, tab, reply)
        return broke
    except asyncio.CancelledError:
        tab.settle_cut(left=reply.left, usage=stream.usage, said_bytes=stream.said_bytes)
        raise
    except UpstreamError:
        raise
    except Exception:
        await _stopped(stream, tab)
        raise


async def _stopped(stream: Stream, tab: Tab) -> None:
    """A fault of ours: what has come is paid for all the same."""
    charge = None if tab.idle else tab.charge(stream.usage, stream.said_bytes)
    receipt = tab.settle("stopped", WeighbridgeError.status, error=WeighbridgeError.code, charge=charge)
    if receipt is not None:
        await receipt


def _start(answer: Answer, tab: Tab, reply: Reply) -> None:
    """The head leaves with the first event: until then another endpoint may give the answer."""
    receipt_header = (answers.RECEIPT, tab.id.encode())
    reply.start(200, ((b"content-type", answer.content_type), *_NO_BUFFERS, receipt_header))


async def _go_on(following: Following, tab: Tab, reply: Reply) -> UpstreamError | None:
    try:
        reply.write(following.mark)
        return await _pass_on(following.answer, following.stream, tab, reply)
    finally:
        following.answer.body.close()


def _machine(asked: Asked, tab: Tab, resuming: Resuming | None = None) -> Stream:
    form = asked.form if asked.passed is None else asked.passed.form
    stream = form.stream(tab.cost_text)
    if resuming is not None:
        stream = resuming.join(stream)
    return stream if asked.repair is None else Repaired(stream, asked.repair)


async def _pass_on(answer: Answer, stream: Stream, tab: Tab, reply: Reply) -> UpstreamError | None:
    """Every event but the last: `[DONE]` waits for the receipt. What broke it off, if something did."""

    def pass_on(data: bytes) -> bool:
        events = stream.feed(data)
        if events:
            if not reply.started:
                _start(answer, tab, reply)
                tab.heard(data)
            tab.spoke()
            reply.write(events)
        return not (reply.choked or stream.done or stream.fault is not None)

    try:
        while not await answer.body.pour(pass_on):
            if stream.done or stream.fault is not None:
                break
            await reply.drain()
        rest = stream.end()
        if reply.started:
            reply.write(rest)
        elif rest and stream.whole:
            _start(answer, tab, reply)
            reply.write(rest)
    except UpstreamError as exc:
        return exc
    except sse.TooLong as exc:
        return UpstreamError(f"the provider sent {exc}")
    return None if stream.whole else _unfinished(answer, stream)


def _unsent(broke: UpstreamError, stream: Stream, tab: Tab) -> WeighbridgeError:
    """What broke off a stream of which nothing has left, to be raised: an error instead of an answer costs nothing."""
    if stream.fault is not None and stream.usage is None and not stream.said_bytes:
        return tab.refused(broke)
    tab.broke(broke, stream.usage, stream.said_bytes)
    return broke


def _unfinished(answer: Answer, stream: Stream) -> UpstreamError:
    return UpstreamError(answer.tell(stream.fault or "the provider's stream stopped before its end"))


async def _end(stream: Stream, broke: UpstreamError | None, asked: Asked, tab: Tab, reply: Reply) -> None:
    charge = None if tab.idle else tab.charge(stream.usage, stream.said_bytes if stream.usage is None else 0)
    if broke is None:
        receipt = tab.settle("complete", 200, charge=charge)
        if receipt is not None:
            await receipt
        last = stream.last()
        if asked.keep is not None:
            await asked.keep()
        reply.end(last)
        return
    receipt = tab.settle("upstream_broke", 200, error=broke.code, charge=charge)
    if receipt is not None:
        await receipt
