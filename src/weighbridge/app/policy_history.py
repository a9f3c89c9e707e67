"""Which policies there were: when each was set, by whom, what was else in it, and who obeys which now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from weighbridge import audit_log
from weighbridge.app.policies import read_text, ready_of, together, vocabulary
from weighbridge.app.policy_file import SET
from weighbridge.audit_log import Row, Wanted
from weighbridge.config import Settings
from weighbridge.db import Connection
from weighbridge.errors import PolicyError
from weighbridge.ledger.policies import PUT_IN_FORCE, texts
from weighbridge.routing.policy.changes import Changed, changes
from weighbridge.routing.policy.law import Policies, kept
from weighbridge.routing.policy.rules import Policy


@dataclass(frozen=True, slots=True)
class Version:
    """Policies that were set, or found by the workers."""

    id: int
    """Of the row of the audit log."""
    at: datetime
    actor: str
    """Who set it; the gateway itself, where it found a file or settings that were changed."""
    policy: str | None
    """Its hash; None: no policy."""
    before: str | None
    file: str | None
    """The text of the file, where it was written from here."""
    in_force: datetime | None
    """Since when the first worker obeyed it; None: none did."""


def versions(connection: Connection, *, limit: int, before: int = 0) -> list[Version]:
    """The newest first; `before` is the id of the one after them. Raises db.Error."""
    rows: list[Row] = []
    for action in (SET, PUT_IN_FORCE):
        # one more of each, as what was set and what came of it are two rows
        rows += audit_log.rows(connection, Wanted(action=action, newest_first=True, after=before, limit=limit + 1))
    found: list[Version] = []
    for row in sorted(rows, key=lambda row: row.id):
        version = _version(row)
        of_before = found[-1] if found else None
        if row.change.action == PUT_IN_FORCE and of_before is not None and _is_of(of_before, version):
            found[-1] = replace(of_before, in_force=row.at)
        else:
            found.append(version)
    return found[::-1][:limit]


def version_of(connection: Connection, id_: int) -> Version | None:
    """The one of this row of the audit log. Raises db.Error."""
    rows = audit_log.rows(connection, Wanted(after=max(id_ - 1, 0), limit=1))
    return _version(rows[0]) if rows and rows[0].id == id_ and rows[0].change.action in (SET, PUT_IN_FORCE) else None


def _version(row: Row) -> Version:
    after, before = row.change.after or {}, row.change.before or {}
    return Version(
        id=row.id,
        at=row.at,
        actor=row.actor.id,
        policy=_text(after, "policy"),
        before=_text(before, "policy"),
        file=_text(after, "file"),
        in_force=row.at if row.change.action == PUT_IN_FORCE else None,
    )


def _is_of(version: Version, taken_up: Version) -> bool:
    return version.file is not None and version.in_force is None and version.policy == taken_up.policy


def _text(facts: Mapping[str, object], name: str) -> str | None:
    found = facts.get(name)
    return found if isinstance(found, str) else None


class Library:
    """Policies by their hashes, as the ledger keeps them, or as the file had them that was set."""

    def __init__(self, connection: Connection, settings: Settings, found: Sequence[Version]) -> None:
        """Raises db.Error."""
        self._texts = texts(connection)
        self._files = {each.policy: each.file for each in found if each.file is not None}
        self._settings = settings

    def policies(self, hash_: str | None) -> Policies | None:
        """Those of a hash; None too where they are not known."""
        try:
            if hash_ in self._texts:
                return kept(self._texts[hash_])
            file = self._files.get(hash_)
            if hash_ is None or file is None:
                return None
            words = vocabulary(self._settings)
            return together([*ready_of(self._settings, words), read_text(file, self._settings.policy_path, words)])
        except PolicyError:
            return None

    def changed(self, version: Version) -> list[Changed]:
        """What was else than before it."""
        return changes(self.policies(version.before), self.policies(version.policy))

    def policy(self, version: Version, changed: Changed) -> Policy | None:
        """The policy that a rule is of, or was."""
        for hash_ in (version.policy, version.before):
            policies = self.policies(hash_)
            for each in () if policies is None else policies.policies:
                if each.name == changed.policy:
                    return each
        return None
