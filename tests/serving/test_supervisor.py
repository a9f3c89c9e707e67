import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.serving.told import Told
from weighbridge.errors import ServingError
from weighbridge.serving.process import Child, Restart, Role
from weighbridge.serving.state import read_state
from weighbridge.serving.supervisor import Patience, Supervisor, delay, ending

SOON = Restart(first=0.01, longest=0.02)
READY = "from weighbridge.serving.parent import say_ready; say_ready()\n"
TERM = "import signal, sys\nsignal.signal(signal.SIGTERM, lambda *_: (print('term', flush=True), sys.exit(0)))\n"
WAIT = "import signal\nprint('up', flush=True)\nwhile True: signal.pause()\n"


def child(name: str, code: str, *, role: Role = "worker", vital: bool = False, quiet: bool = False) -> Child:
    return Child(
        name=name, argv=(sys.executable, "-c", code), role=role, restart=SOON, vital=vital, quiet=quiet, advice="Do so."
    )


class Running:
    def __init__(self, directory: Path, patience: Patience) -> None:
        self.told = Told()
        self.state_file = directory / "run" / "state.json"
        self.logs = directory / "logs"
        self.supervisor = Supervisor(state_file=self.state_file, logs=self.logs, say=self.told, patience=patience)
        self.exit_code: int | None = None


@asynccontextmanager
async def running(
    directory: Path, children: Sequence[Child], patience: Patience | None = None
) -> AsyncIterator[Running]:
    it = Running(directory, patience or Patience(worker=10, engine=10))
    async with asyncio.TaskGroup() as group:
        task = group.create_task(it.supervisor.run(children))
        try:
            yield it
        finally:
            it.supervisor.stop()
            it.exit_code = await task


async def test_a_child_that_ends_is_started_again(tmp_path: Path) -> None:
    async with running(tmp_path, [child("w", "print('here')\nraise SystemExit(3)")]) as it:
        await it.told.hear("[w] here", times=3)
        said = await it.told.hear("starting it again")
    assert 'ended with code 3 ("here")' in said


async def test_a_child_that_is_killed_is_started_again_and_says_so_in_the_state_file(tmp_path: Path) -> None:
    async with running(tmp_path, [child("w", READY + WAIT)]) as it:
        await it.supervisor.ready("w")
        first = it.supervisor.state().children["w"]
        assert first.pid is not None
        os.kill(first.pid, signal.SIGKILL)
        await it.told.hear("starting it again")
        await it.supervisor.ready("w", timeout=10)
        written = read_state(it.state_file)
        assert written is not None
        assert written.running()
        assert written.pid == os.getpid()
        now = written.children["w"]
        assert (now.condition, now.restarts) == ("ready", 1)
        assert now.pid != first.pid
        assert now.last_exit is not None
        assert "SIGKILL" in now.last_exit
    assert not it.state_file.exists()


async def test_ready_waits_until_the_child_says_so(tmp_path: Path) -> None:
    late = "import sys\nprint('asking', flush=True)\nsys.stdin.read()\n" + READY + WAIT
    async with running(tmp_path, [child("w", late)]) as it:
        await it.supervisor.ready("w", timeout=10)
        assert it.told.all_with("asking")
        assert it.supervisor.state().children["w"].condition == "ready"


async def test_ready_gives_up_after_its_timeout_and_names_the_log(tmp_path: Path) -> None:
    async with running(tmp_path, [child("w", WAIT)]) as it:
        await it.told.hear("up")
        with pytest.raises(ServingError, match=r"w was not ready after 0\.05 s; see .*w\.log\. Do so\."):
            await it.supervisor.ready("w", timeout=0.05)


async def test_a_vital_child_that_keeps_failing_ends_the_whole_with_its_last_words(tmp_path: Path) -> None:
    children = [child("w", "raise SystemExit('no such port')", vital=True), child("e", WAIT, role="engine")]
    told = Told()
    supervisor = Supervisor(state_file=tmp_path / "state.json", logs=tmp_path, say=told)
    async with asyncio.timeout(20):
        assert await supervisor.run(children) == 1
    report = told.all_with("failed 5 times")
    assert report == [
        f'w failed 5 times in a row: it ended with code 1 ("no such port"); see {tmp_path / "w.log"}. Do so.'
    ]


async def test_another_child_that_keeps_failing_is_reported_once_and_goes_on_being_tried(tmp_path: Path) -> None:
    failing = child("e", f"open({str(tmp_path / 'count')!r}, 'a').write('x')\nraise SystemExit(1)", role="engine")
    async with running(tmp_path, [failing, child("w", WAIT)]) as it:
        await it.told.hear("e failed 5 times")
        with pytest.raises(ServingError, match="e failed 5 times"):
            await it.supervisor.ready("e")
        while (tmp_path / "count").stat().st_size < 8:  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.01)
        state = it.supervisor.state().children
        assert state["e"].crash_loop
        assert state["w"].condition != "stopped"
    assert len(it.told.all_with("e failed")) == 1
    assert it.exit_code == 0


async def test_a_child_that_comes_up_after_a_crash_loop_is_ready(tmp_path: Path) -> None:
    mended = tmp_path / "mended"
    code = f"import os\nif not os.path.exists({str(mended)!r}): raise SystemExit(1)\n" + READY + WAIT
    async with running(tmp_path, [child("e", code, role="engine")]) as it:
        await it.told.hear("e failed 5 times")
        mended.touch()
        await it.told.hear("[e] up")
        while it.supervisor.state().children["e"].condition != "ready":  # noqa: ASYNC110 - the pipe's turn
            await asyncio.sleep(0.01)
        await it.supervisor.ready("e", timeout=10)


async def test_engines_are_told_to_stop_only_when_the_workers_have_ended(tmp_path: Path) -> None:
    slow = """
import signal, sys
def end(*_):
    print("term", flush=True)
    print("done", flush=True)
    sys.exit()
signal.signal(signal.SIGTERM, end)
"""
    async with running(tmp_path, [child("e", TERM + WAIT, role="engine"), child("w", slow + WAIT)]) as it:
        await it.told.hear("[w] up")
        await it.told.hear("[e] up")
    assert [line for line in it.told.lines if "up" not in line] == ["[w] term", "[w] done", "[e] term"]


async def test_a_child_that_does_not_end_in_time_is_killed(tmp_path: Path) -> None:
    deaf = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + WAIT
    async with running(tmp_path, [child("w", deaf)], Patience(worker=0.05)) as it:
        await it.told.hear("up")
    assert it.told.lines[-1] == "[w] did not end in time: killed"


async def test_asking_to_stop_twice_waits_no_longer(tmp_path: Path) -> None:
    deaf = "import signal\nsignal.signal(signal.SIGTERM, lambda *_: print('term', flush=True))\n" + WAIT
    async with running(tmp_path, [child("w", deaf)], Patience(worker=600)) as it:
        await it.told.hear("up")
        it.supervisor.stop()
        await it.told.hear("term")
    assert it.told.lines[-1] == "[w] did not end in time: killed"


async def test_stopping_while_a_child_waits_for_its_restart_is_quick(tmp_path: Path) -> None:
    failing = Child(name="w", argv=(sys.executable, "-c", ""), role="worker", restart=Restart(first=600, longest=600))
    async with asyncio.timeout(20), running(tmp_path, [failing]) as it:
        await it.told.hear("starting it again")


async def test_a_program_that_is_not_there_is_reported(tmp_path: Path) -> None:
    async with running(tmp_path, [Child(name="w", argv=("/no/such/program",), role="worker", restart=SOON)]) as it:
        said = await it.told.hear("failed 5 times")
    assert "could not be started" in said
    assert "No such file" in said


async def test_a_quiet_child_writes_to_its_log_alone(tmp_path: Path) -> None:
    code = "print('loud')\nimport sys\nprint('words', file=sys.stderr)\n" + READY + WAIT
    async with running(tmp_path, [child("e", code, role="engine", quiet=True)]) as it:
        await it.supervisor.ready("e")
        log = it.logs / "e.log"
        while not (log.exists() and "loud" in log.read_text() and "words" in log.read_text()):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert it.told.lines == []


async def test_a_line_without_end_does_not_stop_the_reading(tmp_path: Path) -> None:
    async with running(tmp_path, [child("w", "print('x' * 300_000)\n" + WAIT)]) as it:
        await it.told.hear("too long to show")
        await it.told.hear("[w] up")


async def test_a_child_reads_its_input_and_inherits_descriptors(tmp_path: Path) -> None:
    read, write = os.pipe()
    code = f"import os, sys\nos.write({write}, sys.stdin.buffer.read() + os.environ['WORD'].encode())\n" + WAIT
    given = Child(
        name="w", argv=(sys.executable, "-c", code), role="worker", stdin=b"in ", env={"WORD": "env"}, pass_fds=(write,)
    )
    async with running(tmp_path, [given]) as it:
        await it.told.hear("up")
        assert os.read(read, 100) == b"in env"
    os.close(read)
    os.close(write)


SUPERVISED = """
import asyncio, sys
from pathlib import Path
from weighbridge.serving.process import Child
from weighbridge.serving.supervisor import Supervisor

code = "from weighbridge.serving.parent import end_with_parent; end_with_parent()\\n" + sys.argv[2]
child = Child(name="w", argv=(sys.executable, "-c", code), role="worker", pass_fds=(1,))
here = Path(sys.argv[1])
say = lambda line: print(line, flush=True)
raise SystemExit(asyncio.run(Supervisor(state_file=here / "state.json", logs=here, say=say).run([child])))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
def test_children_end_with_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", SUPERVISED, str(tmp_path), WAIT], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"[w] up\n"
        process.kill()
        assert process.stdout.read() == b""  # the end of the file comes when the child, too, has closed it
    left = read_state(tmp_path / "state.json")
    assert left is not None
    assert not left.running()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_stops_the_children_and_then_the_supervisor(tmp_path: Path, how: signal.Signals) -> None:
    command = [sys.executable, "-c", SUPERVISED, str(tmp_path), TERM + WAIT]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"[w] up\n"
        process.send_signal(how)
        assert process.stdout.read() == b"[w] term\n"
    assert process.returncode == 0


def test_the_wait_doubles_up_to_its_longest() -> None:
    rule = Restart(first=1, longest=10)
    for failures, about in [(1, 1), (2, 2), (3, 4), (4, 8), (5, 10), (500, 10)]:
        waits = [delay(rule, failures) for _ in range(50)]
        assert 0.75 * about <= min(waits) < max(waits) <= 1.25 * about


@pytest.mark.parametrize(
    ("code", "lines", "words"),
    [
        (0, [], "ended with code 0"),
        (1, ["a", "b", " "], 'ended with code 1 ("b")'),
        (-6, ["GGML_ASSERT(x) failed"], 'was ended by SIGABRT ("GGML_ASSERT(x) failed")'),
        (-9, ["a"], "was ended by SIGKILL (the system does that when memory runs out)"),
        (-250, [], "was ended by signal 250"),
    ],
)
def test_an_ending_in_words(code: int, lines: Sequence[str], words: str) -> None:
    assert ending(code, lines) == words
