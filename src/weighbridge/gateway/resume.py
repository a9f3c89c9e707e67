"""When an endpoint breaks off in the middle of an answer, another of the same model goes on with it.

What was said so far is sent along as the beginning of the assistant's message, in the way that the endpoint's provider
documents; who has no such way is not asked. Where no other endpoint is left, the same one is asked once more. Whoever
goes on comes from the plan of the request, so its preferences and its policy hold. Nothing said yet: asked anew.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import msgspec

from weighbridge.catalog.model import Endpoint
from weighbridge.errors import UpstreamError, WeighbridgeError
from weighbridge.gateway.dispatch import Dispatch
from weighbridge.gateway.tab import Tab
from weighbridge.providers.base import Answer
from weighbridge.routing.candidate import Candidate
from weighbridge.wire.calls import Call
from weighbridge.wire.continued import has_format, rest_of, stops_of, why_not
from weighbridge.wire.habits.profile import Prefix
from weighbridge.wire.joined import Beginning, Joined
from weighbridge.wire.repaired import Repaired
from weighbridge.wire.seam import Seam
from weighbridge.wire.surface import Asked, Stream

_STREAM: Final = b"text/event-stream"


@dataclass(frozen=True, slots=True)
class Resumption:
    """How answers are gone on with, in one worker."""

    dispatch: Dispatch
    prefix_of: Callable[[Endpoint], Prefix | None]
    """How an endpoint is asked to go on with an answer; None where nobody knows."""
    by_default: bool = False
    """For requests that do not say whether they want it."""
    most: int = 2
    """Times that one answer is gone on with."""

    def of(self, plan: Iterable[Candidate], asked: Asked, wish: bool | None) -> "Resuming | None":
        """For a request with this wish that has its answer's head; None: it is not to be gone on with, or can't be."""
        if not (self.by_default if wish is None else wish):
            return None
        if asked.task != "chat" or not asked.call.streamed or asked.passed is not None:
            return None
        return Resuming(self, plan, asked)


class Resuming:
    """One request's answer, over all who go on with it."""

    def __init__(self, resumption: Resumption, plan: Iterable[Candidate], asked: Asked) -> None:
        self._resumption = resumption
        self._plan = plan
        self._asked = asked
        self._left = resumption.most
        self._broken: set[str] = set()
        """The ids of endpoints that have broken off."""
        self._joined: Joined | None = None

    def join(self, stream: Stream) -> Joined:
        """What hears all of them, and hands one answer to `stream`."""
        self._joined = Joined(stream)
        return self._joined

    @property
    def finished(self) -> bool:
        """Whether the answer was all there when its stream broke off."""
        return self._joined is not None and self._joined.broken is None and self._joined.finished

    async def after(self, broke: UpstreamError, tab: Tab) -> "Following | None":
        """The answer that goes on after this one, if there is one; the caller closes its body.

        The endpoint that broke off is charged for what it did as soon as another is asked.
        """
        joined = self._joined
        while joined is not None and self._left > 0 and joined.broken is None:
            beginning = joined.beginning()
            failed = tab.endpoint
            if isinstance(beginning, str) or failed is None:
                return None
            candidates = self._candidates(failed, beginning)
            if not candidates:
                return None
            self._left -= 1
            tab.broke(broke, joined.usage, joined.said_bytes)
            joined.pause(tab.charged)
            answer, asked = await self._ask(candidates, beginning, tab)
            if answer is None or tab.endpoint is None:
                return None
            now = tab.endpoint
            joined.go_on(self._seam(now, broke, beginning))
            if answer.content_type[: len(_STREAM)].lower() == _STREAM:
                stream = joined if asked.repair is None else Repaired(joined, asked.repair)
                return Following(answer, stream, _marked(failed, now, broke))
            answer.body.close()
            broke = UpstreamError("the provider answered with no stream when it was asked to go on")
        return None

    def _candidates(self, failed: Endpoint, beginning: Beginning) -> list[Candidate]:
        """Who may go on: the others of the model that have not broken off, or else the one that has, once more."""
        known = [one for one in self._plan if one.endpoint.model == failed.model and self._can(one.endpoint, beginning)]
        again = failed.id not in self._broken
        self._broken.add(failed.id)
        others = [one for one in known if one.endpoint.id not in self._broken]
        return others or [one for one in known if again and one.endpoint.id == failed.id]

    def _can(self, endpoint: Endpoint, beginning: Beginning) -> bool:
        if not beginning.text:
            return True
        prefix = self._resumption.prefix_of(endpoint)
        body = self._asked.body
        return prefix is not None and why_not(body) is None and (prefix.formats or not has_format(body))

    async def _ask(self, candidates: list[Candidate], beginning: Beginning, tab: Tab) -> tuple[Answer | None, Asked]:
        """The answer of the first that will go on, and what it was asked."""

        def begun(id_: str, body: bytes) -> tuple[Call, bytes]:
            prefix = prefixes[id_]
            tab.half, body = rest_of(body, _sent(beginning.text, prefix), beginning.tokens, prefix)
            return tab.half, body

        prefixes = {one.endpoint.id: self._resumption.prefix_of(one.endpoint) for one in candidates}
        asked = msgspec.structs.replace(self._asked, native=None, repair=None, begun=begun)
        while candidates:
            try:
                # one at a time: what is charged so far, and which half the tab has, must not change meanwhile
                search = self._resumption.dispatch.search(candidates, asked, tab, hedge=False, since=tab.elapsed())
                return await search.answer(), asked
            except WeighbridgeError as exc:
                # it would not take the request: another one's way of going on may be another
                refused = tab.endpoint
                others = [one for one in candidates if refused is None or one.endpoint.id != refused.id]
                if exc.try_another or len(others) == len(candidates):  # or nobody was asked: all places are taken
                    break
                candidates = others
        return None, asked

    def _seam(self, endpoint: Endpoint, broke: UpstreamError, beginning: Beginning) -> Seam:
        prefix = self._resumption.prefix_of(endpoint)
        who = msgspec.Raw(msgspec.json.encode({"resumed_by": endpoint.provider, "after": broke.code}))
        if prefix is None or not beginning.text:
            return Seam(who)
        sent = _sent(beginning.text, prefix)
        return Seam(
            who,
            repeated=sent if prefix.repeats else "",
            trimmed=beginning.text[len(sent) :],
            stops=stops_of(self._asked.body),
        )


class Following(msgspec.Struct, frozen=True):
    """Who goes on with an answer."""

    answer: Answer
    stream: Stream
    """The machine for its events."""
    mark: bytes
    """A comment for the client's stream, which every client passes over."""


def _sent(text: str, prefix: Prefix | None) -> str:
    return text.rstrip() if prefix is not None and prefix.trims else text


def _marked(failed: Endpoint, now: Endpoint, broke: UpstreamError) -> bytes:
    words = f": weighbridge: {failed.provider} broke off ({broke.code}), {now.provider} goes on"
    return words.encode() + b"\n\n"
