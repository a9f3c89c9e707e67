"""OpenRouter's prices of 31 days, from captures of its list of models in the Wayback Machine.

Each is the price of one endpoint, that which OpenRouter's list showed: where it moved, another provider may have come
to be listed, rather than a lab have changed its price. `since` is the day on which it was seen.
"""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Final

from weighbridge.market.findings import Finding
from weighbridge.market.sources.amounts import digits
from weighbridge.market.sources.dating import published
from weighbridge.market.sources.source import About, Payload, beginning, json_object
from weighbridge.market.tables import Price, Row


class OpenRouterPrices:
    """The history that model-price-radar-mcp carries."""

    about = About(
        name="openrouter-prices",
        title="OpenRouter prices, as captured",
        home="https://web.archive.org/web/*/openrouter.ai/api/v1/models",
        licence="MIT",
        line="Source: OpenRouter (openrouter.ai/api/v1/models), captured by the Wayback Machine, as of {as_of}.",
    )

    def recognise(self, path: Path) -> bool:
        start = beginning(path)
        return '"snapshots"' in start and "openrouter.ai/api/v1/models" in start

    def as_of(self, payload: Payload) -> date:
        history = json_object(payload.path)
        if payload.as_of is None and isinstance(history, dict) and isinstance(history.get("built"), str):
            return date.fromisoformat(history["built"])
        return published(payload)

    def read(self, payload: Payload, as_of: date) -> Iterator[Row | Finding]:
        history = json_object(payload.path)
        if isinstance(history, Finding):
            yield history
            return
        seen: dict[str, date] = {}
        for snapshot in history["snapshots"]:
            day, prices = date.fromisoformat(snapshot["date"]), snapshot["prices"]
            same = seen.setdefault(repr(sorted(prices.items())), day)
            if same != day:
                said = f"all prices are those of {same}, to the last digit"
                yield Finding(kind="duplicate-snapshot", subject=f"{day}", said=said)
                continue
            for model, pair in prices.items():
                try:
                    prompt, answer = map(digits, pair)
                except ValueError as error:
                    yield Finding(kind="unreadable-row", subject=f"{model} on {day}", said=str(error))
                    continue
                yield Price(model, "openrouter", "base", day, prompt, answer, None, None, self.about.name, as_of)


OPENROUTER_PRICES: Final = OpenRouterPrices()
