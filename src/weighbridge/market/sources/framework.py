"""The components of the Model Openness Framework: `components.toml`, which its pages and its classes are read by."""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Literal

import msgspec

from weighbridge.errors import MarketError


class Component(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One of them: the least open class that asks for it."""

    name: str
    least: Literal[1, 2, 3]
    kind: Literal["code", "data", "document"]
    required: bool = True


@cache
def components() -> tuple[Component, ...]:
    """All of them. Raises MarketError."""
    text = (files("weighbridge.market.sources") / "components.toml").read_text(encoding="utf-8")
    try:
        return msgspec.convert(tomllib.loads(text)["component"], tuple[Component, ...])
    except (KeyError, ValueError, msgspec.ValidationError) as error:
        raise MarketError(f"market/sources/components.toml: {error}") from error
