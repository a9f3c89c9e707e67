"""Suites' packages, from PyPI and npm, each suite's in a folder of its own outside the project."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec

from conformance.suites import Suite

DEFAULT = "~/.cache/weighbridge-conformance"


def cache() -> Path:
    """Where suites are installed."""
    return Path(os.environ.get("WEIGHBRIDGE_CONFORMANCE_CACHE", DEFAULT)).expanduser()


def installed(suite: Suite, folder: Path) -> Path:
    """The suite's folder under `folder`, made anew when its list of packages has changed.

    Raises CalledProcessError when a registry does not have them.
    """
    place, stamp = folder / suite.name, folder / suite.name / "installed.json"
    wanted = msgspec.json.encode({"python": suite.python, "npm": suite.npm})
    if stamp.is_file() and stamp.read_bytes() == wanted:
        return place
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    if suite.python:
        subprocess.run([sys.executable, "-m", "venv", place / "venv"], check=True)
        pip: list[str | Path] = [
            place / "venv/bin/python",
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ]
        subprocess.run([*pip, *suite.python], check=True)
    if suite.npm:
        (place / "package.json").write_text('{"private": true}\n')
        quiet = ["--no-audit", "--no-fund", "--loglevel=error"]
        subprocess.run(["npm", "install", *quiet, *suite.npm], check=True, cwd=place)
    stamp.write_bytes(wanted)
    return place


def versions(suite: Suite) -> dict[str, str]:
    """The packages that are pinned, as name → version, and the source's commit."""
    pinned = [each.rpartition("==") for each in suite.python] + [each.rpartition("@") for each in suite.npm]
    found = {name.partition("[")[0]: version for name, _, version in pinned}
    return found | ({suite.source.folder: suite.source.commit[:8]} if suite.source is not None else {})
