"""The database: an SQLite file, or a PostgreSQL database. Connects and migrates; knows no table by name.

SQL is written once, for both: placeholders are `?` or `:name`, integers have 64 bits, no function of one engine alone
(where there is no other way, `engine` says which it is). A process writes through one connection only (see
ledger/writer.py); several processes take turns by the engine's own locks.
"""

from weighbridge.db.connection import (
    Connection,
    Durability,
    Engine,
    Error,
    OperationalError,
    Place,
    Rows,
    Server,
    TooNew,
    connect,
    delete_for_good,
    empty_log,
    engine,
    in_thread,
    microseconds,
    moment,
    transaction,
)
from weighbridge.db.migrate import migrate, shipped

__all__ = [
    "Connection",
    "Durability",
    "Engine",
    "Error",
    "OperationalError",
    "Place",
    "Rows",
    "Server",
    "TooNew",
    "connect",
    "delete_for_good",
    "empty_log",
    "engine",
    "in_thread",
    "microseconds",
    "migrate",
    "moment",
    "shipped",
    "transaction",
]
