"""GET /v1/receipts/{id}: the ledger's entry for an answer of the key that asks; and what was said, where it is kept."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

import msgspec

from weighbridge.accounts.keys import Key
from weighbridge.errors import NotFound
from weighbridge.gateway import answers
from weighbridge.ledger.cost import plain
from weighbridge.ledger.entry import Attempt, Charge, Entry
from weighbridge.ledger.saved import original
from weighbridge.routing.policy.facts import Facts
from weighbridge.routing.policy.law import facts_in
from weighbridge.texts.line import line
from weighbridge.texts.text import Text
from weighbridge.transport.message import Reply, Request


class Part(msgspec.Struct):
    """What one endpoint did, where several have worked on a request."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int | None
    reasoning_tokens: int | None
    counted_by: str
    cost: str | None
    price: str | None
    price_source: str | None
    price_since: str | None


class Tried(msgspec.Struct):
    """An endpoint that was tried. `charge` is its own part; null where it did no work, or all that is charged.

    `answered_as` is the model that its answer names, where that is another than the one that was asked. `began` is when
    it was asked, in seconds since the request came; null where that is not known, or it alone was asked, and at once.
    """

    provider: str
    upstream_model: str
    error: str | None
    seconds: float
    charge: Part | None
    answered_as: str | None
    began: float | None


class Receipt(msgspec.Struct):
    """An entry as the API and the command line show it. `cost` is US dollars in digits, durations are seconds."""

    id: str
    at: datetime
    key: str
    ending: str
    status: int
    error: str | None
    asked_model: str | None
    model: str | None
    provider: str | None
    upstream_model: str | None
    upstream_request: str | None
    streamed: bool
    prompt_tokens: int | None
    completion_tokens: int | None
    cached_tokens: int | None
    reasoning_tokens: int | None
    counted_by: str | None
    cost: str | None
    price: str | None
    price_source: str | None
    price_since: str | None
    first_byte: float | None
    duration: float
    attempts: list[Tried]
    organisation: str | None = None
    project: str | None = None
    tags: tuple[str, ...] = ()
    policy: str | None = None
    """The SHA-256 of the policies that decided; null where none was in force."""
    rule: str | None = None
    """The rule that let it pass, or kept it out."""
    facts: list[Facts] | None = None
    """What was known of each endpoint it was sent to, and the decision rests on."""
    user: str | None = None
    """Whom the client named as its own user."""
    corrects: str | None = None
    """The receipt that this one puts right, by figures to be added to that one's."""
    imported: str | None = None
    """Where the usage was taken over from, where it did not pass through this gateway."""
    saved: str | None = None
    """Of an answer that was given again: what it cost the first time. `upstream_request` is that one's receipt."""


def receipt(entry: Entry, first: Entry | None = None) -> Receipt:
    """The entry, flat; `first` is that of the answer which it gives again."""
    charge = entry.charge
    usage = None if charge is None else charge.usage
    return Receipt(
        id=entry.id,
        at=entry.at,
        key=entry.key,
        ending=entry.ending,
        status=entry.status,
        error=entry.error,
        asked_model=entry.asked_model,
        model=entry.model,
        provider=entry.provider,
        upstream_model=entry.upstream_model,
        upstream_request=entry.upstream_request,
        streamed=entry.streamed,
        prompt_tokens=None if usage is None else usage.prompt,
        completion_tokens=None if usage is None else usage.completion,
        cached_tokens=None if usage is None else usage.cached,
        reasoning_tokens=None if usage is None else usage.reasoning,
        counted_by=None if charge is None else charge.counted_by,
        cost=None if charge is None or charge.cost is None else plain(charge.cost),
        price=None if charge is None else charge.price_id,
        price_source=None if charge is None else charge.price_source,
        price_since=None if charge is None else charge.price_since,
        first_byte=entry.first_byte,
        duration=entry.duration,
        attempts=[_tried(attempt) for attempt in entry.attempts],
        organisation=entry.organisation,
        project=entry.project,
        tags=entry.tags,
        policy=None if entry.decided is None else entry.decided.policy,
        rule=None if entry.decided is None else entry.decided.rule,
        facts=None if entry.decided is None or entry.decided.facts is None else facts_in(entry.decided.facts),
        user=entry.user,
        corrects=entry.corrects,
        imported=entry.imported,
        saved=None if first is None or first.charge is None or first.charge.cost is None else plain(first.charge.cost),
    )


def _tried(attempt: Attempt) -> Tried:
    charge = attempt.charge
    return Tried(
        attempt.provider,
        attempt.upstream_model,
        attempt.error,
        attempt.seconds,
        None if charge is None else _part(charge),
        attempt.answered_as,
        attempt.began,
    )


def _part(charge: Charge) -> Part:
    usage = charge.usage
    return Part(
        prompt_tokens=usage.prompt,
        completion_tokens=usage.completion,
        cached_tokens=usage.cached,
        reasoning_tokens=usage.reasoning,
        counted_by=charge.counted_by,
        cost=None if charge.cost is None else plain(charge.cost),
        price=charge.price_id,
        price_source=charge.price_source,
        price_since=charge.price_since,
    )


@dataclass(frozen=True, slots=True)
class Receipts:
    """Looks entries up."""

    open: Callable[[Request], Key]
    find: Callable[[str], Awaitable[Entry | None]]
    find_text: Callable[[str], Awaitable[Text | None]]

    async def one(self, request: Request, reply: Reply) -> None:
        """One entry. Raises NotFound where there is none, or another key's."""
        key = self.open(request)
        id_ = request.path.removeprefix("/v1/receipts/")
        entry = await self.find(id_)
        if entry is None or entry.key != key.id:
            raise NotFound(
                f"this key has no receipt {id_[:100]!r}; a receipt's id is in the header x-weighbridge-receipt"
            )
        paid = original(entry)
        answers.document(reply, receipt(entry, None if paid is None else await self.find(paid)))

    async def text(self, request: Request, reply: Reply) -> None:
        """What was asked and answered. Raises NotFound where the key keeps none of it, and TextsUnavailable."""
        key = self.open(request)
        id_ = request.path.removeprefix("/v1/receipts/").removesuffix("/text")
        text = await self.find_text(id_)
        if text is None or text.key != key.id:
            raise NotFound(
                f"this key keeps no text of the receipt {id_[:100]!r}; texts are kept for keys made with --keep-text, "
                "as long as those say"
            )
        answers.document(reply, line(text))
