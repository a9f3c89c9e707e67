"""The market's data directory, as commands open it."""

from pathlib import Path

from weighbridge import config
from weighbridge.app import market
from weighbridge.cli import database
from weighbridge.market.store import Store


def opened(config_file: Path | None) -> Store:
    """The store, with the prices and models that are installed here taken in. Raises OSError, PackageMissing."""
    return store_of(config.read({}, file=config_file))


def store_of(settings: config.Settings) -> Store:
    """The same, of settings that were read."""
    database.make_home(settings.home)
    return market.store_of(settings)
