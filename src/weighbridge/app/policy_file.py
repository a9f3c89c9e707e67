"""The policy file as it is edited from the window: read, tried, and written whole, with who did it in the audit log."""

import hashlib
import os
import stat
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from weighbridge import audit_log
from weighbridge.app.policies import policies_of, read_text, ready_of, together, vocabulary
from weighbridge.audit_log import Actor, Change
from weighbridge.config import Settings
from weighbridge.db import Connection
from weighbridge.errors import Conflict, PolicyError
from weighbridge.routing.policy.law import Policies

SET: Final = "policy.set"
"""The action of the audit log."""
LONGEST: Final = 200_000
"""Characters of a text that is taken: ten thousand rules are fewer."""
NOTHING: Final = 'default = "allow"\n'
"""The text of a policy without a rule, which has none be in force."""
_MODE: Final = 0o640


@dataclass(frozen=True, slots=True)
class Found:
    """The file as it is now."""

    path: Path
    text: str | None
    """None: there is no file."""
    stamp: str
    """Of this very text: whoever writes says which one it is to replace."""


def find(settings: Settings) -> Found:
    """What is in the file. Raises PolicyError where it cannot be read."""
    path = settings.policy_path
    try:
        raw = path.read_bytes()
        return Found(path, raw.decode(), hashlib.sha256(raw).hexdigest())
    except FileNotFoundError:
        return Found(path, None, "")
    except (OSError, ValueError) as error:
        raise PolicyError(f"{path}: {error}") from error


def tidy(text: str) -> str:
    """A text as a form sends it, as a file has it."""
    return text.replace("\r\n", "\n").rstrip() + "\n"


def tried(settings: Settings, text: str) -> Policies | None:
    """What would be in force with this text in the file; None: nothing. Raises PolicyError."""
    if len(text) > LONGEST:
        raise PolicyError(f"a policy of more than {LONGEST:,} characters is written to its file, not sent")
    words = vocabulary(settings)
    return together([*ready_of(settings, words), read_text(text, settings.policy_path, words)])


def put(
    connection: Connection, settings: Settings, text: str, *, stamp: str, by: Actor, now: datetime
) -> Policies | None:
    """Write this text into the file, in a transaction; what is to be in force by it.

    Workers take it up within a second. Raises PolicyError where it is no policy or cannot be written, Conflict where
    the file is not the one of `stamp` any more, db.Error.
    """
    after = tried(settings, text)
    connection.execute("UPDATE audit_log_head SET length = length")  # whoever writes it too waits here
    found = find(settings)
    if found.stamp != stamp:
        raise Conflict(f"{found.path} was changed since it was read: look at it again, and change what is there now")
    told = {"policy": None if after is None else after.hash, "file": text}
    change = Change(action=SET, target="policy", before={"policy": _hash_now(settings)}, after=told)
    audit_log.write(connection, by, change, now=now)
    _write(found.path, text)
    return after


def _hash_now(settings: Settings) -> str | None:
    with suppress(PolicyError):  # a broken file is replaced like any
        policies = policies_of(settings)
        return None if policies is None else policies.hash
    return None


def _write(path: Path, text: str) -> None:
    """The whole of it or nothing; where the path is a link, to what it leads to."""
    try:
        target = path.resolve()
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        new = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(text.encode())
                file.flush()
                os.fsync(handle)
            new.chmod(stat.S_IMODE(target.stat().st_mode) if target.exists() else _MODE)
            new.replace(target)
        except BaseException:
            new.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise PolicyError(f"{path} cannot be written: {error.strerror}; change it where it comes from") from error
