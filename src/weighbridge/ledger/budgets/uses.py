"""How budgets stand in a period: what is used of them by entries that are written, and what workers have in advance.

A budget for each user may have millions of subjects. Who asks for those that matter, the most used or those from some
amount on, reads no more than them and the leases that are open.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from weighbridge.db import Connection
from weighbridge.ledger.budgets.budget import EACH, Budget, window
from weighbridge.ledger.entry import Claim
from weighbridge.ledger.users import Users

MOST_COUNTED: Final = 100_000
_AT_A_TIME: Final = 500
"""Budgets that one statement names."""


class Use(msgspec.Struct, frozen=True):
    """How a budget stands in one of its periods, for one that it binds."""

    claim: Claim
    used: int
    """By entries that are written."""
    granted: int
    """What those at work have in advance and have not used: some of it may be held for requests under way."""


class Most(msgspec.Struct, frozen=True):
    """Those that have used most of a budget."""

    uses: Sequence[Use]
    others: int
    """Subjects beside these; MOST_COUNTED stands for so many or more."""


def standing(
    connection: Connection,
    budgets: Collection[Budget],
    at: int,
    *,
    most: int | None = None,
    named: Callable[[Budget], str] | None = None,
) -> dict[str, Most]:
    """How budgets stand in the periods that `at`, in microseconds since 1970, lies in, by their ids.

    Of a budget for each: so many subjects, None for all; or the one of its that is named. Raises db.Error.
    """
    begins = {each.id: window(each.period, at).begins for each in budgets}
    many = [each for each in budgets if each.name == EACH and (most is not None or named is not None)]
    found: dict[str, list[Use]] = {id_: [] for id_ in begins.keys() - {each.id for each in many}}
    for use in uses(connection, {id_: begins[id_] for id_ in found}):
        found[use.claim.budget].append(use)
    stand = {id_: Most(of_it, 0) for id_, of_it in found.items()}
    for each in many:
        if named is not None:
            use = use_of(connection, Claim(each.id, named(each), begins[each.id]))
            stand[each.id] = Most([use] if use.used or use.granted else [], 0)
        elif most is not None:
            stand[each.id] = most_used(connection, each.id, begins[each.id], most)
    return stand


def subject_among(budget: Budget, *, users: Users, subject: str) -> str:
    """What a budget for each calls this one: end users may be kept by a hash of their names."""
    return users.of_budget(subject) if budget.scope == "user" else subject


def uses(connection: Connection, begins: Mapping[str, int]) -> list[Use]:
    """All of them, in the periods that begin so, by the budget's id; the most used of each first. Raises db.Error."""
    found: list[Use] = []
    for at in sorted({*begins.values()}):
        ids = sorted(id_ for id_, begin in begins.items() if begin == at)
        for some in range(0, len(ids), _AT_A_TIME):
            found += _all_of(connection, at, ids[some : some + _AT_A_TIME])
    return found


def _all_of(connection: Connection, begins: int, ids: Sequence[str]) -> Iterator[Use]:
    where = f"begins = ? AND budget IN ({', '.join('?' * len(ids))})"
    settled = f"SELECT budget, subject, used, 0 AS unused FROM budget_use WHERE {where}"  # noqa: S608 - question marks
    leased = f"SELECT budget, subject, used, {_UNUSED} FROM lease WHERE {where}"  # noqa: S608 - question marks
    rows = connection.execute(
        f"SELECT budget, subject, sum(used), sum(unused) FROM ({settled} UNION ALL {leased}) AS counted"  # noqa: S608
        " GROUP BY budget, subject ORDER BY 3 DESC, 2",
        (begins, *ids, begins, *ids),
    )
    for budget, subject, used, unused in rows.fetchall():
        yield Use(Claim(budget, subject, begins), int(used), int(unused))


def most_used(connection: Connection, budget: str, begins: int, most: int) -> Most:
    """So many subjects at most, the most used first. Raises db.Error."""
    (count,) = connection.execute(_COUNTED, (budget, begins, MOST_COUNTED + most, budget, begins)).fetchone()
    rows = connection.execute(f"{_UNLEASED} ORDER BY used DESC, subject LIMIT ?", (budget, begins, most)).fetchall()
    found = sorted(_merged(connection, budget, begins, rows), key=_by_use)[:most]
    return Most(found, min(int(count) - len(found), MOST_COUNTED))


def used_from(connection: Connection, budget: str, begins: int, least: int) -> list[Use]:
    """The subjects that have used so much, the most used first. Raises db.Error."""
    rows = connection.execute(f"{_UNLEASED} AND used >= ?", (budget, begins, least)).fetchall()
    found = _merged(connection, budget, begins, rows)
    return sorted((use for use in found if use.used >= least), key=_by_use)


def use_of(connection: Connection, claim: Claim) -> Use:
    """Of one subject. Raises db.Error."""
    used, unused = connection.execute(_USED, claim.cells * 2).fetchone()
    return Use(claim, int(used), int(unused))


def _merged(connection: Connection, budget: str, begins: int, rows: Iterable[tuple[str, int]]) -> Iterator[Use]:
    """Those without a lease, and all that have one."""
    for subject, used in rows:
        yield Use(Claim(budget, subject, begins), int(used), 0)
    for subject, used, unused in connection.execute(_LEASED, (budget, begins)).fetchall():
        yield Use(Claim(budget, subject, begins), int(used), int(unused))


def _by_use(use: Use) -> tuple[int, str]:
    return -use.used, use.claim.subject


_UNUSED: Final = "CASE WHEN granted > used THEN granted - used ELSE 0 END"
_UNLEASED: Final = """
    SELECT subject, used FROM budget_use WHERE budget = ? AND begins = ? AND NOT EXISTS (
        SELECT 1 FROM lease WHERE lease.budget = budget_use.budget AND lease.subject = budget_use.subject
        AND lease.begins = budget_use.begins)
"""
_LEASED: Final = f"""
    SELECT held.subject, held.used + coalesce(budget_use.used, 0), held.unused FROM (
        SELECT budget, subject, begins, sum(used) AS used, sum({_UNUSED}) AS unused
        FROM lease WHERE budget = ? AND begins = ? GROUP BY budget, subject, begins
    ) AS held LEFT JOIN budget_use ON budget_use.budget = held.budget AND budget_use.subject = held.subject
        AND budget_use.begins = held.begins
"""  # noqa: S608 - a constant
_USED: Final = f"""
    SELECT coalesce(sum(used), 0), coalesce(sum(unused), 0) FROM (
        SELECT used, 0 AS unused FROM budget_use WHERE budget = ? AND subject = ? AND begins = ?
        UNION ALL SELECT used, {_UNUSED} FROM lease WHERE budget = ? AND subject = ? AND begins = ?) AS counted
"""  # noqa: S608 - a constant
_COUNTED: Final = """
    SELECT (SELECT count(*) FROM (
            SELECT 1 FROM budget_use WHERE budget = ? AND begins = ? ORDER BY used DESC LIMIT ?) AS first)
        + (SELECT count(DISTINCT subject) FROM lease WHERE budget = ? AND begins = ? AND NOT EXISTS (
            SELECT 1 FROM budget_use
            WHERE budget_use.budget = lease.budget AND budget_use.subject = lease.subject
            AND budget_use.begins = lease.begins))
"""
