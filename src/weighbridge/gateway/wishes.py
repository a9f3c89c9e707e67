"""What a request asks of the gateway itself, in headers of its own: any client can send one, whatever its dialect."""

from difflib import get_close_matches
from typing import Final

import msgspec

from weighbridge.errors import BadRequest
from weighbridge.transport.message import Request
from weighbridge.wire.preferences import Preferences, Priority, joined
from weighbridge.wire.surface import Asked

_PRIORITIES: Final[tuple[Priority, ...]] = ("low", "normal", "high")

_PREFIX: Final = b"x-weighbridge-"
_OWN: Final = frozenset(
    _PREFIX + name
    for name in (b"explain", b"session", b"tags", b"priority", b"cache", b"resume", b"hedge", b"provider", b"switch")
)
_SLIPS: Final = frozenset(
    _PREFIX + name for name in (b"tag", b"sessions", b"providers", b"policy", b"zdr", b"priorities")
)
"""What people write instead: to pass over a header that binds a request would be to send it where it must not go."""
_HEADERS: Final = _OWN | _SLIPS | {b"x-session-id", b"x-openrouter-cache"}
_preferences: Final = msgspec.json.Decoder(Preferences)
_MOST_TAGS: Final = 16
_LONGEST: Final = 256
_SWITCH: Final = {"1": True, "true": True, "on": True, "0": False, "false": False, "off": False}


class Wishes(msgspec.Struct, frozen=True, gc=False):
    """All of them; None is no word."""

    explain: bool = False
    """Tell the plan in a header of the answer."""
    session: str | None = None
    """Requests of one session go to one endpoint, whose cache has their prompt."""
    tags: tuple[str, ...] = ()
    """What the request holds or is for: policies and the ledger know it by these."""
    priority: Priority | None = None
    cache: str | None = None
    """How answers that were given before may be used: see `gateway/cache.py`."""
    resume: bool | None = None
    """Go on at another endpoint when one dies in the middle of its answer."""
    hedge: bool | None = None
    """Ask a second endpoint when the first one is slow to begin."""
    provider: Preferences | None = None
    """What is asked of those who answer, besides what the body says of it."""
    switch: bool | None = None
    """Whether a cheaper model may answer that is proven good enough; None: it may."""


NONE: Final = Wishes()


def wishes_in(request: Request) -> Wishes:
    """What the headers ask for. Raises BadRequest, naming the header."""
    headers = request.headers
    if _HEADERS.isdisjoint(headers):
        return NONE
    slip = next((name for name in headers if name in _SLIPS), None)
    if slip is not None:
        raise _unknown(slip.decode())
    session = headers.get(b"x-weighbridge-session") or headers.get(b"x-session-id")
    return Wishes(
        explain=_switch(headers, "explain") or False,
        session=None if session is None else _text("session", session),
        tags=_tags(headers.get(b"x-weighbridge-tags", b"")),
        priority=_priority(headers.get(b"x-weighbridge-priority")),
        cache=_cache(headers),
        resume=_switch(headers, "resume"),
        hedge=_switch(headers, "hedge"),
        provider=_provider(headers.get(b"x-weighbridge-provider")),
        switch=_switch(headers, "switch"),
    )


def heard(asked: Asked, wishes: Wishes) -> Wishes:
    """What is wished for, with the session that the body names; what the headers ask of providers goes to `asked`."""
    if wishes.provider is not None:
        asked.preferences = joined(asked.preferences, wishes.provider)
    return wishes if asked.session is None else msgspec.structs.replace(wishes, session=asked.session)


def _unknown(name: str) -> BadRequest:
    known = sorted(each.decode() for each in _OWN)
    nearest = get_close_matches(name, known, 1, 0.9)
    meant = f"did you mean {nearest[0]}?" if nearest else f"there are {', '.join(known)}"
    return BadRequest(f"{name}: there is no such header; {meant}", param=name)


def _switch(headers: dict[bytes, bytes], name: str) -> bool | None:
    value = headers.get(_PREFIX + name.encode())
    if value is None:
        return None
    found = _SWITCH.get(value.decode("latin-1").strip().lower())
    if found is None:
        raise BadRequest(f"x-weighbridge-{name}: 1 or 0 is expected", param=f"x-weighbridge-{name}")
    return found


def _cache(headers: dict[bytes, bytes]) -> str | None:
    """The words of `x-weighbridge-cache`, or what OpenRouter's own headers come to in them.

    https://openrouter.ai/docs/guides/features/response-caching
    """
    said, theirs = headers.get(b"x-weighbridge-cache"), headers.get(b"x-openrouter-cache")
    if said is not None or theirs is None:
        return None if said is None else _text("cache", said)
    wanted = _SWITCH.get(theirs.decode("latin-1").strip().lower())
    if wanted is None:
        raise BadRequest("x-openrouter-cache: true or false is expected", param="x-openrouter-cache")
    if not wanted:
        return "off"
    clear = _SWITCH.get(headers.get(b"x-openrouter-cache-clear", b"").decode("latin-1").strip().lower())
    seconds = headers.get(b"x-openrouter-cache-ttl")
    return ("refresh" if clear else "on") + ("" if seconds is None else f",ttl={seconds.decode('latin-1').strip()}")


def _text(name: str, value: bytes) -> str:
    try:
        text = value.decode().strip()
    except UnicodeDecodeError as exc:
        raise BadRequest(f"x-weighbridge-{name} is not UTF-8", param=f"x-weighbridge-{name}") from exc
    if not text or len(text) > _LONGEST:
        raise BadRequest(
            f"x-weighbridge-{name}: 1 to {_LONGEST} characters are expected", param=f"x-weighbridge-{name}"
        )
    return text


def _tags(value: bytes) -> tuple[str, ...]:
    if not value:
        return ()
    tags = tuple(sorted({tag.strip() for tag in value.decode("latin-1").split(",")} - {""}))
    wrong = next((tag for tag in tags if len(tag) > 64 or not tag.isascii() or not tag.isprintable()), None)
    if wrong is not None or len(tags) > _MOST_TAGS:
        raise BadRequest(
            f"x-weighbridge-tags: {_MOST_TAGS} tags at most, of 64 printable ASCII characters at most, with commas "
            "between them",
            param="x-weighbridge-tags",
        )
    return tags


def _priority(value: bytes | None) -> Priority | None:
    if value is None:
        return None
    for known in _PRIORITIES:
        if value.strip().lower() == known.encode():
            return known
    raise BadRequest("x-weighbridge-priority: low, normal or high is expected", param="x-weighbridge-priority")


def _provider(value: bytes | None) -> Preferences | None:
    if value is None:
        return None
    try:
        return _preferences.decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError) as exc:
        raise BadRequest(
            f'x-weighbridge-provider: JSON such as {{"only":["deepinfra"]}} is expected: {exc}',
            param="x-weighbridge-provider",
        ) from exc
