"""LiteLLM's list of prices: a JSON object by model, in US dollars for one token.

Of prices it only has today's. Entries of `openrouter/…` are known to be stale, some by forty times, against
OpenRouter's own: they stay under this source, and sync tells where another source says otherwise.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final

from weighbridge.market.findings import Finding
from weighbridge.market.sources.amounts import four
from weighbridge.market.sources.dating import published, undated
from weighbridge.market.sources.source import About, Payload, beginning, json_object
from weighbridge.market.tables import Price, Row

_TOKENS: Final = frozenset({"chat", "completion", "responses", "embedding"})
_PRICES: Final = (
    "input_cost_per_token", "output_cost_per_token", "cache_read_input_token_cost", "cache_creation_input_token_cost",
)  # fmt: skip
_CONDITION: Final = re.compile(rf"({'|'.join(_PRICES)})(?:_above_(\d+)k_tokens)?(?:_(batches|priority|flex))?")
_EXAMPLE: Final = "sample_spec"


class LiteLLM:
    """model_prices_and_context_window.json."""

    about = About(
        name="litellm",
        title="LiteLLM's price list",
        home="https://github.com/BerriAI/litellm/blob/main/model_prices_and_context_window.json",
        licence="MIT",
        line="Source: LiteLLM (github.com/BerriAI/litellm), MIT, as of {as_of}.",
    )

    def recognise(self, path: Path) -> bool:
        start = beginning(path)
        return start.lstrip().startswith("{") and '"litellm_provider"' in start and '"mode"' in start

    def as_of(self, payload: Payload) -> date:
        return published(payload)

    def read(self, payload: Payload, as_of: date) -> Iterator[Row | Finding]:
        yield from undated(payload)
        models = json_object(payload.path)
        if isinstance(models, Finding):
            yield models
            return
        for name, said in models.items():
            if name != _EXAMPLE and said.get("mode") in _TOKENS:
                yield from _prices(name, said, as_of)


def _prices(name: str, said: Mapping[str, Any], as_of: date) -> Iterator[Row | Finding]:  # Any: JSON
    provider = said.get("litellm_provider")
    if not isinstance(provider, str):
        yield Finding(kind="unreadable-row", subject=name, said="it names no litellm_provider")
        return
    tiers: dict[str, dict[str, object]] = {}
    for key, amount in said.items():
        if found := _CONDITION.fullmatch(key):
            price, thousands, kind = found.groups()
            conditions = [*([kind] if kind else []), *([f"prompt>{thousands}000"] if thousands else [])]
            tiers.setdefault(",".join(conditions) or "base", {})[price] = amount
    for tier, prices in tiers.items():
        try:
            amounts = four((prices.get(each) for each in _PRICES), times=1_000_000)
        except ValueError as error:
            yield Finding(kind="unreadable-row", subject=f"{name}, {tier}", said=str(error))
            continue
        yield Price(name, provider, tier, None, *amounts, LiteLLM.about.name, as_of)


LITELLM: Final = LiteLLM()
