"""The table of routes without the parts behind it: to be read, not to be called."""

import dataclasses
import typing
from typing import Any

from weighbridge.gateway.routes import Route, routes


def outline() -> tuple[Route, ...]:
    """Every route; its handler has no parts."""
    kinds = typing.get_type_hints(routes)
    del kinds["return"]
    return routes(**{name: _empty(kind) for name, kind in kinds.items()})


def _empty(kind: Any) -> Any:  # noqa: ANN401 - a dataclass, and an instance of it
    """An instance without parts: its fields are None, whatever they ought to be."""
    made = kind.__new__(kind)
    for field in dataclasses.fields(kind):
        object.__setattr__(made, field.name, None)
    return made
