"""genai-prices as its repository publishes it: a JSON array of providers, newer than the installed package.

Its form is that which the package itself fetches (`genai_prices.update_prices`): of a model `prices` are either rates,
or a list of `{constraint, prices}`; a rate is an amount, or `{base, tiers: [{start, price}]}`.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import msgspec

from weighbridge.market.findings import Finding
from weighbridge.market.sources.dating import published, undated
from weighbridge.market.sources.genai_prices import GENAI_PRICES, RATES, rows_of_step
from weighbridge.market.sources.source import Payload, beginning
from weighbridge.market.tables import Row

_JSON: Final = msgspec.json.Decoder(type=list[dict[str, Any]], float_hook=Decimal)  # Any: told apart below


class GenaiPricesList:
    """prices/new_data/v2/data.json."""

    about = GENAI_PRICES.about

    def recognise(self, path: Path) -> bool:
        start = beginning(path)
        return start.lstrip().startswith("[") and '"api_pattern"' in start and '"pricing_urls"' in start

    def as_of(self, payload: Payload) -> date:
        return published(payload)

    def read(self, payload: Payload, as_of: date) -> Iterator[Row | Finding]:
        yield from undated(payload)
        try:
            providers = _JSON.decode(payload.path.read_bytes())
        except msgspec.DecodeError as error:
            yield Finding(kind="truncated-file", subject=payload.path.name, said=f"no whole JSON array: {error}")
            return
        for provider in providers:
            for model in provider.get("models") or ():
                name = f"{provider.get('id')}/{model.get('id')}"
                try:
                    for step in _steps(model["prices"]):
                        yield from rows_of_step(str(provider["id"]), str(model["id"]), step, as_of)
                except (KeyError, TypeError, ValueError, AttributeError) as error:
                    yield Finding(kind="unreadable-row", subject=name, said=repr(error))


def _steps(prices: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - JSON
    for step in prices if isinstance(prices, list) else [{"prices": prices}]:
        said: Mapping[str, Any] = step.get("constraint") or {}
        start, end = (str(said[each])[:5] if said.get(each) else None for each in ("start_time", "end_time"))
        hours = f"{start}-{end}" if start and end else None
        rates = {each: step["prices"].get(each) for each in RATES}
        yield {"since": said.get("start_date"), "hours": hours, "rates": rates}


GENAI_PRICES_LIST: Final = GenaiPricesList()
