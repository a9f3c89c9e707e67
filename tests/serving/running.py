"""A real engine process, without a supervisor."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from weighbridge.serving import parent
from weighbridge.serving.engines import (
    EngineSettings,
    Upstream,
    engine_child,
    local_model,
    socket_directory,
    upstream,
)
from weighbridge.serving.weights import weights_of


@contextmanager
def running(model: str, file: Path) -> Iterator[tuple[Upstream, "subprocess.Popen[bytes]"]]:
    """An engine with two slots of 2048 tokens, and its process.

    It has one thread, as every engine of the tests: several wait for each other, beside other tests for ever so long.
    """
    with socket_directory() as sockets:
        weights = weights_of(model)
        where = upstream(model, sockets, dimensions=weights.dimensions, fim=weights.fim)
        child = engine_child(local_model(weights, file), where, EngineSettings(context=2048, threads=1))
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
            try:
                assert ready.readline() == "ready\n"
                yield where, process
            finally:
                process.kill()
