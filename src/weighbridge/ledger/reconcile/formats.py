"""Whose lists can be read, and by what."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from weighbridge.ledger.reconcile import anthropic, deepseek, openai, openrouter
from weighbridge.ledger.reconcile.line import Statement
from weighbridge.ledger.rows import Source

FORMATS: Final[Mapping[str, Callable[[Sequence[Source]], Statement]]] = {
    "anthropic": anthropic.read,
    "deepseek": deepseek.read,
    "openai": openai.read,
    "openrouter": openrouter.read,
}
"""By the provider's id: its files → one list. Raises Unreadable."""
