"""OpenRouter's answers: rankings-daily of its Data API, and its list of models with their prices.

The rankings carry the day they were made (`meta.as_of`), which the CSV does not. Prices are strings, in US dollars for
one token; of the endpoints that a model has, they are those of one. `hugging_face_id` proves open weights; that it
lacks proves nothing.
"""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Final

from weighbridge.market.findings import Finding
from weighbridge.market.sources.amounts import four
from weighbridge.market.sources.dating import gaps, published, undated
from weighbridge.market.sources.openrouter_rankings import OPENROUTER_RANKINGS
from weighbridge.market.sources.source import About, Payload, beginning, changed, json_object
from weighbridge.market.tables import Alias, Price, Row, Usage

_PRICES: Final = ("prompt", "completion", "input_cache_read", "input_cache_write")


class OpenRouterRankingsApi:
    """The Data API's daily rankings: the same source as their CSV."""

    about = OPENROUTER_RANKINGS.about

    def recognise(self, path: Path) -> bool:
        start = beginning(path)
        return start.lstrip().startswith("{") and '"model_permaslug"' in start and '"asked"' not in start

    def as_of(self, payload: Payload) -> date:
        answer = json_object(payload.path)
        said = answer.get("meta", {}).get("as_of") if isinstance(answer, dict) else None
        return date.fromisoformat(said[:10]) if isinstance(said, str) else published(payload)

    def read(self, payload: Payload, as_of: date) -> Iterator[Row | Finding]:
        answer = json_object(payload.path)
        if isinstance(answer, Finding):
            yield answer
            return
        if findings := changed(answer, ("data",)):
            yield from findings
            return
        days: set[date] = set()
        for number, row in enumerate(answer["data"]):
            try:
                day, model, tokens = date.fromisoformat(row["date"]), row["model_permaslug"], int(row["total_tokens"])
                if tokens < 0 or not model:
                    raise ValueError(f"{model!r} with {tokens} tokens")
            except (KeyError, TypeError, ValueError) as error:
                yield Finding(kind="unreadable-row", subject=f"data[{number}]", said=repr(error))
                continue
            days.add(day)
            yield Usage(model, day, "day", None, tokens, self.about.name, as_of)
        yield from gaps(days)


class OpenRouterModels:
    """The list of models."""

    about = About(
        name="openrouter-models",
        title="OpenRouter's models and prices",
        home="https://openrouter.ai/api/v1/models",
        licence="terms of openrouter.ai",
        line="Source: OpenRouter (openrouter.ai/api/v1/models), as of {as_of}.",
    )

    def recognise(self, path: Path) -> bool:
        start = beginning(path)
        return start.lstrip().startswith("{") and '"canonical_slug"' in start

    def as_of(self, payload: Payload) -> date:
        return published(payload)

    def read(self, payload: Payload, as_of: date) -> Iterator[Row | Finding]:
        yield from undated(payload)
        answer = json_object(payload.path)
        if isinstance(answer, Finding):
            yield answer
            return
        for said in answer.get("data", ()):
            name, source = said.get("id"), self.about.name
            prices = {each: said.get("pricing", {}).get(each) for each in _PRICES}
            if all(price == "-1" for price in (prices["prompt"], prices["completion"])):  # chosen when asked
                continue
            try:
                amounts = four(prices.values(), times=1_000_000)
            except ValueError as error:
                yield Finding(kind="unreadable-row", subject=f"{name}", said=str(error))
                continue
            yield Price(name, "openrouter", "base", as_of, *amounts, source, as_of)
            if said.get("canonical_slug"):
                yield Alias(name, "openrouter", said["canonical_slug"], source, as_of)
            if said.get("hugging_face_id"):
                yield Alias(name, "huggingface", said["hugging_face_id"], source, as_of)


OPENROUTER_RANKINGS_API: Final = OpenRouterRankingsApi()
OPENROUTER_MODELS: Final = OpenRouterModels()
