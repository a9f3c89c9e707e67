"""A form as it was filled in: what was typed, read field by field, and what is wrong with which."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Final, Self

from markupsafe import Markup

from weighbridge.errors import BadRequest, Conflict, Forbidden, WeighbridgeError
from weighbridge.web.visit import Visit

_DECIMAL: Final = str.maketrans({"\u066b": ".", "\u066c": "", ",": "", "\u00a0": "", " ": ""})
"""What people write between digits, in Arabic too; the digits themselves may be of any script."""
_LONGEST: Final = 10_000


MENDED: Final = (BadRequest, Forbidden, Conflict)
"""What is told at the form, and can be mended there."""


class _Errors(dict[str, str | None]):
    """What is wrong, by field; None of a field that is right, for templates."""

    def __missing__(self, name: str) -> None:
        return None


class Filled:
    """Fields by name. A page shows `values` again, with `errors` at their fields; `""` among them is of the whole form.

    Each reader returns what is meant, and notes what is wrong, in the language of the page.
    """

    def __init__(self, gettext: Callable[[str], str], values: Mapping[str, str] | None = None, **begun: str) -> None:
        self.values: dict[str, str] = {**begun, **(values or {})}
        self.errors = _Errors()
        self.say = gettext
        """A message in the language of the page."""

    @classmethod
    def of(cls, visit: Visit) -> Self:
        """The form that was sent."""
        return cls(visit.tongue.gettext, {name: value for name, value in visit.form.items() if isinstance(value, str)})

    def __getitem__(self, name: str) -> str:
        """What stands in a field."""
        return self.values.get(name, "")

    def wrong(self, name: str, message: str, english: object = None) -> None:
        """Note what is wrong with a field, and what a library says of it; the first complaint stays."""
        said = message if english is None else Markup("{} {}").format(message, _foreign(english))
        self.errors.setdefault(name, said)

    def refused(self, error: WeighbridgeError, fields: Mapping[str, str] | Sequence[str] = ()) -> None:
        """Note what was refused, in its own English words, at the field that it names, if that is one of these.

        A mapping says what a field is called here by what the error calls it.
        """
        known = fields if isinstance(fields, Mapping) else {each: each for each in fields}
        self.errors.setdefault(known.get(error.param or "", ""), _foreign(error.message))

    def text(self, name: str, *, required: bool = False, most: int = 200) -> str:
        """One line."""
        found = self[name].strip()
        if required and not found:
            self.wrong(name, self.say("Fill this in."))
        elif len(found) > most:
            self.wrong(name, self.say("This is too long: at most %(most)s characters.") % {"most": most})
        elif re.search(r"[\x00-\x1f\x7f]", found):
            self.wrong(name, self.say("Control characters cannot stand here."))
        return found

    def optional(self, name: str) -> str | None:
        """One line, or None where nothing is in it."""
        return self.text(name) or None

    def words(self, name: str) -> list[str]:
        """Several, by line or comma, each once."""
        if len(self[name]) > _LONGEST:
            self.wrong(name, self.say("This is too long: at most %(most)s characters.") % {"most": _LONGEST})
            return []
        return list(dict.fromkeys(word.strip() for word in re.split(r"[\n,،]", self[name]) if word.strip()))

    def checked(self, name: str) -> bool:
        """Whether a box is ticked."""
        return bool(self[name])

    def choice(self, name: str, among: Sequence[str]) -> str | None:
        """One of these; None where nothing is chosen."""
        found = self[name]
        if not found:
            return None
        if found not in among:
            self.wrong(name, self.say("Choose one of the list."))
            return None
        return found

    def amount(self, name: str) -> Decimal | None:
        """A number above 0, in the digits of any script; None where nothing is typed."""
        typed = self[name].strip()
        if not typed:
            return None
        try:
            found = Decimal(typed.translate(_DECIMAL))
        except InvalidOperation:
            found = Decimal("NaN")
        if not found.is_finite() or found <= 0:
            self.wrong(name, self.say("Write a number above zero, such as 25 or 0.5."))
            return None
        return found

    def whole(self, name: str, low: int, high: int) -> int | None:
        """A whole number from `low` to `high`; None where nothing is typed."""
        typed = self[name].strip().translate(_DECIMAL)
        if not typed:
            return None
        if re.fullmatch(r"\d{1,18}", typed) and low <= int(typed) <= high:
            return int(typed)
        said = self.say("Write a whole number from %(low)s to %(high)s.")
        self.wrong(name, said % {"low": f"{low:,}", "high": f"{high:,}"})
        return None

    def moment(self, name: str) -> datetime | None:
        """A day and time as the browser's own field sends it, in UTC; None where nothing is typed."""
        typed = self[name].strip()
        if not typed:
            return None
        try:
            found = datetime.fromisoformat(typed)
        except ValueError:
            self.wrong(name, self.say("Write a day and a time, such as 2027-01-31T12:00."))
            return None
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _foreign(english: object) -> Markup:
    return Markup('<bdi lang="en" dir="ltr">{}</bdi>').format(str(english))
