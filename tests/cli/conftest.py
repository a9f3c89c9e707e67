"""The command line as a user has it: real files, a real database, a data directory of its own."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from weighbridge.cli import main


@dataclass
class Shell:
    """Runs commands on one data directory, with nothing of the machine's settings or keys."""

    home: Path
    environ: dict[str, str] = field(default_factory=dict)

    def run(self, *arguments: str, stdin: str | None = None) -> Result:
        """What `weighbridge` did; a traceback is a failure of the test."""
        result = CliRunner().invoke(main, list(arguments), env=self.environ, input=stdin, prog_name="weighbridge")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    def good(self, *arguments: str, stdin: str | None = None) -> str:
        """What a command printed that went well."""
        result = self.run(*arguments, stdin=stdin)
        assert result.exit_code == 0, result.output
        return result.stdout

    def fails(self, code: int, arguments: Sequence[str], stdin: str | None = None) -> str:
        """What a command said that failed with `code`; nothing of it on standard output."""
        result = self.run(*arguments, stdin=stdin)
        assert (result.exit_code, result.stdout) == (code, ""), result.output
        return result.stderr


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    for name in list(os.environ):
        if name.startswith(("WEIGHBRIDGE_", "XDG_")) or name.endswith(("_KEY", "_TOKEN")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    home = tmp_path / "home"
    return Shell(home, {"HOME": str(tmp_path), "WEIGHBRIDGE_HOME": str(home)})
