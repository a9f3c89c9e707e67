"""All sources there are, and which of them a file is of."""

from pathlib import Path
from typing import Final

from weighbridge.errors import MarketError
from weighbridge.market.sources.artificial_analysis import ARTIFICIAL_ANALYSIS
from weighbridge.market.sources.catalogue_models import CATALOGUE_MODELS
from weighbridge.market.sources.catalogue_prices import CATALOGUE_PRICES
from weighbridge.market.sources.epoch import EPOCH
from weighbridge.market.sources.fmti import FMTI, FMTI_INDICATORS
from weighbridge.market.sources.genai_prices import GENAI_PRICES
from weighbridge.market.sources.genai_prices_list import GENAI_PRICES_LIST
from weighbridge.market.sources.hub_api import HUB_API
from weighbridge.market.sources.hub_snapshots import HUB_SNAPSHOTS, MODEL_PULSE_DATA, OPEN_MODEL_EVOLUTION
from weighbridge.market.sources.litellm import LITELLM
from weighbridge.market.sources.lmarena import LMARENA, LMARENA_DAYS
from weighbridge.market.sources.lmarena_dataset import LMARENA_DATASET
from weighbridge.market.sources.model_prices import MODEL_PRICES
from weighbridge.market.sources.modelpulse import MODELPULSE_HUB, MODELPULSE_PUBLISHERS
from weighbridge.market.sources.models_dev import MODELS_DEV, MODELS_DEV_MODELS
from weighbridge.market.sources.openness import MODEL_OPENNESS, OSAI_INDEX
from weighbridge.market.sources.openrouter_api import OPENROUTER_MODELS, OPENROUTER_RANKINGS_API
from weighbridge.market.sources.openrouter_data import OPENROUTER_DATA
from weighbridge.market.sources.openrouter_prices import OPENROUTER_PRICES
from weighbridge.market.sources.openrouter_rankings import OPENROUTER_RANKINGS, OPENROUTER_WEEKS
from weighbridge.market.sources.source import Source
from weighbridge.market.sources.tracked_models import TRACKED_MODELS

SOURCES: Final[tuple[Source, ...]] = (
    ARTIFICIAL_ANALYSIS,
    CATALOGUE_MODELS,
    CATALOGUE_PRICES,
    *EPOCH,
    FMTI,
    FMTI_INDICATORS,
    GENAI_PRICES,
    GENAI_PRICES_LIST,
    HUB_API,
    HUB_SNAPSHOTS,
    LITELLM,
    LMARENA,
    LMARENA_DAYS,
    LMARENA_DATASET,
    MODELPULSE_HUB,
    MODELPULSE_PUBLISHERS,
    MODEL_OPENNESS,
    MODEL_PULSE_DATA,
    MODEL_PRICES,
    MODELS_DEV,
    MODELS_DEV_MODELS,
    *OPENROUTER_DATA,
    OPENROUTER_MODELS,
    OPENROUTER_PRICES,
    OPENROUTER_RANKINGS,
    OPENROUTER_RANKINGS_API,
    OPENROUTER_WEEKS,
    OPEN_MODEL_EVOLUTION,
    OSAI_INDEX,
    *TRACKED_MODELS,
)


def source_of(path: Path) -> Source | None:
    """The source of a file; None where it is of none. Raises MarketError where two take it for theirs."""
    found = [source for source in SOURCES if source.recognise(path)]
    if len(found) > 1:
        raise MarketError(
            f"{path.name!r} may be of {', '.join(each.about.name for each in found)}; this is a fault of ours"
        )
    return found[0] if found else None


def source_named(name: str, path: Path | None = None) -> Source:
    """Of those that go by a name the one whose form a file has, else the first. Raises MarketError that lists them."""
    found = [source for source in SOURCES if source.about.name == name]
    if not found:
        raise MarketError(f"no source is called {name!r}; there are {', '.join(each.about.name for each in SOURCES)}")
    return next((source for source in found if path is not None and source.recognise(path)), found[0])
