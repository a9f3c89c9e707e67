"""Kleene's three-valued logic: True, False, and None for what is not known.

An unknown part leaves the whole unknown, unless the other parts decide it whatever the unknown one may be.
"""

from collections.abc import Iterable

Truth = bool | None


def all_of(parts: Iterable[Truth]) -> Truth:
    """False if one is false; else unknown if one is unknown."""
    known = list(parts)
    if False in known:
        return False
    return None if None in known else True


def any_of(parts: Iterable[Truth]) -> Truth:
    """True if one is true; else unknown if one is unknown."""
    known = list(parts)
    if True in known:
        return True
    return None if None in known else False


def negated(part: Truth) -> Truth:
    """The opposite; of the unknown, unknown."""
    return None if part is None else not part
