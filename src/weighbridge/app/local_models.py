"""The models that the settings have run on this machine: where their files are, and which of them are here."""

from pathlib import Path

from weighbridge.config import Settings
from weighbridge.serving.weights import known_weights, present, weights_of


def models_directory(settings: Settings) -> Path:
    """Where the files of the models are."""
    return settings.home / "models"


def here(settings: Settings) -> list[str]:
    """The ids of the models that would run without a fetch."""
    if not settings.local.enabled:
        return []
    wanted = [weights_of(model) for model in dict.fromkeys(settings.local.models)]
    return [each.model for each in wanted if present(each, models_directory(settings)) is not None]


def that_write(settings: Settings) -> list[str]:
    """The ids of the local models that write text, rather than make embeddings."""
    known = known_weights()
    return [model for model in settings.local.models if model in known and known[model].dimensions is None]
