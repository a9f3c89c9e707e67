"""`weighbridge pull`: a model's weights, fetched and verified."""

from pathlib import Path

import click

from weighbridge import config
from weighbridge.app.local_models import models_directory
from weighbridge.cli import database
from weighbridge.cli.fetching import shown
from weighbridge.cli.options import config_option, examples
from weighbridge.config import Settings
from weighbridge.errors import WeightsUnavailable
from weighbridge.serving.engines import LocalModel, local_model
from weighbridge.serving.sources import default_sources
from weighbridge.serving.weights import Weights, present, pull, weights_of


@click.command("pull", epilog=examples("weighbridge pull qwen/qwen2.5-coder-1.5b-instruct"))
@click.argument("model")
@config_option
def command(*, model: str, config_file: Path | None) -> None:
    """Fetch the weights of MODEL and verify them; a fetch that was broken off goes on where it was.

    Then name the model in `local.models` of the settings, and `weighbridge up` runs it.
    """
    settings = config.read({}, file=config_file)
    weights = weights_of(model)
    database.make_home(settings.home)
    click.echo(f"{weights.model} is here and verified: {fetched(settings, weights)}")


def fetched(settings: Settings, weights: Weights) -> Path:
    """The verified file, fetched where it is missing. Raises WeightsUnavailable."""
    directory = models_directory(settings)
    here = present(weights, directory)
    if here is not None:
        return here
    with shown(weights.model) as progress:
        return pull(weights, directory=directory, progress=progress, sources=default_sources())


def local_models(settings: Settings) -> list[LocalModel]:
    """The models that the settings have run here, with their files, fetched where missing.

    One that makes embeddings and cannot be had is left out, and said so: an answer does not need it.
    Raises UnknownModel and WeightsUnavailable.
    """
    if not settings.local.enabled:
        return []
    found: list[LocalModel] = []
    for weights in [weights_of(model) for model in dict.fromkeys(settings.local.models)]:
        try:
            found.append(local_model(weights, fetched(settings, weights)))
        except WeightsUnavailable as error:
            if weights.dimensions is None:
                raise
            click.echo(f"No embeddings are made here: {error.message}", err=True)
    return found
