"""A BERT encoder as its maker publishes it (safetensors and a vocabulary), as one GGUF file for our engine.

Names of fields and tensors are llama.cpp's (`convert_hf_to_gguf.py`, `BertModel`). The same files give the same bytes.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import msgspec

from weighbridge.serving import gguf
from weighbridge.serving.gguf import Field, Kind, Tensor

_CONTROL: Final = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_NORMAL_TOKEN, _CONTROL_TOKEN = 1, 3
_MEAN: Final = 1
"""llama.cpp's number for pooling by the mean of all tokens."""
_MOSTLY_F16: Final = 1
_LARGEST_HEADER: Final = 16 * 1024 * 1024
_WHOLE: Final = {
    "token_embd": "embeddings.word_embeddings",
    "position_embd": "embeddings.position_embeddings",
    "token_types": "embeddings.token_type_embeddings",
    "token_embd_norm": "embeddings.LayerNorm",
}
_LAYER: Final = {
    "attn_q": "attention.self.query",
    "attn_k": "attention.self.key",
    "attn_v": "attention.self.value",
    "attn_output": "attention.output.dense",
    "attn_output_norm": "attention.output.LayerNorm",
    "ffn_up": "intermediate.dense",
    "ffn_down": "output.dense",
    "layer_output_norm": "output.LayerNorm",
}


@dataclass(frozen=True, slots=True)
class Shape:
    """What the maker's config.json says, as far as the tensors do not."""

    name: str
    heads: int
    epsilon: float = 1e-12
    """Of the layer norms."""


class _Stored(msgspec.Struct):
    """A tensor in the header of a safetensors file."""

    dtype: str
    shape: tuple[int, ...]
    data_offsets: tuple[int, int]


def convert(weights: Path, vocabulary: Sequence[str], into: Path, shape: Shape) -> None:
    """Write `into` from the safetensors file `weights`. Raises ValueError where that is no such encoder."""
    with weights.open("rb") as source, into.open("wb") as file:
        start, stored = _header(source)
        names = _names(stored)
        tensors = [Tensor(ours, stored[theirs].shape, _kind(ours)) for ours, theirs in names.items()]
        values = (_values(source, start, stored[theirs], _kind(ours)) for ours, theirs in names.items())
        gguf.write(file, _fields(stored, vocabulary, shape), tensors, values)


def _header(source: IO[bytes]) -> tuple[int, Mapping[str, _Stored]]:
    """Where the values begin, and where each tensor's are."""
    try:
        (length,) = struct.unpack("<Q", source.read(8))
        text = source.read(length) if length <= _LARGEST_HEADER else b""
        raw = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
        raw.pop("__metadata__", None)
        return 8 + length, {name: msgspec.json.decode(each, type=_Stored) for name, each in raw.items()}
    except (struct.error, msgspec.DecodeError) as error:
        raise ValueError("no safetensors file") from error


def _layers(stored: Mapping[str, _Stored]) -> int:
    return len([name for name in stored if name.endswith("attention.self.query.weight")])


def _names(stored: Mapping[str, _Stored]) -> dict[str, str]:
    """The engine's names for the tensors → the maker's, in the order of the file."""
    pairs = list(_WHOLE.items())
    for layer in range(_layers(stored)):
        pairs += [(f"blk.{layer}.{ours}", f"encoder.layer.{layer}.{theirs}") for ours, theirs in _LAYER.items()]
    named = {f"{ours}.{part}": f"{theirs}.{part}" for ours, theirs in pairs for part in ("weight", "bias")}
    present = {ours: theirs for ours, theirs in named.items() if theirs in stored}
    lacking = [theirs for ours, theirs in named.items() if theirs not in stored and ours not in _WITHOUT_BIAS]
    if lacking or not _layers(stored):
        raise ValueError(f"no BERT encoder: it lacks {', '.join(lacking) or 'layers'}")
    return present


_WITHOUT_BIAS: Final = ("token_embd.bias", "position_embd.bias", "token_types.bias")


def _kind(name: str) -> Kind:
    """Matrices are halved; what is added or scales stays as it is, as do the small tables."""
    small = name.endswith("bias") or "norm" in name or name.startswith(("position_embd", "token_types"))
    return "F32" if small else "F16"


def _values(source: IO[bytes], start: int, stored: _Stored, kind: Kind) -> bytes:
    if stored.dtype != "F32":
        raise ValueError(f"a tensor of {stored.dtype} where F32 is expected")
    first, end = stored.data_offsets
    source.seek(start + first)
    data = source.read(end - first)
    return data if kind == "F32" else b"".join(_halved(data))


def _halved(data: bytes) -> Iterator[bytes]:
    """Floats of 32 bits as floats of 16, rounded to the nearest, a piece at a time."""
    piece = 256 * 1024
    for at in range(0, len(data), piece):
        part = data[at : at + piece]
        count = len(part) // 4
        yield struct.pack(f"<{count}e", *struct.unpack(f"<{count}f", part))


def _fields(stored: Mapping[str, _Stored], vocabulary: Sequence[str], shape: Shape) -> Mapping[str, Field]:
    context, width = stored["embeddings.position_embeddings.weight"].shape
    tokens, _ = stored["embeddings.word_embeddings.weight"].shape
    if tokens != len(vocabulary):
        raise ValueError(f"{len(vocabulary):,} words in the vocabulary, {tokens:,} in the weights")
    return {
        "general.architecture": "bert",
        "general.name": shape.name,
        "general.file_type": _MOSTLY_F16,
        "bert.block_count": _layers(stored),
        "bert.context_length": context,
        "bert.embedding_length": width,
        "bert.feed_forward_length": stored["encoder.layer.0.intermediate.dense.weight"].shape[0],
        "bert.attention.head_count": shape.heads,
        "bert.attention.layer_norm_epsilon": shape.epsilon,
        "bert.attention.causal": False,
        "bert.pooling_type": _MEAN,
        "tokenizer.ggml.model": "bert",
        "tokenizer.ggml.token_type_count": stored["embeddings.token_type_embeddings.weight"].shape[0],
        "tokenizer.ggml.tokens": [_token(word) for word in vocabulary],
        "tokenizer.ggml.token_type": [_CONTROL_TOKEN if word in _CONTROL else _NORMAL_TOKEN for word in vocabulary],
        "tokenizer.ggml.unknown_token_id": vocabulary.index("[UNK]"),
        "tokenizer.ggml.seperator_token_id": vocabulary.index("[SEP]"),  # spelt so there
        "tokenizer.ggml.padding_token_id": vocabulary.index("[PAD]"),
        "tokenizer.ggml.cls_token_id": vocabulary.index("[CLS]"),
        "tokenizer.ggml.mask_token_id": vocabulary.index("[MASK]"),
    }


def _token(word: str) -> str:
    """A word as the engine has it: what begins one is marked, rather than what goes on with one."""
    if word.startswith("[") and word.endswith("]"):
        return word
    return word[2:] if word.startswith("##") else "\u2581" + word
