"""Texts that nobody said."""

from datetime import UTC, datetime
from typing import Any

from weighbridge.texts.text import Text

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def made(receipt: str = "wbr-1", **other: Any) -> Text:  # noqa: ANN401 - whatever a text has
    """One of them."""
    usual: dict[str, Any] = {
        "at": NOW,
        "key": "key-1",
        "dialect": "chat",
        "model": "near/tiny",
        "request": b'{"messages": []}',
        "answer": b'{"choices": []}',
        "user": "alice",
    }
    return Text(receipt=receipt, **(usual | other))
