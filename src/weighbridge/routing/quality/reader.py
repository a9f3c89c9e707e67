"""From a request to the vector that is learnt on: principal directions of its n-grams, plain figures, an encoding."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Final

import numpy as np
import numpy.typing as npt

from weighbridge.routing.quality.encoders import Encoder
from weighbridge.routing.quality.features import BUCKETS, READ, Floats, Hashes, buckets, codes, figures, hashed
from weighbridge.routing.quality.look import Look

Columns = npt.NDArray[np.int32]
Places = npt.NDArray[np.intp]
_MOST: Final = 8 * READ
"""N-grams of a kind in a text, at most: in lower case some characters become up to three."""
_LOGS: Final = np.concatenate(
    [[0], 1 + np.log(np.arange(1, _MOST)), [0], -1 - np.log(np.arange(_MOST - 1, 0, -1))]
).astype(np.float32)
"""1 + log of a count; of negative ones, which are counted from the end, negative."""
_FARTHEST: Final = np.float32(4)
"""Standard deviations at which a plain figure is cut."""


@dataclass(frozen=True, slots=True)
class Block:
    """N-grams of one kind: which buckets are counted, how rare each is, and their principal directions."""

    columns: Columns
    """Buckets of the hash, each once."""
    rarity: Floats
    """Inverse document frequency of each column."""
    directions: Floats
    """Columns x dimensions."""
    table: npt.NDArray[np.int16]
    """Of all buckets: the column, or as many as there are columns."""

    @classmethod
    def of(cls, columns: Columns, rarity: Floats, directions: Floats) -> "Block":
        table = np.full(BUCKETS, len(columns), np.int16)
        table[columns] = np.arange(len(columns), dtype=np.int16)
        return cls(columns, rarity, directions, table)

    def weigh(self, hashes: Hashes) -> tuple[Places, Floats]:
        """Columns that occur, and their weights (sub-linear in the count, by rarity), of length 1 together."""
        at, sign = buckets(hashes)
        here, weights = _counted(self.table.take(at), sign, len(self.columns) + 1)
        known = int(here.searchsorted(len(self.columns)))
        return here[:known], self.rare(here[:known], weights[:known])

    def rare(self, here: Places, weights: Floats) -> Floats:
        """Weights of columns by how rare each is, of length 1 together."""
        weighed: Floats = weights * self.rarity.take(here)
        weighed /= np.float32(sqrt(weighed @ weighed) or 1.0)
        return weighed


def projected(words: Block, characters: Block, hashes: Hashes, first: int) -> tuple[Floats, Floats]:
    """N-grams in their principal directions, the `first` of words: what `weigh` says of each kind, but in one go."""
    many = len(words.columns)
    at, sign = buckets(hashes)
    columns = np.empty(len(at), np.int16)
    words.table.take(at[:first], out=columns[:first], mode="clip")
    characters.table.take(at[first:], out=columns[first:], mode="clip")
    columns[first:] += np.int16(many + 1)
    here, weights = _counted(columns, sign, many + len(characters.columns) + 2)
    known, begin, end = here.searchsorted((many, many + 1, many + 1 + len(characters.columns))).tolist()
    own, theirs = here[:known], here[begin:end] - (many + 1)
    return (
        words.rare(own, weights[:known]) @ words.directions.take(own, axis=0),
        characters.rare(theirs, weights[begin:end]) @ characters.directions.take(theirs, axis=0),
    )


def _counted(
    columns: Columns | npt.NDArray[np.int16], sign: npt.NDArray[np.float64], most: int
) -> tuple[Places, Floats]:
    """Columns whose n-grams do not cancel, ascending, and 1 + log of how many they are, signed."""
    counts = np.bincount(columns, sign, most)
    here = (counts != 0).nonzero()[0]
    return here, _LOGS.take(counts.take(here).astype(np.int64))


@dataclass(frozen=True, slots=True)
class Reader:
    """What a predictor reads of requests. It is chosen when it is fitted and stays as it is while it learns on."""

    words: Block
    characters: Block
    centre: Floats
    spread: Floats
    """Of the plain figures, over what was fitted on."""
    encoder: Encoder | None = None

    @property
    def widths(self) -> tuple[int, int, int, int]:
        """Of the vector's parts: words, characters, figures, encoding."""
        encoded = self.encoder.width if self.encoder else 0
        return self.words.directions.shape[1], self.characters.directions.shape[1], len(self.centre), encoded

    def read(self, look: Look) -> Floats:
        """The vector of one request."""
        plain = (figures(look) - self.centre) / self.spread
        plain = np.minimum(np.maximum(plain, -_FARTHEST), _FARTHEST) / np.float32(sqrt(len(plain)))
        parts = [*projected(self.words, self.characters, *hashed(codes(look.first))), plain]
        if self.encoder is not None:
            parts.append(self.encoder.encode([look.first])[0])
        return np.concatenate(parts)

    def read_all(self, looks: Sequence[Look]) -> Floats:
        """Vectors in rows."""
        return np.stack([self.read(look) for look in looks]) if looks else np.zeros((0, sum(self.widths)), np.float32)

    def arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """All that makes it, by name, as it is kept."""
        return {
            "words.columns": self.words.columns,
            "words.rarity": self.words.rarity,
            "words.directions": self.words.directions.astype(np.float16),
            "characters.columns": self.characters.columns,
            "characters.rarity": self.characters.rarity,
            "characters.directions": self.characters.directions.astype(np.float16),
            "figures.centre": self.centre,
            "figures.spread": self.spread,
            "encoder": np.array(self.encoder.name if self.encoder else ""),
        }


def block(arrays: Mapping[str, npt.NDArray[np.generic]], name: str) -> Block:
    """One that was kept."""
    return Block.of(
        arrays[f"{name}.columns"].astype(np.int32),
        arrays[f"{name}.rarity"].astype(np.float32),
        arrays[f"{name}.directions"].astype(np.float32),
    )
