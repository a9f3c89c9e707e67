"""model-prices: what 32 providers asked since when, from the history of models.dev and from documents.

A row without a date of its own holds since before its history begins. Where a document corrects what models.dev
recorded, both stand in the file; the document's is read.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final

from weighbridge.market.findings import Finding
from weighbridge.market.sources.amounts import four
from weighbridge.market.sources.dating import published
from weighbridge.market.sources.source import About, Payload, beginning, json_object, unknown_keys
from weighbridge.market.tables import Price, Row

_RATES: Final = ("input", "output", "cache_read", "cache_write")
_KNOWN: Final = (*_RATES, "cache_write_1h_multiple", "source", "valid_from", "valid_from_basis", "tiers", "model")


class ModelPrices:
    """The snapshot that the package carries."""

    about = About(
        name="model-prices",
        title="model-prices, by day",
        home="https://pypi.org/project/model-prices/",
        licence="MIT",
        line="Source: model-prices, from models.dev (MIT) and providers' documents, as of {as_of}.",
    )

    def recognise(self, path: Path) -> bool:
        start = beginning(path).replace("\n", "").replace(" ", "")
        return start.startswith('{"aliases":{"models":{')

    def as_of(self, payload: Payload) -> date:
        snapshot = json_object(payload.path)
        if payload.as_of is None and isinstance(snapshot, dict) and isinstance(snapshot.get("updated_at"), str):
            return date.fromisoformat(snapshot["updated_at"][:10])
        return published(payload)

    def read(self, payload: Payload, as_of: date) -> Iterator[Row | Finding]:
        snapshot = json_object(payload.path)
        if isinstance(snapshot, Finding):
            yield snapshot
        elif snapshot.get("schema") != 1:
            yield Finding(kind="changed-schema", subject="schema", said=f"it is {snapshot.get('schema')}, not 1")
        else:
            for provider, models in snapshot["prices"].items():
                for model, tiers in models.items():
                    for tier, steps in tiers.items():
                        yield from _steps(provider, model, tier, steps, as_of)


def _steps(
    provider: str, model: str, tier: str, steps: list[Mapping[str, Any]], as_of: date
) -> Iterator[Row | Finding]:  # Any: JSON
    name = "base" if tier == "standard" else tier
    rows: dict[tuple[str, date | None], Price] = {}
    for step in steps:
        subject = f"{provider}/{model}, {tier}"
        since = step["start"] and date.fromisoformat(step["start"][:10])
        rates = step["rates"] or {}  # none: from then on it is not sold so
        for above in (None, *rates.get("tiers", ())):
            said = rates if above is None else above
            yield from unknown_keys(said, ("above", *_KNOWN), subject)
            over = [] if above is None else [f"prompt>{above['above']}"]
            full = ",".join([*([] if over and name == "base" else [name]), *over])
            try:
                amounts = four(said.get(each) for each in _RATES)
            except ValueError as error:
                yield Finding(kind="unreadable-row", subject=subject, said=str(error))
                continue
            if (full, since) in rows:
                said_twice = f"it changed twice on {since}; the later price stands"
                yield Finding(kind="duplicate-row", subject=subject, said=said_twice)
            rows[full, since] = Price(model, provider, full, since, *amounts, ModelPrices.about.name, as_of)
    yield from rows.values()


MODEL_PRICES: Final = ModelPrices()
