"""How a model, as one provider serves it, departs from what all have in common: values, made by `catalog/habits.py`.

What acts on them: `repair.py` on answers, `fitting.py` on requests.
"""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

Thinks = Literal["never", "always", "unless-off", "if-on"]
"""Whether it thinks: whatever is asked, unless it is switched off, or only if it is switched on."""
Echo = Literal["must", "tools", "may", "never"]
"""Reasoning of earlier turns: must go back; must where tools were called in the turn under way; may; must not."""
Name = Literal["reasoning_content", "reasoning", "reasoning_details", "text"]
"""Where reasoning stands in a message: a field's name, or the text itself, between the family's tags."""
Fields = Mapping[str, Any]  # Any: whatever JSON a provider's own field takes
"""Fields of a request, as JSON values."""


class Switch(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How thinking is switched. None: there is no way to say it."""

    on: Fields | None = None
    off: Fields | None = None
    effort: str | None = None
    """The field that takes a level, with dots for what stands within another."""
    levels: Mapping[str, str] = {}
    """What a level is called there, where that is not its own name."""
    budget: str | None = None
    """The field that takes a number of tokens."""


class Tags(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How thoughts stand in the text, where nobody took them out."""

    open: str
    close: str
    opened: bool = False
    """The chat template writes the opening tag, so the text begins behind it whenever the model thinks."""


class Prefix(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How a provider is asked to go on with an answer whose beginning is the last message, the assistant's."""

    source: str
    models: tuple[str, ...] = ()
    """Patterns of the names of the models it holds for; none: for all."""
    message: Fields = {}
    """What marks the message."""
    request: Fields = {}
    """The same, said in the request instead."""
    path: str | None = None
    """Where it is asked, if not where chat completions are."""
    repeats: bool = False
    """Its answer may begin with the beginning once more."""
    trims: bool = False
    """The beginning must not end in blanks."""
    formats: bool = False
    """A format that is asked for holds for the beginning and its end together, not for the end alone."""


class Habits(msgspec.Struct, frozen=True, kw_only=True):
    """The habits of one family at one provider."""

    family: str
    thinks: Thinks = "never"
    tags: Tags | None = None
    """Set where thoughts may stand in the text at this provider."""
    leaks: tuple[str, ...] = ()
    """Formats (leaked_formats.FORMATS) in which calls may stand in the text at this provider."""
    channels: bool = False
    """The text may hold harmony's channels."""
    parts: bool = False
    """Thoughts come as parts of a content that is a list."""
    switch: Switch | None = None
    echo: Echo = "never"
    echo_as: Name = "reasoning_content"
    echo_tags: tuple[str, str] = ("<think>", "</think>")
    rename: Mapping[str, str] = {}
    """Fields of a request that it wants under another name."""
    drop: tuple[str, ...] = ()
    """Fields of a request that it refuses."""
    prefix: Prefix | None = None
    """None: nobody knows how it would go on with an answer that was begun."""

    @property
    def repairs(self) -> bool:
        """Whether its answers must be looked into at all."""
        return self.tags is not None or bool(self.leaks) or self.channels or self.parts
