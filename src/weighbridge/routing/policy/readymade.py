"""The ready-made policies, by name: the files of `ready/`."""

import difflib
from collections.abc import Mapping
from importlib.resources import files

from weighbridge.errors import PolicyError


def ready_made() -> Mapping[str, str]:
    """All of them: the text of each by its name."""
    folder = files("weighbridge.routing.policy") / "ready"
    found = sorted((file for file in folder.iterdir() if file.name.endswith(".toml")), key=lambda file: file.name)
    return {file.name.removesuffix(".toml"): file.read_text(encoding="utf-8") for file in found}


def ready_text(name: str) -> str:
    """The text of one. Raises PolicyError, naming the nearest."""
    known = ready_made()
    if name in known:
        return known[name]
    close = difflib.get_close_matches(name, known, 1)
    meant = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(known)}"
    raise PolicyError(f"there is no ready-made policy {name!r}; {meant}")
