"""The machine and the versions, told so that a stranger can judge a figure; no host name, no path."""

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("weighbridge", "uvloop", "httptools", "msgspec")


def describe() -> dict[str, str]:
    """Kind of CPU, how many, memory, kernel, Python."""
    cpu = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    virtual = "hypervisor" in Path("/proc/cpuinfo").read_text()
    return {
        "CPU": f"{cpu[1] if cpu else platform.machine()}{', virtual' if virtual else ''}",
        "CPUs": str(os.cpu_count()),
        "memory": f"{pages / 2**30:.0f} GiB",
        "kernel": f"Linux {platform.release().partition('-')[0]}",
        "Python": platform.python_version(),
    }


def versions(peers: Mapping[str, Path]) -> dict[str, str]:
    """Of our packages, nginx, and the peers installed in these folders."""
    ours = {name: _installed(name) for name in PACKAGES}
    return ours | {"nginx": _nginx()} | {name: _of_peer(name, folder) for name, folder in peers.items()}


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"


def _nginx() -> str:
    told = subprocess.run(["nginx", "-v"], check=False, capture_output=True, text=True)
    return told.stderr.strip().rpartition("/")[2] or "unknown"


def _of_peer(name: str, folder: Path) -> str:
    for pattern in (
        f"venv/lib/python3*/site-packages/{name}-*.dist-info",
        "node_modules/@portkey-ai/gateway/package.json",
    ):
        for path in folder.glob(pattern):
            text = (path / "METADATA" if path.is_dir() else path).read_text("utf-8")
            if found := re.search(r'^(?:Version: |\s*"version": ")([^"\n]+)', text, re.MULTILINE):
                node = shutil.which("node") if path.suffix == ".json" else None
                return f"{found[1]} (Node {_node()})" if node else found[1]
    return "unknown"


def _node() -> str:
    return subprocess.run(["node", "--version"], check=True, capture_output=True, text=True).stdout.strip().lstrip("v")
