"""Servers under test as processes: pinned to a CPU, waited for, looked at through /proc, ended with their children."""

import contextlib
import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class CpuTime:
    """Seconds since boot: `busy` of all CPUs together, `stolen` by the hypervisor for others."""

    busy: float
    stolen: float


@contextlib.contextmanager
def running(
    arguments: Sequence[str | Path], *, cpu: int | None, log: Path, env: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A process on one CPU or any, its children too; its output goes to `log`. Ended, with its group, on leaving."""
    pinned = [] if cpu is None else ["taskset", "-c", str(cpu)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*pinned, *arguments],
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env=env,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        _end(process)


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path, *, seconds: float = 60) -> None:
    """Return once `url` answers with success. Raises RuntimeError, with the end of the log, when it never does."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    until = time.monotonic() + seconds
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError), opener.open(url, timeout=2):
            return
        time.sleep(0.1)
    raise RuntimeError(f"{url} does not answer; its log ends: {log.read_text('utf-8', 'replace')[-1500:]}")


def free_port() -> int:
    """A loopback port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def tree(pid: int) -> list[int]:
    """`pid` and all its descendants."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in task.read_text().split():
                found += tree(int(child))
    return found


def freeze(pids: Sequence[int]) -> None:
    """Stop processes where they are, so that their idle wake-ups take no CPU from the one under test."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)


def thaw(pids: Sequence[int]) -> None:
    """Let them go on."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def cpu_seconds(pids: Sequence[int]) -> float:
    """CPU time of living processes, user and system."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
    return total / _TICKS


def machine_cpu() -> CpuTime:
    """What all CPUs did, idle, waiting and stolen time left out of `busy`."""
    first_line = Path("/proc/stat").read_text().partition("\n")[0]
    user, nice, system, _idle, _iowait, irq, softirq, steal, *_ = (int(field) for field in first_line.split()[1:])
    return CpuTime((user + nice + system + irq + softirq) / _TICKS, steal / _TICKS)


def rss_mb(pids: Sequence[int]) -> float:
    """Resident memory of the processes together, in MiB; pages they share count once for each."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith("VmRSS:"):
                    total += int(line.split()[1])
    return round(total / 1024, 1)


def _end(process: subprocess.Popen[bytes]) -> None:
    thaw(tree(process.pid))
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=10)
            return
