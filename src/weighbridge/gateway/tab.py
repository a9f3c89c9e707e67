"""A request's tab: opened at the door, written on along the way, settled exactly once, however it ends."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import msgspec

from weighbridge.accounts.keys import Key
from weighbridge.catalog.model import Endpoint, Price
from weighbridge.errors import BudgetSpent, LedgerUnavailable, PolicyRefused, UpstreamError, WeighbridgeError
from weighbridge.gateway.switching import Decision
from weighbridge.ledger.budgets.purse import NOTHING, Amounts, Hold, Purse
from weighbridge.ledger.cost import SMALLEST, cost, plain, prompt_cost, prompt_units, total
from weighbridge.ledger.entry import HEDGE_LOST, Attempt, Charge, Decided, Draws, Ending, Entry, Ids
from weighbridge.ledger.journal import Journal
from weighbridge.ledger.users import Users
from weighbridge.providers.base import Answer
from weighbridge.routing.candidate import Candidate
from weighbridge.routing.policy.law import Law
from weighbridge.routing.watch import Watch
from weighbridge.watching.tracing import Trace, Tracer
from weighbridge.wire.answered_as import answered_as
from weighbridge.wire.calls import Call
from weighbridge.wire.surface import Origin
from weighbridge.wire.usage import Source, Usage, estimated_tokens

Record = Callable[[Entry], "asyncio.Future[None]"]
Watched = Callable[[Entry, str], None]
"""Is told of each entry, and of the operation that was asked for; it raises nothing."""


@dataclass(frozen=True, slots=True)
class Books:
    """Where tabs are opened: ids, clocks and the ledger."""

    ids: Ids
    record: Record
    seconds: Callable[[], float]
    """A clock that only goes forward."""
    journal: Journal | None = None
    """Has what is to be written if nothing more is heard of a request."""
    purse: Purse = field(default_factory=Purse)
    """What the worker may use of each budget."""
    users: Users | None = None
    """How entries name the client's users; None: as the client does."""
    watched: Watched | None = None
    tracer: Tracer | None = None
    """Who begins traces; None: nobody."""

    def open(self, key: Key, at: datetime) -> "Tab":
        """A tab for a request that came in now."""
        return Tab(self, key, at, self.seconds(), self.ids.next(), key.labels.tags)


class Tab(msgspec.Struct, eq=False):
    """What will be the entry. Its owner settles it; whoever settles it again is not heard."""

    _books: Books
    key: Key
    _at: datetime
    _started: float
    id: str
    tags: tuple[str, ...]
    """What the request is marked with."""
    size: int = 0
    """Bytes of the request."""
    call: Call | None = None
    half: Call | None = None
    """What the endpoint that goes on with a broken answer is asked."""
    model: str | None = None
    endpoint: Endpoint | None = None
    price: Price | None = None
    answer: Answer | None = None
    entry: Entry | None = None
    """What was settled."""
    trace: Trace | None = None
    first_byte: float | None = None
    hold: Hold | None = None
    """What is held for it in budgets; None: none binds it."""
    longest: int = 0
    """Tokens that its answer may have at most, where something is held for it."""
    once_more: Amounts = NOTHING
    """What another endpoint may take at most that goes on with its answer, or is asked beside."""
    law: Law | None = None
    """What the policy in force says to this request; None: there is none, or it was not asked."""
    decision: Decision | None = None
    """Who was to answer, where a cheaper model could; None: whoever the request says."""
    _attempts: list[Attempt] = []
    _settled: bool = False
    _given: tuple[Usage, str] | None = None
    _working: bool = False
    """An endpoint has the request, so whatever becomes of it is charged."""
    _answering: int = -1
    """Which of the attempts is the one that answers."""
    _before: Charge | None = None
    """What was charged to attempts of their own, in sum."""
    _kept_out: PolicyRefused | None = None
    _ruled: str = ""
    _sent_to: list[str] | None = None
    """What the policy knew of each endpoint that was sent the request."""
    _answered: float = 0.0
    _at_work: int = 0
    """Endpoints that have the request, or had it and are charged for it."""
    _covered: int = 1
    """Of how many the cost is held."""
    _watch: Watch | None = None
    """Who keeps what the endpoint that answers does."""
    _asked: float = 0.0
    """When it was asked."""

    def elapsed(self) -> float:
        """Seconds since the request came in."""
        return self._books.seconds() - self._started

    def asking(self, model: str) -> None:
        """This model is asked next; the entry names it, unless another was asked before and this one never is."""
        if self.endpoint is None:
            self.model = model

    def trying(self, candidate: Candidate) -> None:
        """The request goes out to this endpoint next.

        Raises PolicyRefused: no plan has one that may not be asked; BudgetSpent where others have worked on the request
        and it can't be held what one more may cost; LedgerUnavailable where it can't be noted.
        """
        if self.law is not None:
            self._obey(self.law, candidate)
        self._cover()
        self.at(candidate)
        try:
            self._noted()
        except WeighbridgeError:
            self._working = False  # it was not sent, and costs nothing
            raise

    def _noted(self) -> None:
        journal = self._books.journal
        if journal is None:
            return
        try:
            if self._attempts or self.law is not None or self.price is None:
                journal.note(self._unheard_of())
            else:
                self._note_alike(journal, self.price)
        except WeighbridgeError:
            self._at_work -= 1
            raise

    def _note_alike(self, journal: Journal, price: Price) -> None:
        """Note it as one of those that have the same key, endpoint and budgets, and are asked for in the same way."""
        key, endpoint, call, hold = self.key, self.endpoint, self.call, self.hold
        if hold is None:
            tokens, party = (self._likely_prompt(), 0), None
            usd = prompt_units(tokens[0], price)
        else:
            most, party = hold.amounts, hold.party
            tokens, usd = (most.tokens - self.longest, self.longest), most.usd
        alike = (
            id(key),
            id(endpoint),
            id(price),
            id(party),
            self.tags,
            None if call is None else (call.model, call.streamed),
        )
        journal.note_alike(
            alike,
            (key, endpoint, price, party),
            self._unheard_of,
            id_=self.id,
            at=self._at,
            tokens=tokens,
            cost=usd,
            user=None if call is None else self._user(call),
        )

    def _user(self, call: Call) -> str | None:
        user, users = call.end_user, self._books.users
        return user if user is None or users is None else users.of_entry(user)

    def _likely_prompt(self) -> int:
        return estimated_tokens(self.size) if self.size <= _SHORT else self._estimate(0).prompt

    def at(self, candidate: Candidate) -> None:
        """It is this endpoint, of those that have the request, that counts."""
        self.endpoint, self.price, self._given = candidate.endpoint, candidate.price, None
        self.model = self.endpoint.model
        self._working = True

    def _cover(self) -> None:
        self._at_work += 1
        if self._at_work <= self._covered or self.hold is None:
            return
        if not self._books.purse.extend(self.hold, self.once_more):
            self._at_work -= 1
            raise BudgetSpent("an endpoint broke off, and no budget covers that another one begins anew")
        self._covered = self._at_work

    def _unheard_of(self) -> Entry:
        """What is written of it if this process dies now."""
        hold, price = self.hold, self.price
        if hold is not None:
            most = hold.amounts
            usage = Usage(most.tokens - self.longest, self.longest)
            charge = Charge(usage, "bound", most.usd * SMALLEST, None, None, None)
            draws = Draws(hold.party.claims, most.usd, most.tokens)
            return self._entry("stopped", _STOPPED, WORKER_DIED, charge, draws)
        prompt = self._likely_prompt()
        read = Usage(prompt, 0)
        if price is None:
            charge = Charge(read, "estimate", None, None, None, None)
        else:
            charge = Charge(read, "estimate", prompt_cost(prompt, price), price.id, price.source, price.dated)
        return self._entry("stopped", _STOPPED, WORKER_DIED, charge)

    def _obey(self, law: Law, candidate: Candidate) -> None:
        decision, facts = law.decision(candidate.model, candidate.endpoint)
        if not decision.allowed:
            raise law.refusal(candidate.model)
        self._ruled = decision.rule
        if self._sent_to is None:
            self._sent_to = [facts]
        elif facts not in self._sent_to:
            self._sent_to.append(facts)

    def _decided(self, kept_out: PolicyRefused | None) -> Decided | None:
        sent_to = self._sent_to
        facts = None if sent_to is None else sent_to[0]
        if sent_to is not None and len(sent_to) > 1:
            facts = f"[{','.join(each[1:-1] for each in sent_to)}]"
        if kept_out is not None:
            return Decided(kept_out.policy, kept_out.rule, facts)
        return None if self.law is None or not self._ruled else Decided(self.law.policy, self._ruled, facts)

    def name(self, origin: Origin) -> None:
        """Say where the answer comes from."""
        origin.receipt = self.id
        origin.at = int(self._at.timestamp())
        origin.model = self.model or ""
        origin.provider = self.endpoint.provider if self.endpoint is not None else self._given[1] if self._given else ""
        origin.cost = self.cost_text

    def failed(self, error: WeighbridgeError, since: float) -> None:
        """The endpoint under trial gave no answer; `since` is when the trial began."""
        self._working = False
        self._at_work -= 1
        self._tried(error.code, self.elapsed() - since, since)

    def answered(self, answer: Answer, since: float, watch: Watch | None = None) -> float:
        """The endpoint under trial answers: from here on it is this one that counts. The seconds that it took.

        `watch` is told how it goes on.
        """
        self.answer, self._watch, self._asked = answer, watch, since
        self._answered = self.elapsed()
        self._answering = len(self._attempts)
        seconds = self._answered - since
        self._tried(None, seconds, since)
        if answer.request_id is not None and self.call is not None and self.call.streamed:
            self._named(answer.request_id)
        return seconds

    def _named(self, request: str) -> None:
        """A stream may take long: whoever finds it noted is told what the provider calls it."""
        journal = self._books.journal
        with contextlib.suppress(LedgerUnavailable):  # no room: the note that is there will do
            if journal is not None and not journal.name(self.id, request):
                journal.note(self._unheard_of())

    def beside(self, candidate: Candidate) -> None:
        """The request goes out to this endpoint as well. Raises what `trying` does."""
        if self.law is not None:
            self._obey(self.law, candidate)
        self._cover()
        self._noted()

    def failed_beside(self, candidate: Candidate, error: WeighbridgeError, since: float) -> None:
        """An endpoint that was asked beside the one under trial gave no answer."""
        self._at_work -= 1
        self._note_of(candidate.endpoint, error.code, self.elapsed() - since, since)

    def lost(self, candidate: Candidate, since: float) -> None:
        """An endpoint that was asked beside another is called off: it may have read the prompt, and bill it."""
        charge = _charge(self._estimate(0), "estimate", candidate.price)
        self._note_of(candidate.endpoint, None, self.elapsed() - since, since)
        self._apart(len(self._attempts) - 1, charge, HEDGE_LOST)

    def broke(self, error: WeighbridgeError, usage: Usage | None, said_bytes: int) -> None:
        """The endpoint that was answering broke off, and another may go on: what it did is charged to its attempt."""
        if self._given is not None:
            return
        self._working = False
        self._apart(self._answering, self.charge(usage, said_bytes), error.code)
        self._observe("upstream_broke", None)

    def refused(self, error: WeighbridgeError) -> WeighbridgeError:
        """The endpoint that was answering gave an error instead, and is charged nothing. The error, to be raised."""
        if self._given is not None:
            return error
        self._mark(error=error.code)
        self._working = False
        self._at_work -= 1
        self._observe("upstream_broke", None)
        return error

    @property
    def charged(self) -> Usage:
        """What was charged to attempts of their own so far, in sum."""
        return Usage(0, 0) if self._before is None else self._before.usage

    @property
    def idle(self) -> bool:
        """Whether an endpoint has broken off and been charged, and no other has the request."""
        return self._before is not None and not self._working

    def _apart(self, place: int, charge: Charge, error: str | None) -> None:
        self._attempts[place] = msgspec.structs.replace(self._attempts[place], error=error, charge=charge)
        self._before = charge if self._before is None else total((self._before, charge))

    def heard(self, beginning: bytes) -> None:
        """The answer begins so: if it says that another model gives it, that is noted."""
        endpoint = self.endpoint
        if endpoint is not None and (named := answered_as(beginning, endpoint.upstream_model)) is not None:
            self._mark(answered_as=named)

    def _mark(self, **more: str | None) -> None:
        """Say more of the attempt that answers."""
        attempt = self._attempts[self._answering]
        self._attempts[self._answering] = msgspec.structs.replace(attempt, **more)

    def given(self, answer: Answer, candidate: Candidate, usage: Usage, price: Price) -> None:
        """No endpoint is asked: this one gave the answer before, and took this usage. Raises PolicyRefused."""
        if self.law is not None:
            self._obey(self.law, candidate)
        self.answer, self.model, self.price, self.endpoint = answer, candidate.endpoint.model, price, None
        self._given = usage, candidate.endpoint.provider
        self._answered = self.elapsed()

    def _tried(self, error: str | None, seconds: float, since: float) -> None:
        if self.endpoint is not None:
            self._note_of(self.endpoint, error, seconds, since)

    def _note_of(self, endpoint: Endpoint, error: str | None, seconds: float, since: float) -> None:
        self._attempts.append(
            Attempt(endpoint.provider, endpoint.upstream_model, error, seconds, None, None, since)  # names take longer
        )

    def spoke(self) -> None:
        """The first event of a stream is here."""
        if self.first_byte is None:
            self.first_byte = self.elapsed()

    def spoke_at_once(self) -> None:
        """The answer is no stream: its first byte came with its head."""
        self.first_byte = self._answered

    def charge(self, usage: Usage | None, said_bytes: int) -> Charge:
        """What the answer costs: by the reported usage, else by an estimate from the text so far."""
        counted_by = "provider" if self.answer is None else self.answer.counted_by
        if self._given is not None:
            usage = self._given[0]
        elif usage is None:
            usage, counted_by = self._estimate(said_bytes), "estimate"
        return _charge(usage, counted_by, self.price)

    def cost_text(self, usage: Usage) -> str | None:
        """What a stream of this usage costs, with all that was charged before, in digits; None: unknown."""
        before = self._before
        if before is None:
            return None if self.price is None else plain(cost(usage, self.price))
        if self.half is not None:
            return self._joined_cost(usage, before)
        return None if self.price is None or before.cost is None else plain(before.cost + cost(usage, self.price))

    def told(self, charge: Charge) -> str | None:
        """What the client is told that its answer of this charge costs, with all before; None for an estimate of it."""
        before = self._before
        if charge.cost is None or charge.counted_by == "estimate":
            return None
        if before is None:
            return plain(charge.cost)
        return None if before.cost is None else plain(before.cost + charge.cost)

    def _joined_cost(self, usage: Usage, before: Charge) -> str | None:
        """The same of an answer in parts: of `usage`, its sum, what is not charged yet pays this endpoint's price."""
        prompt, completion = usage.prompt - before.usage.prompt, usage.completion - before.usage.completion
        if self.price is None or before.cost is None or prompt < 0 or completion < 0:
            return None
        cached = None if usage.cached is None else max(0, usage.cached - (before.usage.cached or 0))
        written = None if usage.written is None else max(0, usage.written - (before.usage.written or 0))
        own = Usage(prompt, completion, cached=cached, written=written)
        return plain(before.cost + cost(own, self.price))

    def settle(
        self, ending: Ending, status: int, *, error: str | None = None, charge: Charge | None = None
    ) -> "asyncio.Future[None] | None":
        """Write the entry; await what comes back before the last byte leaves. None: it was settled before."""
        if self._settled:
            return None
        self._settled = True
        if self._watch is not None and not (ending == "complete" and self._watch.goes_unnoted()):
            self._observe(ending, charge)
        if self._before is not None:
            charge = self._summed(charge, error)
        elif ending == "upstream_broke" and self._working and self._answering >= 0:
            self._mark(error=error)
        draws = None if self.hold is None else self._settled_hold(self.hold, charge)
        entry = self._entry(ending, status, error, charge, draws)
        self.entry = entry
        if (watched := self._books.watched) is not None:
            watched(entry, "none" if self.call is None else self.call.operation)
        if self.trace is not None:
            self.trace.end(entry, "none" if self.call is None else self.call.operation)
        return self._books.record(entry)

    def _settled_hold(self, hold: Hold, charge: Charge | None) -> Draws | None:
        if charge is None:
            return self._books.purse.settle(hold, 0, 0, self.id)
        usd = 0 if charge.cost is None else int(charge.cost.scaleb(_PLACES))
        return self._books.purse.settle(hold, usd, charge.usage.prompt + charge.usage.completion, self.id)

    def _entry(
        self, ending: Ending, status: int, error: str | None, charge: Charge | None, draws: Draws | None = None
    ) -> Entry:
        key, call, endpoint, answer = self.key, self.call, self.endpoint, self.answer
        labels = key.labels
        user = None if call is None else self._user(call)
        return Entry(  # in their order: names would take half as long again
            self.id,
            self._at,
            key.id,
            None if call is None else call.model[:200],
            self.model,
            None if endpoint is None else endpoint.provider,
            None if endpoint is None else endpoint.upstream_model,
            None if answer is None else answer.request_id,
            ending,
            status,
            error,
            call is not None and call.streamed,
            charge,
            self.first_byte,
            self._books.seconds() - self._started,
            tuple(self._attempts),
            labels.organisation,
            labels.project,
            self.tags,
            labels.tags,
            None if self.law is None and self._kept_out is None else self._decided(self._kept_out),
            user,
            None,
            None,
            draws,
        )

    def _observe(self, ending: Ending, charge: Charge | None) -> None:
        """Tell how the endpoint's answer went, once."""
        watch, self._watch = self._watch, None
        if watch is None:
            return
        now = self._books.seconds()
        seconds = now - self._started - self._asked
        spoke = self.first_byte
        writing = seconds
        if spoke is not None and spoke >= self._asked:  # else it was another endpoint that spoke first
            streamed = spoke != self._answered
            watch.spoke_after(now, spoke - self._asked, streamed=streamed)
            if streamed:
                writing -= spoke - self._asked
        if ending == "upstream_broke":
            watch.broke(now, seconds)
        elif ending == "complete":
            if charge is None or charge.counted_by == "estimate":
                watch.ended(now)
                return
            usage, call = charge.usage, self.half or self.call
            watch.finished(now, seconds, writing, usage.completion)
            # to measure a prompt takes time that goes with its length
            size = call.prompt_bytes if call is not None and watch.requests % _MEASURED == 1 else None
            watch.read(usage.prompt, usage.cached, size)

    def _summed(self, charge: Charge | None, error: str | None) -> Charge | None:
        """The charge of the whole request; `charge`, if any, becomes that of the attempt under way."""
        if charge is None:
            return self._before
        if self._answering < 0 or self._attempts[self._answering].charge is not None:  # it was asked, and cut off
            self._answering = len(self._attempts)
            self._tried(error, self.elapsed() - self._answered, self._answered)
        self._apart(self._answering, charge, error)
        return self._before

    def settle_error(self, error: WeighbridgeError) -> "asyncio.Future[None] | None":
        """Settle a request that ends with an error instead of an answer."""
        if isinstance(error, PolicyRefused):
            self._kept_out = error
        ending: Ending = "upstream_broke" if isinstance(error, UpstreamError) else "refused"
        charge = self.charge(None, 0) if self._working else None  # it is a fault of ours, and an endpoint has worked
        return self.settle(ending, error.status, error=error.code, charge=charge)

    def settle_cut(self, *, left: bool, usage: Usage | None = None, said_bytes: int = 0) -> None:
        """Settle a request whose handler was cancelled: the client left, or we are stopping. Nothing is awaited.

        An endpoint that was sent the request has been working on it, answer or no answer.
        """
        charge = self.charge(usage, said_bytes) if self._working else None
        ending: Ending = "client_left" if left else "stopped"
        self.settle(ending, _CLIENT_LEFT if left else _STOPPED, error=ending, charge=charge)

    def _estimate(self, said_bytes: int) -> Usage:
        call = self.half or self.call
        completion = estimated_tokens(said_bytes)
        most = None if call is None else call.most_tokens
        prompt = 0 if call is None else estimated_tokens(call.prompt_bytes)
        return Usage(prompt=prompt, completion=completion if most is None else min(completion, most))


def _charge(usage: Usage, counted_by: Source, price: Price | None) -> Charge:
    if price is None:
        return Charge(usage, counted_by, None, None, None, None)
    return Charge(usage, counted_by, cost(usage, price), price.id, price.source, price.dated)


WORKER_DIED: Final = "worker_died"
"""The code of a request whose worker was killed before it ended."""
_PLACES: Final = -SMALLEST.adjusted()
_SHORT: Final = 4096
"""Bytes of a request up to which all of it is taken for its prompt, in a note that is hardly ever read."""
_MEASURED: Final = 16
"""Of so many prompts of an endpoint one is held against the tokens that it counted."""
_CLIENT_LEFT = 499
"""What nginx logs for it: no status was sent, or the one sent did not arrive whole."""
_STOPPED = 503
