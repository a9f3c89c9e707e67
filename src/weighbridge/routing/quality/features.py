"""What of a request is measured: hashed n-grams of its words and characters, and a few plain figures of its text.

All of it is arithmetic on arrays of code points: no dictionary of words, and no text is kept. The n-grams are those of
the text that begins the conversation, so that every turn measures the same. A token is a run of letters and digits, a
character that stands for a word (Chinese, Japanese), or any other sign; Arabic and other scripts with spaces are words
like English ones. Hashes are ours, and the same on every machine and in every release: what was learnt is kept by them.
"""

import re
import unicodedata
from functools import cache
from math import log1p
from typing import Final

import numpy as np
import numpy.typing as npt

from weighbridge.routing.quality.look import Look

BUCKETS: Final = 1 << 18
"""Of the hash of n-grams."""
READ: Final = 1200
"""Characters whose n-grams are counted. More of them foretold no better on any table, and take their time."""
Ints = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]
Floats = npt.NDArray[np.float32]

_SPACE, _LETTER, _SIGN, _WORD = range(4)
_MULTIPLIER: Final = 0x9E37_79B9_7F4A_7C15
_PAIR: Final = np.uint64(0xC2B2_AE3D_27D4_EB4F)
_FINISH: Final = np.uint64(0xD6E8_FEB8_6659_FD93)
_SHIFT: Final = np.uint64(64 - 18)
_SIDE: Final = np.uint64(64 - 19)
_ONE: Final = np.uint64(1)
_SIGNS: Final = np.array([-1, 1], np.float64)
_CHARACTERS: Final = (3, 5)
"""Lengths of the n-grams of characters."""
_FAR: Final = 0x10000
"""Code points from here on (emoji, rare ideographs) are signs."""


def codes(text: str) -> Hashes:
    """Its code points in lower case, between two spaces: of the first and the last half of READ characters."""
    text = _ends(text).lower()
    return np.frombuffer(f" {text} ".encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)


def _ends(text: str) -> str:
    return text if len(text) <= READ else text[: READ // 2] + text[-READ // 2 :]


def grams(points: Hashes) -> tuple[Hashes, Hashes]:
    """Hashes of the n-grams: of one and two words, and of characters, as often as they occur."""
    every, many = hashed(points)
    return every[:many], every[many:]


def hashed(points: Hashes) -> tuple[Hashes, int]:
    """The same one after another, and how many are of words."""
    powers, inverses = _powers()
    sums = np.empty(len(points) + 1, np.uint64)
    sums[0] = 0
    np.add.accumulate((points + _ONE) * powers[: len(points)], out=sums[1:])
    starts, ends = _tokens(points)
    words = (sums.take(ends) - sums.take(starts)) * inverses.take(starts)
    pairs = words[:-1] * _PAIR + words[1:]
    spans = [(sums[n:] - sums[:-n]) * inverses[: len(sums) - n] + np.uint64(n) for n in _CHARACTERS if len(points) >= n]
    return np.concatenate([words, pairs, *spans]), len(words) + len(pairs)


def buckets(hashes: Hashes) -> tuple[Ints, npt.NDArray[np.float64]]:
    """Where each falls, in [0, BUCKETS), and with which sign: what shares a bucket cancels rather than adds up."""
    finished = (hashes ^ (hashes >> np.uint64(32))) * _FINISH
    return (finished >> _SHIFT).view(np.int64), _SIGNS.take((finished >> _SIDE & _ONE).view(np.int64))


def _tokens(points: Hashes) -> tuple[Ints, Ints]:
    """Where they begin, and after which place they end; there is a space at both ends."""
    kind = _kinds().take(points.view(np.int64), mode="clip")
    token, letter = kind != _SPACE, kind == _LETTER
    inside = letter[1:] & letter[:-1]  # of a run of letters, at its second and later ones
    return (token[1:] > inside).nonzero()[0] + 1, (token[:-1] > inside).nonzero()[0] + 1


@cache
def _powers() -> tuple[Hashes, Hashes]:
    """Of the multiplier, modulo 2^64, and their inverses: a run's sum, divided by its first power, is its hash."""
    size = READ * 3 + 3  # in lower case some characters become up to three
    back = pow(_MULTIPLIER, -1, 1 << 64)
    forth, reverse = np.ones(size, np.uint64), np.ones(size, np.uint64)
    forth[1:], reverse[1:] = _MULTIPLIER, back
    return np.cumprod(forth, dtype=np.uint64), np.cumprod(reverse, dtype=np.uint64)


@cache
def _kinds() -> npt.NDArray[np.uint8]:
    return np.array([_kind(chr(point)) for point in range(_FAR)], np.uint8)


def _kind(character: str) -> int:
    if character.isspace():
        return _SPACE
    if "\u2e80" <= character <= "\ua4cf" or "\uf900" <= character <= "\ufaff":
        return _WORD if character.isalnum() else _SIGN
    if character.isalnum() or character == "_" or unicodedata.category(character).startswith("M"):
        return _LETTER
    return _SIGN


FIGURES: Final = (
    "characters",
    "lines",
    "words",
    "length of words",
    "digits",
    "share of digits",
    "share beyond ASCII",
    "share of capitals",
    "signs of arithmetic",
    "signs of code",
    "signs of LaTeX",
    "questions",
    "choices",
    "commas and stops",
    "how many",
    "why or explain",
    "not or except",
    "code",
    "system prompt",
    "tools",
    "structured answer",
)
"""What `figures` measures, in order."""

_BEGIN: Final = bytes(range(0xC0, 0x100))
"""Of a character beyond ASCII, in UTF-8."""
_COUNTED: Final = (
    *(b"\n", b"?", _BEGIN),
    *(b"0123456789", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", b"+-*/=<>^%", b"{}[]();_`#", b"\\$", b",.;:"),
)
_CLASSES: Final = np.array([[byte in group for byte in range(256)] for group in _COUNTED], np.float64)
_BLANK: Final = ord(" ")
_CHOICES: Final = re.compile(rb"\n(?:\(|[a-j][.:)])")
"""Lines that begin like `A.`, `b)`, `C:` or `(`."""
_QUESTIONS: Final = ("\u061f".encode(), "\uff1f".encode())
_MANY: Final = ("كم".encode(), "多少".encode())
_WHY: Final = ("لماذا".encode(), "为什么".encode())


def figures(look: Look) -> Floats:
    """The plain figures of FIGURES, all but the first of what n-grams are read of.

    Counts are logarithms, shares and yes-or-no lie in [0, 1].
    """
    text = _ends(look.first)
    length = max(1, len(text))
    raw = text.encode("utf-8", "surrogatepass")
    low = raw.lower()  # bytes.lower knows ASCII alone, and is quick
    foreign = b"" if raw.isascii() else raw
    every = np.frombuffer(raw, np.uint8)
    occurs = np.bincount(every, minlength=256)
    lines, asks, beyond, digits, capitals, arithmetic, code, latex, stops = (_CLASSES @ occurs).tolist()
    words = _words(every)
    plain = (
        log1p(len(look.first)),
        log1p(lines),
        log1p(words),
        length / max(1, words) / 6,
        log1p(digits),
        digits / length,
        beyond / length,
        capitals / length,
        log1p(arithmetic),
        log1p(code),
        log1p(latex),
        log1p(asks + foreign.count(_QUESTIONS[0]) + foreign.count(_QUESTIONS[1])),
        log1p(len(_CHOICES.findall(low))),
        log1p(stops),
        b"how m" in low or _MANY[0] in foreign or _MANY[1] in foreign,
        b"why" in low or b"explain" in low or _WHY[0] in foreign or _WHY[1] in foreign,
        b"not " in low or b"except" in low,
        b"```" in low or b"def " in low or b"import " in low or b"assert" in low,
        log1p(len(look.system)),
        log1p(len(look.tools)),
        look.format != "text",
    )
    return np.array(plain, np.float32)


def _words(every: npt.NDArray[np.uint8]) -> int:
    """Runs of bytes above the blank's."""
    seen = every > _BLANK
    return int(np.count_nonzero(seen[1:] > seen[:-1])) + bool(len(seen) and seen[0])
