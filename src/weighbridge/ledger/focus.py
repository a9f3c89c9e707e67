"""Usage as rows of FOCUS 1.2, the FinOps Foundation's specification of cost and usage data.

https://focus.finops.org/focus-specification/v1-2/ has the columns. A row is the use of a model at a provider by a key
in a day (or an hour, or a month), at one row of the price list. What FOCUS has no column for is in columns of our own,
which begin with `x_` as it asks.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

import msgspec

from weighbridge.ledger.cost import SMALLEST
from weighbridge.ledger.questions import By, Known
from weighbridge.ledger.tabular import Cell, Kind
from weighbridge.ledger.tally import Sums, Tally, together

COLUMNS: Final[Mapping[str, Kind]] = {
    "BilledCost": "money",
    "BillingAccountId": "text",
    "BillingAccountName": "text",
    "BillingAccountType": "text",
    "BillingCurrency": "text",
    "BillingPeriodEnd": "time",
    "BillingPeriodStart": "time",
    "ChargeCategory": "text",
    "ChargeClass": "text",
    "ChargeDescription": "text",
    "ChargeFrequency": "text",
    "ChargePeriodEnd": "time",
    "ChargePeriodStart": "time",
    "ConsumedQuantity": "count",
    "ConsumedUnit": "text",
    "ContractedCost": "money",
    "EffectiveCost": "money",
    "InvoiceIssuerName": "text",
    "ListCost": "money",
    "PricingCategory": "text",
    "PricingQuantity": "count",
    "PricingUnit": "text",
    "ProviderName": "text",
    "PublisherName": "text",
    "ResourceId": "text",
    "ResourceName": "text",
    "ResourceType": "text",
    "ServiceCategory": "text",
    "ServiceName": "text",
    "ServiceSubcategory": "text",
    "SkuId": "text",
    "SkuMeter": "text",
    "SubAccountId": "text",
    "SubAccountName": "text",
    "SubAccountType": "text",
    "Tags": "text",
    "x_CachedTokens": "count",
    "x_CompletionTokens": "count",
    "x_EstimatedRequests": "count",
    "x_Imported": "text",
    "x_PriceId": "text",
    "x_Project": "text",
    "x_PromptTokens": "count",
    "x_ReasoningTokens": "count",
    "x_Requests": "count",
    "x_UnpricedRequests": "count",
}
"""Those that are mandatory, and of the others those that have something to say here."""

Period = Literal["hour", "day", "month"]
"""How long a charge is taken together."""
_BY: Final[tuple[By, ...]] = ("model", "endpoint", "key", "organisation", "project", "tags", "imported")
_OURS: Final = "Weighbridge"
"""Who answers where no provider was asked: an answer given again, or a refusal."""
_UNNAMED: Final = "default"
"""The account of keys without an organisation; the column may not be empty."""
_Name = str | None
_Alike = tuple[datetime, _Name, _Name, _Name, _Name, _Name, _Name, tuple[str, ...], _Name, _Name]


def by(period: Period) -> tuple[By, ...]:
    """What tallies must be told apart by, besides the price."""
    return period, *_BY


def slices(hours: Iterable[int], period: Period) -> list[tuple[datetime, datetime]]:
    """Hours since 1970 as parts that make rows of their own, in their order: days, or months."""
    part: Period = "month" if period == "month" else "day"
    starts = {_begin(datetime.fromtimestamp(hour * 3600, UTC), part) for hour in hours}
    return [(start, _next(start, part)) for start in sorted(starts)]


def rows(
    tallies: Iterable[Tally], known: Known, key_names: Mapping[str, str], period: Period = "day"
) -> list[dict[str, Cell]]:
    """Tallies by the period as rows, in the order of their time; `key_names` by id.

    All costs are ours, by the price list: nobody is invoiced here. What has no known price costs nothing in these
    columns, as they may not be empty; `x_UnpricedRequests` says how many requests that is.
    """
    groups: defaultdict[_Alike, list[Sums]] = defaultdict(list)
    for tally in tallies:
        groups[_alike(tally, period)].append(tally.sums)
    ordered = sorted(groups.items(), key=lambda item: tuple(str(cell) for cell in item[0]))
    return [_row(alike, together(sums), known, key_names, period) for alike, sums in ordered]


def _begin(moment: datetime, period: Period) -> datetime:
    """Of the period that it is in."""
    if period == "hour":
        return moment.replace(minute=0)
    return moment.replace(hour=0, minute=0, day=1 if period == "month" else moment.day)


def _next(moment: datetime, period: Period) -> datetime:
    """Where the next period begins."""
    start = _begin(moment, period)
    if period == "month":
        return (start + timedelta(days=32)).replace(day=1)
    return start + (timedelta(hours=1) if period == "hour" else timedelta(days=1))


def _alike(tally: Tally, period: Period) -> _Alike:
    model = tally.model if tally.model is not None else tally.asked_model
    return (
        _begin(datetime.fromtimestamp((tally.hour or 0) * 3600, UTC), period),
        model,
        tally.provider,
        tally.upstream_model,
        tally.key,
        tally.organisation,
        tally.project,
        tally.tags,
        tally.price_id,
        tally.imported,
    )


def _row(alike: _Alike, sums: Sums, known: Known, key_names: Mapping[str, str], period: Period) -> dict[str, Cell]:
    start, model, provider, upstream_model, key, organisation, project, tags, price, imported = alike
    month = _begin(start, "month")
    made = known.model(model)
    host = _OURS if provider is None else known.catalog.host(provider).name
    cost = sums.cost * SMALLEST
    tokens = sums.prompt_tokens + sums.completion_tokens
    said = f"{sums.requests} requests to {model or 'no model'}, {tokens} tokens"
    return {
        "BilledCost": cost,
        "BillingAccountId": organisation or _UNNAMED,
        "BillingAccountName": organisation,
        "BillingAccountType": "Organisation",
        "BillingCurrency": "USD",
        "BillingPeriodEnd": _next(month, "month"),
        "BillingPeriodStart": month,
        "ChargeCategory": "Usage",
        "ChargeClass": None,
        "ChargeDescription": said,
        "ChargeFrequency": "Usage-Based",
        "ChargePeriodEnd": _next(start, period),
        "ChargePeriodStart": start,
        "ConsumedQuantity": tokens,
        "ConsumedUnit": "Tokens",
        "ContractedCost": cost,
        "EffectiveCost": cost,
        "InvoiceIssuerName": host,
        "ListCost": cost,
        "PricingCategory": "Standard",
        "PricingQuantity": tokens,
        "PricingUnit": "Tokens",
        "ProviderName": host,
        "PublisherName": host if made is None or made.lab is None else made.lab.name,
        "ResourceId": model,
        "ResourceName": model if made is None else made.name or model,
        "ResourceType": None if model is None else "Model",
        "ServiceCategory": "AI and Machine Learning",
        "ServiceName": host,
        "ServiceSubcategory": "Generative AI",
        "SkuId": None if provider is None else f"{provider}/{upstream_model or ''}",
        "SkuMeter": None if provider is None else "Tokens",
        "SubAccountId": key,
        "SubAccountName": key_names.get(key or ""),
        "SubAccountType": None if key is None else "Key",
        "Tags": _tags(tags),
        "x_CachedTokens": sums.cached_tokens,
        "x_CompletionTokens": sums.completion_tokens,
        "x_EstimatedRequests": sums.estimated,
        "x_Imported": imported,
        "x_PriceId": price,
        "x_Project": project,
        "x_PromptTokens": sums.prompt_tokens,
        "x_ReasoningTokens": sums.reasoning_tokens,
        "x_Requests": sums.requests,
        "x_UnpricedRequests": sums.unpriced,
    }


def _tags(tags: tuple[str, ...]) -> str | None:
    """A tag without a value is `true`, as FOCUS wants it (attribute KeyValueFormat)."""
    return msgspec.json.encode(dict.fromkeys(tags, True)).decode() if tags else None
