"""`weighbridge openapi`: the API as an OpenAPI document."""

import click
import msgspec

from weighbridge.cli.options import examples
from weighbridge.gateway.openapi.document import document
from weighbridge.gateway.outline import outline


@click.command("openapi", epilog=examples("weighbridge openapi > openapi.json"))
def command() -> None:
    """Print the gateway's API as an OpenAPI 3.1 document.

    A gateway that runs serves the same at /openapi.json, without a key.
    """
    click.echo(msgspec.json.format(document(outline()), indent=2))
