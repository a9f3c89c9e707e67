"""Artificial Analysis: indices, median prices and speeds of models, with the user's key.

Form: artificialanalysis.ai/data-api/docs. An index means another thing with each of its versions, so the version is in
the board's name. Prices are medians over those who serve a model, and no provider's own. Redistribution is not allowed.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Final

from weighbridge.market.findings import Finding
from weighbridge.market.sources.amounts import four
from weighbridge.market.sources.asked_pages import Json, asked_for, pages, rows_of
from weighbridge.market.sources.dating import day_said, published
from weighbridge.market.sources.source import About, Payload
from weighbridge.market.tables import Model, Offer, Price, Rating, Row

_PRICES: Final = (
    "price_1m_input_tokens", "price_1m_output_tokens", "price_1m_cache_hit_tokens", "price_1m_cache_write_tokens",
)  # fmt: skip
_INDEX: Final = "artificial_analysis_"
_MEDIAN: Final = "median of providers"


class ArtificialAnalysis:
    """Their list of language models."""

    about = About(
        name="artificial-analysis",
        title="Artificial Analysis, language models",
        home="https://artificialanalysis.ai/data-api",
        licence="terms of artificialanalysis.ai; no redistribution",
        line="Source: Artificial Analysis (https://artificialanalysis.ai/), as of {as_of}.",
    )

    def recognise(self, path: Path) -> bool:
        return asked_for(path, "/language/models")

    def as_of(self, payload: Payload) -> date:
        return published(payload)

    def read(self, payload: Payload, as_of: date) -> Iterator[Row | Finding]:
        for page in pages(payload.path):
            if isinstance(page, Finding):
                yield page
                continue
            _, query, answer = page
            said = {**(answer.get("meta") or {}), **answer}
            version = said.get("intelligence_index_version")
            if version is None:
                wrong = "it does not say the version of its index; scores of it are left out"
                yield Finding(kind="changed-schema", subject="intelligence_index_version", said=wrong)
            for row in rows_of(answer, f"page {query.get('page', 1)}"):
                if isinstance(row, Finding):
                    yield row
                    continue
                try:
                    yield from list(self._model(row, version, as_of))
                except (KeyError, TypeError, ValueError, ArithmeticError, AttributeError) as error:
                    yield Finding(kind="unreadable-row", subject=f"{row.get('slug')}", said=repr(error))

    def _model(self, row: Mapping[str, Json], version: Json, as_of: date) -> Iterator[Row | Finding]:
        model, source = str(row["slug"]), self.about.name
        maker = (row.get("model_creator") or {}).get("name")
        day, findings = day_said(row.get("release_date"), model, as_of)
        yield from findings
        yield Model(model, maker, day, None, None, None, None, None, source, as_of)
        scores = row.get("evaluations") or {}
        for name, score in scores.items() if version is not None else ():
            if name.startswith(_INDEX) and score is not None:
                board = f"{name.removeprefix(_INDEX)} {version}"
                yield Rating(model, board, as_of, maker, None, None, None, float(score), None, source, as_of)
        amounts = four((row.get("pricing") or {}).get(each) for each in _PRICES)
        if any(amount is not None for amount in amounts):
            yield Price(model, _MEDIAN, "base", as_of, *amounts, source, as_of)
        said = row.get("performance") or {}
        first, speed = (_number(said.get(f"median_{each}")) for each in ("time_to_first_token_seconds", _SPEED))
        if first is not None or speed is not None:
            yield Offer(model, _MEDIAN, as_of, None, None, None, None, first, speed, source, as_of)


_SPEED: Final = "output_tokens_per_second"


def _number(said: Json) -> float | None:
    return None if said is None else float(said)


ARTIFICIAL_ANALYSIS: Final = ArtificialAnalysis()
