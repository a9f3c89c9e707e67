"""Tokenizers: which models share one, and how many tokens one makes of a text for one of another's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fnmatch import fnmatchcase
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

import msgspec

from weighbridge.catalog.facts import read_file, read_table
from weighbridge.errors import CatalogError


@dataclass(frozen=True, slots=True)
class Ratio:
    """Tokens for one token: what is expected, and the range it is taken to be in."""

    middle: Decimal
    low: Decimal
    high: Decimal
    measured: bool = True
    """False: nobody has measured it, and the range is an assumption."""


SAME: Final = Ratio(Decimal(1), Decimal(1), Decimal(1))
ASSUMED: Final = Ratio(Decimal(1), Decimal("0.8"), Decimal("1.3"), measured=False)
"""Where one of the two is not known: most measured ratios of English, code and European languages are in this range."""
LEAST_SPREAD: Final = Decimal("0.05")
"""A range is at least so wide on each side: a corpus is not your text."""
USUAL: Final = ("english", "code", "json", "markdown")
"""The kinds of text that requests are taken to be of where nobody says."""


class _Family(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    source: str
    models: tuple[str, ...]


class _Kind(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pieces: int
    characters: int
    ratios: dict[str, tuple[Decimal, Decimal, Decimal]]


class _Measured(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    measured: date
    method: str
    corpus: str
    vocabularies: dict[str, str]
    kinds: dict[str, _Kind]


class Tokenizers:
    """What the two data files say, checked against each other. Raises CatalogError."""

    def __init__(self, data: Traversable | None = None) -> None:
        folder = files("weighbridge.catalog") / "data" if data is None else data
        self._families: Mapping[str, _Family] = read_table(folder / "tokenizers.toml", _Family)
        self._measured = read_file(folder / "token_ratios.toml", _Measured)
        strange = set(self._families) - set(self._measured.vocabularies)
        if strange:
            raise CatalogError(f"tokenizers.toml: {', '.join(sorted(strange))} was not measured in token_ratios.toml")

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of text that were measured: languages, code and so on."""
        return tuple(sorted(self._measured.kinds))

    @property
    def measured(self) -> date:
        """On which day."""
        return self._measured.measured

    @property
    def corpus(self) -> str:
        """On which texts, and how."""
        return f"{self._measured.corpus}; {self._measured.method}"

    def family(self, model: str | None) -> str | None:
        """The tokenizer of a model, by its id; None where it is not known."""
        if model is None:
            return None
        names = (
            name
            for name, family in self._families.items()
            if any(fnmatchcase(model, pattern) for pattern in family.models)
        )
        return next(names, None)

    def ratio(self, one: str | None, other: str | None, kinds: Sequence[str] = USUAL) -> Ratio:
        """Tokens by the family `other` for one by `one`: the mean over the kinds of text, in a range that holds all."""
        if one is None or other is None:
            return ASSUMED
        return SAME if one == other else self._between(one, other, tuple(kinds))

    @lru_cache(maxsize=4096)  # noqa: B019 - one value for the life of a command
    def _between(self, one: str, other: str, kinds: tuple[str, ...]) -> Ratio:
        found = [self._of_kind(one, other, self._measured.kinds[kind]) for kind in kinds]
        middle = sum((each.middle for each in found), Decimal(0)) / len(found)
        low = min(*(each.low for each in found), middle * (1 - LEAST_SPREAD))
        high = max(*(each.high for each in found), middle * (1 + LEAST_SPREAD))
        return Ratio(_rounded(middle), _rounded(low), _rounded(high))

    @staticmethod
    def _of_kind(one: str, other: str, kind: _Kind) -> Ratio:
        if (there := kind.ratios.get(f"{one} {other}")) is not None:
            return Ratio(*there)
        middle, low, high = kind.ratios[f"{other} {one}"]
        return Ratio(1 / middle, 1 / high, 1 / low)


def _rounded(ratio: Decimal) -> Decimal:
    return ratio.quantize(Decimal("0.0001"))
