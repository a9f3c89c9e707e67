"""A window over a gateway that has been in use for weeks: every page of it has something to show."""

from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Final

from tests.web import switched
from tests.web.house import Window
from weighbridge import db
from weighbridge.accounts import admins, keys
from weighbridge.accounts.tree import Place
from weighbridge.audit_log import Actor
from weighbridge.db import Connection
from weighbridge.gateway.admin import budgets
from weighbridge.gateway.admin.desk import Caller
from weighbridge.gateway.admin.shapes import BudgetSetting
from weighbridge.ledger.users import Users

SETTINGS: Final = switched.MODELS


def furnish(window: Window, folder: Path) -> None:
    """Budgets (one near its end, one spent), admins of two roles, and a switch at each stage. To be run in a thread."""
    now = datetime.now(UTC)
    with closing(db.connect(window.database)) as connection:
        owner = admins.open_with(connection, window.owner.encode(), now=now)
        caller = Caller(owner, Actor(owner.id, "127.0.0.1"), now, None)
        _admins(connection, now)
        _budgets(connection, caller)
        switched.everything(connection, window.settings, folder, now)


def _admins(connection: Connection, now: datetime) -> None:
    admins.create(connection, name="Amal", role="admin", scope=Place("acme"), now=now)
    admins.create(connection, name="Jo", role="auditor", now=now)


def _budgets(connection: Connection, caller: Caller) -> None:
    desk = next(key for key in keys.listing(connection) if key.name == "desk")
    wanted = [
        BudgetSetting(scope="all", unit="usd", period="month", amount=Decimal(25), soft=80),
        BudgetSetting(scope="organisation", name="acme", unit="usd", period="month", amount=Decimal("0.11"), soft=80),
        BudgetSetting(scope="key", name=desk.id, unit="usd", period="month", amount=Decimal("0.02")),
        BudgetSetting(scope="tag", name="*", unit="requests", period="day", amount=500, hard=False),
    ]
    for each in wanted:
        with db.transaction(connection):
            budgets.put(connection, caller, each, Users("plain"))
