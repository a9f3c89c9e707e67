"""The form that requests are looked for with: what was typed, what it means, what is wrong with it. Pure.

Numbers and times may be typed in the digits of any language; whatever was typed comes back into its field.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Final, get_args
from urllib.parse import urlencode

from weighbridge.ledger.entry import Ending
from weighbridge.ledger.search import Wanted

Gettext = Callable[[str], str]

FIELDS: Final = (
    "within", "since", "until", "model", "endpoint", "key", "user", "tag", "ending", "status", "error", "cost_from",
    "cost_to", "seconds_from", "seconds_to", "first_from", "first_to",
)  # fmt: skip
"""Of the form; each is a text, and empty where it asks for nothing."""
FOLDED: Final = FIELDS[FIELDS.index("until") + 1 :]
"""Those that are out of sight until they are wanted."""
WITHIN: Final[Mapping[str, timedelta]] = {
    "1h": timedelta(hours=1),
    "24h": timedelta(days=1),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
}
RECEIPT: Final = re.compile(r"wbr-[0-9a-f]{32}")
_GENERATION: Final = re.compile(r"gen-([0-9a-f]{32})")
_STATUS: Final = re.compile(r"([1-5])([0-9]{2}|xx)")
_CURSOR: Final = re.compile(r"wbr-[0-9a-f]{1,32}")
_LONGEST: Final = 300
_MOST: Final = Decimal(9_000_000)
"""Dollars, or seconds, that a column holds."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What was typed, and what it means."""

    typed: Mapping[str, str]
    wanted: Wanted
    before: str | None
    """Where the page begins; None: with the newest."""
    problems: Mapping[str, str] = field(default_factory=dict)
    """By the field."""

    @property
    def is_folded(self) -> bool:
        """Whether nothing is asked of what is out of sight."""
        return not any(self.typed[name] for name in FOLDED)

    @property
    def is_anything(self) -> bool:
        """Whether nothing at all is asked."""
        return not any(self.typed.values())

    def address(self, before: str | None = None, **other: str) -> str:
        """The page of the same form, from an id on, or with other values in its fields."""
        fields = {name: value for name, value in {**self.typed, **other}.items() if value}
        if before is not None:
            fields["before"] = before
        return f"/requests?{urlencode(fields)}" if fields else "/requests"


def receipt_in(pasted: str) -> str | None:
    """The receipt that a text names, as itself or as a generation of OpenRouter's API; None: it is neither."""
    text = pasted.strip().strip("\"'`").lower()
    if generation := _GENERATION.fullmatch(text):
        return f"wbr-{generation[1]}"
    return text if RECEIPT.fullmatch(text) else None


def asked(
    query: Mapping[str, str], *, now: datetime, gettext: Gettext, user: Callable[[str], str] = lambda name: name
) -> Asked:
    """Read the form. `user` is how entries name a user; the keys that may be seen are for the caller to add."""
    reading = _Reading({name: query.get(name, "").strip()[:_LONGEST] for name in FIELDS}, gettext)
    within = WITHIN.get(reading.typed["within"])
    since, until = reading.moment("since"), reading.moment("until")
    if since is not None and until is not None and since >= until:
        reading.problems["until"] = gettext("The end is not after the start.")
    if within is not None:
        since, until = now - within, None
    text = reading.text
    wanted = Wanted(
        since=since,
        until=until,
        model=text("model"),
        endpoint=text("endpoint"),
        user=None if (name := text("user")) is None else user(name),
        tag=None if (tag := text("tag")) is None else tag.lower(),
        ending=reading.ending(),
        status=reading.status(),
        error=text("error"),
        cost=reading.bounds("cost"),
        duration=_seconds(reading.bounds("seconds")),
        first_byte=_seconds(reading.bounds("first")),
    )
    before = query.get("before", "")
    return Asked(reading.typed, wanted, before if _CURSOR.fullmatch(before) else None, reading.problems)


@dataclass(frozen=True, slots=True)
class _Reading:
    typed: dict[str, str]
    gettext: Gettext
    problems: dict[str, str] = field(default_factory=dict)

    def text(self, name: str) -> str | None:
        return self.typed[name] or None

    def moment(self, name: str) -> datetime | None:
        typed = _ascii(self.typed[name])
        if not typed:
            return None
        try:
            found = datetime.fromisoformat(typed)
            found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
        except (ValueError, OverflowError):
            self.problems[name] = self.gettext(
                "Write a day, or a day and a time in UTC: 2026-11-22 or 2026-11-22 14:30."
            )
            return None
        if found.year < 1980:
            self.problems[name] = self.gettext("No ledger is so old.")
            return None
        return found

    def ending(self) -> Ending | None:
        typed = self.typed["ending"]
        found: Ending | None = next((each for each in get_args(Ending) if each == typed), None)
        if typed and found is None:
            self.problems["ending"] = self.gettext("Requests do not end so: choose one of the endings.")
        return found

    def status(self) -> tuple[int, int] | None:
        typed = _ascii(self.typed["status"]).lower()
        if not typed:
            return None
        found = _STATUS.fullmatch(typed)
        if found is None:
            self.problems["status"] = self.gettext("Write a status such as 429, or 5xx for all that begin so.")
            return None
        if found[2] == "xx":
            return int(found[1]) * 100, int(found[1]) * 100 + 99
        return int(typed), int(typed)

    def bounds(self, name: str) -> tuple[Decimal | None, Decimal | None]:
        least, most = self.number(f"{name}_from"), self.number(f"{name}_to")
        if least is not None and most is not None and least > most:
            self.problems[f"{name}_to"] = self.gettext("The most is less than the least.")
        return least, most

    def number(self, name: str) -> Decimal | None:
        typed = _ascii(self.typed[name])
        if not typed:
            return None
        try:
            found = Decimal(typed)
        except InvalidOperation:
            found = Decimal(-1)
        if not found.is_finite() or not 0 <= found <= _MOST:
            self.problems[name] = self.gettext("Write a number from 0 on, such as 0.25.")
            return None
        return found


def _seconds(bounds: tuple[Decimal | None, Decimal | None]) -> tuple[float | None, float | None]:
    least, most = bounds
    return None if least is None else float(least), None if most is None else float(most)


def _ascii(typed: str) -> str:
    """With the digits and the decimal point of any language as ASCII has them."""
    digits = (str(unicodedata.decimal(each)) if each.isdecimal() else each for each in typed)
    return "".join(digits).replace("\u066b", ".").replace("\u066c", "").strip()
