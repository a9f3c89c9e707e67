"""Which part of the ledger somebody sees: an organisation's, a project's, some keys', or all of it."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Within:
    """Entries that belong to these. A project without an organisation is one of its own."""

    organisation: str | None = None
    project: str | None = None
    keys: frozenset[str] | None = None
    """Ids of keys; None: of any. None at all sees nothing."""

    def sql(self) -> tuple[str, list[str | None]]:
        """The condition on the table `kind`, which begins with AND where there is one, and what is bound to it."""
        conditions: list[str] = []
        given: list[str | None] = []
        if self.project is not None:
            conditions += ["kind.organisation IS NOT DISTINCT FROM ?", "kind.project = ?"]
            given += [self.organisation, self.project]
        elif self.organisation is not None:
            conditions.append("kind.organisation = ?")
            given.append(self.organisation)
        if self.keys is not None:
            conditions.append(f"kind.key IN ({', '.join('?' * len(self.keys))})" if self.keys else "1 = 0")
            given += sorted(self.keys)
        return "".join(f" AND {each}" for each in conditions), given


ALL: Final = Within()
