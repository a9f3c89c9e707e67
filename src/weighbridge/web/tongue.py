"""The languages of the window: what is said, from languages/CODE.po, and how numbers, money and times are written.

English text is the message, so English has no file. A further language is one file more, named by its code.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from gettext import GNUTranslations, NullTranslations
from importlib.resources import files
from io import BytesIO
from typing import Final, Literal

from babel import Locale
from babel.core import negotiate_locale
from babel.dates import format_timedelta
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from markupsafe import Markup

from weighbridge.reports import language
from weighbridge.reports.foreign import visible
from weighbridge.web.writing import writing

ENGLISH: Final = "en"
_WIDEST: Final = 12
"""Places of money at most: what less than a millionth of a millionth costs is told by the ledger, not by a page."""


def N_(message: str) -> str:
    """Marks a message that stands in a table and is said later, by `tongue.gettext`; the name is gettext's own."""
    return message


@dataclass(frozen=True, slots=True)
class Tongue:
    """One language, as a page writes it. Numbers may be None throughout, which is said as unknown."""

    code: str
    """As HTML's lang has it: `ar`, `pt-BR`."""
    label: str
    """Its name in itself: `العربية`."""
    direction: Literal["ltr", "rtl"]
    report: language.Tongue
    """For charts, and what reports share."""
    said: NullTranslations

    def gettext(self, message: str) -> str:
        """A message of ours in this language."""
        return self.said.gettext(message)

    def ngettext(self, one: str, more: str, count: int) -> str:
        """A message in the form that a count asks for."""
        return self.said.ngettext(one, more, count)

    def pgettext(self, context: str, message: str) -> str:
        """A message whose English has more than one meaning."""
        return self.said.pgettext(context, message)

    def npgettext(self, context: str, one: str, more: str, count: int) -> str:
        """Both."""
        return self.said.npgettext(context, one, more, count)

    def number(self, value: float | Decimal | None, places: int = 0) -> str:
        """Rounded to so many places, with groups."""
        return self.unknown if value is None else self.report.number(value, places)  # type: ignore[arg-type] # or Decimal

    def plain(self, value: float | None) -> str:
        """Whole, or with three digits that matter."""
        return self.unknown if value is None else self.report.plain(value)

    def tokens(self, value: float | None) -> str:
        """Every one below a million, then in millions."""
        return self.unknown if value is None else self.report.big(value)

    def share(self, value: float | Decimal | None, places: int = 1) -> str:
        """A share of 1, of a hundred."""
        return self.unknown if value is None else self.report.share(float(value), places)

    def money(self, value: Decimal | float | None, places: int | None = None) -> str:
        """US dollars: cents, or as many places as show three digits of what is less; `places` sets them."""
        if value is None:
            return self.unknown
        size = abs(Decimal(str(value)))
        if places is None and size >= 1_000_000:
            return self.report.dollars(float(value))
        shown = self.number(size, _places(size) if places is None else places)
        return (self.report.minus if value < 0 else "") + self._dollars(size, shown)

    def exact(self, value: Decimal | None) -> str:
        """US dollars with every digit there is."""
        if value is None:
            return self.unknown
        exponent = value.normalize().as_tuple().exponent
        return self.money(value, max(2, -exponent if isinstance(exponent, int) else 2))

    def _dollars(self, size: Decimal, shown: str) -> str:
        forms = self.report.units["usd"]
        form = language.plural(self.report.plurals, float(size))
        return forms.get(form, forms["other"]).format(number=shown)

    def span(self, seconds: float | None) -> str:
        """How long something took: milliseconds below a second, then seconds, minutes, hours."""
        if seconds is None:
            return self.unknown
        if seconds < 1:
            return self.gettext("%(number)s ms") % {"number": self.number(seconds * 1000, 1 if seconds < 0.01 else 0)}
        if seconds < 120:
            return self.gettext("%(number)s s") % {"number": self.number(seconds, 2 if seconds < 10 else 1)}
        if seconds < 7200:
            return self.gettext("%(number)s min") % {"number": self.number(seconds / 60, 1)}
        return self.gettext("%(number)s h") % {"number": self.number(seconds / 3600, 1)}

    def size(self, octets: float | None) -> str:
        """Of a file."""
        if octets is None:
            return self.unknown
        if octets >= 1e9:
            return self.gettext("%(number)s GB") % {"number": self.number(octets / 1e9, 1)}
        return self.gettext("%(number)s MB") % {"number": self.number(octets / 1e6, 1 if octets < 1e8 else 0)}

    def day(self, value: date | None) -> str:
        """A day; of a moment, its day in UTC."""
        if isinstance(value, datetime):
            value = value.astimezone(UTC).date()
        return self.unknown if value is None else self.report.dated(value)

    def month(self, value: date) -> str:
        """A day's month."""
        return self.report.month(value)

    def moment(self, value: datetime | None, *, seconds: bool = False) -> str:
        """A day and its time, in UTC, which it says."""
        if value is None:
            return self.unknown
        at = value.astimezone(UTC)
        clock = self.report.numeral(at.strftime("%H:%M:%S" if seconds else "%H:%M"))
        return self.gettext("%(day)s, %(clock)s UTC") % {"day": self.report.dated(at.date()), "clock": clock}

    def ago(self, value: datetime | None, now: datetime) -> str:
        """How long ago, or in how long: `3 minutes ago`."""
        if value is None:
            return self.unknown
        if abs((value - now).total_seconds()) < 10:
            return self.gettext("now")
        found = format_timedelta(value - now, add_direction=True, threshold=1.5, locale=self.code.replace("-", "_"))
        return self.report.numeral(found)

    def name(self, foreign: str | None) -> Markup:
        """A name of others (a model, a key, code) as HTML: it keeps its own direction and is never read as HTML."""
        if foreign is None:
            return Markup.escape(self.unknown)
        return Markup('<bdi dir="ltr">{}</bdi>').format(visible(foreign))

    def isolated(self, foreign: str) -> str:
        """The same where there can be no HTML: in a title, an attribute, a chart."""
        return self.report.name(foreign)

    @property
    def unknown(self) -> str:
        """What stands for None."""
        return self.gettext("unknown")


def _places(size: Decimal) -> int:
    if size == 0 or size >= Decimal("0.1"):
        return 2
    first = -size.adjusted()  # the place of the first digit that is not 0
    digits = f"{size:.{min(first + 2, _WIDEST)}f}".rstrip("0")
    return max(2, len(digits.partition(".")[2]))


@cache
def tongues() -> Mapping[str, Tongue]:
    """All, by code: English first, the others by their names."""
    found = {ENGLISH: _tongue(ENGLISH, NullTranslations())}
    folder = files("weighbridge.web") / "languages"
    for file in sorted(folder.iterdir(), key=lambda each: each.name):
        if file.name.endswith(".po"):
            code = file.name.removesuffix(".po")
            found[code.replace("_", "-")] = _tongue(code, _translations(file.read_bytes()))
    return found


def _tongue(code: str, said: NullTranslations) -> Tongue:
    locale, report = Locale.parse(code), writing(code)
    label = (locale.get_display_name(locale) or code).capitalize()
    return Tongue(code.replace("_", "-"), label, report.direction, report, said)


def _translations(text: bytes) -> NullTranslations:
    compiled = BytesIO()
    write_mo(compiled, read_po(BytesIO(text)))
    compiled.seek(0)
    return GNUTranslations(compiled)


def preferred(accept: str | None, among: Mapping[str, Tongue] | None = None) -> Tongue:
    """By a browser's Accept-Language; English where it names none of ours."""
    found = tongues() if among is None else among
    asked = sorted(_asked(accept or ""), key=lambda pair: -pair[1])
    code = negotiate_locale([code for code, weight in asked if weight > 0], list(found), sep="-")
    by_lower = {code.lower(): tongue for code, tongue in found.items()}
    return by_lower.get((code or ENGLISH).lower(), found[ENGLISH])


def _asked(accept: str) -> list[tuple[str, float]]:
    """Codes and their weights, in the order that they are named."""
    pairs = []
    for part in accept.split(",")[:20]:
        code, _, rest = part.strip().partition(";")
        weight = rest.strip().removeprefix("q=")
        try:
            pairs.append((code.strip(), float(weight) if weight else 1.0))
        except ValueError:
            continue
    return pairs
