"""The gateways that suites are run against, each with the scripted upstream behind it, all on loopback."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from bench.process import free_port, running, wait_for

_RECIPES = Path(__file__).parent.parent / "bench" / "peers"

_PROVIDER = """\
[server]
default_model = "{default}"

[local]
enabled = false

[providers.scripted]
base_url = "http://{upstream}/v1"
"""
_MODEL = """
[[providers.scripted.models]]
id = "{model}"
model = "{model}"
input = "0.27"
output = "1.10"
"""

_LITELLM = """\
litellm_settings:
  use_chat_completions_url_for_anthropic_messages: true
general_settings:
  master_key: sk-conformance
model_list:
"""
_LITELLM_MODEL = """\
  - model_name: "{model}"
    litellm_params:
      model: "openai/{model}"
      api_base: http://{upstream}/v1
      api_key: none
      use_chat_completions_api: true
"""
"""The two settings of chat completions, since the upstream speaks nothing else."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What a gateway stands on: host:port of the upstream, a folder of its own, the models, where peers are."""

    upstream: str
    scratch: Path
    models: Sequence[str]
    peers: Path | None = None


@dataclass(frozen=True, slots=True)
class Gateway:
    """One that answers; `headers` every request to it needs."""

    name: str
    root: str
    key: str
    headers: dict[str, str] = field(default_factory=dict)


@contextlib.contextmanager
def upstream(scratch: Path) -> Iterator[str]:
    """The scripted upstream; host:port."""
    address, log = f"127.0.0.1:{free_port()}", scratch / "upstream.log"
    command = [sys.executable, "-m", "conformance.upstream", address.rpartition(":")[2]]
    with running(command, cpu=None, log=log) as process:
        wait_for(f"http://{address}/v1/models", process, log)
        yield address


@contextlib.contextmanager
def weighbridge(ground: Ground) -> Iterator[Gateway]:
    """Ours: one worker, a new ledger, a priced provider."""
    home = ground.scratch / "weighbridge"
    home.mkdir()
    config = home / "weighbridge.toml"
    models = "".join(_MODEL.format(model=model) for model in ground.models)
    config.write_text(_PROVIDER.format(upstream=ground.upstream, default=ground.models[0]) + models)
    command = Path(sys.executable).parent / "weighbridge"
    # The caller's provider keys would put more providers into the catalogue: none of them comes along.
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "WEIGHBRIDGE_HOME": str(home),
        "WEIGHBRIDGE_CONFIG": str(config),
    }
    made = subprocess.run(
        [command, "keys", "create", "conformance", "--store", "--json"], env=env, check=True, stdout=subprocess.PIPE
    )
    key = msgspec.json.decode(made.stdout, type=_MadeKey).key
    port, log = free_port(), ground.scratch / "weighbridge.log"
    arguments: list[str | Path] = [command, "up", "--no-local", "--workers", "1", "--port", str(port)]
    with running([*arguments, "--config", config], cpu=None, log=log, env=env) as process:
        wait_for(f"http://127.0.0.1:{port}/readyz", process, log)
        yield Gateway("weighbridge", f"http://127.0.0.1:{port}", key)


@contextlib.contextmanager
def litellm(ground: Ground) -> Iterator[Gateway]:
    """LiteLLM's proxy, installed by bench/peers/litellm.sh."""
    installed = _peer(ground, "litellm")
    config, log, port = ground.scratch / "litellm.yaml", ground.scratch / "litellm.log", free_port()
    models = "".join(_LITELLM_MODEL.format(model=model, upstream=ground.upstream) for model in ground.models)
    config.write_text(_LITELLM + models)
    command: list[str | Path] = [
        installed / "venv/bin/litellm",
        "--config",
        config,
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    env = {
        **os.environ,
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_MODE": "PRODUCTION",
        "LITELLM_LOG": "ERROR",
        "NO_PROXY": "127.0.0.1",
    }
    with running([*command, "--num_workers", "1", "--telemetry", "False"], cpu=None, log=log, env=env) as process:
        wait_for(f"http://127.0.0.1:{port}/health/liveliness", process, log, seconds=120)
        yield Gateway("litellm", f"http://127.0.0.1:{port}", "sk-conformance")


@contextlib.contextmanager
def portkey(ground: Ground) -> Iterator[Gateway]:
    """Portkey's gateway, installed by bench/peers/portkey.sh; the upstream's address is in a header."""
    installed = _peer(ground, "portkey")
    log, port = ground.scratch / "portkey.log", free_port()
    arguments: list[str | Path] = [
        _RECIPES / "portkey.sh",
        "start",
        installed,
        str(port),
        f"http://{ground.upstream}/v1",
    ]
    with running(arguments, cpu=None, log=log) as process:
        wait_for(f"http://127.0.0.1:{port}/", process, log)
        headers = {"x-portkey-provider": "openai", "x-portkey-custom-host": f"http://{ground.upstream}/v1"}
        yield Gateway("portkey", f"http://127.0.0.1:{port}", "none", headers)


GATEWAYS: dict[str, Callable[[Ground], AbstractContextManager[Gateway]]] = {
    "weighbridge": weighbridge,
    "litellm": litellm,
    "portkey": portkey,
}


class NotInstalled(Exception):
    """A peer is not where it was looked for."""


class _MadeKey(msgspec.Struct):
    key: str


def _peer(ground: Ground, name: str) -> Path:
    if ground.peers is None or not (ground.peers / name).is_dir():
        raise NotInstalled(f"{name} is not installed: bench/peers/{name}.sh install DIR/{name}, then --peers DIR")
    return (ground.peers / name).absolute()
