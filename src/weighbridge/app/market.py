"""The market's data directory, for the commands and the window that ask it."""

from contextlib import suppress
from datetime import UTC, datetime
from importlib.resources import as_file, files
from threading import Lock, Thread

from weighbridge.config import Settings
from weighbridge.db import Connection
from weighbridge.ledger import rollups
from weighbridge.ledger.tabular import PackageMissing
from weighbridge.market import engine
from weighbridge.market.figures import Change, Figures
from weighbridge.market.recipes import own
from weighbridge.market.recipes.own import Own
from weighbridge.market.store import Store
from weighbridge.market.sync import take, take_installed


def store_of(settings: Settings) -> Store:
    """The store, with what is installed here taken in; the home is there. Raises OSError, PackageMissing."""
    store = Store(settings.home / "market")
    take_what_is_installed(store)
    return store


class MarketHere:
    """The market of one process that serves it for long."""

    def __init__(self, settings: Settings) -> None:
        self.figures = Figures(Store(settings.home / "market"))
        self._turn = Lock()
        self._is_taken_in = False
        self._is_prepared = False

    def take_in(self) -> None:
        """Have what is installed here taken in, once. It takes a moment. Raises OSError, PackageMissing."""
        with self._turn:
            if not self._is_taken_in:
                take_what_is_installed(self.figures.store)
                self._is_taken_in = True

    def prepare(self) -> None:
        """Have what figures are worked out with loaded while nobody waits for it, in a thread that ends by itself."""
        if not self._is_prepared:
            self._is_prepared = True
            Thread(target=_prepare, daemon=True, name="market").start()


def _prepare() -> None:
    with suppress(PackageMissing):
        engine.prepare()


def take_what_is_installed(store: Store) -> None:
    """Models and prices of the catalogue, and prices of genai-prices: without any network, once for each version."""
    now = datetime.now(UTC)
    take_installed(store, now=now)
    with as_file(files("weighbridge.catalog") / "data" / "prices.toml") as path:
        list(take(store, path, now=now))


def own_of(connection: Connection, name: str, change: Change) -> Own:
    """The same question, asked of one's own ledger. Raises MarketError, PackageMissing, db.Error."""
    asked = own.question(name, change)
    return own.own(name, rollups.tallies(connection, since=asked.since, until=asked.until, grain="day"), change)
