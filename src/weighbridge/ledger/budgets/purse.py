"""What a worker may use of each budget: held before a request goes out, settled when it is known what it took.

All here is in memory and takes no turn of the loop: what the worker has in advance comes from `leases.py` by whoever
keeps the purse. In each account

    free  =  granted  -  used  -  held

is never below zero, so that what was granted is never exceeded, whatever those under way come to.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec

from weighbridge.ledger.budgets.budget import Asker, Budget, subjects, window
from weighbridge.ledger.entry import Claim, Claims, Draws

_STILL: Final = 2
_MOST_ASKERS: Final = 20_000
"""Of which it is remembered which accounts are theirs."""
_UNBOUND: Final = 2**100
"""What is free where a budget only counts."""


class Amounts(msgspec.Struct, frozen=True, gc=False):
    """What one request takes, or may take at most."""

    usd: int
    """1e-12 US dollars."""
    tokens: int
    requests: int = 1
    at_once: int = 1


NOTHING: Final = Amounts(0, 0, 0, 0)


class Account:
    """One claim, in this worker."""

    __slots__ = (
        "budget",
        "claim",
        "counted",
        "ends",
        "free",
        "kind",
        "least",
        "left",
        "looked",
        "lowest",
        "others",
        "rounds",
        "tight_until",
    )

    def __init__(self, budget: Budget, subject: str, at: int) -> None:
        """`at` is a time of the period that it is for, in microseconds since 1970."""
        now = window(budget.period, at)
        self.budget = budget
        self.claim = Claim(budget.id, subject, now.begins)
        self.ends = now.ends
        self.kind = "at_once" if budget.period == "at once" else budget.unit
        """The field of Amounts that counts here."""
        self.counted = not budget.is_limit
        """Whether what is used is kept with the entries; that of limits is over in a moment."""
        self.free = 0 if budget.hard else _UNBOUND
        """What is neither used nor held of what was granted."""
        self.lowest = self.free
        """The least that was free since it was looked at last: nobody has needed that lately, and it may go back."""
        self.least = 0
        """The smallest amount that could not be had when it was asked for last."""
        self.left = self.others = 0
        """What nobody had then, and what other workers had in advance."""
        self.looked = self.rounds = 0
        """What was free at the last look, and how many looks nothing has moved for."""
        self.tight_until = 0.0
        """Until when it is not asked for as much again, in seconds of the keeper's clock."""

    def grant(self, more: int) -> None:
        """So much more may be used; less, where it is below zero."""
        self.free += more
        self.lowest += more

    def adopt(self, budget: Budget) -> None:
        """The budget is this from here on."""
        if budget.hard is not self.budget.hard:
            self.grant(-_UNBOUND if budget.hard else _UNBOUND)
        self.budget = budget
        self.tight_until = 0.0


class Party:
    """The accounts that bind requests of one asker, by what counts in them."""

    __slots__ = ("accounts", "at_once", "claims", "requests", "tokens", "until", "usd")

    def __init__(self, accounts: Iterable[Account]) -> None:
        self.accounts = tuple(accounts)
        self.until = min((account.ends for account in self.accounts), default=2**62)
        """When the first of their periods is over, in microseconds since 1970."""
        self.usd, self.tokens, self.requests, self.at_once = (
            tuple(account for account in self.accounts if account.kind == kind)
            for kind in ("usd", "tokens", "requests", "at_once")
        )
        counted = (
            tuple(account.claim for account in those if account.counted)
            for those in (self.usd, self.tokens, self.requests)
        )
        self.claims = Claims(*counted)


class Hold(msgspec.Struct, eq=False):
    """What is held for one request."""

    party: Party
    amounts: Amounts


class Purse:
    """All accounts of a worker."""

    def __init__(self) -> None:
        self.budgets: Sequence[Budget] = ()
        self._accounts: dict[Claim, Account] = {}
        self._parties: dict[Asker, Party] = {}
        self._holds: set[Hold] = set()
        self._unwritten: dict[str, tuple[Party, int, int]] = {}
        """What is held for entries that are not written yet beyond what they take: dollars and tokens."""
        self.by_user = False
        """Whether any budget goes by the client's user."""

    def adopt(self, budgets: Iterable[Budget]) -> None:
        """These are the budgets from here on. What was used and held of those that stay counts on."""
        self.budgets = tuple(budgets)
        self.by_user = any(budget.scope == "user" for budget in self.budgets)
        self._parties.clear()
        known = {budget.id: budget for budget in self.budgets}
        for account in self._accounts.values():
            account.adopt(known.get(account.claim.budget, account.budget))

    def of(self, asker: Asker, at: int) -> Party:
        """The accounts that a request of this time is held against; those of nobody where nothing binds it."""
        party = self._parties.get(asker)
        if party is not None and at < party.until:
            return party
        party = Party(self._found(asker, at))
        if len(self._parties) >= _MOST_ASKERS:
            self._parties.clear()
        self._parties[asker] = party
        return party

    def _found(self, asker: Asker, at: int) -> Iterator[Account]:
        for budget in self.budgets:
            for subject in subjects(budget, asker):
                account = Account(budget, subject, at)
                yield self._accounts.setdefault(account.claim, account)

    def hold(self, party: Party, amounts: Amounts) -> Hold | None:
        """Hold so much in all of them, or in none; None: one has too little."""
        if not self._take(party, amounts):
            return None
        hold = Hold(party, amounts)
        self._holds.add(hold)
        return hold

    def _take(self, party: Party, amounts: Amounts) -> bool:
        if not _taken(party.usd, amounts.usd):
            return False
        if _taken(party.tokens, amounts.tokens):
            if _taken(party.requests, amounts.requests):
                if _taken(party.at_once, amounts.at_once):
                    return True
                _give(party.requests, amounts.requests)
            _give(party.tokens, amounts.tokens)
        _give(party.usd, amounts.usd)
        return False

    def lacking(self, party: Party, amounts: Amounts) -> Account | None:
        """The first of them that can't cover it."""
        for account in party.accounts:
            if account.free < getattr(amounts, account.kind):
                return account
        return None

    def extend(self, hold: Hold, amounts: Amounts) -> bool:
        """Hold so much more for the same request: another endpoint is to work on it too. False: that can't be had."""
        if not self._take(hold.party, Amounts(amounts.usd, amounts.tokens, 0, 0)):
            return False
        held = hold.amounts
        hold.amounts = Amounts(held.usd + amounts.usd, held.tokens + amounts.tokens, held.requests, held.at_once)
        return True

    def settle(self, hold: Hold, usd: int, tokens: int, entry: str = "") -> Draws | None:
        """The request is over and took so much; what its entry takes of the budgets, to be written with it.

        What was held beyond that is free when the entry of this id is `written`: until then it is the whole hold that
        will be charged if this worker dies. Without an id it is free at once.
        """
        if hold not in self._holds:
            return None
        self._holds.remove(hold)
        party, held = hold.party, hold.amounts
        _give(party.at_once, held.at_once)  # and it was a request
        more_usd, more_tokens = held.usd - usd, held.tokens - tokens
        if entry and more_usd >= 0 and more_tokens >= 0:
            self._unwritten[entry] = party, more_usd, more_tokens
        else:  # nobody will say, or more was used than held
            _give(party.usd, more_usd)
            _give(party.tokens, more_tokens)
        return Draws(party.claims, usd, tokens)

    def written(self, entry: str) -> None:
        """The entry of this id is where the death of this worker does not reach it."""
        rest = self._unwritten.pop(entry, None)
        if rest is not None:
            party, usd, tokens = rest
            _give(party.usd, usd)
            _give(party.tokens, tokens)

    def held_in(self, account: Account) -> int:
        """What is held in it for requests under way."""
        holds = (hold for hold in self._holds if account in hold.party.accounts)
        return sum(getattr(hold.amounts, account.kind) for hold in holds)

    def held(self) -> Counter[Claim]:
        """The same of all accounts."""
        sums: Counter[Claim] = Counter()
        for hold in self._holds:
            for account in hold.party.accounts:
                sums[account.claim] += getattr(hold.amounts, account.kind)
        return sums

    def spare(self) -> dict[Claim, int]:
        """What may go back: all that was not needed lately, but as much again as is held now.

        It is no longer ours when this is told.
        """
        found: dict[Claim, int] = {}
        held = self.held()
        for account in self._accounts.values():
            spare = min(account.lowest, account.free - held[account.claim])
            if account.budget.hard and spare > 0:
                found[account.claim] = spare
                account.free -= spare
            account.lowest = account.free
        return found

    def kept(self, amounts: dict[Claim, int]) -> None:
        """It could not be given back, and is ours still."""
        for claim, amount in amounts.items():
            self._accounts[claim].grant(amount)

    def idle(self, most: int) -> list[Claim]:
        """So many accounts in which nothing has moved since the time before last that this was asked.

        They are forgotten here: whoever comes again begins anew with what the tables say. Asked once in a while, so
        that what was used of them is written by then.
        """
        found: list[Claim] = []
        held = self.held()
        for claim, account in self._accounts.items():
            still = not held[claim] and account.free == account.looked
            account.rounds = account.rounds + 1 if still else 0
            account.looked = account.free
            if account.rounds >= _STILL and len(found) < most:
                found.append(claim)
        self._forget(found)
        return found

    def past(self, at: int) -> list[Claim]:
        """Accounts whose period was over at this time and in which nothing is held: they are forgotten here."""
        over = [claim for claim, account in self._accounts.items() if account.ends <= at]
        if over:
            held = self.held()
            over = [claim for claim in over if not held[claim]]
            self._forget(over)
        return over

    def _forget(self, claims: Sequence[Claim]) -> None:
        for claim in claims:
            del self._accounts[claim]
        if claims:
            self._parties.clear()


def _taken(accounts: Sequence[Account], amount: int) -> bool:
    """Whether so much was free in each of these; then it is not any more."""
    for account in accounts:
        free = account.free - amount
        if free < account.lowest:
            if free < 0:
                _give(accounts[: accounts.index(account)], amount)
                return False
            account.lowest = free
        account.free = free
    return True


def _give(accounts: Sequence[Account], amount: int) -> None:
    """So much is free again in each of these; where more was used than held, it is less."""
    if amount:
        for account in accounts:
            account.free += amount
