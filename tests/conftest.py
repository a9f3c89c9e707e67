import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from weighbridge.errors import WeightsUnavailable
from weighbridge.serving import parent
from weighbridge.serving.engines import EngineSettings, LocalModel, Upstream, engine_child, socket_directory, upstream
from weighbridge.serving.sources import default_sources
from weighbridge.serving.weights import pull, template_of, weights_of

QWEN = "qwen/qwen2.5-coder-0.5b-instruct"


class _Quiet:
    def said(self, line: str) -> None: ...

    def at(self, done: int, total: int) -> None: ...


@pytest.fixture(scope="session")
def qwen_file() -> Path:
    """The default model's real file; only where it can't be had, and not in CI, tests that need it are skipped."""
    directory = Path(os.environ.get("WEIGHBRIDGE_TEST_MODELS", "~/.cache/weighbridge-test-models")).expanduser()
    try:
        return pull(weights_of(QWEN), directory=directory, progress=_Quiet(), sources=default_sources())
    except WeightsUnavailable as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def engine(qwen_file: Path) -> Iterator[Upstream]:
    """A running engine with the default model: two slots of 2048 tokens."""
    with socket_directory() as sockets:
        where = upstream(QWEN, sockets)
        local = LocalModel(QWEN, qwen_file, template_of(weights_of(QWEN)))
        child = engine_child(local, where, EngineSettings(context=2048))
        ready_read, ready_write = os.pipe()
        environment = dict(parent.environment(ready_write))
        with (
            os.fdopen(ready_read) as ready,
            subprocess.Popen(child.argv, stdin=subprocess.PIPE, env=environment, pass_fds=[ready_write]) as process,
        ):
            os.close(ready_write)
            assert process.stdin is not None
            process.stdin.write(child.stdin)
            process.stdin.close()
            assert ready.readline() == "ready\n"
            yield where
            process.kill()
