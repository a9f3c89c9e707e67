"""What a request may cost at most is held before it goes out: in every budget that binds whoever asks, or in none."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime
from typing import Final

from weighbridge.accounts.keys import Key
from weighbridge.catalog.model import Model, Price
from weighbridge.db import microseconds, moment
from weighbridge.errors import BudgetSpent, LimitReached
from weighbridge.gateway.tab import Tab
from weighbridge.ledger.budgets.bound import Rates, dearest, most_cost, most_prompt
from weighbridge.ledger.budgets.budget import Asker
from weighbridge.ledger.budgets.leases import Grant
from weighbridge.ledger.budgets.purse import Account, Amounts, Party, Purse
from weighbridge.ledger.users import Users
from weighbridge.routing.planner import Plan
from weighbridge.routing.shortlist import Shortlist
from weighbridge.wire.surface import Asked

_PATIENCE: Final = 1.0
"""Seconds to wait for what other workers have in advance and do not need."""
_PAUSE: Final = 0.1
_TIGHT: Final = 0.2
"""Seconds in which nobody asks again for what could not be had."""
_MOST_KNOWN: Final = 4096
_MICROSECONDS: Final = 1_000_000
_WRITES_NOTHING: Final = frozenset({"embeddings", "rerank"})

Ask = Callable[[Account, int], Awaitable[Grant]]
"""Gets more in advance for an account, at least so much, or nothing. Raises LedgerUnavailable."""


class Holding:
    """For one worker."""

    def __init__(self, purse: Purse, ask: Ask, seconds: Callable[[], float], users: Users | None = None) -> None:
        """`seconds` is a clock that only goes forward; `users` says how budgets name the client's users."""
        self._users = users
        self._purse = purse
        self._ask = ask
        self._seconds = seconds
        self._rates: dict[int, tuple[Shortlist, Rates]] = {}

    @property
    def binds(self) -> bool:
        """Whether there is any budget."""
        return bool(self._purse.budgets)

    async def hold(self, tab: Tab, asked: Asked, plan: Plan, now: datetime) -> None:
        """Hold what the request may take, for its tab. Raises BudgetSpent, LimitReached or LedgerUnavailable."""
        party = self._purse.of(self._asker(tab.key, tab), microseconds(now))
        if not party.accounts:
            return
        rates = self._rates_of(plan.shortlist)
        if rates.unpriced is not None:
            _refuse_unpriced(party, rates.unpriced)
        prompt, answer = most_prompt(asked.body, chat=asked.task == "chat"), _most_answer(asked, rates, party)
        amounts = Amounts(most_cost(rates, prompt, answer), prompt + answer)
        hold = self._purse.hold(party, amounts)
        if hold is None:
            try:
                await self._fill(party, amounts)
            except (BudgetSpent, LimitReached) as refusal:
                short = self._purse.lacking(party, amounts)
                refusal.shorter = None if short is None else _shorter(short, rates, prompt, answer, asked.call.choices)
                raise
            hold = self._purse.hold(party, amounts)
        if hold is None:  # another took it in between: nothing was awaited since, so it is a fault of ours
            raise RuntimeError("what was filled is empty")
        tab.hold, tab.longest = hold, answer
        # an endpoint that goes on with a broken answer reads what was said of it as well
        tab.once_more = Amounts(amounts.usd + answer * rates.prompt, amounts.tokens + answer)

    def _asker(self, key: Key, tab: Tab) -> Asker:
        labels = key.labels
        user = None if tab.call is None or not self._purse.by_user else tab.call.end_user
        if user is not None and self._users is not None:
            user = self._users.of_budget(user)
        return Asker(key.id, labels.organisation, labels.project, user, tab.tags)

    async def _fill(self, party: Party, amounts: Amounts) -> None:
        """Get what is lacking in advance. Raises as `hold` does."""
        until = self._seconds() + _PATIENCE
        while (short := self._purse.lacking(party, amounts)) is not None:
            wanted: int = getattr(amounts, short.kind)
            need = wanted - short.free
            if self._seconds() < short.tight_until and need >= short.least:
                raise _refusal(short, wanted, self._purse.held_in(short))
            grant = await self._ask(short, need)
            if grant.more:
                continue
            short.left, short.others = grant.left, grant.others
            if short.others + short.left >= need and self._seconds() < until:
                await asyncio.sleep(_PAUSE)
                continue
            short.least, short.tight_until = need, self._seconds() + _TIGHT
            raise _refusal(short, wanted, self._purse.held_in(short))

    def _rates_of(self, shortlist: Shortlist) -> Rates:
        known = self._rates.get(id(shortlist))
        if known is None:
            if len(self._rates) >= _MOST_KNOWN:
                self._rates.clear()
            known = self._rates[id(shortlist)] = shortlist, dearest(_offers(shortlist))
        return known[1]


def _offers(shortlist: Shortlist) -> Iterator[tuple[Model, str, Price | None]]:
    for group in shortlist.groups:
        for one in group.candidates:
            yield one.model, one.endpoint.id, one.price


def _most_answer(asked: Asked, rates: Rates, party: Party) -> int:
    """Tokens that the answer may have. Raises BudgetSpent where nobody knows."""
    if asked.task in _WRITES_NOTHING:
        return 0
    most = asked.call.most_tokens
    if most is not None:
        return most
    if rates.longest is not None:
        return rates.longest * asked.call.choices
    strict = next(
        (account for account in party.accounts if account.budget.hard and account.kind in ("usd", "tokens")), None
    )
    if strict is None:
        return 0
    raise BudgetSpent(
        f"the budget of {strict.budget} holds what a request may cost at most, and nobody knows how long an answer of "
        "this model may be: send max_tokens",
        param="max_tokens",
    )


def _shorter(account: Account, rates: Rates, prompt: int, answer: int, choices: int) -> int | None:
    """Tokens of each answer that what is left covers; None: too few, or the budget has no shorter ones asked for."""
    least, left = account.budget.shorten_to, account.left + account.free
    if least is None or not rates.answer:
        return None
    rate, prompt_takes = (rates.answer, most_cost(rates, prompt, 0)) if account.kind == "usd" else (1, prompt)
    shorter = min((left - prompt_takes) // rate, answer - 1) // choices
    return None if shorter < least else shorter


def _refuse_unpriced(party: Party, endpoint: str) -> None:
    strict = next((account for account in party.usd if account.budget.hard), None)
    if strict is not None:
        raise BudgetSpent(
            f"the budget of {strict.budget} can't be kept at {endpoint}, whose price is not known: ask for another "
            "model or provider, or set its price in the settings"
        )


def _refusal(account: Account, wanted: int, held: int) -> BudgetSpent | LimitReached:
    """What the client is told: what is left, what the request may take, and when there is more."""
    budget, free = account.budget, max(0, account.left + account.free)
    under_way = held + account.others
    asked = f"this request may take up to {budget.shown(wanted)}, and {budget.shown(free)} are left"
    said = f"the budget of {budget}: {asked}"
    if wanted > budget.amount:
        return BudgetSpent(
            f"{said}: it is more than all of it; ask for a shorter answer (max_tokens)", param="max_tokens"
        )
    if budget.period == "at once":
        return LimitReached(f"the limit of {budget} is reached; wait for one of them to end", retry_after=1.0)
    if budget.period == "minute":
        wait = max(0.1, account.ends / _MICROSECONDS - time.time())
        return LimitReached(f"the limit of {budget}: {asked}; it renews in {wait:.0f} s", retry_after=wait)
    if free + under_way >= wanted:
        return LimitReached(
            f"{said}, as {budget.shown(under_way)} are held for requests under way: try again when they have ended, or "
            "ask for a shorter answer (max_tokens)",
            retry_after=1.0,
        )
    never = budget.period == "total"
    when = "it does not renew" if never else f"it renews on {moment(account.ends):%Y-%m-%d} at 00:00 UTC"
    return BudgetSpent(f"{said}; {when}. A shorter answer (max_tokens) or a cheaper model may fit")
