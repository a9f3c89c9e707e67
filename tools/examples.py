"""Finds the code blocks of README.md and docs/, and runs each against a live gateway.

Every `console`, `bash` and `python` block is run, unless the line above it says why not: `<!-- not run: reason -->`.
A `console` block holds commands after `$ ` (a line that ends in a backslash goes on) and what they print; the output of
another block may stand in a `text` block under `<!-- prints -->`. In an expected output `…` stands for any text.
The address and the key that the pages show stand for those of the gateway at hand.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
SHOWN_ADDRESS = "http://127.0.0.1:8080"
_SHOWN_KEY = re.compile(r"wb-[\w…]+")
_BLOCK = re.compile(
    r"(?:^<!-- not run: (?P<excuse>[^\n]+) -->\n)?"
    r"^```(?P<language>console|bash|python)\n(?P<code>.*?)^```\n"
    r"(?:\n*<!-- prints -->\n```text\n(?P<output>.*?)^```\n)?",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Gateway:
    """A gateway that is up: its address without a path, a key of its own, its data directory."""

    address: str
    key: str
    home: Path


@dataclass(frozen=True, slots=True)
class Step:
    """A program of one block and what it should print; None where the page does not say."""

    language: str
    code: str
    output: str | None


@dataclass(frozen=True, slots=True)
class Example:
    """One block. `place` is its page and line; `excuse` is why it is not run."""

    place: str
    steps: tuple[Step, ...]
    excuse: str | None = None


def examples() -> Iterator[Example]:
    """Every block of README.md and docs/."""
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        yield from read(path.read_text("utf-8"), str(path.relative_to(ROOT)))


def read(text: str, page: str) -> Iterator[Example]:
    """Every block of a page's text."""
    for block in _BLOCK.finditer(text):
        language, code = block["language"], block["code"]
        steps = _commands(code) if language == "console" else (Step(language, code, block["output"]),)
        yield Example(f"{page}:{text.count(chr(10), 0, block.start('code'))}", tuple(steps), block["excuse"])


def _commands(code: str) -> Iterator[Step]:
    for part in re.split(r"^\$ ", code, flags=re.MULTILINE)[1:]:
        command = re.match(r"(?:.*\\\n)*.*\n", part)
        assert command is not None
        yield Step("bash", command[0], part[command.end() :] or None)


def run(example: Example, gateway: Gateway, folder: Path) -> None:
    """Run the block's steps in `folder`. Raises AssertionError where one fails or prints something else."""
    for step in example.steps:
        code = _SHOWN_KEY.sub(gateway.key, step.code.replace(SHOWN_ADDRESS, gateway.address))
        interpreter = [sys.executable, "-c"] if step.language == "python" else ["bash", "-euo", "pipefail", "-c"]
        done = subprocess.run(
            [*interpreter, code],
            cwd=folder,
            env=_environment(gateway),
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == 0, f"{example.place} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        assert step.output is None or alike(step.output, done.stdout), (
            f"{example.place} should print:\n{step.output}\nbut printed:\n{done.stdout}"
        )


def alike(expected: str, printed: str) -> bool:
    """Whether `printed` is `expected`, where `…` is any text and blanks at the ends do not count."""
    pattern = ".*".join(re.escape(part) for part in expected.strip().split("…"))
    return re.fullmatch(pattern, printed.strip(), re.DOTALL) is not None


def _environment(gateway: Gateway) -> dict[str, str]:
    return {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(gateway.home),
        "WEIGHBRIDGE_HOME": str(gateway.home),
        "WEIGHBRIDGE_BASE_URL": f"{gateway.address}/v1",
        "WEIGHBRIDGE_API_KEY": gateway.key,
    }
