"""Texts as they are compared: what makes no difference to a reader makes none here."""

import re
import unicodedata
from typing import Final

_SEPARATORS: Final = str.maketrans({"\u066b": ".", "\u066c": ",", "\u060c": ",", "\u2212": "-", "\u2013": "-"})
"""Arabic's decimal and thousands separators and its comma, the minus sign, the dash."""
_DROPPED: Final = re.compile("[\u0640\u064b-\u065f\u0670\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
"""Arabic's tatweel and vowel marks, and what has no width."""
_SPACES: Final = re.compile(r"\s+")
_AROUND: Final = " \t\n\"'`*_“”‘’«»()[].,;:!?؟؛。"  # noqa: RUF001 -- the quotes that people use


def digits(text: str) -> str:
    """The same with the digits of all scripts, their separators and signs in ASCII."""
    plain = unicodedata.normalize("NFKC", text).translate(_SEPARATORS)
    if plain.isascii():
        return plain
    return "".join(str(unicodedata.decimal(each)) if each.isdecimal() else each for each in plain)


def normal(text: str) -> str:
    """Case, spaces, marks around it, Arabic's vowel marks and the script of its digits make no difference."""
    return _SPACES.sub(" ", _DROPPED.sub("", digits(text)).casefold()).strip(_AROUND)


_LETTER: Final = r"[\(\[]?\s*\**([A-Ja-j]|[أابجده])\**\s*[\)\]]?"
_BOXED: Final = re.compile(r"\\boxed\{\s*(?:\\text\{)?\s*\(?([A-Ja-j])\)?\s*\}?\s*\}")
_SAID: Final = re.compile(
    r"(?i:answer|choice|option|الإجابة|الجواب|الخيار|答案)\**\s*(?i:is|[:=]|هو|هي|是|\uff1a)*\s*[\(\[\*]*"
    r"([A-J](?![\w'])|[a-j](?![\w']|\s+\w)|[أابجده](?!\w))"
)
_ALONE: Final = re.compile(rf"\s*\**{_LETTER}\**\s*[.:]?\s*")
_AHEAD: Final = re.compile(r"\s*\**[\(\[]?\**([A-Ja-j])\**(?:[\)\]:]|\.(?=\s|$))")


def choice(text: str) -> str | None:
    """The letter that an answer chooses, upper case: boxed, said to be the answer, alone, or ahead of its text."""
    if said := _BOXED.findall(text) or _SAID.findall(text):
        return _upper(str(said[-1]))
    last = text.strip().rsplit("\n", 1)[-1]
    found = _ALONE.fullmatch(text) or _AHEAD.match(text) or _ALONE.fullmatch(last)
    return _upper(found[1]) if found else None


def _upper(letter: str) -> str:
    return letter.replace("\u0627", "\u0623").upper()  # alef stands for alef with hamza
