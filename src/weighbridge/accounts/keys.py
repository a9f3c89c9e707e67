"""Virtual keys: who is asking, and which models they may ask for.

A key is shown once, when it is made; the database has its SHA-256 (keys are 256 random bits, so a slow
hash would protect nothing). Each worker holds all keys in memory and looks for changes every second.
"""

import hashlib
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import msgspec

from weighbridge import audit_log
from weighbridge.accounts import defaults as key_defaults
from weighbridge.accounts import tree
from weighbridge.accounts.defaults import NO_DEFAULTS, Defaults
from weighbridge.accounts.tree import Bounds
from weighbridge.audit_log import GATEWAY, Actor, Change, Facts
from weighbridge.db import Connection, microseconds, moment, transaction
from weighbridge.errors import Forbidden, Unauthorized

PREFIX: Final = "wb-"
LONGEST_TAG: Final = 64
FRESH_SECONDS: Final = 1.0
"""A key made, changed or revoked elsewhere counts within so long."""

_TEXTS: Final = msgspec.json.Decoder(tuple[str, ...])


@dataclass(frozen=True, slots=True)
class Labels:
    """What policies know the requests of a key by."""

    organisation: str | None = None
    project: str | None = None
    tags: tuple[str, ...] = ()
    """What each of its requests is marked with, such as `personal-data`; sorted. No request can take a mark off."""


NO_LABELS: Final = Labels()


@dataclass(frozen=True, slots=True)
class Keeps:
    """What is kept of a key's requests and answers: see the package texts."""

    days: int
    """How long."""
    inputs: bool = False
    """Whether what is sent to be embedded or ranked is kept too."""


@dataclass(frozen=True, slots=True)
class Key:
    """What we know of a key; the key itself we do not have."""

    id: str
    name: str
    hint: str
    """Its last four characters."""
    models: tuple[str, ...] | None
    """Ids it may ask for, `lab/*` for all of a lab's; None: any."""
    created: datetime
    expires: datetime | None = None
    disabled: datetime | None = None
    store: bool = False
    """Whether its responses may be kept here, prompts and answers."""
    labels: Labels = NO_LABELS
    defaults: Defaults = NO_DEFAULTS
    member: str | None = None
    """The id of the member's admin key whose key it is."""
    keeps: Keeps | None = None
    """What of its requests and answers is kept; None: no text is."""
    above: tuple[tuple[str, ...], ...] = ()
    """The models that its organisation and its project allow, where they are bound."""

    def tags_with(self, sent: tuple[str, ...]) -> tuple[str, ...]:
        """What a request is marked with that came with these tags, sorted: the key's own stay."""
        own = self.labels.tags
        return tuple(sorted({*own, *(each.lower() for each in sent)})) if sent else own

    def admits(self, model: str) -> bool:
        """Whether the key may ask for the model of this id."""
        if self.models is not None and not _is_among(model, self.models):
            return False
        return not self.above or all(_is_among(model, allowed) for allowed in self.above)


def _is_among(model: str, allowed: Sequence[str]) -> bool:
    return any(model == one or (one.endswith("/*") and model.startswith(one[:-1])) for one in allowed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which keys are looked for; None is any."""

    within: tuple[str | None, str | None] = (None, None)
    """An organisation and a project: see tree.Place."""
    member: str | None = None
    is_open: bool = False
    """Without those that were disabled."""
    after: str | None = None
    """The id of the key before the first."""
    limit: int = 1_000_000_000
    offset: int = 0


def create(  # noqa: PLR0913 - what a key has
    connection: Connection,
    *,
    name: str,
    now: datetime,
    models: Sequence[str] | None = None,
    expires: datetime | None = None,
    store: bool = False,
    keeps: Keeps | None = None,
    labels: Labels = NO_LABELS,
    defaults: Defaults = NO_DEFAULTS,
    by: Actor = GATEWAY,
) -> tuple[Key, str]:
    """Make a key: what we keep of it, and the key itself, which can't be had again. Raises db.Error."""
    secret = new_secret()
    key = Key(
        id=new_id(),
        name=name,
        hint=secret[-4:],
        models=None if models is None else tuple(models),
        created=now,
        expires=expires,
        store=store,
        labels=labels,
        defaults=defaults,
        keeps=keeps,
    )
    with transaction(connection):
        add(connection, key, secret, by=by)
    return key, secret


def new_secret() -> str:
    """A key that nobody has."""
    return PREFIX + secrets.token_urlsafe(32)


def new_id() -> str:
    """The id of a new key."""
    return f"key-{secrets.token_hex(6)}"


def add(connection: Connection, key: Key, secret: str, *, by: Actor) -> None:
    """Write down a new key and who made it, inside a transaction. Raises db.Error."""
    connection.execute(
        "INSERT INTO key (id, hash, created_at, member, name, hint, models, expires_at, disabled_at, store,"
        " organisation, project, tags, defaults, keep_days, keep_inputs)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (key.id, _hash(secret.encode()), _stored(key.created), key.member, *_changeable(key)),
    )
    _log(connection, "key.create", None, key, by=by, now=key.created)


def put(connection: Connection, before: Key, after: Key, *, action: str, by: Actor, now: datetime) -> None:
    """Give the key that is `before` all that is else in `after`, inside a transaction. Raises db.Error."""
    if before == after:
        return
    connection.execute(
        "UPDATE key SET name = ?, hint = ?, models = ?, expires_at = ?, disabled_at = ?, store = ?, organisation = ?,"
        " project = ?, tags = ?, defaults = ?, keep_days = ?, keep_inputs = ? WHERE id = ?",
        (*_changeable(after), before.id),
    )
    _log(connection, action, before, after, by=by, now=now)


def rotate(connection: Connection, key: Key, secret: str, *, until: datetime | None, by: Actor, now: datetime) -> Key:
    """Have another secret open the key, inside a transaction; the one until now opens it `until` then. Raises db.Error.

    A third one, which a rotation before this left open, opens nothing any more.
    """
    after = replace(key, hint=secret[-4:])
    connection.execute(
        "UPDATE key SET former_hash = CASE WHEN CAST(? AS BIGINT) IS NULL THEN NULL ELSE hash END, former_until = ?,"
        " hash = ?, hint = ? WHERE id = ?",
        (_stored(until), _stored(until), _hash(secret.encode()), after.hint, key.id),
    )
    told = {"ends_in": after.hint, "former_opens_until": until}
    change = Change(action="key.rotate", target=key.id, before={"ends_in": key.hint}, after=told)
    audit_log.write(connection, by, _placed(change, key.labels), now=now)
    return after


def tag(text: str) -> str:
    """A mark as it is kept: in lower case. Raises ValueError where it could not be sent in a header."""
    if not text or len(text) > LONGEST_TAG or not text.isascii() or not text.isprintable() or "," in text:
        raise ValueError(f"a tag is 1 to {LONGEST_TAG} printable ASCII characters without a comma, not {text!r}")
    return text.lower()


def facts(key: Key) -> Facts:
    """The key as the API and the command line show it."""
    return {
        "id": key.id,
        "name": key.name,
        "ends_in": key.hint,
        "models": key.models,
        "created": key.created,
        "expires": key.expires,
        "revoked": key.disabled,
        "store": key.store,
        "keeps_text": None if key.keeps is None else {"days": key.keeps.days, "inputs": key.keeps.inputs},
        "organisation": key.labels.organisation,
        "project": key.labels.project,
        "tags": key.labels.tags,
        "defaults": key_defaults.facts(key.defaults),
        "member": key.member,
    }


def listing(connection: Connection, wanted: Wanted | None = None) -> list[Key]:
    """All keys, or those that are wanted, oldest first. Raises db.Error."""
    where, given = ("", ()) if wanted is None else _where(wanted)
    return [key for _, key, _ in _rows(connection, where, given)]


def find(connection: Connection, key_id: str) -> Key | None:
    """The key of this id. Raises db.Error."""
    return next((key for _, key, _ in _rows(connection, "WHERE id = ?", (key_id,))), None)


def revoke(connection: Connection, key_id: str, *, now: datetime, by: Actor = GATEWAY) -> bool:
    """Disable a key for good; False where there is no such key or it is disabled already. Raises db.Error."""
    with transaction(connection):
        key = find(connection, key_id)
        if key is None or key.disabled is not None:
            return False
        put(connection, key, replace(key, disabled=now), action="key.revoke", by=by, now=now)
    return True


@dataclass(frozen=True, slots=True)
class Keys:
    """All keys at one time, by the hash of what opens them."""

    version: int
    by_hash: Mapping[bytes, Key]


class Keyring:
    """All keys of the database, in memory, looked at again when they have changed."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._version = -1
        self._keys: Mapping[bytes, Key] = {}
        self._opened: dict[bytes, Key] = {}
        """Keys as they were presented, so that not each request has to be hashed: in memory only, and not for long."""

    @property
    def version(self) -> int:
        """A number that grows with each change of a key."""
        return self._version

    def refresh(self) -> None:
        """Read the keys again if any changed. Raises db.Error."""
        found = self.read()
        if found is not None:
            self.adopt(found)
        self.forget_opened()

    def read(self) -> "Keys | None":
        """The keys as they are now; None: no other than are known. Raises db.Error."""
        version: int = self._connection.execute("SELECT version FROM key_version").fetchone()[0]
        return None if version == self._version else Keys(version, dict(_opening(self._connection)))

    def adopt(self, found: "Keys") -> None:
        """These are the keys from here on."""
        self._version, self._keys = found.version, found.by_hash
        self.forget_opened()

    def forget_opened(self) -> None:
        """Whoever asks next is hashed again."""
        self._opened = {}

    def open(self, presented: bytes, *, now: datetime) -> Key:
        """The key a request came with.

        Raises Unauthorized, always in the same words but for the cause; `may_have_come` where a look may open it.
        """
        key = self._opened.get(presented)
        if key is None:
            key = self._keys.get(_hash(presented))
            if key is None and presented.startswith(b"wba-"):
                raise Unauthorized("that is an admin key, which opens no model: it takes a key (wb-…)")
            if key is None:
                raise _not_now("the API key is not one of this gateway's; make one with `weighbridge keys create NAME`")
            self._opened[presented] = key
        if key.disabled is not None:
            raise _not_now(f"the API key {key.name!r} (…{key.hint}) was revoked; ask for another")
        if key.expires is not None and key.expires <= now:
            raise _not_now(f"the API key {key.name!r} (…{key.hint}) has expired; ask for another")
        return key


def _not_now(why: str) -> Unauthorized:
    refusal = Unauthorized(why)
    refusal.may_have_come = True
    return refusal


def allow(key: Key, model: str) -> None:
    """Raise Forbidden unless the key may ask for the model."""
    if not key.admits(model):
        raise Forbidden(
            f"the API key {key.name!r} may not use {model!r}; see /v1/models for those it may", param="model"
        )


_Former = tuple[bytes, datetime] | None
"""The hash of the key that a rotation has replaced, and until when it opens."""


def _opening(connection: Connection) -> Iterator[tuple[bytes, Key]]:
    """What opens which key, those too that a rotation has left some time."""
    for hash_, key, former in _rows(connection, "", ()):
        yield hash_, key
        if former is not None:
            until = former[1] if key.expires is None else min(former[1], key.expires)
            yield former[0], replace(key, expires=until)


def _where(wanted: Wanted) -> tuple[str, tuple[object, ...]]:
    conditions, given = tree.within(*wanted.within)
    if wanted.member is not None:
        conditions, given = [*conditions, "member = ?"], [*given, wanted.member]
    if wanted.is_open:
        conditions = [*conditions, "disabled_at IS NULL"]
    if wanted.after is not None:
        conditions = [*conditions, "(created_at, id) > (SELECT created_at, id FROM key WHERE id = ?)"]
        given = [*given, wanted.after]
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    return f"{where} ORDER BY created_at, id LIMIT ? OFFSET ?", (*given, wanted.limit, wanted.offset)


def _rows(connection: Connection, where: str, given: Sequence[object]) -> list[tuple[bytes, Key, _Former]]:
    bounds = tree.bounds(connection)
    rows = connection.execute(
        "SELECT hash, id, name, hint, models, created_at, expires_at, disabled_at, store, organisation, project, tags,"  # noqa: S608 - put together of constants
        " defaults, member, former_hash, former_until, keep_days, keep_inputs"
        f" FROM key {where or 'ORDER BY created_at, id'}",
        tuple(given),
    )
    return [_row(row, bounds) for row in rows]


def _row(row: tuple[Any, ...], bounds: Bounds) -> tuple[bytes, Key, _Former]:  # cells of many kinds
    hash_, id_, name, hint, models, created, expires, disabled, store, organisation, project, tags, own, *rest = row
    member, former, until, keep_days, keep_inputs = rest
    key = Key(
        id=id_,
        name=name,
        hint=hint,
        models=None if models is None else _TEXTS.decode(models),
        created=moment(created),
        expires=_moment(expires),
        disabled=_moment(disabled),
        store=bool(store),
        labels=_labels(organisation, project, tags),
        defaults=key_defaults.read(own),
        member=member,
        keeps=None if keep_days is None else Keeps(keep_days, bool(keep_inputs)),
        above=bounds.above(organisation, project),
    )
    return hash_, key, None if former is None else (former, moment(until))


def _changeable(key: Key) -> tuple[object, ...]:
    labels, times = key.labels, (_stored(key.expires), _stored(key.disabled))
    texts = (key.name, key.hint, _list(key.models))
    marks = _list(labels.tags or None)
    return (
        *texts,
        *times,
        int(key.store),
        labels.organisation,
        labels.project,
        marks,
        key_defaults.written(key.defaults),
        None if key.keeps is None else key.keeps.days,
        int(key.keeps is not None and key.keeps.inputs),
    )


def _log(connection: Connection, action: str, before: Key | None, after: Key, *, by: Actor, now: datetime) -> None:
    was, is_ = (None, facts(after)) if before is None else audit_log.differing(facts(before), facts(after))
    change = Change(action=action, target=after.id, before=was, after=is_)
    audit_log.write(connection, by, _placed(change, after.labels), now=now)


def _placed(change: Change, labels: Labels) -> Change:
    return replace(change, organisation=labels.organisation, project=labels.project)


def _labels(organisation: str | None, project: str | None, tags: str | None) -> Labels:
    found = Labels(organisation, project, () if tags is None else _TEXTS.decode(tags))
    return NO_LABELS if found == NO_LABELS else found


def _hash(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()


def _list(models: tuple[str, ...] | None) -> str | None:
    return None if models is None else msgspec.json.encode(models).decode()


def _stored(when: datetime | None) -> int | None:
    return None if when is None else microseconds(when)


def _moment(stored: int | None) -> datetime | None:
    return None if stored is None else moment(stored)
