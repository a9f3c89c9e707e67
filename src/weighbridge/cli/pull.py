"""`weighbridge pull`: a model's weights, fetched and verified."""

from pathlib import Path

import click

from weighbridge import config
from weighbridge.cli.options import config_option, examples
from weighbridge.config import Settings
from weighbridge.serving.engines import LocalModel


@click.command("pull", epilog=examples("weighbridge pull qwen/qwen2.5-coder-1.5b-instruct"))
@click.argument("model")
@config_option
def command(*, model: str, config_file: Path | None) -> None:
    """Fetch the weights of MODEL and verify them; a partial download goes on where it ended."""
    config.read({}, file=config_file)


def local_models(settings: Settings) -> list[LocalModel]:
    """The models of the settings with their verified files, fetched where missing."""
    if not settings.local.enabled:
        return []
    raise NotImplementedError
