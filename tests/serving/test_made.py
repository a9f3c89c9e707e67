"""An encoder's published files become the one file that our engine loads, and only the pinned ones do."""

import hashlib
import json
import struct
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from weighbridge.errors import WeightsUnavailable
from weighbridge.serving.bert import Shape, convert
from weighbridge.serving.made import Made
from weighbridge.serving.progress import Progress
from weighbridge.serving.weights import Original, Weights, known_weights, pull

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "hello", "##s"]
WIDTH, INNER, CONTEXT = 4, 8, 16
TENSORS = {
    "embeddings.word_embeddings.weight": (len(WORDS), WIDTH),
    "embeddings.position_embeddings.weight": (CONTEXT, WIDTH),
    "embeddings.token_type_embeddings.weight": (2, WIDTH),
    "embeddings.LayerNorm.weight": (WIDTH,),
    "embeddings.LayerNorm.bias": (WIDTH,),
    **{
        f"encoder.layer.0.{name}.{part}": shape if part == "weight" else shape[:1]
        for name, shape in {
            "attention.self.query": (WIDTH, WIDTH),
            "attention.self.key": (WIDTH, WIDTH),
            "attention.self.value": (WIDTH, WIDTH),
            "attention.output.dense": (WIDTH, WIDTH),
            "attention.output.LayerNorm": (WIDTH,),
            "intermediate.dense": (INNER, WIDTH),
            "output.dense": (WIDTH, INNER),
            "output.LayerNorm": (WIDTH,),
        }.items()
        for part in ("weight", "bias")
    },
}


def safetensors(tensors: dict[str, tuple[int, ...]], dtype: str = "F32") -> bytes:
    """A file with these tensors, whose values count up from 0 in steps of a half."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    data = b""
    for name, shape in tensors.items():
        length = 1
        for each in shape:
            length *= each
        start = len(data)
        data += struct.pack(f"<{length}f", *(number / 2 for number in range(length)))
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [start, len(data)]}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


@dataclass
class Seen:
    lines: list[str] = field(default_factory=list)

    def said(self, line: str) -> None:
        self.lines.append(line)

    def at(self, done: int, total: int) -> None: ...


@dataclass
class Given:
    """A source that has one file."""

    data: bytes
    name: str = "given"
    asked: list[str] = field(default_factory=list)

    def fetch(self, weights: Weights, into: Path, progress: Progress) -> None:
        self.asked.append(weights.file)
        into.write_bytes(self.data)


def made(directory: Path, published: bytes, words: list[str] = WORDS) -> bytes:
    source, into = directory / "model.safetensors", directory / "model.gguf"
    source.write_bytes(published)
    convert(source, words, into, Shape("lab/tiny", heads=2))
    return into.read_bytes()


def test_the_file_says_what_the_engine_must_know(tmp_path: Path) -> None:
    file = made(tmp_path, safetensors(TENSORS))
    magic, version, tensors, fields = struct.unpack_from("<4sIQQ", file)
    assert (magic, version, tensors, fields) == (b"GGUF", 3, len(TENSORS), 20)
    for name, value in {
        "bert.block_count": 1,
        "bert.context_length": CONTEXT,
        "bert.embedding_length": WIDTH,
        "bert.feed_forward_length": INNER,
        "bert.attention.head_count": 2,
        "tokenizer.ggml.seperator_token_id": 3,
    }.items():
        at = file.index(name.encode()) + len(name)
        assert struct.unpack_from("<II", file, at) == (4, value)
    assert "\u2581hello".encode() in file
    assert struct.pack("<Q", 1) + b"s" in file  # what goes on with a word has no mark


def test_matrices_are_halved_and_the_rest_is_kept(tmp_path: Path) -> None:
    file = made(tmp_path, safetensors(TENSORS))
    matrix = struct.pack(f"<{WIDTH * INNER}e", *(number / 2 for number in range(WIDTH * INNER)))
    norm = struct.pack(f"<{WIDTH}f", *(number / 2 for number in range(WIDTH)))
    assert file.count(matrix) == 2
    at = file.index(b"blk.0.ffn_up.weight") + len(b"blk.0.ffn_up.weight")
    dimensions, inner, outer, kind = struct.unpack_from("<IQQI", file, at)
    assert (dimensions, inner, outer, kind) == (2, WIDTH, INNER, 1)
    assert norm in file


def test_the_same_files_make_the_same_bytes_whatever_their_order(tmp_path: Path) -> None:
    assert made(tmp_path, safetensors(TENSORS)) == made(tmp_path, safetensors(dict(reversed(TENSORS.items()))))


@pytest.mark.parametrize(
    ("published", "words", "complaint"),
    [
        (safetensors({k: v for k, v in TENSORS.items() if "key.weight" not in k}), WORDS, "key"),
        (safetensors({k: v for k, v in TENSORS.items() if "encoder" not in k}), WORDS, "layers"),
        (safetensors(TENSORS), WORDS[:-1], "6 words in the vocabulary, 7 in the weights"),
        (safetensors(TENSORS, "F16"), WORDS, "F16 where F32"),
        (b"\xff" * 100, WORDS, "no safetensors file"),
        (b"abc", WORDS, "no safetensors file"),
        (struct.pack("<Q", 3) + b"abc", WORDS, "no safetensors file"),
        (safetensors(TENSORS)[:-40], WORDS, "bytes where its shape"),
    ],
)
def test_what_is_no_such_encoder_is_refused(tmp_path: Path, published: bytes, words: list[str], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        made(tmp_path, published, words)


def test_a_source_with_the_makers_file_serves_and_leaves_nothing_else(tmp_path: Path) -> None:
    (weights,) = [each for each in known_weights().values() if each.original is not None]
    assert weights.original is not None
    seen, source = Seen(), Given(b"not the file")
    with pytest.raises(WeightsUnavailable, match="12 bytes where the file has 90,868,376"):
        pull(weights, directory=tmp_path, progress=seen, sources=[Made(source)])
    assert source.asked == ["model.safetensors"]
    assert {path.name for path in tmp_path.iterdir()} == {f"{weights.file}.lock"}


def test_a_makers_file_that_is_the_pinned_one_and_no_encoder_is_told(tmp_path: Path) -> None:
    data = safetensors({"a": (1,)})
    original = Original(
        "model.safetensors", len(data), hashlib.sha256(data).hexdigest(), heads=2, vocabulary="bert-base-uncased.txt"
    )
    weights = Weights("lab/tiny", "tiny.gguf", "lab/tiny", "MIT", 7, "0" * 64, original=original)
    with pytest.raises(WeightsUnavailable, match="no BERT encoder: it lacks embeddings"):
        pull(weights, directory=tmp_path, progress=Seen(), sources=[Made(Given(data))])


def test_a_file_that_needs_no_making_passes(tmp_path: Path) -> None:
    weights = Weights("lab/tiny", "tiny.gguf", "lab/tiny", "MIT", 3, hashlib.sha256(b"abc").hexdigest())
    assert pull(weights, directory=tmp_path, progress=Seen(), sources=[Made(Given(b"abc"))]).read_bytes() == b"abc"
