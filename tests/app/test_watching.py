"""What is watched is checked before anything runs, and nothing of it is loaded where it is off."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from weighbridge import config
from weighbridge.app.watching import check_telemetry
from weighbridge.config import ConfigError


def settings(home: Path, environ: Mapping[str, str]) -> config.Settings:
    return config.read({}, {"WEIGHBRIDGE_HOME": str(home), **environ}, here=home)


ENDPOINT = {"WEIGHBRIDGE_TELEMETRY_ENDPOINT": "http://127.0.0.1:4318"}


def test_without_the_packages_it_says_how_they_are_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http", None)
    with pytest.raises(ConfigError, match=r"telemetry.endpoint: .*pip install 'weighbridge\[otel\]'"):
        check_telemetry(settings(tmp_path, ENDPOINT))
    check_telemetry(settings(tmp_path, {}))


@pytest.mark.parametrize("headers", ["secret-without-a-name", "a=1,secret", "=secret", "secret="])
def test_headers_that_cannot_be_are_refused_without_being_quoted(headers: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"telemetry\.headers: expected name=value") as refused:
        check_telemetry(settings(tmp_path, {**ENDPOINT, "WEIGHBRIDGE_TELEMETRY_HEADERS": headers}))
    assert "secret" not in str(refused.value)


def test_good_ones_pass(tmp_path: Path) -> None:
    check_telemetry(settings(tmp_path, {**ENDPOINT, "WEIGHBRIDGE_TELEMETRY_HEADERS": "a=1, b = two=2"}))


def test_nothing_of_the_sdk_is_imported_by_a_worker() -> None:
    code = "import sys, weighbridge.app.worker; print([n for n in sys.modules if n.startswith('opentelemetry')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"
