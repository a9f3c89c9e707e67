"""The market's data directory, for the commands that ask it."""

from datetime import UTC, datetime
from importlib.resources import as_file, files
from pathlib import Path

from weighbridge import config
from weighbridge.cli import database
from weighbridge.market.store import Store
from weighbridge.market.sync import take, take_installed


def opened(config_file: Path | None, *, installed: bool = True) -> Store:
    """The store, with the prices that are installed here taken in. Raises OSError, PackageMissing."""
    store = Store(config.read({}, file=config_file).home / "market")
    database.make_home(store.directory.parent)
    if installed:
        take_what_is_installed(store)
    return store


def take_what_is_installed(store: Store) -> None:
    """Prices of the catalogue and of genai-prices: without any network, once for each of their versions."""
    now = datetime.now(UTC)
    take_installed(store, now=now)
    with as_file(files("weighbridge.catalog") / "data" / "prices.toml") as path:
        list(take(store, path, now=now))
