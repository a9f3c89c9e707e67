"""What is kept of answers, of either kind: how pages of it are asked for, and the database's errors in our words."""

from collections.abc import Awaitable, Mapping
from typing import Final, Literal, TypeVar

from weighbridge import db
from weighbridge.errors import BadRequest, LedgerUnavailable

T = TypeVar("T")
_MOST_LISTED: Final = 100
_LISTED: Final = 20


async def told(work: Awaitable[T], what: str) -> T:
    """What the database said of what is kept. Raises LedgerUnavailable where it cannot be used."""
    try:
        return await work
    except db.Error as exc:
        raise LedgerUnavailable(f"the {what} that are kept cannot be used: {exc}") from exc


def limit_in(query: Mapping[str, str]) -> int:
    """How many at most. Raises BadRequest."""
    limit = query.get("limit", str(_LISTED))
    if limit not in map(str, range(1, _MOST_LISTED + 1)):
        raise BadRequest(f"limit: a number from 1 to {_MOST_LISTED}", param="limit")
    return int(limit)


def newest_first(query: Mapping[str, str], *, otherwise: Literal["asc", "desc"]) -> bool:
    """In which order, `otherwise` where nothing is said. Raises BadRequest."""
    order = query.get("order", otherwise)
    if order not in ("asc", "desc"):
        raise BadRequest("order: `asc` or `desc`", param="order")
    return order == "desc"
