"""What a request may ask of the providers that answer it: OpenRouter's `provider` object, and its own rank.

`routing/preferences.py` obeys it and says what of it is obeyed.
https://openrouter.ai/docs/features/provider-routing
"""

from typing import Annotated, Literal

import msgspec

Priority = Literal["low", "normal", "high"]
"""Who goes first where not all can be answered at once."""

_Names = Annotated[list[Annotated[str, msgspec.Meta(min_length=1, max_length=200)]], msgspec.Meta(max_length=100)]
_Amount = Annotated[float, msgspec.Meta(ge=0)] | Annotated[str, msgspec.Meta(pattern=r"^\d{1,12}(\.\d{1,12})?$")]


class MostPaid(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """US dollars: for a million tokens, `request` for one request."""

    prompt: _Amount | None = None
    completion: _Amount | None = None
    request: _Amount | None = None


class Percentiles(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A bound for each share of the requests."""

    p50: float | None = None
    p75: float | None = None
    p90: float | None = None
    p99: float | None = None


Sorted = Literal["price", "throughput", "latency"]


class Sorting(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """By what, and whether within each model (`model`) or over all of them (`none`)."""

    by: Sorted | None = None
    partition: Literal["model", "none"] | None = None


class Preferences(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Which endpoints may answer, and which first. A provider is named by its slug, or `slug/quantisation`."""

    order: _Names | None = None
    only: _Names | None = None
    ignore: _Names | None = None
    allow_fallbacks: bool | None = None
    """False: the first endpoint, or those in `order`, or none."""
    require_parameters: bool | None = None
    data_collection: Literal["allow", "deny"] | None = None
    zdr: bool | None = None
    """Only endpoints that keep nothing."""
    enforce_distillable_text: bool | None = None
    quantizations: _Names | None = None
    max_price: MostPaid | None = None
    sort: Sorted | Sorting | None = None
    preferred_min_throughput: float | Percentiles | None = None
    preferred_max_latency: float | Percentiles | None = None
