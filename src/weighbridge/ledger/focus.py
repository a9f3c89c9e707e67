"""Usage as rows of FOCUS 1.2, the FinOps Foundation's specification of cost and usage data.

https://focus.finops.org/focus-specification/v1-2/ has the columns. A row is a day's use of a model at a provider by a
key, at one row of the price list. What FOCUS has no column for is in columns of our own, which begin with `x_` as it
asks.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

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

BY: Final[tuple[By, ...]] = ("day", "model", "endpoint", "key", "organisation", "project", "tags", "imported")
"""What tallies must be told apart by, besides the price."""
_OURS: Final = "Weighbridge"
"""Who answers where no provider was asked: an answer given again, or a refusal."""
_UNNAMED: Final = "default"
"""The account of keys without an organisation; the column may not be empty."""
_Name = str | None
_Alike = tuple[int, _Name, _Name, _Name, _Name, _Name, _Name, tuple[str, ...], _Name, _Name]


def rows(tallies: Iterable[Tally], known: Known, key_names: Mapping[str, str]) -> list[dict[str, Cell]]:
    """Tallies by the day as rows, in the order of their days; `key_names` by id.

    All costs are ours, by the price list: nobody is invoiced here. What has no known price costs nothing in these
    columns, as they may not be empty; `x_UnpricedRequests` says how many requests that is.
    """
    groups: defaultdict[_Alike, list[Sums]] = defaultdict(list)
    for tally in tallies:
        groups[_alike(tally)].append(tally.sums)
    ordered = sorted(groups.items(), key=lambda item: tuple(str(cell) for cell in item[0]))
    return [_row(alike, together(sums), known, key_names) for alike, sums in ordered]


def _alike(tally: Tally) -> _Alike:
    model = tally.model if tally.model is not None else tally.asked_model
    return (
        (tally.hour or 0) // 24,
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


def _row(alike: _Alike, sums: Sums, known: Known, key_names: Mapping[str, str]) -> dict[str, Cell]:
    day, model, provider, upstream_model, key, organisation, project, tags, price, imported = alike
    start = datetime.fromtimestamp(day * 86_400, UTC)
    month = start.replace(day=1)
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
        "BillingPeriodEnd": (month + timedelta(days=32)).replace(day=1),
        "BillingPeriodStart": month,
        "ChargeCategory": "Usage",
        "ChargeClass": None,
        "ChargeDescription": said,
        "ChargeFrequency": "Usage-Based",
        "ChargePeriodEnd": start + timedelta(days=1),
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
