"""A GGUF file, which is what our engine loads: written from its fields and tensors, always to the same bytes.

https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Final, Literal

Field = str | bool | int | float | Sequence[str] | Sequence[int]
"""An int is unsigned as a field and signed in a list; both have 32 bits, as floats have."""
Kind = Literal["F32", "F16"]

_MAGIC: Final = b"GGUF"
_VERSION: Final = 3
_ALIGNMENT: Final = 32
_UINT32, _INT32, _FLOAT32, _BOOL, _STRING, _ARRAY = 4, 5, 6, 7, 8, 9
_KINDS: Final[Mapping[Kind, tuple[int, int]]] = {"F32": (0, 4), "F16": (1, 2)}
"""The number of a kind of tensor, and the bytes of one value."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor to come: `shape` has the innermost dimension last."""

    name: str
    shape: tuple[int, ...]
    kind: Kind

    @property
    def bytes(self) -> int:
        """How long its values are."""
        size = _KINDS[self.kind][1]
        for length in self.shape:
            size *= length
        return size


def write(file: IO[bytes], fields: Mapping[str, Field], tensors: Sequence[Tensor], values: Iterable[bytes]) -> None:
    """The whole file; `values` gives the bytes of each tensor in the order of `tensors`, one at a time."""
    file.write(_MAGIC + struct.pack("<IQQ", _VERSION, len(tensors), len(fields)))
    for name, value in fields.items():
        file.write(_text(name) + _field(value))
    offset = 0
    for tensor in tensors:
        dimensions = struct.pack(f"<I{len(tensor.shape)}Q", len(tensor.shape), *reversed(tensor.shape))
        file.write(_text(tensor.name) + dimensions + struct.pack("<IQ", _KINDS[tensor.kind][0], offset))
        offset += tensor.bytes + _gap(tensor.bytes)
    file.write(bytes(_gap(file.tell())))
    for tensor, data in zip(tensors, values, strict=True):
        if len(data) != tensor.bytes:
            raise ValueError(f"{tensor.name} has {len(data):,} bytes where its shape makes {tensor.bytes:,}")
        file.write(data + bytes(_gap(len(data))))


def _gap(length: int) -> int:
    """Bytes to the next place where a tensor may begin."""
    return -length % _ALIGNMENT


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _field(value: Field) -> bytes:
    if isinstance(value, str):
        return struct.pack("<I", _STRING) + _text(value)
    if isinstance(value, bool):
        return struct.pack("<I?", _BOOL, value)
    if isinstance(value, int):
        return struct.pack("<II", _UINT32, value)
    if isinstance(value, float):
        return struct.pack("<If", _FLOAT32, value)
    return struct.pack("<I", _ARRAY) + _list(value)


def _list(values: Sequence[str] | Sequence[int]) -> bytes:
    texts = [_text(value) for value in values if isinstance(value, str)]
    if texts:
        return struct.pack("<IQ", _STRING, len(texts)) + b"".join(texts)
    return struct.pack(f"<IQ{len(values)}i", _INT32, len(values), *values)
