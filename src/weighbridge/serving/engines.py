"""The engines as children of the supervisor: one llama.cpp process for each model we run ourselves.

Values in, a command line out. The process itself is `serving.engine`.
"""

import hashlib
import os
import secrets
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from weighbridge.serving.process import Child
from weighbridge.serving.weights import Weights, template_of


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """How much of the machine one engine may take. See docs/local-models.md for what each costs."""

    threads: int | None = None
    """Threads that compute; None: one for each processor this process may use."""
    slots: int = 2
    """Answers generated at once; further requests wait in the engine's queue."""
    context: int = 8192
    """Tokens of prompt and answer together, in each slot. The memory for all slots is taken at the start."""
    prompt_cache_mib: int = 256
    """Memory for prompts of earlier conversations, so that going on with one is quick; 0: none."""
    idle_unload_seconds: int | None = None
    """Free the model's memory after so long without a request; the next one loads it again. None: never."""
    memory_mib: int | None = None
    """The most private memory the process may take (beyond the weights, which are a shared mapping of the file).
    None: what the settings above add up to, without a further bound."""
    verbose: bool = False
    """Every request in the engine's log file, not only warnings. Prompts are in neither."""


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A model to run: its id, its verified file, and the chat template to use in place of the file's own."""

    model: str
    file: Path
    template: Path | None = None
    dimensions: int | None = None
    """Of its vectors, where it makes embeddings; None: it writes text."""
    context: int | None = None
    """The longest text it reads, in tokens, where that is less than the settings have."""
    fim: str | None = None
    """How it is asked to fill a gap, with `{prefix}` and `{suffix}`; None: it cannot."""


def local_model(weights: Weights, file: Path) -> LocalModel:
    """A model as its weights describe it, from their verified file."""
    return LocalModel(
        weights.model,
        file,
        template_of(weights),
        dimensions=weights.dimensions,
        context=weights.context,
        fim=weights.fim,
    )


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where an engine answers, as the gateway needs it."""

    model: str
    socket: Path
    """A Unix socket speaking HTTP/1.1, in a directory that only we can enter."""
    api_key: str
    """For `Authorization: Bearer …`; new at each start."""
    dimensions: int | None = None
    """Of its vectors, where it makes embeddings; None: it writes text."""
    fim: str | None = None
    """How it is asked to fill a gap, with `{prefix}` and `{suffix}`; None: it cannot."""


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """What the engine process reads, as JSON, from its standard input."""

    local: LocalModel
    upstream: Upstream
    settings: EngineSettings

    def encode(self) -> bytes:
        return msgspec.json.encode(self, enc_hook=str)  # str: of paths

    @classmethod
    def decode(cls, raw: bytes) -> "EngineConfig":
        return msgspec.json.decode(raw, type=cls, dec_hook=_path)


@contextmanager
def socket_directory() -> Iterator[Path]:
    """A new directory that only we can enter, gone at the end.

    It is not in the data directory: a socket's path may have 107 bytes, and homes can be deep.
    """
    with tempfile.TemporaryDirectory(prefix="weighbridge-") as directory:
        yield Path(directory)


def upstream(model: str, sockets: Path, *, dimensions: int | None = None, fim: str | None = None) -> Upstream:
    """Where the engine of `model` is going to answer, with a new key. `sockets` is from `socket_directory`."""
    name = hashlib.sha256(model.encode()).hexdigest()[:12]
    key = secrets.token_urlsafe(24)
    return Upstream(model=model, socket=sockets / f"{name}.sock", api_key=key, dimensions=dimensions, fim=fim)


def encode_upstreams(upstreams: Sequence[Upstream]) -> str:
    """As JSON, for handing them to another process (they hold keys: not on a command line)."""
    return msgspec.json.encode(upstreams, enc_hook=str).decode()


def decode_upstreams(text: str) -> tuple[Upstream, ...]:
    """The reverse of `encode_upstreams`."""
    return msgspec.json.decode(text, type=tuple[Upstream, ...], dec_hook=_path)


def engine_child(local: LocalModel, where: Upstream, settings: EngineSettings) -> Child:
    """The engine of one model as a child. The key travels on its standard input, not on its command line."""
    config = EngineConfig(local=local, upstream=where, settings=settings)
    return Child(
        name="engine-" + local.model.replace("/", "-"),
        argv=(sys.executable, "-m", "weighbridge.serving.engine"),
        role="engine",
        stdin=config.encode(),
        env={"GGML_NO_BACKTRACE": "1"},  # else an abort calls gdb, and its pages hide llama.cpp's last words
        quiet=True,
        advice=_advice(local, settings),
    )


def _advice(local: LocalModel, settings: EngineSettings) -> str:
    damaged = f"If the file is damaged, delete {local.file} and run: weighbridge pull {local.model}"
    if settings.memory_mib is None:
        return damaged
    return f"If {settings.memory_mib} MiB are too few for it, allow more or give it less context. {damaged}"


def processors() -> int:
    """Processors this process may use."""
    allowed = getattr(os, "sched_getaffinity", None)  # not on macOS
    return len(allowed(0)) if allowed is not None else os.cpu_count() or 1


def _path(wanted: type, text: str) -> Path:
    """For msgspec, which does not know paths."""
    if wanted is not Path:
        raise NotImplementedError(wanted)
    return Path(text)
