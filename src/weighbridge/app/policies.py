"""The policies in force in a worker: read at the start, looked at again as long as it runs."""

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from weighbridge import db
from weighbridge.catalog.load import every_licence, every_model
from weighbridge.config import Settings
from weighbridge.errors import PolicyError
from weighbridge.providers.rows import read_rows
from weighbridge.routing.policy.facts import LOCAL
from weighbridge.routing.policy.law import Laws, Policies
from weighbridge.routing.policy.reading import Vocabulary, read_policy
from weighbridge.routing.policy.readymade import ready_text
from weighbridge.routing.policy.rules import Policy

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 0.5
"""Between two looks at the file."""
_SETTLED_SECONDS: Final = 0.2
"""A file that was changed since is perhaps not written to its end: it is looked at the next time."""

Adopt = Callable[[Policies], None]
"""Writes down which policies are in force from now on. Raises sqlite3.Error."""
_Look = tuple[int, int, int]


def vocabulary(settings: Settings) -> Vocabulary:
    """The licences, providers and models that a policy may name."""
    known = {row.id for row in read_rows()}
    own = {each.model.lower() for own in settings.providers.values() for each in own.models if each.model is not None}
    return Vocabulary(every_licence(), frozenset(known | set(settings.providers) | {LOCAL}), every_model() | own)


def read_file(path: Path, words: Vocabulary) -> Policy:
    """The policy of a file. Raises PolicyError."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise PolicyError(f"{path}: {error}") from error
    if not text.strip():  # as an editor may leave it for a moment: nothing would be forbidden any more
        raise PolicyError(
            f'{path} is empty: write rules, or default = "allow", or take policy.file out of the settings'
        )
    return read_policy(text, path.name, words)


def policies_of(settings: Settings) -> Policies | None:
    """All that are to be in force; None where none is set. Raises PolicyError."""
    chosen, words = settings.policy, vocabulary(settings)
    policies = [read_policy(ready_text(name), name, words) for name in dict.fromkeys(chosen.ready)]
    if chosen.file is not None:
        policies.append(read_file(chosen.file, words))
    return Policies(policies) if policies else None


class PolicyWatch:
    """Holds the laws in force. `fault` says why the file cannot be read just now; the policies before stay then."""

    def __init__(self, settings: Settings) -> None:
        """Raises PolicyError: with a broken policy nothing starts."""
        self._settings = settings
        self._seen = self._look()
        policies = policies_of(settings)
        self.laws = None if policies is None else Laws(policies)
        self.fault: str | None = None

    def begin(self, adopt: Adopt) -> None:
        """Write down what is in force from the start. Raises sqlite3.Error."""
        if self.laws is not None:
            adopt(self.laws.policies)

    async def watch(self, adopt: Adopt) -> None:
        """Follow the file until cancelled; returns at once where there is none."""
        while self._settings.policy.file is not None:
            await asyncio.sleep(LOOK_SECONDS)
            look = self._look()
            if look is None or look != self._seen:
                await self._read(look, adopt)

    async def _read(self, look: _Look | None, adopt: Adopt) -> None:
        if look is not None and 0 <= time.time() - look[0] / 1e9 < _SETTLED_SECONDS:
            return
        try:
            policies = await asyncio.to_thread(policies_of, self._settings)
            if self._look() != look:
                return
            if policies is not None and (self.laws is None or policies.hash != self.laws.policies.hash):
                await db.in_thread(adopt, policies)
                self.laws = Laws(policies)
                log.info("the policy has changed: %s is in force", policies.hash[:12])
        except (PolicyError, db.Error) as exc:
            self._tell(exc.message if isinstance(exc, PolicyError) else f"it cannot be written down: {exc}")
            if isinstance(exc, PolicyError):
                self._seen = look
        else:
            self._seen, self.fault = look, None

    def _tell(self, fault: str) -> None:
        if fault != self.fault:
            log.error("the policy is broken, and the one before it stays in force: %s", fault)
        self.fault = fault

    def _look(self) -> _Look | None:
        file = self._settings.policy.file
        if file is None:
            return None
        try:
            found = file.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino
