"""What is measured: the mock itself, nginx, our gateway and its peers, each started on the gateway's CPU."""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bench.load import Target
from bench.process import free_port, running, wait_for
from bench.tools import Tools

_RECIPES = Path(__file__).parent / "peers"

CONFIG = """\
[local]
enabled = false

[providers.bench]
base_url = "http://{upstream}/v1"

[[providers.bench.models]]
id = "mock-model"
input = "0.27"
output = "1.10"
cache_read = "0.07"
"""
"""The gateway's whole configuration: one priced model, everything else as it comes."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What every candidate stands on. `upstream` is host:port of the mock; `scratch` a folder for logs and data."""

    tools: Tools
    upstream: str
    scratch: Path
    gateway_cpu: int | None
    load_cpu: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """A server that answers. `pid` is the root of its processes; `ledger` its database, where we know of one."""

    name: str
    target: Target
    pid: int
    ledger: Path | None = None


@dataclass(frozen=True, slots=True)
class Peer:
    """How a peer is asked; `bench/peers/<name>.sh` says how it is installed and started."""

    path: str
    model: str
    key: str
    ready: str | None
    """Path that answers once the peer is ready; None: the line `url` in its log says so."""
    headers: tuple[str, ...] = ()


PEERS = {
    "tensorzero": Peer("/openai/v1/chat/completions", "tensorzero::model_name::mock-model", "none", ready=None),
    "portkey": Peer(
        "/v1/chat/completions",
        "mock-model",
        "none",
        "/",
        ("x-portkey-provider: openai", "x-portkey-custom-host: http://UPSTREAM/v1"),
    ),
    "litellm": Peer("/v1/chat/completions", "mock-model", "sk-bench", "/health/liveliness"),
}


@contextlib.contextmanager
def mock(ground: Ground) -> Iterator[Candidate]:
    """The upstream, on the load's CPU; asked without a gateway it is `direct`."""
    log = ground.scratch / "mock.log"
    port = ground.upstream.rpartition(":")[2]
    with running([ground.tools.mock, port], cpu=ground.load_cpu, log=log) as process:
        wait_for(f"http://{ground.upstream}/v1/models", process, log)
        target = Target(f"http://{ground.upstream}/v1/chat/completions", "none", "mock-model")
        yield Candidate("direct", target, process.pid)


@contextlib.contextmanager
def nginx(ground: Ground) -> Iterator[Candidate]:
    """The limit: a plain reverse proxy."""
    folder = _fresh(ground.scratch / "nginx")
    address = f"127.0.0.1:{free_port()}"
    text = (_RECIPES / "nginx.conf").read_text("utf-8")
    config = folder / "nginx.conf"
    config.write_text(
        text.replace("listen LISTEN", f"listen {address}").replace("server UPSTREAM", f"server {ground.upstream}")
    )
    log = ground.scratch / "nginx.log"
    with running(["nginx", "-p", folder, "-c", config], cpu=ground.gateway_cpu, log=log) as process:
        wait_for(f"http://{address}/v1/models", process, log)
        yield Candidate("nginx", Target(f"http://{address}/v1/chat/completions", "none", "mock-model"), process.pid)


@contextlib.contextmanager
def weighbridge(ground: Ground) -> Iterator[Candidate]:
    """Our gateway as it is installed: one worker, a new ledger, nothing switched off."""
    home = _fresh(ground.scratch / "weighbridge")
    config = home / "weighbridge.toml"
    config.write_text(CONFIG.format(upstream=ground.upstream))
    command = Path(sys.executable).parent / "weighbridge"
    # The caller's provider keys would put more providers into the catalogue: none of them comes along.
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "WEIGHBRIDGE_HOME": str(home),
        "WEIGHBRIDGE_CONFIG": str(config),
    }
    made = subprocess.run([command, "keys", "create", "bench", "--json"], env=env, check=True, stdout=subprocess.PIPE)
    key = msgspec.json.decode(made.stdout, type=_MadeKey).key
    port, log = free_port(), ground.scratch / "weighbridge.log"
    arguments: list[str | Path] = [
        command,
        "up",
        "--no-local",
        "--workers",
        "1",
        "--port",
        str(port),
        "--config",
        config,
    ]
    with running(arguments, cpu=ground.gateway_cpu, log=log, env=env) as process:
        wait_for(f"http://127.0.0.1:{port}/readyz", process, log)
        target = Target(f"http://127.0.0.1:{port}/v1/chat/completions", key, "bench/mock-model")
        yield Candidate("weighbridge", target, process.pid, home / "ledger.db")


@contextlib.contextmanager
def peer(name: str, installed: Path, ground: Ground) -> Iterator[Candidate]:
    """The peer `name`, installed at `installed` by its recipe."""
    spec, port, log = PEERS[name], free_port(), ground.scratch / f"{name}.log"
    arguments: list[str | Path] = [
        _RECIPES / f"{name}.sh",
        "start",
        installed,
        str(port),
        f"http://{ground.upstream}/v1",
    ]
    with running(arguments, cpu=ground.gateway_cpu, log=log) as process:
        base = f"http://127.0.0.1:{port}" if spec.ready else _own_address(process, log)
        if spec.ready:
            wait_for(base + spec.ready, process, log, seconds=120)
        headers = tuple(line.replace("UPSTREAM", ground.upstream) for line in spec.headers)
        yield Candidate(name, Target(base + spec.path, spec.key, spec.model, headers), process.pid)


def of_name(name: str, ground: Ground, installed: Mapping[str, Path]) -> AbstractContextManager[Candidate]:
    """A candidate to be started. Exits when it is a peer that is not `installed`."""
    if name in OWN:
        return OWN[name](ground)
    if name not in installed:
        sys.exit(f"{name} is not installed: bench/peers/{name}.sh install DIR/{name}, then --peers DIR")
    return peer(name, installed[name], ground)


OWN = {"nginx": nginx, "weighbridge": weighbridge}
"""What needs no installing."""


class _MadeKey(msgspec.Struct):
    key: str


def _own_address(process: subprocess.Popen[bytes], log: Path) -> str:
    """scheme://host:port from the line `url …` of the log, for a server that chooses its port itself."""
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        if found := re.search(r"^url (http://[\d.:]+)", log.read_text("utf-8", "replace"), re.MULTILINE):
            return found[1]
        time.sleep(0.1)
    raise RuntimeError(f"no address in its log, which ends: {log.read_text('utf-8', 'replace')[-1500:]}")


def _fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
