"""Each import contract holds, and each breaks when its rule is broken on purpose."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONTRACTS = [
    contract["id"]
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
]

VIOLATIONS = [
    pytest.param(
        "layers", "wire/sse.py", "from weighbridge.gateway import chat", id="a lower layer imports a higher one"
    ),
    pytest.param("layers", "accounts/keys.py", "import weighbridge.ledger", id="a sibling imports its sibling"),
    pytest.param("layers", "utils.py", "", id="a new top-level module has no place"),
    pytest.param("cycles", "ledger/entry.py", "import weighbridge.ledger.store", id="two modules import each other"),
    pytest.param("settings", "gateway/chat.py", "import weighbridge.config", id="the gateway reads the settings"),
    pytest.param(
        "gateway",
        "gateway/chat.py",
        "import weighbridge.providers.openai_compatible",
        id="the gateway names a provider",
    ),
    pytest.param("gateway", "gateway/chat.py", "import weighbridge.serving", id="the gateway reaches into serving"),
    pytest.param("decisions", "routing/planner.py", "import asyncio", id="the plan awaits"),
    pytest.param("decisions", "wire/calls.py", "import sqlite3", id="a format reads a database"),
    pytest.param("decisions", "ledger/cost.py", "import socket", id="the arithmetic on money reaches out"),
    pytest.param(
        "decisions", "catalog/model.py", "from weighbridge import transport", id="the catalogue's values call upstreams"
    ),
]


def check(contract: str, tree: Path) -> subprocess.CompletedProcess[str]:
    """Check one contract on the package in `tree` rather than on the installed one."""
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--no-logo", "--contract", contract],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree / "src")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


@pytest.mark.parametrize("contract", CONTRACTS)
def test_contract_holds_on_the_project(contract: str) -> None:
    result = check(contract, ROOT)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "1 kept, 0 broken" in result.stdout


@pytest.mark.parametrize(("contract", "module", "line"), VIOLATIONS)
def test_contract_breaks_when(contract: str, module: str, line: str, tree: Path) -> None:
    path = tree / "src/weighbridge" / module
    path.write_text(f"{path.read_text() if path.exists() else ''}\n{line}\n")
    result = check(contract, tree)
    assert result.returncode == 1, result.stdout + result.stderr
    assert "0 kept, 1 broken" in result.stdout


def test_every_contract_is_broken_once() -> None:
    assert {str(case.values[0]) for case in VIOLATIONS} == set(CONTRACTS)
