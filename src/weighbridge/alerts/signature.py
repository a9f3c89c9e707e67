"""Signatures of webhooks by the Standard Webhooks specification, so that any of its libraries can verify them.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import binascii
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Final

PREFIX: Final = "whsec_"
_SHORTEST, _LONGEST = 24, 64
"""Bytes of a secret, by the specification."""


def new_secret() -> str:
    """A secret that nobody has."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def keys_of(text: str) -> tuple[bytes, ...]:
    """The secrets of a text that has one or, while they are changed, several with blanks between. Raises ValueError."""
    return tuple(_key(each) for each in text.split())


def headers(keys: Sequence[bytes], id_: str, now: datetime, body: bytes) -> dict[str, str]:
    """What a message is sent with: a signature for each of the secrets."""
    timestamp = str(int(now.timestamp()))
    signed = b".".join((id_.encode(), timestamp.encode(), body))
    signatures = (f"v1,{base64.b64encode(hmac.digest(key, signed, 'sha256')).decode()}" for key in keys)
    return {"webhook-id": id_, "webhook-timestamp": timestamp, "webhook-signature": " ".join(signatures)}


def _key(text: str) -> bytes:
    try:
        key = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError) as exc:
        raise ValueError(f"a secret is {PREFIX} and base64; `weighbridge alerts secret` makes one") from exc
    if not _SHORTEST <= len(key) <= _LONGEST:
        raise ValueError(
            f"a secret has {_SHORTEST} to {_LONGEST} bytes, in base64; `weighbridge alerts secret` makes one"
        )
    return key
