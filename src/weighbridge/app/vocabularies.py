"""Tokenizers at hand: vocabularies that their owner has put into the data directory."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from weighbridge.app.unable import Unable
from weighbridge.catalog.tokenizers import Tokenizers
from weighbridge.ledger.bill.kept import Count

FOLDER: Final = "tokenizers"
"""In the data directory. A file is a `tokenizer.json` of Hugging Face's, named by the family (`o200k.json`), or by the
model with two dashes for the slash (`z-ai--glm-4.6.json`)."""


class Vocabularies:
    """Each is read when it is asked for first."""

    def __init__(self, home: Path, tokenizers: Tokenizers) -> None:
        self._folder = home / FOLDER
        self._tokenizers = tokenizers
        self._read: dict[Path, Count] = {}

    def of(self, model: str | None) -> Count | None:
        """What counts a model's tokens; None where its vocabulary is not here. Raises Unable."""
        if model is None:
            return None
        family = self._tokenizers.family(model)
        names = (model.replace("/", "--"), *(() if family is None else (family,)))
        file = next((file for name in names if (file := self._folder / f"{name}.json").is_file()), None)
        if file is None:
            return None
        if file not in self._read:
            self._read[file] = _counter(file)
        return self._read[file]


def _counter(file: Path) -> Count:
    load = _loader()
    try:
        tokenizer = load(str(file))
    except Exception as error:  # the package raises bare Exception
        raise Unable(f"{file} is no vocabulary: {error}", next_step="put a model's tokenizer.json there") from error

    def count(text: str) -> int:
        return len(tokenizer.encode(text, add_special_tokens=False).ids)

    return count


def _loader() -> Callable[[str], Any]:  # Any: an optional package's
    try:
        from tokenizers import Tokenizer  # noqa: PLC0415 - optional
    except ImportError as error:
        raise Unable(
            f"vocabularies in {FOLDER}/ need the package `tokenizers`",
            next_step="pip install 'weighbridge[tokenizers]'",
        ) from error
    loader: Callable[[str], Any] = Tokenizer.from_file
    return loader
