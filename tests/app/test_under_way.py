"""Runs of plans: one at a time, found again by whoever looks, and gone with their process."""

import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from weighbridge.app.switch.under_way import Ended, Options, Runs, running, stop, under_way
from weighbridge.app.unable import Unable
from weighbridge.config import Settings

HOLDS = """
import sys
from pathlib import Path
from weighbridge.app.switch.under_way import under_way
from weighbridge.config import Settings
with under_way(Settings(home=Path(sys.argv[1])), sys.argv[2]):
    try:
        print("held", flush=True)
        sys.stdin.read()
    except KeyboardInterrupt:
        print("stopped", flush=True)
"""


def holder(settings: Settings) -> subprocess.Popen[str]:
    """Another process that runs the plan."""
    made = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(settings.home), "plan-1"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert made.stdout is not None
    assert made.stdout.readline() == "held\n"
    return made


def test_a_run_is_seen_and_kept_alone_and_is_over_when_its_process_is(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    assert running(settings, "plan-1") is None
    with holder(settings) as other:
        found = running(settings, "plan-1")
        assert found is not None
        assert found.pid == other.pid
        with pytest.raises(Unable, match="is run already"), under_way(settings, "plan-1"):
            pass
        with under_way(settings, "plan-2"):
            assert running(settings, "plan-2") is not None
        other.kill()
        other.wait()
        assert running(settings, "plan-1") is None, "what a killed one has left behind holds nothing"
        with under_way(settings, "plan-1"):
            assert running(settings, "plan-1") is not None
    assert running(settings, "plan-1") is None


def test_a_run_is_stopped_as_by_a_key_press(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    assert not stop(settings, "plan-1")
    with holder(settings) as other:
        assert stop(settings, "plan-1")
        assert other.stdout is not None
        assert other.stdout.readline() == "stopped\n"


def test_a_run_is_stopped_whose_shell_has_it_ignore_key_presses(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as for what is begun in the background, and inherited
    try:
        other = holder(settings)
    finally:
        signal.signal(signal.SIGINT, before)
    with other:
        assert stop(settings, "plan-1")
        assert other.stdout is not None
        assert other.stdout.readline() == "stopped\n"


def test_a_run_that_the_window_begins_is_its_own_process_and_what_it_says_is_kept(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    script = 'import sys; print(\'{"stopped": null, "left": 2, "seen": "\' + \' \'.join(sys.argv[1:]) + \'"}\')'
    runs = Runs(settings, (sys.executable, "-c", script))
    assert runs.ended("plan-1") is None
    options = Options(budget=Decimal("0.50"), at_once=4, keep_answers=7, holds=30, run_code=True)
    runs.begin("plan-1", options, base_url="http://127.0.0.1:1/v1")
    begun = runs._begun["plan-1"]
    assert runs.running("plan-1") is not None or begun.poll() is not None
    assert begun.wait(30) == 0
    assert runs.running("plan-1") is None
    assert Runs(settings).ended("plan-1") == Ended(None, 2), "another window knows it too"
    said = (tmp_path / "switch" / "plan-1.json").read_text()
    assert (
        "switch run plan-1 --json --budget 0.5 --at-once 4 --keep-answers 7 --holds 30 --run-code"
        " --base-url http://127.0.0.1:1/v1"
    ) in said
    assert (tmp_path / "switch" / "plan-1.json").stat().st_mode & 0o777 == 0o600


def test_a_run_that_fails_says_why(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    runs = Runs(settings, (sys.executable, "-c", "import sys; sys.exit('Error: nothing is planned')"))
    runs.begin("plan-1", Options())
    runs._begun["plan-1"].wait(30)
    assert runs.ended("plan-1") == Ended("nothing is planned")
