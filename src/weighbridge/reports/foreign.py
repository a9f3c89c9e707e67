"""Text of others: whatever is in it, it changes nothing around it, and a reader sees that it is there."""

import unicodedata
from typing import Final

_TURNING: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""What turns text round: https://www.unicode.org/reports/tr9/#Directional_Formatting_Characters"""
_KEPT: Final = frozenset("\n\t")
_HIDDEN: Final = frozenset({"Cc", "Cs"})
"""Control characters, and halves of characters, which no file can hold."""


def visible(said: str) -> str:
    """With what turns, controls or breaks text written out, as in `⟨U+202E⟩`."""
    if said.isascii() and said.isprintable():
        return said
    return "".join(f"⟨U+{ord(each):04X}⟩" if _told(each) else each for each in said)


def _told(each: str) -> bool:
    return each in _TURNING or (each not in _KEPT and unicodedata.category(each) in _HIDDEN)
