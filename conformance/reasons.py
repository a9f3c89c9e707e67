"""Why our gateway misses what it misses: reasons.toml, one entry for each miss or several that are alike."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import msgspec

from conformance.results import Case

FILE = Path(__file__).parent / "reasons.toml"


class Reason(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """For the tests of `suite` whose id fits `test`, where `*` is anything."""

    suite: str
    test: str
    reason: str

    def is_for(self, suite: str, case: Case) -> bool:
        """Whether it tells about this miss."""
        return self.suite == suite and fnmatchcase(_plain(case.id), _plain(self.test))


class _File(msgspec.Struct, forbid_unknown_fields=True):
    reasons: list[Reason] = []


def read(path: Path = FILE) -> list[Reason]:
    """All of them. Raises msgspec.ValidationError."""
    return msgspec.toml.decode(path.read_bytes(), type=_File).reasons


def reason_of(reasons: Sequence[Reason], suite: str, case: Case) -> str | None:
    """The first that tells about this miss."""
    return next((each.reason for each in reasons if each.is_for(suite, case)), None)


def _plain(text: str) -> str:
    """Brackets of a test's parameters are no pattern."""
    return text.replace("[", "(").replace("]", ")")
