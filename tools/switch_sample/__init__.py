"""Makes the set of exactly gradable requests that `weighbridge switch sample` hands out: four routes, from a seed."""

import random
from collections.abc import Callable
from typing import Final

import msgspec

from tools.switch_sample.arithmetic import arithmetic
from tools.switch_sample.code import code
from tools.switch_sample.extraction import extraction, extraction_in_arabic
from tools.switch_sample.line import Line

SEED: Final = 20261122
ROUTES: Final[dict[str, tuple[Callable[[random.Random, int], list[Line]], int]]] = {
    "arithmetic": (arithmetic, 170),
    "code": (code, 150),
    "extraction": (extraction, 180),
    "extraction-in-arabic": (extraction_in_arabic, 150),
}


def files() -> dict[str, bytes]:
    """Each file's name and what is in it; the lines of a route in an order drawn by chance."""
    return {f"{name}.jsonl": _file(name, make, count) for name, (make, count) in ROUTES.items()}


def _file(name: str, make: Callable[[random.Random, int], list[Line]], count: int) -> bytes:
    chance = random.Random(f"{SEED} {name}")  # noqa: S311 -- it chooses examples
    lines = make(chance, count)
    chance.shuffle(lines)
    return b"".join(msgspec.json.encode(each) + b"\n" for each in lines)
