"""The kinds of value a setting can have, and how each is said in words."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from msgspec import Meta

_A_DAY = 86_400


class Secret:
    """A text that shows itself only when asked to."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The text itself: for the request that needs it, never for a log or a page."""
        return self._value

    def __repr__(self) -> str:
        return "Secret('…')"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


Port = Annotated[int, Meta(ge=0, le=65535, description="a whole number from 0 to 65535")]
Days = Annotated[int, Meta(ge=1, le=36_500, description="a whole number from 1 to 36500")]
Hours = Annotated[int, Meta(ge=1, le=8760, description="a whole number of hours from 1 to 8760")]
Count = Annotated[int, Meta(ge=1, le=1_000_000, description="a whole number from 1 to 1000000")]
Times = Annotated[int, Meta(ge=0, le=100, description="a whole number from 0 to 100")]
Percent = Annotated[int, Meta(ge=1, le=100, description="a whole number from 1 to 100")]
Tokens = Annotated[int, Meta(ge=1, le=100_000_000, description="a whole number of tokens, at least 1")]
Bytes = Annotated[int, Meta(ge=1024, le=2**40, description="a whole number of bytes, at least 1024")]
Mebibytes = Annotated[int, Meta(ge=0, le=2**20, description="a whole number of MiB, at least 0")]
Seconds = Annotated[float, Meta(gt=0, le=_A_DAY, description=f"a number of seconds above 0, at most {_A_DAY}")]
# A name and password in a URL would end up in logs and error messages, so `@` is refused in the authority.
Url = Annotated[
    str,
    Meta(pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*)?$", description="an http:// or https:// URL, without user or query"),
]
WebhookUrl = Annotated[
    str,
    Meta(pattern=r"^https?://[^\s/?#@]+(/[^\s#]*)?$", description="an http:// or https:// URL, without user"),
]
Text = Annotated[str, Meta(min_length=1, description="a string, not empty")]
Origin = Annotated[
    str, Meta(pattern=r"^(\*|https?://[^\s/?#@]+)$", description='an origin such as https://chat.example.org, or "*"')
]
Country = Annotated[str, Meta(pattern="^[A-Z]{2}$", description="a country's two letters (ISO 3166-1), such as DE")]
Place = Annotated[
    str, Meta(pattern="^[A-Z]{2,8}$", description="a country's two letters (ISO 3166-1), or a group such as EU")
]
Retention = Annotated[int, Meta(ge=0, le=36_500, description="a whole number of days from 0 to 36500")]
Temperature = Annotated[float, Meta(ge=0, le=2, description="a number from 0 to 2")]
Share = Annotated[float, Meta(ge=0, le=1, description="a number from 0 to 1")]
Penalty = Annotated[float, Meta(ge=-2, le=2, description="a number from -2 to 2")]
Dollars = Annotated[Decimal, Meta(description="an amount of US dollars, at least 0")]
Usd = Annotated[Decimal, Meta(description="US dollars for a million tokens, at least 0")]

Hint = Any
"""A type as `get_type_hints(include_extras=True)` gives it; the typing module has no narrower name for it."""


def expected(hint: Hint) -> str:
    """A type in words, for messages and the reference page."""
    origin: object = get_origin(hint)
    arguments = get_args(hint)
    if origin is Annotated:
        return next(str(meta.description) for meta in arguments if isinstance(meta, Meta))
    if origin is UnionType or origin is Union:
        return expected(arguments[0])
    if origin is Literal:
        return "one of " + ", ".join(f'"{choice}"' for choice in arguments)
    if origin is tuple:
        return f"a list, each {expected(arguments[0])}"
    return _WORDS.get(hint, "a table")


_WORDS: Final = {
    bool: "true or false",
    int: "a whole number",
    date: "a date such as 2026-09-01",
    Path: "a path",
    Secret: "a string, not empty",
}
