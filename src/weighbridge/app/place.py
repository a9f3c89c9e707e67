"""Where the settings say that the database is."""

from weighbridge.config import Settings
from weighbridge.db import Place, Server


def place(settings: Settings) -> Place:
    """The server that is set, or else the file."""
    url = settings.database.url
    return settings.ledger_path if url is None else Server(url.reveal())
