"""The price list of the installed genai-prices package: real prices without any network.

Its payload is what the package holds, as JSON: `{"genai-prices": VERSION, "providers": [{id, models: [{id, prices}]}]}`
with `prices` a list of `{since, hours, rates}`, in US dollars for a million tokens. The package does not say on which
day it was made: the day it was read on stands for that.
"""

from collections.abc import Iterator
from datetime import date, time
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import msgspec

from weighbridge.market.findings import Finding
from weighbridge.market.sources.amounts import four
from weighbridge.market.sources.dating import published, undated
from weighbridge.market.sources.source import About, Payload, beginning, json_object
from weighbridge.market.tables import Price, Row

RATES: Final = ("input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok")


class GenaiPrices:
    """The installed one."""

    about = About(
        name="genai-prices",
        title="genai-prices, as installed",
        home="https://github.com/pydantic/genai-prices",
        licence="MIT",
        line="Source: genai-prices (github.com/pydantic/genai-prices), MIT, read on {as_of}.",
    )

    def recognise(self, path: Path) -> bool:
        return beginning(path).startswith('{"genai-prices":')

    def as_of(self, payload: Payload) -> date:
        return published(payload)

    def read(self, payload: Payload, as_of: date) -> Iterator[Row | Finding]:
        yield from undated(payload)
        held = json_object(payload.path)
        if isinstance(held, Finding):
            yield held
            return
        for provider in held["providers"]:
            for model in provider["models"]:
                for step in model["prices"]:
                    yield from rows_of_step(provider["id"], model["id"], step, as_of)


def rows_of_step(provider: str, model: str, step: dict[str, Any], as_of: date) -> Iterator[Row | Finding]:  # Any: JSON
    """Of one price of a model, `{since, hours, rates}`, a row for each of its tiers."""
    rates = {each: step["rates"].get(each) for each in RATES}
    if all(rate is None for rate in rates.values()):  # priced by the second, by the picture
        return
    tiers = sorted({tier["start"] for rate in rates.values() if isinstance(rate, dict) for tier in rate["tiers"]})
    since = None if step["since"] is None else date.fromisoformat(step["since"])
    for above in (None, *tiers):
        conditions = [*([f"hours={step['hours']}"] if step["hours"] else []), *([f"prompt>{above}"] if above else [])]
        try:
            amounts = four(_at(rate, above) for rate in rates.values())
        except ValueError as error:
            yield Finding(kind="unreadable-row", subject=f"{provider}/{model}", said=str(error))
            continue
        name = ",".join(conditions) or "base"
        yield Price(model, provider, name, since, *amounts, GenaiPrices.about.name, as_of)


def _at(rate: Any, above: int | None) -> object:  # noqa: ANN401 - JSON
    if not isinstance(rate, dict):
        return rate
    found: object = rate["base"]
    for tier in rate["tiers"]:
        if above is not None and tier["start"] <= above:
            found = tier["price"]
    return found


def installed() -> bytes:
    """What the installed package holds, as a payload. Importing it takes half a second."""
    from genai_prices.data import providers  # noqa: PLC0415 - heavy

    held = [
        {"id": provider.id, "models": [{"id": model.id, "prices": _listed(model.prices)} for model in provider.models]}
        for provider in providers
    ]
    return msgspec.json.encode({"genai-prices": version("genai-prices"), "providers": held})


def _listed(prices: Any) -> list[dict[str, object]]:  # noqa: ANN401 - the package's price, or a list of them
    steps = prices if isinstance(prices, list) else [None]
    return [
        {
            "since": getattr(getattr(step, "constraint", None), "start_date", None),
            "hours": _hours(getattr(step, "constraint", None)),
            "rates": {each: _rate(getattr(step.prices if step else prices, each)) for each in RATES},
        }
        for step in steps
    ]


def _hours(constraint: object) -> str | None:
    start, end = getattr(constraint, "start_time", None), getattr(constraint, "end_time", None)
    return f"{start:%H:%M}-{end:%H:%M}" if isinstance(start, time) and isinstance(end, time) else None


def _rate(listed: Any) -> object:  # noqa: ANN401 - an amount, or one with tiers
    if listed is None or isinstance(listed, Decimal):
        return listed
    tiers = [{"start": tier.start, "price": tier.price} for tier in listed.tiers]
    return {"base": listed.base, "tiers": tiers}


GENAI_PRICES: Final = GenaiPrices()
