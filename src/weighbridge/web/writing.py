"""How a language writes numbers and days: as its reports do, or by CLDR where no report is written in it."""

from functools import cache

from babel import Locale

from weighbridge.data_files import folder
from weighbridge.errors import WeighbridgeError
from weighbridge.reports.language import Tongue, read


@cache
def writing(code: str) -> Tongue:
    """What reports and charts need of a language, by its code (`ar`, `pt_BR`)."""
    if code in folder("weighbridge.reports", "languages"):
        return read(code, "", Tongue, WeighbridgeError)
    return _from_cldr(Locale.parse(code))


def _from_cldr(locale: Locale) -> Tongue:
    digits = locale.default_numbering_system
    symbols = locale.number_symbols.get(digits, locale.number_symbols["latn"])
    zero = {"arab": 0x660, "arabext": 0x6F0, "beng": 0x9E6, "deva": 0x966, "mymr": 0x1040}.get(digits, ord("0"))
    percent = locale.percent_formats[None].pattern.partition(";")[0]
    months = locale.months["format"]["wide"]
    return Tongue(
        code=f"{locale}".replace("_", "-"),
        direction="rtl" if locale.text_direction == "rtl" else "ltr",
        plurals="english",
        digits="".join(chr(zero + each) for each in range(10)),
        decimal=symbols["decimal"],
        group=symbols["group"],
        minus=symbols["minusSign"],
        percent=percent.replace("#,##0", "{number}").replace("#,##,##0", "{number}"),
        day="{day} {month} {year}",
        between="{first} - {last}",
        months=tuple(months[each] for each in range(1, 13)),
        large={word: _large(locale, size) for word, size in _LARGE.items()},
        units={"usd": {"other": _dollars(locale)}},
        words={"unknown": "—", "separator": "; ", "comma": ", "},
    )


_LARGE = {"thousand": 3, "million": 6, "billion": 9, "trillion": 12}


def _large(locale: Locale, zeros: int) -> str:
    pattern = locale.compact_decimal_formats["short"]["other"].get("1" + "0" * zeros)
    found = pattern.pattern if pattern is not None else ""
    return found.replace("0", "{number}") if found.count("0") == 1 else f"{{number}}e{zeros}"


def _dollars(locale: Locale) -> str:
    pattern = locale.currency_formats["standard"].pattern.partition(";")[0]
    number = pattern.strip("\u200e\u200f¤\u00a0 ")
    shown: str = pattern.replace(number, "{number}").replace("¤", locale.currency_symbols.get("USD", "US$"))
    return shown
