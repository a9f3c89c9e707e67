"""What a worker may use of each budget: held before a request goes out, settled when it is known what it took.

All here is in memory and takes no turn of the loop: what the worker has in advance comes from `leases.py` by whoever
keeps the purse. In each account

    granted  >=  used + held

so that what was granted is never exceeded, whatever those under way come to.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec

from weighbridge.ledger.budgets.budget import Asker, Budget, subjects, window
from weighbridge.ledger.entry import Claim, Draw

_STILL: Final = 2
_MOST_ASKERS: Final = 20_000
"""Of which it is remembered which accounts are theirs."""


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
        "granted",
        "held",
        "kind",
        "least",
        "left",
        "looked",
        "others",
        "peak",
        "rounds",
        "tight_until",
        "used",
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
        self.granted = 0
        self.used = 0
        self.held = 0
        self.peak = 0
        """The most that was used and held since it was looked at last: what is over it may go back."""
        self.least = 0
        """The smallest amount that could not be had when it was asked for last."""
        self.left = self.others = 0
        """What nobody had then, and what other workers had in advance."""
        self.looked = self.rounds = 0
        """What was used at the last look, and how many looks nothing has moved for."""
        self.tight_until = 0.0
        """Until when it is not asked for as much again, in seconds of the keeper's clock."""

    @property
    def free(self) -> int:
        """What is not spoken for."""
        return self.granted - self.used - self.held


class Hold(msgspec.Struct):
    """What is held for one request."""

    accounts: Sequence[Account]
    amounts: Amounts
    settled: bool = False


class Purse:
    """All accounts of a worker."""

    def __init__(self) -> None:
        self.budgets: Sequence[Budget] = ()
        self._accounts: dict[Claim, Account] = {}
        self._askers: dict[Asker, tuple[int, tuple[Account, ...]]] = {}
        self._by_user = False

    @property
    def by_user(self) -> bool:
        """Whether any budget goes by the client's user."""
        return self._by_user

    def adopt(self, budgets: Iterable[Budget]) -> None:
        """These are the budgets from here on. What was used and held of those that stay counts on."""
        self.budgets = tuple(budgets)
        self._by_user = any(budget.scope == "user" for budget in self.budgets)
        self._askers.clear()
        known = {budget.id: budget for budget in self.budgets}
        for account in self._accounts.values():
            account.budget = known.get(account.claim.budget, account.budget)
            account.tight_until = 0.0

    def of(self, asker: Asker, at: int) -> tuple[Account, ...]:
        """The accounts that a request of this time is held against; none: nothing binds it."""
        if not self._by_user and asker.user is not None:
            asker = msgspec.structs.replace(asker, user=None)
        known = self._askers.get(asker)
        if known is not None and at < known[0]:
            return known[1]
        found = tuple(self._found(asker, at))
        if len(self._askers) >= _MOST_ASKERS:
            self._askers.clear()
        self._askers[asker] = min((account.ends for account in found), default=2**62), found
        return found

    def _found(self, asker: Asker, at: int) -> Iterator[Account]:
        for budget in self.budgets:
            for subject in subjects(budget, asker):
                account = Account(budget, subject, at)
                yield self._accounts.setdefault(account.claim, account)

    def hold(self, accounts: Sequence[Account], amounts: Amounts) -> Hold | None:
        """Hold so much in all of them, or in none; None: one has too little."""
        if self.lacking(accounts, amounts) is not None:
            return None
        for account in accounts:
            account.held += getattr(amounts, account.kind)
        return Hold(accounts, amounts)

    def lacking(self, accounts: Sequence[Account], amounts: Amounts) -> Account | None:
        """The first of them that can't cover it."""
        for account in accounts:
            if account.budget.hard and account.granted - account.used - account.held < getattr(amounts, account.kind):
                return account
        return None

    def extend(self, hold: Hold, amounts: Amounts) -> bool:
        """Hold so much more for the same request: another endpoint is to work on it too. False: that can't be had."""
        more = msgspec.structs.replace(amounts, requests=0, at_once=0)
        if self.hold(hold.accounts, more) is None:
            return False
        held = hold.amounts
        hold.amounts = Amounts(held.usd + more.usd, held.tokens + more.tokens, held.requests, held.at_once)
        return True

    def settle(self, hold: Hold, took: Amounts) -> tuple[Draw, ...]:
        """The request is over and took so much; what its entry takes of the budgets, to be written with it."""
        if hold.settled:
            return ()
        hold.settled = True
        amounts = hold.amounts
        draws: list[Draw] = []
        for account in hold.accounts:
            kind, held = account.kind, account.held
            used = getattr(took, kind)
            account.peak = max(account.peak, held)
            account.held = held - getattr(amounts, kind)
            account.used += used
            if used and account.counted:
                draws.append(Draw(account.claim, used))
        return tuple(draws)

    def draws(self, hold: Hold, took: Amounts) -> tuple[Draw, ...]:
        """What the entry of a request that took so much takes of the budgets."""
        taken = ((account, getattr(took, account.kind)) for account in hold.accounts if account.counted)
        return tuple([Draw(account.claim, amount) for account, amount in taken if amount])

    def spare(self) -> dict[Claim, int]:
        """What may go back: all that was not needed lately. It is no longer ours when this is told."""
        found: dict[Claim, int] = {}
        for account in self._accounts.values():
            keep = max(account.peak, account.held)
            account.peak = account.held
            spare = account.free - keep
            if spare > 0:
                found[account.claim] = spare
                account.granted -= spare
        return found

    def kept(self, amounts: dict[Claim, int]) -> None:
        """It could not be given back, and is ours still."""
        for claim, amount in amounts.items():
            self._accounts[claim].granted += amount

    def idle(self, most: int) -> list[Claim]:
        """So many accounts in which nothing has moved since the time before last that this was asked.

        They are forgotten here: whoever comes again begins anew with what the tables say. Asked once in a while, so
        that what was used of them is written by then.
        """
        found: list[Claim] = []
        for claim, account in self._accounts.items():
            still = not account.held and account.used == account.looked
            account.rounds = account.rounds + 1 if still else 0
            account.looked = account.used
            if account.rounds >= _STILL and len(found) < most:
                found.append(claim)
        self._forget(found)
        return found

    def past(self, at: int) -> list[Claim]:
        """Accounts whose period was over at this time and in which nothing is held: they are forgotten here."""
        found = [claim for claim, account in self._accounts.items() if account.ends <= at and not account.held]
        self._forget(found)
        return found

    def _forget(self, claims: Sequence[Claim]) -> None:
        for claim in claims:
            del self._accounts[claim]
        if claims:
            self._askers.clear()
