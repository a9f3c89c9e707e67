"""Days: when a payload was published, and dates in its rows that cannot be."""

import re
from calendar import monthrange
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Final

from weighbridge.market.findings import Finding
from weighbridge.market.sources.source import Payload

_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_IN_NAME: Final = re.compile(
    r"(?<!\d)(20\d\d)-(\d\d)(?:-(\d\d))?(?!\d)|(?i:(" + "|".join(_MONTHS) + r"))[a-z]*(20\d\d)"
)
FIRST_LANGUAGE_MODEL: Final = date(2017, 1, 1)
"""Lists of models that are sold or downloaded have none from before."""


def published(payload: Payload) -> date:
    """The day that whoever brings it says, else the last in its name (of a month, its end), else its file's own."""
    return payload.as_of or in_name(payload.name) or _changed(payload)


def undated(payload: Payload) -> list[Finding]:
    """That only its file's day is known, if so."""
    if payload.as_of is not None or in_name(payload.name) is not None:
        return []
    said = f"it does not say when it was published; the file is of {_changed(payload)}, and that stands for it"
    return [Finding(kind="undated", subject=payload.name, said=said)]


def in_name(name: str) -> date | None:
    """The last day in a name; of a month, its end."""
    found: date | None = None
    for year, month, day, word, its_year in _IN_NAME.findall(name):
        number = int(month or _MONTHS.index(word.lower()) + 1)
        in_year = int(year or its_year)
        try:
            found = date(in_year, number, int(day) if day else monthrange(in_year, number)[1])
        except (ValueError, IndexError):
            continue
    return found


def _changed(payload: Payload) -> date:
    return datetime.fromtimestamp(payload.path.stat().st_mtime, tz=UTC).date()


def day_said(
    text: str | None, subject: str, as_of: date, *, earliest: date = FIRST_LANGUAGE_MODEL
) -> tuple[date | None, list[Finding]]:
    """A date of a row, as YYYY-MM-DD or YYYY-MM; None with a finding where there can be no such one."""
    if not text:
        return None, []
    try:
        day = date.fromisoformat(text[:10] if len(text) != len("2026-01") else f"{text}-01")
    except ValueError:
        return None, [Finding(kind="impossible-date", subject=subject, said=f"{text!r} is no date")]
    if not earliest <= day or day.year > as_of.year + 1:
        return None, [Finding(kind="impossible-date", subject=subject, said=f"{text!r}")]
    if len(text) == len("2026-01"):
        return day, [Finding(kind="imprecise-date", subject=subject, said=f"{text!r}")]
    return day, []


def gaps(days: set[date], step: int = 1) -> Iterator[Finding]:
    """Where a series of days (or weeks) has none."""
    ordered = sorted(days)
    for before, after in pairwise(ordered):
        for missing in range(step, (after - before).days - step // 2, step):
            yield Finding(kind="gap", subject=f"{before + timedelta(missing)}", said="no row of this day")
