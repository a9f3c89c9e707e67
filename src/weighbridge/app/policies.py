"""The policies in force in a worker: read at the start, looked at again as long as it runs."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
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

Adopt = Callable[[Policies | None], None]
"""Writes down which policies are in force from now on. Raises db.Error."""
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
    return read_text(text, path, words)


def read_text(text: str, path: Path, words: Vocabulary) -> Policy:
    """The policy that this text is, or would be, in the file. Raises PolicyError."""
    if not text.strip():  # as an editor may leave it for a moment: nothing would be forbidden any more
        raise _empty(path)
    policy = read_policy(text, path.name, words)
    if not policy.rules and "default" not in policy.raw:  # or as it may be half-written, with the comments at its top
        raise _empty(path)
    return policy


def _empty(path: Path) -> PolicyError:
    return PolicyError(f'{path} is empty: write rules, or default = "allow" where none is to be in force')


def policies_of(settings: Settings, *, file_must_be_there: bool = False) -> Policies | None:
    """All that are to be in force; None where none has a rule. Raises PolicyError.

    A file that no setting names may be missing; then it says nothing.
    """
    words, path = vocabulary(settings), settings.policy_path
    policies = ready_of(settings, words)
    if settings.policy.file is not None or file_must_be_there or path.exists():
        policies.append(read_file(path, words))
    return together(policies)


def ready_of(settings: Settings, words: Vocabulary) -> list[Policy]:
    """The ready-made ones of the settings. Raises PolicyError."""
    return [read_policy(ready_text(name), name, words) for name in dict.fromkeys(settings.policy.ready)]


def together(policies: Iterable[Policy]) -> Policies | None:
    """Those of them that say something."""
    saying = [each for each in policies if each.rules or each.default == "deny"]
    return Policies(saying) if saying else None


class PolicyWatch:
    """Holds the laws in force. `fault` says why the file cannot be read just now; the policies before stay then."""

    def __init__(self, settings: Settings) -> None:
        """Raises PolicyError: with a broken policy nothing starts."""
        self._settings = settings
        self._seen = self._look()
        self.laws: Laws | None = None
        self._rests_on_file = False
        """Whether something in force is the file's, which has to say so itself where that is to end."""
        self._obey(policies_of(settings))
        self.fault: str | None = None

    def begin(self, adopt: Adopt) -> None:
        """Write down what is in force from the start. Raises db.Error."""
        if self.laws is not None:
            adopt(self.laws.policies)

    async def watch(self, adopt: Adopt) -> None:
        """Follow the file, or wait for there to be one, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            look = self._look()
            if look != self._seen or (look is None and self._must_be_there):
                await self._read(look, adopt)

    @property
    def _must_be_there(self) -> bool:
        return self._rests_on_file or self._settings.policy.file is not None

    async def _read(self, look: _Look | None, adopt: Adopt) -> None:
        if look is not None and 0 <= time.time() - look[0] / 1e9 < _SETTLED_SECONDS:
            return
        try:
            policies = await asyncio.to_thread(
                policies_of, self._settings, file_must_be_there=look is not None or self._must_be_there
            )
            if self._look() != look:
                return
            if _hash(policies) != _hash(None if self.laws is None else self.laws.policies):
                await db.in_thread(adopt, policies)
                self._obey(policies)
                log.info("the policy has changed: %s is in force", (_hash(policies) or "none")[:12])
        except (PolicyError, db.Error) as exc:
            self._tell(exc.message if isinstance(exc, PolicyError) else f"it cannot be written down: {exc}")
            if isinstance(exc, PolicyError):
                self._seen = look
        else:
            self._seen, self.fault = look, None

    def _obey(self, policies: Policies | None) -> None:
        self.laws = None if policies is None else Laws(policies)
        name = self._settings.policy_path.name
        self._rests_on_file = policies is not None and any(each.name == name for each in policies.policies)

    def _tell(self, fault: str) -> None:
        if fault != self.fault:
            log.error("the policy is broken, and the one before it stays in force: %s", fault)
        self.fault = fault

    def _look(self) -> _Look | None:
        try:
            found = self._settings.policy_path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino


def _hash(policies: Policies | None) -> str | None:
    return None if policies is None else policies.hash
