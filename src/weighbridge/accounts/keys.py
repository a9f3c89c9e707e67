"""Virtual keys: who is asking, and which models they may ask for.

A key is shown once, when it is made; the database has its SHA-256 (keys are 256 random bits, so a slow
hash would protect nothing). Each worker holds all keys in memory and looks for changes every second.
"""

import hashlib
import secrets
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec

from weighbridge.accounts import defaults as key_defaults
from weighbridge.accounts.defaults import NO_DEFAULTS, Defaults
from weighbridge.db import microseconds, moment, transaction
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

    def tags_with(self, sent: tuple[str, ...]) -> tuple[str, ...]:
        """What a request is marked with that came with these tags, sorted: the key's own stay."""
        own = self.labels.tags
        return tuple(sorted({*own, *(each.lower() for each in sent)})) if sent else own

    def admits(self, model: str) -> bool:
        """Whether the key may ask for the model of this id."""
        return self.models is None or any(
            model == allowed or (allowed.endswith("/*") and model.startswith(allowed[:-1])) for allowed in self.models
        )


def create(
    connection: sqlite3.Connection,
    *,
    name: str,
    now: datetime,
    models: Sequence[str] | None = None,
    expires: datetime | None = None,
    store: bool = False,
    labels: Labels = NO_LABELS,
    defaults: Defaults = NO_DEFAULTS,
) -> tuple[Key, str]:
    """Make a key: what we keep of it, and the key itself, which can't be had again."""
    secret = PREFIX + secrets.token_urlsafe(32)
    key = Key(
        id=f"key-{secrets.token_hex(6)}",
        name=name,
        hint=secret[-4:],
        models=None if models is None else tuple(models),
        created=now,
        expires=expires,
        store=store,
        labels=labels,
        defaults=defaults,
    )
    allowed, marks = _list(key.models), _list(labels.tags or None)
    row = (key.id, name, _hash(secret.encode()), key.hint, allowed, _stored(now), _stored(expires), store)
    with transaction(connection):
        connection.execute(
            "INSERT INTO key (id, name, hash, hint, models, created_at, expires_at, store, organisation, project, tags,"
            " defaults) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*row, labels.organisation, labels.project, marks, key_defaults.written(defaults)),
        )
    return key, secret


def tag(text: str) -> str:
    """A mark as it is kept: in lower case. Raises ValueError where it could not be sent in a header."""
    if not text or len(text) > LONGEST_TAG or not text.isascii() or not text.isprintable() or "," in text:
        raise ValueError(f"a tag is 1 to {LONGEST_TAG} printable ASCII characters without a comma, not {text!r}")
    return text.lower()


def listing(connection: sqlite3.Connection) -> list[Key]:
    """All keys, oldest first."""
    return [key for _, key in _rows(connection)]


def revoke(connection: sqlite3.Connection, key_id: str, *, now: datetime) -> bool:
    """Disable a key for good; False where there is no such key or it is disabled already."""
    with transaction(connection):
        done = connection.execute(
            "UPDATE key SET disabled_at = ? WHERE id = ? AND disabled_at IS NULL", (_stored(now), key_id)
        )
    return done.rowcount == 1


class Keyring:
    """All keys of the database, in memory, looked at again when they have changed."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._version = -1
        self._keys: Mapping[bytes, Key] = {}
        self._opened: dict[bytes, Key] = {}
        """Keys as they were presented, so that not each request has to be hashed: in memory only, and not for long."""

    def refresh(self) -> None:
        """Read the keys again if any changed. Raises sqlite3.Error."""
        version: int = self._connection.execute("SELECT version FROM key_version").fetchone()[0]
        if version != self._version:
            self._keys = dict(_rows(self._connection))
            self._version = version
        self._opened = {}

    def open(self, presented: bytes, *, now: datetime) -> Key:
        """The key a request came with. Raises Unauthorized, always in the same words but for the cause."""
        key = self._opened.get(presented)
        if key is None:
            key = self._keys.get(_hash(presented))
            if key is None:
                raise Unauthorized(
                    "the API key is not one of this gateway's; make one with `weighbridge keys create NAME`"
                )
            self._opened[presented] = key
        if key.disabled is not None:
            raise Unauthorized(f"the API key {key.name!r} (…{key.hint}) was revoked; ask for another")
        if key.expires is not None and key.expires <= now:
            raise Unauthorized(f"the API key {key.name!r} (…{key.hint}) has expired; ask for another")
        return key


def allow(key: Key, model: str) -> None:
    """Raise Forbidden unless the key may ask for the model."""
    if not key.admits(model):
        raise Forbidden(
            f"the API key {key.name!r} may not use {model!r}; see /v1/models for those it may", param="model"
        )


def _rows(connection: sqlite3.Connection) -> list[tuple[bytes, Key]]:
    rows = connection.execute(
        "SELECT hash, id, name, hint, models, created_at, expires_at, disabled_at, store, organisation, project, tags,"
        " defaults FROM key ORDER BY created_at, id"
    )
    return [
        (
            hash_,
            Key(
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
            ),
        )
        for hash_, id_, name, hint, models, created, expires, disabled, store, organisation, project, tags, own in rows
    ]


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
