"""The providers we know, as data: one row each in rows.toml."""

import tomllib
from dataclasses import dataclass, fields
from datetime import date
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Literal

import msgspec

from weighbridge.errors import CatalogError

Spoken = Literal["chat", "messages", "responses"]
"""A format in which answers can be asked for: OpenAI's chat completions, Anthropic's Messages, OpenAI's Responses."""


@dataclass(frozen=True, slots=True)
class Row:
    """What must be known of a provider to call it. `None` is unknown or not needed."""

    id: str
    name: str
    source: str
    """Where its API is described."""
    key_env: tuple[str, ...] = ()
    """Environment variables that may hold its key, the first one set counts; empty if it needs none."""
    base_url: str | None = None
    """Up to and with the version, without a final `/`; None where only the configuration can say."""
    base_url_env: str | None = None
    """The environment variable that replaces `base_url`."""
    price_provider: str | None = None
    """Its id in genai-prices."""
    country: str | None = None
    """The company's seat, ISO 3166-1 alpha-2: whose law it is under, not where its machines stand."""
    country_source: str | None = None
    region: str | None = None
    """Where the machines of the endpoint at `base_url` stand, if its pages say: a country, or a group such as `EU`."""
    retention_days: int | None = None
    """Days for which prompts and answers are kept without being asked to; 0 is zero data retention."""
    trains: bool | None = None
    """Whether what comes through the API trains models unless its owner objects."""
    data_except: tuple[str, ...] = ()
    """What the names of models begin with for which the two do not hold: others have a hand in them."""
    passes_on: bool = False
    """A router: others serve what it is asked."""
    data_source: str | None = None
    """The pages on which `region`, `retention_days` and `trains` were read."""
    data_read: date | None = None
    parameters: tuple[str, ...] | None = None
    """Fields of a request for text that its API heeds, besides those that every one has; None: not looked up."""
    parameters_source: str | None = None
    speaks: tuple[Spoken, ...] = ("chat",)
    """What it is asked in: a client of one of these formats is passed through; without `chat`, that is translated."""
    usage_in_streams: Literal["asked", "always"] = "asked"
    """Whether a stream counts its tokens on `stream_options.include_usage`, or always and refuses the option."""


class _File(msgspec.Struct, forbid_unknown_fields=True):
    provider: list[dict[str, object]]


def read_rows(file: Traversable | None = None) -> tuple[Row, ...]:
    """All rows, in the order of `file` (the installed rows.toml if None).

    Raises CatalogError on an unknown field, a wrong type, or an id given twice.
    """
    found = files("weighbridge.providers") / "rows.toml" if file is None else file
    rows = tuple(_row(found.name, raw) for raw in _raw_rows(found))
    ids = [row.id for row in rows]
    twice = next((id_ for id_ in ids if ids.count(id_) > 1), None)
    if twice is not None:
        raise CatalogError(f"{found.name}, {twice!r}: the id is given twice")
    return rows


def _raw_rows(file: Traversable) -> list[dict[str, object]]:
    try:
        return msgspec.convert(tomllib.loads(file.read_text(encoding="utf-8")), _File).provider
    except (ValueError, msgspec.ValidationError) as error:
        raise CatalogError(f"{file.name}: {error}") from error


def _row(file: str, raw: dict[str, object]) -> Row:
    name = raw.get("id", "a row without an id")
    # msgspec passes over a dataclass's unknown fields, so they are looked for here.
    unknown = raw.keys() - {field.name for field in fields(Row)}
    if unknown:
        raise CatalogError(f"{file}, {name!r}: no such field as {min(unknown)!r}")
    try:
        return msgspec.convert(raw, Row)
    except msgspec.ValidationError as error:
        raise CatalogError(f"{file}, {name!r}: {error}") from error
