"""What a request, or its key, wants of the cache: read from a line such as `max-age=600, ttl=3600`."""

import re
from typing import Final, Literal

import msgspec

from weighbridge.errors import BadRequest

Mode = Literal["on", "refresh", "only-if-cached"]
"""`refresh` asks a provider whatever is kept, and keeps the answer; `only-if-cached` asks none."""

HEADER: Final = "x-weighbridge-cache"
LONGEST_SECONDS: Final = 365 * 86_400
LEAST_LIKE: Final = 0.8
"""Below it, texts that have little to do with each other count as alike."""
_FORMS: Final = "on, off, refresh, only-if-cached, max-age=SECONDS, ttl=SECONDS or semantic=0.95, with commas between"


class CacheWish(msgspec.Struct, frozen=True, gc=False):
    """How answers that were given before may be used, and this one later."""

    mode: Mode = "on"
    max_age: int | None = None
    """Seconds since the answer was given, at most; None: as long as it is kept."""
    ttl: int | None = None
    """Seconds for which this answer may be kept; None: the usual time."""
    like: float | None = None
    """How alike two questions must be to have one answer, as the cosine of their embeddings; None: the same."""


def read_wish(text: str, usual: CacheWish | None = None) -> CacheWish | None:
    """What the header says; what it leaves open is as `usual`, the key's. None: leave the cache alone.

    Raises BadRequest, naming the header.
    """
    modes: list[str] = []
    found: dict[str, int | float] = {}
    for word in text.lower().split(","):
        name, equals, value = word.strip().partition("=")
        if name in ("on", "off", "refresh", "only-if-cached") and not equals:
            modes.append(name)
        elif name in ("max-age", "ttl") and re.fullmatch(r"[0-9]{1,9}", value):
            found[name] = _within(name, int(value))
        elif name == "semantic" and re.fullmatch(r"0?\.[0-9]{1,6}|1(\.0{1,6})?", value):
            found[name] = _like(float(value))
        else:
            raise _wrong(f"{word.strip()[:50]!r} is none of {_FORMS}")
    if len(modes) > 1 or (modes == ["off"] and found):
        raise _wrong(f"{text[:50]!r} contradicts itself")
    if modes == ["off"]:
        return None
    wish = usual or CacheWish()
    return CacheWish(
        mode=modes[0] if modes else wish.mode,  # type: ignore[arg-type] # one of them, as was just seen
        max_age=int(found["max-age"]) if "max-age" in found else wish.max_age,
        ttl=int(found["ttl"]) if "ttl" in found else wish.ttl,
        like=found.get("semantic", wish.like),
    )


def _within(name: str, seconds: int) -> int:
    least = 1 if name == "ttl" else 0
    if not least <= seconds <= LONGEST_SECONDS:
        raise _wrong(f"{name}: {least} to {LONGEST_SECONDS} seconds")
    return seconds


def _like(value: float) -> float:
    if not LEAST_LIKE <= value <= 1:
        raise _wrong(f"semantic: {LEAST_LIKE} (much the same) to 1 (the same)")
    return value


def _wrong(said: str) -> BadRequest:
    return BadRequest(f"{HEADER}: {said}", param=HEADER)
