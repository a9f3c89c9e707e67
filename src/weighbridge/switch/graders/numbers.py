"""The number that an answer gives.

Units are not looked at: 5 km and 5 miles are the same here, and 5 km is not 5000 m. Number words, and words that
multiply (`2 million`), are not read.
"""

import re
from decimal import Decimal
from typing import Final

from weighbridge.switch.graders import words

_EXPONENT: Final = r"(?:[eE]([-+]?\d{1,3})(?![\d.])|\s*(?:[x\u00d7*]|\\times|\\cdot)\s*10\s*\^\s*\{?([-+]?\d{1,3})\}?)?"
_NUMBER: Final = re.compile(
    rf"(?<![A-Za-z0-9_.,])[$€£]?((?<![\w)\]%])[-+]|)[$€£]?(\d+(?:[.,'_\u2019]\d+)*|\.\d+){_EXPONENT}"
    r"(?:\s*/\s*(\d+(?:\.\d+)?)(?![\d/]))?"
)
_FRACTION: Final = re.compile(r"(-?)\\[dt]?frac\{\s*(-?[\d.]+)\s*\}\{\s*([\d.]+)\s*\}")
_BOXED: Final = re.compile(r"\\boxed\{((?:[^{}]|\{[^{}]*\}(?:\{[^{}]*\})?)*)\}")
_SAID: Final = re.compile(
    r"(?:####|\b(?:answer|result|total)\b\W{0,3}(?:is|are|[:=])|答案\W{0,3}[是:]?"
    r"|(?:الجواب|الإجابة|الناتج|المجموع)\W{0,3}(?:هو|هي|[:=]))",
    re.IGNORECASE,
)
_GROUPED_BY_SPACES: Final = re.compile(r"\W{0,3}[-+]?\d{1,3}(?: \d{3})+(?:[.,]\d+)?\W{0,3}")
_WITH_UNIT: Final = re.compile(r"[^\w\n]{0,4}(?:[A-Z]{3} )?[-+]?[\d.,'_]*\d[^\w\n]{0,2}(?:[^\W\d]+\W?){0,2}")
_SHORT: Final = 32
_CLOSE: Final = Decimal("1e-6")


def answered(text: str) -> Decimal | None:
    """The number in a box, else the one said to be the answer, else the last one; None if there is none."""
    plain = _plain(text)
    if boxes := _BOXED.findall(plain):
        return _last(boxes[-1])
    if said := list(_SAID.finditer(plain)):
        line = plain[said[-1].end() :].strip().split("\n", 1)[0]
        number = _last(line.rsplit("=", 1)[1]) if "=" in line else _first(line)
        if number is not None:
            return number
    return _last(plain)


def alone(text: str) -> Decimal | None:
    """The number that a text consists of, with two words of unit at most, or that it puts in a box or after ####."""
    plain = _plain(text).strip()
    if _BOXED.search(plain) or "####" in plain:
        return answered(text)
    if len(plain) > _SHORT or not _WITH_UNIT.fullmatch(plain):
        return None
    return _last(plain)


def same(number: Decimal, expected: str) -> bool:
    """Whether it is what is expected: to a millionth, to the decimals that are given, or to the `±` that is given."""
    value, _, tolerance = expected.partition("±")
    right, within = _last(_plain(value)), _last(_plain(tolerance))
    if right is None:
        return False
    if within is not None:
        return abs(number - right) <= within
    if abs(number - right) <= _CLOSE * abs(right):
        return True
    decimals = right.as_tuple().exponent
    return isinstance(decimals, int) and decimals < 0 and abs(number) < 10**15 and round(number, -decimals) == right


def _plain(text: str) -> str:
    text = re.sub("(?<=\\d)[\u00a0\u2009\u202f](?=\\d{3})", "", text)
    text = words.digits(text).replace("{,}", ",").replace("\\,", "").replace("\\$", "$").replace("\\!", "")
    return text.replace(" ", "") if _GROUPED_BY_SPACES.fullmatch(text.strip()) else text


def _all(plain: str) -> list[tuple[int, Decimal]]:
    found = [(each.start(), _fraction(*each.groups())) for each in _FRACTION.finditer(plain)]
    rest = _FRACTION.sub(lambda each: " " * len(each[0]), plain)
    found += [(each.start(), _read(*each.groups())) for each in _NUMBER.finditer(rest)]
    return sorted((place, number) for place, number in found if number is not None)


def _first(plain: str) -> Decimal | None:
    return next((number for _, number in _all(plain)), None)


def _last(plain: str) -> Decimal | None:
    found = _all(plain)
    return found[-1][1] if found else None


def _fraction(sign: str, above: str, below: str) -> Decimal | None:
    top, bottom = _unsigned(above.removeprefix("-")), _unsigned(below)
    if top is None or not bottom:
        return None
    return (top / bottom).copy_sign(-1 if (sign == "-") != above.startswith("-") else 1)


def _read(sign: str, figures: str, e: str | None, power: str | None, below: str | None) -> Decimal | None:
    number = _unsigned(figures)
    if number is None:
        return None
    number = number.scaleb(int(e or power or 0))
    if below is not None and Decimal(below):
        number /= Decimal(below)
    return -number if sign.startswith("-") else number


def _unsigned(figures: str) -> Decimal | None:
    """`1,234.5`, `1.234,5`, `1'234`, `0,5`; None for what is a date, a version or a list."""
    figures = re.sub("['_\u2019]", ",", figures)
    comma, dot = figures.rfind(","), figures.rfind(".")
    if comma >= 0 and dot >= 0:
        decimal, grouping = (",", ".") if comma > dot else (".", ",")
        whole, _, rest = figures.rpartition(decimal)
        return Decimal(f"{whole.replace(grouping, '')}.{rest}") if _grouped(whole, grouping) else None
    if figures.count(",") + figures.count(".") > 1 or (comma >= 0 and _grouped(figures, ",")):
        mark = "," if comma >= 0 else "."
        return Decimal(figures.replace(mark, "")) if _grouped(figures, mark) else None
    return Decimal(figures.replace(",", "."))


def _grouped(whole: str, mark: str) -> bool:
    first, *rest = whole.split(mark)
    return not rest or (len(first) <= 3 and first != "0" and all(len(each) == 3 for each in rest))
