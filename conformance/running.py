"""One suite, installed, run against a gateway, and its report read."""

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from conformance import reports
from conformance.results import Case
from conformance.suites import SCENARIOS, Suite, Told

_OLD, _NEW = "Hello there", "Goodbye"
_TASK = "In the file {file} replace '{old}' by '{new}'. Change nothing else."
EDITED = "edits one file"
"""The one case of an agent's session."""


@dataclass(frozen=True, slots=True)
class _Ended:
    code: int
    said: str


class NoReport(Exception):
    """A suite ended without a report; the end of its output says why."""


def run(suite: Suite, told: Told, place: Path, source: Path | None) -> list[Case]:
    """The cases of `suite`, installed at `place`, its tests in `source`. Raises NoReport."""
    match suite.kind:
        case "pytest":
            return _pytest(suite, told, place, source)
        case "node":
            return _node(suite, told, place)
        case "open-responses":
            return _open_responses(suite, told, place, source)
        case "schemathesis":
            return _schemathesis(suite, told, place)
        case "agent":
            return _agent(suite, told, place)


def _pytest(suite: Suite, told: Told, place: Path, source: Path | None) -> list[Case]:
    report = told.work / "report.xml"
    files = [str((source or SCENARIOS) / each) for each in suite.files]
    command: list[str | Path] = [
        place / "venv/bin/python",
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-o",
        "addopts=",
    ]
    command += ["--timeout=60", f"--rootdir={source or SCENARIOS}", f"--junitxml={report}", *files]
    if source is None:
        # Clients keep their connections: one loop for all tests, as in an application.
        loop = [f"asyncio_default_{each}_loop_scope=session" for each in ("test", "fixture")]
        command += ["-c", os.devnull, *(part for option in ("asyncio_mode=auto", *loop) for part in ("-o", option))]
    ended = _output(command, source or told.work, _environment(suite, told, place), suite.seconds)
    return reports.junit(_there(report, ended))


def _node(suite: Suite, told: Told, place: Path) -> list[Case]:
    report = told.work / "report.xml"
    # A module finds its packages beside itself.
    files = [shutil.copy(SCENARIOS / each, place / each) for each in suite.files]
    command = ["node", "--test", "--test-reporter=junit", f"--test-reporter-destination={report}", *files]
    ended = _output(command, place, _environment(suite, told, place), suite.seconds)
    return reports.junit(_there(report, ended))


def _open_responses(suite: Suite, told: Told, place: Path, source: Path | None) -> list[Case]:
    copy = place / "source"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(source or place, copy, ignore=shutil.ignore_patterns(".git", "node_modules"))
    command: list[str | Path] = [
        place / "node_modules/.bin/bun",
        "run",
        "bin/compliance-test.ts",
        "--json",
        "--base-url",
    ]
    command += [told.fill("{base}"), "--api-key", told.key, "--model", told.model]
    ended = _output(command, copy, _environment(suite, told, place), suite.seconds)
    if "{" not in ended.said:
        raise NoReport(ended.said[-600:])
    return reports.open_responses(ended.said.encode())


def _schemathesis(suite: Suite, told: Told, place: Path) -> list[Case]:
    """Requests made from the gateway's own OpenAPI document, and answers held against it."""
    report = told.work / "report.xml"
    command: list[str | Path] = [place / "venv/bin/st", "--config-file", SCENARIOS / suite.files[0], "run"]
    command += [told.fill("{root}/openapi.json"), "--report=junit", f"--report-junit-path={report}"]
    env = _environment(suite, told, place) | {"CONFORMANCE_SCENARIOS": str(SCENARIOS)}
    ended = _output(command, told.work, env, suite.seconds)
    return reports.junit(_there(report, ended))


def _agent(suite: Suite, told: Told, place: Path) -> list[Case]:
    file = told.work / "greeting.txt"
    file.write_text(f"{_OLD}\n")
    task = _TASK.format(file=file, old=_OLD, new=_NEW)
    told = Told(root=told.root, key=told.key, model=told.model, home=told.home, work=told.work, task=task)
    for name, text in suite.home.items():
        (told.home / name).parent.mkdir(parents=True, exist_ok=True)
        (told.home / name).write_text(told.fill(text))
    ended = _output([told.fill(each) for each in suite.run], told.work, _environment(suite, told, place), suite.seconds)
    if ended.code == 0 and file.read_text() == f"{_NEW}\n":
        return [Case(EDITED, "passed")]
    said = " ".join(ended.said.split())[-150:]
    return [Case(EDITED, "failed", reports.first_line(f"ended with {ended.code}; its last words: {said}"))]


def _environment(suite: Suite, told: Told, place: Path) -> dict[str, str]:
    """What the suite needs, and nothing of the caller's that could lead it elsewhere."""
    path = f"{place}/venv/bin:{place}/node_modules/.bin:{os.environ['PATH']}"
    base = {
        "PATH": path,
        "HOME": str(told.home),
        "LANG": "C.UTF-8",
        "NO_PROXY": "127.0.0.1,localhost",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return base | told.environment(suite)


def _output(command: Sequence[str | Path], folder: Path, env: Mapping[str, str], seconds: float) -> _Ended:
    """What a command said until it ended, or was ended with its children when its time was up."""
    process = subprocess.Popen(
        list(command),
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        said, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        said = f"{process.communicate()[0]}\nno end after {seconds} seconds"
    return _Ended(process.returncode, said)


def _there(report: Path, ended: _Ended) -> Path:
    if not report.is_file():
        raise NoReport(ended.said[-600:])
    return report
