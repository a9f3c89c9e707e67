"""What is worth telling whoever runs the gateway: one event, and how a part tells it.

A part that has something to tell is given a `Tell` (None where nobody wants to hear) and calls it from the event
loop: it only puts the event aside and never waits. `alerts/outbox.py` keeps it, `alerts/delivery.py` brings it to the
webhook.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Literal

import msgspec

EventType = Literal[
    "budget.warned",
    "budget.spent",
    "breaker.opened",
    "breaker.closed",
    "price.changed",
    "drift.found",
    "switch.stepped_back",
    "alerts.test",
]
"""A budget has reached its soft threshold, or is spent; an endpoint is left alone, or asked again; a price is another
than it was; an answer names another model than was asked for; a cheaper model does worse than was proven, and fewer
requests go to it; nothing but a test."""

Figure = str | int | float | bool | None
"""Money is a text of digits in US dollars, a time ISO 8601 in UTC."""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that has happened."""

    type: EventType
    at: datetime
    """Aware."""
    subject: Mapping[str, str | None]
    """What it is about, such as `{"budget": "bgt-…", "project": "search"}` or `{"endpoint": "deepinfra/…"}`."""
    figures: Mapping[str, Figure]
    """What there is to know of it, such as `{"limit": "100", "spent": "80.01", "renews": "2026-12-01T00:00:00Z"}`."""
    mark: str
    """What makes it the event it is, such as `budget.spent bgt-… 2026-11`: of one mark only the first is told,
    whichever worker tells it."""


Tell = Callable[[Event], None]
"""Takes an event and returns at once; it is delivered later, and never lost with an answer."""
