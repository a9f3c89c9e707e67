"""A gateway in a process of its own, started as a user starts it."""

import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

STOP_SECONDS = 40


@contextlib.contextmanager
def gateway(up: Sequence[str | Path], home: Path, *, window: bool = False) -> Iterator[tuple[str, str]]:
    """Run the command `up` on the data directory `home`; gives the address it prints and the key.

    Afterwards it is told to stop, and has to end well.
    """
    with subprocess.Popen(
        up,
        env=environment(home, window=window),
        cwd=home,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        try:
            yield _greeting(process)
            process.send_signal(signal.SIGTERM)
            assert process.wait(STOP_SECONDS) == 0
        finally:
            process.kill()


def environment(home: Path, *, window: bool = False) -> dict[str, str]:
    """This process's environment without its settings, secrets and import paths; `home` is the data directory.

    A test that looks at no page goes without the `window`, which is a process more.
    """
    kept = {
        name: value for name, value in os.environ.items() if not re.match(r"WEIGHBRIDGE_|PYTHON|.*(_KEY|_TOKEN)$", name)
    }
    own = {"HOME": str(home), "WEIGHBRIDGE_HOME": str(home), "WEIGHBRIDGE_WINDOW_ENABLED": str(window).lower()}
    return {**kept, **own}


def _greeting(process: subprocess.Popen[bytes]) -> tuple[str, str]:
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line.decode()
        address = re.search(r"(http://127\.0\.0\.1:\d+)/v1", said)
        key = re.search(r"wb-[\w-]{16,}", said)
        if address and key:
            return address[1], key[0]
    raise AssertionError(f"`up` ended with {process.wait()} and said:\n{said}")
