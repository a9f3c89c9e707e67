"""A market's data directory, the real files where they lie beside the project, and small made-up ones."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from weighbridge.market.store import Store
from weighbridge.market.sync import Taken, take

NOW = datetime(2026, 11, 22, tzinfo=UTC)
REAL = Path(__file__).parents[3] / "shared" / "data"
WEEK = """date,model_permaslug,total_tokens
2026-08-10,deepseek/deepseek-v4,500
2026-08-10,openai/gpt-5,300
2026-08-10,openai/gpt-5:free,50
2026-08-10,nobody/knows,100
2026-08-10,other,50
"""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "market")


def taken(store: Store, path: Path, text: str | None = None) -> list[Taken]:
    """Take a file in; `text` is written to it first."""
    if text is not None:
        path.write_text(text, encoding="utf-8")
    return list(take(store, path, now=NOW))


def real(name: str) -> Path:
    """A real file; the test is skipped where it is not there."""
    path = REAL / name
    if not path.exists():
        pytest.skip(f"{name} is not beside the project")
    return path
