"""However loud a worker is, and whoever it tells what it does: prompts, answers and keys are not in it."""

import json
from pathlib import Path

import pytest

from tests.behaviour.test_secrets import ANSWERED, PROMPT, STRANGER, THEIRS, _everything, _has, _misbehave, _requests
from tests.behaviour.worker import process
from tests.gateway.conftest import near
from tests.gateway.upstream import Upstream
from tests.watching.collector import collector

COLLECTORS = "marker-of-the-collectors-key-77aa"


@pytest.mark.parametrize("format_", ["text", "json"])
async def test_what_is_told_to_those_who_watch_has_no_secret(format_: str, tmp_path: Path, upstream: Upstream) -> None:
    upstream.script = _misbehave
    home = tmp_path / "home"
    with collector() as taking:
        settings = (
            near(upstream).replace("[providers.near]\n", '[providers.near]\napi_key_env = "NEAR_KEY"\n')
            + f'[logging]\nformat = "{format_}"\nlevel = "debug"\naccess = true\n'
            + f'[telemetry]\nendpoint = "{taking.url}"\n'
        )
        environ = {"NEAR_KEY": THEIRS, "WEIGHBRIDGE_TELEMETRY_HEADERS": f"authorization=Bearer {COLLECTORS}"}
        async with process(home, settings, environ) as gateway:
            await _requests(gateway)
            metrics = (await gateway.get("/metrics")).body
            entries = gateway.entries()
            await gateway.stop()
        sent = b"".join(taking.raw)
        assert {headers["authorization"] for headers in taking.headers} == {f"Bearer {COLLECTORS}"}
    assert len(taking.spans()) > len(entries) > 10
    said = gateway.said.read_text()
    kept = _everything(tmp_path) | {"sent to the collector": sent, "metrics": metrics}
    secrets = (PROMPT, ANSWERED, THEIRS, STRANGER, COLLECTORS, gateway.key)
    assert [(name, secret) for name, data in kept.items() for secret in secrets if _has(data, secret)] == []
    assert "bearer" not in said.lower()
    assert sorted(_receipts(said, format_)) == sorted(entry.id for entry in entries)


def _receipts(said: str, format_: str) -> list[str]:
    """The receipts of the access lines; every line of JSON is one."""
    if format_ == "json":
        lines = [json.loads(line) for line in said.splitlines()]
        return [line["request"]["receipt"] for line in lines if "request" in line]
    fields = [line.partition("receipt=")[2] for line in said.splitlines() if " weighbridge.access: " in line]
    return [each.partition(" ")[0] for each in fields]
