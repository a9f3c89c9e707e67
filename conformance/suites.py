"""The suites, as suites.toml lists them: what is installed, what is run, and what it is told about the gateway."""

from pathlib import Path
from typing import Literal

import msgspec

FILE = Path(__file__).parent / "suites.toml"
SCENARIOS = Path(__file__).parent / "scenarios"


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A public repository whose own tests are run: `folder` of the folder given with `--sources`."""

    folder: str
    url: str
    commit: str


class Suite(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One suite; strings in `run`, `env` and `home` have places for what `Told` knows."""

    name: str
    title: str
    group: Literal["theirs", "ours", "agent"]
    """`theirs` are a project's own tests unmodified, `ours` our scenarios with its client, `agent` a whole session."""
    kind: Literal["pytest", "node", "open-responses", "schemathesis", "agent"]
    python: list[str] = []
    """Packages of PyPI, with their versions."""
    npm: list[str] = []
    files: list[str] = []
    """What is run: of `scenarios/`, or of the source."""
    source: Source | None = None
    model: str = "scripted"
    models: list[str] = []
    """Other names of models that the suite asks for."""
    key: str | None = None
    """The key written into the suite's code: before the gateway it is exchanged for one that opens."""
    run: list[str] = []
    """An agent's command."""
    env: dict[str, str] = {}
    home: dict[str, str] = {}
    """Files that an agent finds in its home."""
    seconds: int = 300
    """Patience with the whole suite."""
    not_offered: dict[str, str] = {}
    """Gateways that have nothing of what the suite asks for, and what that is: it is not run against them."""


class _File(msgspec.Struct, forbid_unknown_fields=True):
    suites: list[Suite]


def read(path: Path = FILE) -> list[Suite]:
    """All suites. Raises msgspec.ValidationError."""
    return msgspec.toml.decode(path.read_bytes(), type=_File).suites


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What a suite is told about the gateway and the place it runs in."""

    root: str
    """scheme://host:port"""
    key: str
    model: str
    home: Path
    work: Path
    task: str = ""

    def fill(self, text: str) -> str:
        """`text` with its places filled: {root} {base} {key} {model} {home} {work} {task}."""
        places = {name: str(getattr(self, name)) for name in self.__struct_fields__} | {"base": f"{self.root}/v1"}
        for name, value in places.items():
            text = text.replace(f"{{{name}}}", value)
        return text

    def environment(self, suite: Suite) -> dict[str, str]:
        """The variables that a suite finds."""
        told = {
            "CONFORMANCE_ROOT": self.root,
            "CONFORMANCE_BASE_URL": f"{self.root}/v1",
            "CONFORMANCE_KEY": self.key,
            "CONFORMANCE_MODEL": self.model,
        }
        return told | {name: self.fill(value) for name, value in suite.env.items()}
