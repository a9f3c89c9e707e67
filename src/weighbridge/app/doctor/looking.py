"""A look at everything, in the background: each check in a thread of its own, for whoever watches them come in."""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from weighbridge.app.doctor.checks import Check, Part
from weighbridge.app.doctor.finding import N_, PLAIN, Finding
from weighbridge.config import ConfigError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a look has come, as it stands."""

    begun: datetime
    parts: Sequence[Part]
    """All that are looked at, in their order."""
    found: Sequence[Finding]
    """Of those that have been, in their order."""
    waiting: Sequence[Part]
    """Those that have not."""

    @property
    def is_over(self) -> bool:
        """Whether all have been looked at."""
        return not self.waiting


@dataclass(slots=True)
class _Look:
    begun: datetime
    checks: Sequence[Check]
    found: dict[Part, Sequence[Finding]] = field(default_factory=dict)


class Looking:
    """One look at a time. Its threads are daemons: a process that stops does not wait for them."""

    def __init__(self, checks: Callable[[bool], Sequence[Check]], now: Callable[[], datetime]) -> None:
        self._checks, self._now = checks, now
        self._turn = threading.Lock()
        self._last: _Look | None = None

    def begin(self, *, probe: bool = False) -> Progress:
        """Look again, or go on with the look that is under way; `probe` as in `checks`."""
        with self._turn:
            look = self._last
            if look is None or len(look.found) == len(look.checks):
                look = self._last = _Look(self._now(), self._checks(probe))
                for check in look.checks:
                    threading.Thread(target=_look, args=(look, check), daemon=True, name=f"doctor-{check.part}").start()
        return _progress(look)

    def last(self) -> Progress | None:
        """The look that is under way, or the last one; None where there was none."""
        return None if self._last is None else _progress(self._last)


def _look(look: _Look, check: Check) -> None:
    try:
        found: Sequence[Finding] = list(check.look())
    except ConfigError as error:
        found = [Finding("settings", "failed", PLAIN, {"text": str(error)})]
    except Exception:  # whatever it is, the other checks are told, and so is this
        log.exception("the check %r of doctor broke", check.part)
        said = N_("the check %(part)s could not be made: the window's log says why")
        found = [Finding("program", "failed", said, {"part": check.part})]
    look.found[check.part] = found


def _progress(look: _Look) -> Progress:
    done = dict(look.found)
    parts = [each.part for each in look.checks]
    found = [finding for part in parts for finding in done.get(part, ())]
    return Progress(look.begun, parts, found, [part for part in parts if part not in done])
