"""Answers that were given before, given again: where a request or its key asks for it, and nowhere else.

It stands where an endpoint would be asked. What comes back is an answer like a provider's: told in the client's
dialect, whole or as a stream, by the same machines, with an entry of its own that costs nothing and names the receipt
of the answer it repeats. An answer that a provider gives is written down on its way, and kept once it has come whole.

Kept is what a model said, never what it was asked; found is only what was asked in the same words, by the same key
(unless `cache.shared`), of the same models, under the same preferences and the same policy, and given by an endpoint
that might still give it.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

import msgspec

from weighbridge.accounts.keys import Key
from weighbridge.cache import similar
from weighbridge.cache.cache import Cache
from weighbridge.cache.flights import Flight, Flights
from weighbridge.cache.kept import Kept, Place
from weighbridge.cache.wish import HEADER, CacheWish, read_wish
from weighbridge.catalog.model import Price, Rate
from weighbridge.errors import BadRequest, NotCached, WeighbridgeError
from weighbridge.gateway import answers
from weighbridge.gateway.recording import Recorded
from weighbridge.gateway.tab import Tab
from weighbridge.ledger.cost import plain
from weighbridge.ledger.saved import GIVEN_AGAIN
from weighbridge.providers.base import Answer, Whole
from weighbridge.routing.planner import Plan
from weighbridge.transport.message import Headers, Reply
from weighbridge.wire.chat.replayed import chunks_of, document_of
from weighbridge.wire.identity import digest, likeness, parts
from weighbridge.wire.repeatable import repeatable
from weighbridge.wire.surface import Asked

log = logging.getLogger(__name__)

Embed = Callable[[str], Awaitable[Sequence[float]]]
"""The embedding of a text, by a model of this machine's. Raises WeighbridgeError."""
Ask = Callable[[], Awaitable[Answer]]

_STREAM: Final = b"text/event-stream"
_JSON: Final = b"application/json"
_MOST: Final = 16 * 1024 * 1024
"""Bytes of an answer that is written down on its way."""


@dataclass(frozen=True, slots=True)
class Caching:
    """How answers are given again, in one worker."""

    cache: Cache | None
    """None where the owner has turned it off."""
    ttl: int
    """Seconds for which an answer is kept where nobody says how long."""
    shared: bool = False
    """Whether keys are given each other's answers."""
    wait: float = 30.0
    """Seconds for which a request waits for another that asks the same."""
    embed: Embed | None = None
    """None where no model for it runs here."""
    flights: Flights = field(default_factory=Flights, init=False)

    def wish(self, header: str | None, key: Key) -> CacheWish | None:
        """What a request wants of the cache, or its key does; None: nothing. Raises BadRequest, naming the header."""
        seconds = key.defaults.cache
        usual = None if seconds is None else CacheWish(max_age=seconds, ttl=seconds)
        if header is None:
            return usual
        wish = read_wish(header, usual)
        if wish is not None and wish.like is not None and self.embed is None:
            raise BadRequest(
                f"{HEADER}: semantic needs the model of `cache.embedding_model` to run on this machine; leave it out, "
                "or start the gateway with that model among `local.models`",
                param=HEADER,
            )
        return wish

    async def answer(self, asked: Asked, ask: Ask, *, wish: CacheWish, plan: Plan, tab: Tab, reply: Reply) -> Answer:
        """One that is kept, or a provider's. Raises NotCached, and what `ask` does."""
        if self.cache is None:
            reply.also = (*reply.also, (answers.CACHE, b"disabled"))
            request = None
        else:
            request = _Request(self, self.cache, asked, wish=wish, plan=plan, tab=tab, reply=reply)
            found = await request.found()
            if found is not None:
                return found
        if wish.mode == "only-if-cached":
            reply.also = (*reply.also, (b"x-should-retry", b"false"))  # clients of OpenAI's and Anthropic's heed it
            raise NotCached(f"no answer to this request is kept; {HEADER}: on asks a provider where none is")
        return await (ask() if request is None else request.asked_anew(ask))


class _Request:
    """One request on its way to an answer."""

    def __init__(
        self,
        caching: Caching,
        cache: Cache,
        asked: Asked,
        *,
        wish: CacheWish,
        plan: Plan,
        tab: Tab,
        reply: Reply,
    ) -> None:
        self._caching = caching
        self._cache = cache
        self._asked = asked
        self._wish = wish
        self._plan = plan
        self._tab = tab
        self._reply = reply
        self._place = Place(digest(b"request", *self._scope(), *parts(asked)))

    async def found(self) -> Answer | None:
        """The answer that is kept, or that another request is just being given."""
        if self._wish.mode == "refresh":
            return None
        caching, id_ = self._caching, self._place.id
        looked = False
        while True:
            flight = caching.flights.under_way(id_)
            if flight is not None:
                how = "hit" if flight.landed else "coalesced"
                outcome = await flight.outcome(caching.wait)
                if isinstance(outcome, Kept):
                    return self._given(outcome, how)
                if outcome == "failed":
                    return None
            elif looked:
                return None
            else:
                looked = True
                kept = await self._cache.find(id_, max_age=self._wish.max_age)
                answer = None if kept is None else self._given(kept, "hit")
                if answer is not None:
                    self._cache.used(id_)
                    return answer
                if (answer := await self._likest()) is not None:
                    return answer

    async def asked_anew(self, ask: Ask) -> Answer:
        """A provider's answer, written down as it comes."""
        flights, id_ = self._caching.flights, self._place.id
        flight = None if flights.under_way(id_) is not None else flights.take_off(id_)
        self._tell("refresh" if self._wish.mode == "refresh" else "miss")
        try:
            answer = await ask()
        except BaseException:
            if flight is not None:
                flight.land("left" if self._reply.left else "failed")
            raise
        recorded = Recorded(answer.body, _MOST, lambda body: self._ended(answer, body, flight))
        return msgspec.structs.replace(answer, body=recorded)

    async def _likest(self) -> Answer | None:
        """The answer to a question that is like this one, all else being the same."""
        wish, embed = self._wish, self._caching.embed
        found = None if wish.like is None or embed is None else likeness(self._asked)
        if wish.like is None or embed is None or found is None:
            return None
        try:
            vector = similar.vector(await embed(found.question))
        except (WeighbridgeError, ValueError) as exc:  # too long for the model, or it is just loading
            log.info("a question cannot be compared with others: %s", exc)
            return None
        group = digest(b"alike", *self._scope(), *found.parts)
        self._place = Place(self._place.id, group, vector)
        best = await self._cache.nearest(self._place, like=wish.like, max_age=wish.max_age)
        if best is None:
            return None
        id_, kept, cosine = best
        answer = self._given(kept, "hit", cosine)
        if answer is not None:
            self._cache.used(id_)
        return answer

    def _scope(self) -> tuple[bytes, ...]:
        """All that decides who may be given which answer, besides what is asked."""
        asking, asked = self._plan.shortlist.asking, self._asked
        native = asked.native
        # a completion's chunks, and Anthropic's own events, are not put together here: each has its own answers
        both = asked.task == "chat" if native is None else native.exact
        return (
            b"" if self._caching.shared else self._tab.key.id.encode(),
            repr(None if asking.law is None else asking.law.identity).encode(),
            msgspec.json.encode([model.id for model in asking.models]),
            b"" if asking.preferences is None else msgspec.json.encode(asking.preferences),
            asked.task.encode(),
            b"" if native is None else native.task.encode() + native.call.headers,
            b"either" if both else b"stream" if asked.call.streamed else b"document",
        )

    def _given(self, kept: Kept, how: str, cosine: float | None = None) -> Answer | None:
        """It again, as this client wants it; None where it may not be given, or cannot be told so."""
        asked, tab = self._asked, self._tab
        groups = self._plan.shortlist.groups
        candidates = (one for group in groups for one in group.candidates if one.endpoint.id == kept.endpoint)
        candidate = next(candidates, None)
        if candidate is None:
            return None  # whoever gave it may not answer this request, or not any more
        native = asked.native if asked.native is not None and kept.task == asked.native.task else None
        if native is None and (kept.task != asked.task or asked.untold is not None):
            return None
        streamed, body = kept.streamed, kept.body
        if kept.task == "chat" and streamed != asked.call.streamed:
            try:
                body = document_of(body) if streamed else chunks_of(body)
            except ValueError as exc:
                log.warning("a kept answer cannot be told: %s", exc)
                return None
            streamed = not streamed
        asked.passed, asked.repair = native, None
        answer = Answer(_STREAM if streamed else _JSON, Whole(body), "cache", str, kept.receipt)
        tab.given(answer, candidate, kept.usage, _price(cosine, how))
        self._tell(how, *_about(kept, self._cache.now(), cosine))
        return answer

    def _ended(self, answer: Answer, body: bytes | None, flight: Flight | None) -> None:
        """A provider's answer has come to its end, whole or not."""
        known = None if body is None else self._known(answer)
        if body is None or known is None:
            if flight is not None:
                flight.land("left" if self._reply.left else "failed")
            return
        repair = None if self._asked.repair is None else self._asked.repair.fresh()

        def make() -> Kept | None:
            text = repeatable(body, streamed=known.streamed, task=known.task, repair=repair)
            return None if text is None else msgspec.structs.replace(known, body=text)

        def made(kept: Kept | None) -> None:
            if flight is not None:
                flight.land("failed" if kept is None else kept)

        self._cache.keep(self._place, make, made, (lambda: None) if flight is None else flight.written)

    def _known(self, answer: Answer) -> Kept | None:
        """All that is kept of an answer but its bytes; None where the request came to no good end."""
        entry, asked, endpoint = self._tab.entry, self._asked, self._tab.endpoint
        if entry is None or entry.ending != "complete" or entry.charge is None or endpoint is None:
            return None
        now = self._cache.now()
        cost = entry.charge.cost
        return Kept(
            receipt=entry.id,
            key=entry.key,
            at=now,
            until=now + (self._wish.ttl or self._caching.ttl),
            model=endpoint.model,
            endpoint=endpoint.id,
            provider=endpoint.provider,
            task=asked.task if asked.passed is None else asked.passed.task,
            streamed=answer.content_type[: len(_STREAM)].lower() == _STREAM,
            usage=entry.charge.usage,
            cost=None if cost is None else plain(cost),
            body=b"",
        )

    def _tell(self, how: str, *headers: tuple[bytes, bytes]) -> None:
        theirs: Headers = ()
        if self._asked.origin is not None:  # the dialect is OpenRouter's, and so are the words
            theirs = ((b"x-openrouter-cache-status", b"HIT" if how in _FREE else b"MISS"),)
        self._reply.also = (*self._reply.also, (answers.CACHE, how.encode()), *theirs, *headers)


def _about(kept: Kept, now: float, cosine: float | None) -> Headers:
    """What an answer's headers say of the one that it repeats."""
    headers: Headers = (
        (b"age", b"%d" % max(0, now - kept.at)),
        (answers.SOURCE, kept.receipt.encode()),
    )
    if kept.cost is not None:
        headers += ((answers.SAVED, kept.cost.encode()),)
    if cosine is not None:
        headers += ((answers.SIMILARITY, b"%.4f" % cosine),)
    return headers


def _price(cosine: float | None, how: str) -> Price:
    """Nothing, and why: an entry's `price_source` says how the answer was found."""
    return _FREE[how] if cosine is None else Price(GIVEN_AGAIN, f"similarity {cosine:.2f}", _NOTHING, _NOTHING)


_NOTHING: Final = Rate(Decimal(0))
_FREE: Final = {how: Price(GIVEN_AGAIN, how, _NOTHING, _NOTHING) for how in ("hit", "coalesced")}
