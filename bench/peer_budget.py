"""The budget test at LiteLLM's proxy, installed by `peers/litellm.sh`: `python -m bench.peer_budget DIR REQUESTS`.

Its database mode needs a program that no package registry has (Prisma's query engine), so this is the budget that it
keeps without: of one key, by custom auth, counted in Redis. `--kill N` kills it after N answers and starts it again.
"""

import argparse
import asyncio
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import uvloop

from bench.counting import counted, stated
from bench.crowd import Crowd
from bench.process import free_port, running, tree, wait_for
from bench.replicas import body

_RECIPES: Final = Path(__file__).parent / "peers"
_CLIENTS: Final = 64


def run(installed: Path, requests: int, kill: int, scratch: Path) -> None:
    """Send the requests, and print what the provider has charged of the budget."""
    amount = sum(stated(number).cost for number in range(requests)) // 2
    upstream, port, redis = free_port(), free_port(), free_port()
    text = (_RECIPES / "litellm_budget.yaml").read_text("utf-8")
    address = f"http://127.0.0.1:{upstream}/v1"
    (scratch / "config.yaml").write_text(text.replace("UPSTREAM", address).replace("REDIS", str(redis)))
    shutil.copy(_RECIPES / "litellm_budget_auth.py", scratch)
    command: list[str | Path] = [
        installed / "venv" / "bin" / "litellm",
        "--config",
        scratch / "config.yaml",
        "--host",
        "127.0.0.1",
    ]
    command += ["--port", str(port), "--num_workers", "1", "--telemetry", "False"]
    own = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_MODE": "PRODUCTION", "LITELLM_LOG": "ERROR"}
    env = {**os.environ, **own, "BENCH_BUDGET": f"{amount / 1e12:.12f}", "PYTHONPATH": str(scratch)}
    mock: list[str | Path] = [sys.executable, "-m", "bench.counting", f"127.0.0.1:{upstream}"]
    server: list[str | Path] = ["redis-server", "--port", str(redis), "--bind", "127.0.0.1", "--save", ""]
    with ExitStack() as stack:
        log = scratch / "mock.log"
        provider = stack.enter_context(running(mock, cpu=None, log=log))
        wait_for(f"{address}/models", provider, log)
        stack.enter_context(running(server, cpu=None, log=scratch / "redis.log"))
        log = scratch / "litellm.log"
        proxy = stack.enter_context(running(command, cpu=None, log=log, env=env))
        wait_for(f"http://127.0.0.1:{port}/health/liveliness", proxy, log, seconds=120)
        crowd = Crowd([("127.0.0.1", port)], "sk-bench", body(), requests)

        async def ask() -> bytes:
            asking = asyncio.create_task(crowd.ask(_CLIENTS))
            if kill:
                while crowd.statuses.count(200) < kill:  # noqa: ASYNC110 - clients are counted as they are answered
                    await asyncio.sleep(0.02)
                for pid in tree(proxy.pid):
                    os.kill(pid, signal.SIGKILL)
                stack.enter_context(running(command, cpu=None, log=scratch / "again.log", env=env))
            await asking
            return await counted("127.0.0.1", upstream)

        began = time.monotonic()
        times = uvloop.run(ask())
    charged = sum(each * stated(number).cost for number, each in enumerate(times) if each)
    print(f"{requests:,} requests in {time.monotonic() - began:.0f} s, by status {dict(Counter(crowd.statuses))}")
    print(f"the provider counted {sum(times):,} and charged {charged:,} of {amount:,} x 1e-12 USD: "
          f"overshoot {max(0, charged - amount):,}, left {(amount - charged) / amount:.4%}")  # fmt: skip


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("installed", type=Path, metavar="DIR")
    parser.add_argument("requests", type=int)
    parser.add_argument("--kill", type=int, default=0, metavar="N")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        run(chosen.installed.resolve(), chosen.requests, chosen.kill, Path(folder))


if __name__ == "__main__":
    main()
