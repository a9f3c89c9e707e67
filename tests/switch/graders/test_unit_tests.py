"""Code that models wrote is run apart: what passes, what does not, and what it cannot do."""

import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.switch.graders.cases import case
from weighbridge.switch.case import Answer
from weighbridge.switch.graders import sandbox, unit_tests
from weighbridge.switch.graders.grader import GraderError
from weighbridge.switch.graders.ladder import grade, graders

TESTS = "assert double(2) == 4\n\ndef test_zero():\n    assert double(0) == 0\n"
GOOD = "def double(n):\n    return 2 * n\n"
QUICK = sandbox.Limits(cpu_seconds=1, memory_mib=256, file_mib=1)
apart = pytest.mark.skipif(not sandbox.isolated(), reason="this system lets us make no namespaces")


@pytest.mark.parametrize(
    ("code", "passes"),
    [
        (GOOD, True),
        ("def double(n):\n    return n + 2\n", False),
        ("def double(n):\n    return n + 2 if n else 1\n", False),
        ("def double(n) return 2 * n", False),
        ("", False),
        (GOOD + "exit(0)\n", False),
        (GOOD + "import os; os._exit(0)\n", False),
        (GOOD + "print('x' * 10_000_000)\n", True),
        (GOOD + "if __name__ == '__main__':\n    input()\n", True),
        ("from dataclasses import dataclass\n@dataclass\nclass A:\n    n: int\n" + GOOD, True),
        ("import msgspec\n" + GOOD, False),
    ],
)
def test_code_passes_its_tests_or_does_not(code: str, passes: bool) -> None:
    assert sandbox.passes(code, TESTS, QUICK) is passes


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("while True: pass", id="processor time"),
        pytest.param("x = bytearray(10**9)", id="memory"),
        pytest.param("open('f', 'wb').write(bytes(2 * 1024 * 1024))", id="size of files"),
        pytest.param("kept = [open('f', 'w') for _ in range(100)]", id="open files"),
        pytest.param("def f(): return f()\nf()", id="depth"),
    ],
)
def test_limits_hold(code: str) -> None:
    assert not sandbox.passes(f"{code}\n{GOOD}", TESTS, QUICK)


def test_code_that_waits_is_ended_by_the_clock() -> None:
    limits = sandbox.Limits(seconds=1)
    assert not sandbox.passes("import time; time.sleep(60)\n" + GOOD, TESTS, limits)


@pytest.mark.parametrize(("seconds", "python"), [(0, sys.executable), (20, "/bin/false")], ids=["late", "at once"])
def test_a_sandbox_that_does_not_start_says_nothing_of_the_code(
    seconds: float, python: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", python)
    with pytest.raises(GraderError, match="did not start"):
        sandbox.passes(GOOD, TESTS * 10_000, sandbox.Limits(seconds=seconds))


def test_code_sees_nothing_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_KEY", "secret")
    seen = "import os\nassert 'A_KEY' not in os.environ\nassert os.listdir('.') == []\n"
    assert sandbox.passes(GOOD, seen + TESTS)


def test_what_it_wrote_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert sandbox.passes("open('f', 'w').write('x')\n" + GOOD, TESTS)
    assert list(tmp_path.iterdir()) == []


@apart
def test_code_reaches_no_network() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        reach = f"import socket\nsocket.create_connection(('127.0.0.1', {server.getsockname()[1]}), 1)\n"
        assert not sandbox.passes(reach + GOOD, TESTS, QUICK)


@apart
def test_a_process_that_it_detached_ends_with_it() -> None:
    ps = shutil.which("ps")
    if ps is None:
        pytest.skip("ps is not installed")
    naming = "61.987654"
    leave = f"import subprocess\nsubprocess.Popen(['/bin/sleep', '{naming}'], start_new_session=True)\n"
    assert sandbox.passes(leave + GOOD, TESTS)
    assert naming not in subprocess.run([ps, "-eo", "args"], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("Here:\n```python\na = 1\n```\nand\n```python\na = 12\n```", "a = 12\n"),
        ("```\na = 1\n```", "a = 1\n"),
        ("```py\na = 1\n```\n```bash\npip install something\n```", "a = 1\n"),
        ("```python\na = 1", "a = 1"),
        ("a = 1", "a = 1"),
    ],
)
def test_source_of_an_answer(text: str, source: str) -> None:
    assert unit_tests.source(text) == source


def test_code_is_graded_only_where_it_may_be_run() -> None:
    asked = case(("tests", TESTS))
    good, bad = Answer(f"```python\n{GOOD}```"), Answer("def double(n): return n")
    assert grade(asked, good, bad, graders=graders()) is None
    found = grade(asked, good, bad, graders=graders(run_code=True))
    assert found is not None
    assert (found.grader, found.reference, found.candidate, found.harm) == (unit_tests.NAME, 1, 0, True)


def test_tests_alone_decide_it() -> None:
    assert unit_tests.grade(case(("text", "a")), Answer(GOOD), Answer(GOOD)) is None
