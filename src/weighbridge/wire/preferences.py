"""What a request may ask of the providers that answer it: OpenRouter's `provider` object, and its own rank.

`routing/conditions.py` and `routing/arrange.py` obey it.
https://openrouter.ai/docs/guides/routing/provider-selection, and the schemas of @openrouter/sdk 1.3.19
"""

from collections.abc import Mapping
from typing import Annotated, Final, Literal

import msgspec

Priority = Literal["low", "normal", "high"]
"""Who goes first where not all can be answered at once."""

_Names = Annotated[list[Annotated[str, msgspec.Meta(min_length=1, max_length=200)]], msgspec.Meta(max_length=100)]
_Bound = Annotated[float, msgspec.Meta(gt=0)]
_Amount = Annotated[float, msgspec.Meta(ge=0)] | Annotated[str, msgspec.Meta(pattern=r"^\d{1,12}(\.\d{1,12})?$")]


class MostPaid(msgspec.Struct, forbid_unknown_fields=True, frozen=True, omit_defaults=True):
    """US dollars: for a million tokens, for one `request`, for one `image`, for one unit of `audio`."""

    prompt: _Amount | None = None
    completion: _Amount | None = None
    request: _Amount | None = None
    image: _Amount | None = None
    audio: _Amount | None = None


class Percentiles(msgspec.Struct, forbid_unknown_fields=True, frozen=True, omit_defaults=True):
    """A bound for each share of the requests; all of them are to hold."""

    p50: _Bound | None = None
    p75: _Bound | None = None
    p90: _Bound | None = None
    p99: _Bound | None = None


Sorted = Literal["price", "throughput", "latency"]


class Sorting(msgspec.Struct, forbid_unknown_fields=True, frozen=True, omit_defaults=True):
    """By what, and whether within each model (`model`) or over all of them (`none`)."""

    by: Sorted | None = None
    partition: Literal["model", "none"] | None = None


class Preferences(msgspec.Struct, forbid_unknown_fields=True, frozen=True, omit_defaults=True):
    """Which endpoints may answer, and which first. A provider is named by its slug, or `slug/quantisation`."""

    order: _Names | None = None
    """Who is asked first, in this order; the others follow by price, or as `sort` says."""
    only: _Names | None = None
    ignore: _Names | None = None
    allow_fallbacks: bool | None = None
    """False: of each model the first endpoint, or those in `order`, or none."""
    require_parameters: bool | None = None
    """Only endpoints that are known to heed every field of the request."""
    data_collection: Literal["allow", "deny"] | None = None
    zdr: bool | None = None
    """Only endpoints that keep nothing."""
    enforce_distillable_text: bool | None = None
    """Only models whose answers may train other models."""
    quantizations: _Names | None = None
    max_price: MostPaid | None = None
    sort: Sorted | Sorting | None = None
    preferred_min_throughput: _Bound | Percentiles | None = None
    """Tokens a second; a number is the p50. Endpoints known to keep it come first, those known not to last."""
    preferred_max_latency: _Bound | Percentiles | None = None
    """Seconds to the first byte, likewise."""


_SORTED: Final = "price, throughput or latency"
_TAKES: Final[Mapping[str, str]] = {
    "provider": ", ".join(Preferences.__struct_fields__),
    "provider.sort": f"{_SORTED}, or an object of by and partition",
    "provider.sort.by": _SORTED,
    "provider.sort.partition": "model or none",
    "provider.data_collection": "allow or deny",
    "provider.max_price": ", ".join(MostPaid.__struct_fields__),
    "provider.preferred_min_throughput": "a number over 0, or an object of p50, p75, p90 and p99",
    "provider.preferred_max_latency": "a number over 0, or an object of p50, p75, p90 and p99",
}


def takes(field: str) -> str:
    """What a field of `provider` takes, to be said behind what is wrong with it; `""` of any other field."""
    found = _TAKES.get(field)
    return "" if found is None else f"; it takes {found}"


def joined(first: Preferences | None, then: Preferences | None) -> Preferences | None:
    """Both; where both say something of one field, the first holds."""
    if first is None or then is None:
        return first or then
    unsaid = {name: getattr(then, name) for name in first.__struct_fields__ if getattr(first, name) is None}
    return msgspec.structs.replace(first, **unsaid)
