"""What doctor says of one thing: well or not, in words that can be translated, and what to do about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Final, Literal

Condition = Literal["ok", "note", "missing", "failed"]
"""`missing` is not there yet, `failed` should work and does not."""
About = Literal[
    "program", "settings", "data", "disk", "ledger", "sums", "keys", "policy", "local models", "names",
    "shared server", "switch", "gateway", "window", "process", "provider", "providers",
]  # fmt: skip
"""What was looked at. Of a `process` and a `provider` there are several: the name says which."""
Hole = str | int | float | date
"""What stands in a text: a name or a text of others, a count, a measure with one place, a day."""


class Word(str):
    """A hole that is a message of ours, to be translated as the text is."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Many:
    """A text where a count is more than one, and which of the holes is that count."""

    text: str
    count: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at, and what to do about it where something is."""

    about: About
    condition: Condition
    text: str
    """In English, with `%(names)s` of what stands in it."""
    holes: Mapping[str, Hole] = field(default_factory=dict)
    name: str = ""
    command: str | None = None
    """What to type."""
    advice: str | None = None
    """What to do, where it is more than to type something: in English, with the same holes."""
    many: Many | None = None

    @property
    def title(self) -> str:
        """What was looked at, as a command calls it."""
        if self.about == "process":
            return self.name
        return f"{self.about} {self.name}" if self.name else self.about

    @property
    def said(self) -> str:
        """The text in English."""
        text = self.text
        if self.many is not None and self.holes[self.many.count] != 1:
            text = self.many.text
        return _filled(text, self.holes)

    @property
    def next_step(self) -> str | None:
        """What to do, in English."""
        return self.command if self.advice is None else _filled(self.advice, self.holes)


def N_(message: str) -> str:
    """Marks a message that is to be translated, by whoever shows it; the name is gettext's own."""
    return message


def ngettext(one: str, more: str) -> tuple[str, str]:
    """Marks both forms of such a message; the name is gettext's own as well."""
    return one, more


PLAIN: Final = "%(text)s"
"""A text of others alone."""


def _filled(text: str, holes: Mapping[str, Hole]) -> str:
    return text % {name: _shown(hole) for name, hole in holes.items()}


def _shown(hole: Hole) -> str:
    match hole:
        case int():
            return f"{hole:,}"
        case float():
            return f"{hole:,.1f}"
        case date():
            return f"{hole:%Y-%m-%d}"
    return hole
