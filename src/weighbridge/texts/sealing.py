"""How a text lies on the disk: compressed, and encrypted where there is a key for it.

AES-256 in GCM, with a nonce drawn for each row. What the row is about (its receipt, its key, the key that seals it) is
bound to it: a body that was put into another row, or changed, is not opened. Whose text it is stands there as a keyed
hash, so that all of one user's can be found and deleted, and nobody can list the users.
"""

import base64
import binascii
import hashlib
import hmac
import os
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from weighbridge.db import microseconds, moment
from weighbridge.errors import TextsUnavailable
from weighbridge.texts.text import Row, Text

KEY_BYTES: Final = 32
_NONCE: Final = 12
_LEVEL: Final = 6
_PURPOSE: Final = b"weighbridge text 1"


class _Body(msgspec.Struct, array_like=True):
    """What of a text is compressed and sealed. New fields go to the end."""

    request: bytes
    answer: bytes | None
    user: str | None
    headers: dict[str, str]
    events: bool
    lacks: str | None


_encode: Final = msgspec.msgpack.Encoder().encode
_bodies: Final = msgspec.msgpack.Decoder(_Body)


def new_key() -> str:
    """A key for texts, as the settings take it."""
    return base64.b64encode(os.urandom(KEY_BYTES)).decode()


class Seal:
    """One key."""

    def __init__(self, written: str) -> None:
        """From the key as base64. Raises ValueError where it is none, TextsUnavailable where nothing can use it."""
        try:
            key = base64.b64decode(written.strip(), validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if len(key) != KEY_BYTES:
            raise ValueError(f"expected {KEY_BYTES} bytes in base64, as `weighbridge texts new-key` prints")
        try:
            # an optional package, and one that takes 30 ms to import
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415
        except ImportError as exc:
            raise TextsUnavailable(
                "a key for texts is set, and the package that encrypts them is not installed: "
                "pip install 'weighbridge[encryption]'"
            ) from exc
        self._cipher: Any = AESGCM(key)  # Any: the package is optional, its types too
        self._naming = hmac.digest(key, b"weighbridge users 1", "sha256")
        self.id = hashlib.sha256(b"weighbridge texts key\x00" + key).hexdigest()[:12]
        """What tells it from other keys, and tells nothing of it."""

    def name(self, user: str) -> str:
        """A user in texts that this key seals."""
        return "h:" + hmac.digest(self._naming, user.encode(errors="surrogatepass"), "sha256").hex()[:40]

    def closed(self, data: bytes, about: bytes) -> bytes:
        """Encrypted, and bound to what it is about."""
        nonce = os.urandom(_NONCE)
        sealed: bytes = self._cipher.encrypt(nonce, data, about)
        return nonce + sealed

    def opened(self, data: bytes, about: bytes) -> bytes:
        """The reverse. Raises ValueError where either was changed."""
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - as above

        try:
            opened: bytes = self._cipher.decrypt(data[:_NONCE], data[_NONCE:], about)
        except InvalidTag as exc:
            raise ValueError("it was changed, or belongs to another row") from exc
        return opened


class Seals:
    """The key that new texts are sealed with, if any, and older ones that can still open theirs."""

    def __init__(self, current: Seal | None = None, older: Sequence[Seal] = ()) -> None:
        self.current = current
        self._all = {seal.id: seal for seal in (*older, *([] if current is None else [current]))}

    def names(self, user: str) -> tuple[str, ...]:
        """A user, as rows may have them."""
        return (user, *(seal.name(user) for seal in self._all.values()))

    def knows(self, seal: str) -> bool:
        """Whether texts of the key with this id can be opened."""
        return seal in self._all

    def closed(self, text: Text, until: int) -> Row:
        """A text as a row."""
        body = _encode(_Body(text.request, text.answer, text.user, text.headers, text.events, text.lacks))
        body = zlib.compress(body, _LEVEL)
        seal, user = self.current, text.user
        if seal is not None:
            body = seal.closed(body, _about(text.receipt, text.key, seal.id))
            user = None if user is None else seal.name(user)
        return Row(
            receipt=text.receipt,
            at=microseconds(text.at),
            key=text.key,
            user=user,
            dialect=text.dialect,
            model=text.model,
            until=until,
            sealed_by=None if seal is None else seal.id,
            size=len(text.request) + len(text.answer or b""),
            body=body,
        )

    def opened(self, row: Row) -> Text:
        """The reverse. Raises TextsUnavailable where its key is not here, or the row is not as it was written."""
        body = row.body
        try:
            if row.sealed_by is not None:
                body = self._seal_of(row).opened(body, _about(row.receipt, row.key, row.sealed_by))
            inside = _bodies.decode(zlib.decompress(body))
        except (ValueError, zlib.error, msgspec.DecodeError) as exc:
            raise TextsUnavailable(f"the text of {row.receipt} is not as it was written: {exc}") from exc
        return Text(
            receipt=row.receipt,
            at=moment(row.at),
            key=row.key,
            dialect=row.dialect,
            model=row.model,
            request=inside.request,
            answer=inside.answer,
            user=inside.user,
            headers=inside.headers,
            events=inside.events,
            lacks=inside.lacks,  # type: ignore[arg-type] # ours alone wrote it
        )

    def _seal_of(self, row: Row) -> Seal:
        seal = self._all.get(row.sealed_by or "")
        if seal is None:
            raise TextsUnavailable(
                f"the text of {row.receipt} is encrypted with the key {row.sealed_by}, which is not set: "
                "put it in WEIGHBRIDGE_TEXTS_KEY, or in WEIGHBRIDGE_TEXTS_OLD_KEYS"
            )
        return seal


def seals(current: str | None, older: str | None = None) -> Seals:
    """From the settings: a key, and others with commas between. Raises as Seal does."""
    return Seals(None if current is None else Seal(current), [Seal(each) for each in _parts(older or "")])


def _parts(listed: str) -> Iterator[str]:
    return (part for each in listed.split(",") if (part := each.strip()))


def _about(receipt: str, key: str, seal: str) -> bytes:
    return b"\x00".join((_PURPOSE, receipt.encode(), key.encode(), seal.encode()))
