"""How to run a model oneself: by the gateway where it has a verified file, else by a server of one's own."""

import re
from dataclasses import dataclass
from typing import Final

from weighbridge.app.local_models import models_directory
from weighbridge.catalog.model import Model
from weighbridge.config import Settings
from weighbridge.serving.weights import Weights, known_weights, present

_HUB: Final = re.compile(r"https://huggingface\.co/([\w.-]+/[\w.-]+)")
_BITS_4: Final = 4.9
"""Bits a weight takes at Q4_K_M, as llama.cpp's own table of quantisations has it (tools/quantize/README.md)."""


@dataclass(frozen=True, slots=True)
class Run:
    """What it takes."""

    weights: Weights | None
    """The file that the gateway itself can fetch and run."""
    is_fetched: bool
    is_set: bool
    """Whether the settings have it run."""
    setting: str
    """The lines of the settings that have it run, beside those that do."""
    repository: str | None
    """Where its maker publishes the weights, on the Hugging Face Hub."""
    bytes_16: float | None
    """Memory for the weights alone, at 16 bits each."""
    bytes_4: float | None


def how_to_run(settings: Settings, model: Model) -> Run | None:
    """None: there are no weights."""
    weights = known_weights().get(model.id)
    if weights is None and not model.open_weights:
        return None
    hub = None if model.source is None else _HUB.search(model.source)
    wanted = tuple(dict.fromkeys((*settings.local.models, model.id)))
    lines = "".join(f'    "{each}",\n' for each in wanted)
    return Run(
        weights=weights,
        is_fetched=weights is not None and present(weights, models_directory(settings)) is not None,
        is_set=settings.local.enabled and model.id in settings.local.models,
        setting=f"[local]\nmodels = [\n{lines}]",
        repository=None if hub is None else hub[1],
        bytes_16=None if model.total_params is None else model.total_params * 2,
        bytes_4=None if model.total_params is None else model.total_params * _BITS_4 / 8,
    )
