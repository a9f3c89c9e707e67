import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer

from tests import engines
from tests.engines import Cluster, Fresh
from tests.serving.running import running
from tests.spread import FileByFile, spread
from weighbridge import db
from weighbridge.errors import WeightsUnavailable
from weighbridge.serving.engines import Upstream
from weighbridge.serving.sources import default_sources
from weighbridge.serving.weights import pull, weights_of

if not os.environ.get("CI"):  # where Hypothesis has such a profile of its own
    settings.register_profile("beside others", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("beside others")

OF_TESTS = {"WEIGHBRIDGE_TEST_MODELS", "WEIGHBRIDGE_NODE_MODULES"}
for _name in {name for name in os.environ if name.startswith("WEIGHBRIDGE_")} - OF_TESTS:
    del os.environ[_name]  # a test reads the settings it has made, never those of whoever runs it

QWEN = "qwen/qwen2.5-coder-0.5b-instruct"
MINILM = "sentence-transformers/all-minilm-l6-v2"


class _Quiet:
    def said(self, line: str) -> None: ...

    def at(self, done: int, total: int) -> None: ...


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> FileByFile | None:
    """Among several processes, with `--dist loadgroup`."""
    return FileByFile(config, log) if config.getoption("dist") == "loadgroup" else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):  # one of several processes
        spread(items)


@pytest.fixture(scope="session")
def qwen_file() -> Path:
    """The default model's real file; only where it can't be had, and not in CI, tests that need it are skipped."""
    return _file(QWEN)


@pytest.fixture(scope="session")
def minilm_file() -> Path:
    """The same for the model that makes embeddings."""
    return _file(MINILM)


@pytest.fixture(scope="session")
def model_files(qwen_file: Path, minilm_file: Path) -> tuple[Path, ...]:
    """The files of all models that run by default."""
    return qwen_file, minilm_file


def _file(model: str) -> Path:
    directory = Path(os.environ.get("WEIGHBRIDGE_TEST_MODELS", "~/.cache/weighbridge-test-models")).expanduser()
    try:
        return pull(weights_of(model), directory=directory, progress=_Quiet(), sources=default_sources())
    except WeightsUnavailable as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def engine(qwen_file: Path) -> Iterator[Upstream]:
    """A running engine with the default model: two slots of 2048 tokens."""
    with running(QWEN, qwen_file) as (where, _):
        yield where


@pytest.fixture(scope="session")
def embedder(minilm_file: Path) -> Iterator[Upstream]:
    """A running engine with the model that makes embeddings."""
    with running(MINILM, minilm_file) as (where, _):
        yield where


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL server of the tests' own; where there is none, tests that need it are skipped."""
    with engines.cluster() as made:
        yield made


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[db.Place]:
    """An empty, migrated, closed database: the test runs once on each engine."""
    if request.param == "sqlite":
        file = tmp_path / "ledger.db"
        with closing(db.connect(file)) as connection:
            db.migrate(connection)
        yield file
        return
    server: Cluster = request.getfixturevalue("cluster")
    made = server.new()
    yield made
    server.drop(made)


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def fresh(request: pytest.FixtureRequest) -> Iterator[Fresh]:
    """Opens an empty, migrated database as often as a property wants one: the test runs once on each engine."""
    if request.param == "sqlite":
        yield engines.in_memory
        return
    server: Cluster = request.getfixturevalue("cluster")
    made = server.new()
    yield engines.emptied(made)
    server.drop(made)
