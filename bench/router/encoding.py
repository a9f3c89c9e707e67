"""An encoder that remembers: a table's prompts are encoded once, whatever the number of splits and of parts."""

import sys
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

from weighbridge.routing.quality.encoders import Encoder, EncoderMissingError, clip, encoder

STEP = 1000


class Remembering:
    """The same vectors as the encoder's."""

    def __init__(self, encoder: Encoder, texts: Sequence[str], say: Callable[[str], None]) -> None:
        self.name, self.width = encoder.name, encoder.width
        clipped = list(dict.fromkeys(map(clip, texts)))
        self._known: dict[str, npt.NDArray[np.float32]] = {}
        for at in range(0, len(clipped), STEP):
            part = clipped[at : at + STEP]
            self._known.update(zip(part, encoder.encode(part), strict=True))
            say(f"encoded {min(at + STEP, len(clipped))} of {len(clipped)}")

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        return np.stack([self._known[clip(text)] for text in texts])


_kept: dict[str, Remembering] = {}


def multilingual(table: str, texts: Sequence[str], say: Callable[[str], None]) -> Encoder | None:
    """The multilingual one, which remembers a table's texts for as long as the process runs; None: it is not here."""
    if table not in _kept:
        found = _installed()
        if found is None:
            return None
        _kept[table] = Remembering(found, texts, say)
    return _kept[table]


@cache
def _installed() -> Encoder | None:
    try:
        return encoder("use")
    except EncoderMissingError as error:
        print(error, file=sys.stderr)
        return None
