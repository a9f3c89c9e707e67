"""`weighbridge projects`: what holds for all keys of an organisation or a project."""

from datetime import UTC, datetime
from pathlib import Path

import click

from weighbridge import config
from weighbridge.accounts import tree
from weighbridge.accounts.tree import Node, Place
from weighbridge.cli import database
from weighbridge.cli.failure import Misuse
from weighbridge.cli.options import config_option, examples, json_option
from weighbridge.cli.printing import print_json
from weighbridge.cli.tables import print_table
from weighbridge.db import transaction


@click.group(
    "projects",
    epilog=examples(
        "weighbridge projects list",
        "weighbridge projects set --organisation acme --models 'qwen/*,deepseek/*'",
        "weighbridge projects set --organisation acme --project search --any-model",
    ),
)
def command() -> None:
    """Set and list what holds for all keys of an organisation or a project."""


@command.command("list")
@json_option
@config_option
def listing(*, as_json: bool, config_file: Path | None) -> None:
    """List the organisations and projects that keys name, or that something is set for."""
    with database.existing(config.read({}, file=config_file)) as connection:
        nodes = [*tree.organisations(connection), *tree.projects(connection)]
    if as_json:
        print_json([_document(node) for node in nodes])
        return
    print_table(
        ("organisation", "project", "models"),
        (
            (node.place.organisation, node.place.project, "any" if node.models is None else ", ".join(node.models))
            for node in nodes
        ),
    )


@command.command("set", epilog=examples("weighbridge projects set --project search --models 'qwen/*'"))
@click.option("--organisation", metavar="NAME", help="The organisation, or the one whose project it is.")
@click.option("--project", metavar="NAME", help="The project; without it all of the organisation.")
@click.option("--models", metavar="ID,…", help="Models that its keys may use at most, lab/* for all of a lab's.")
@click.option("--any-model", is_flag=True, help="Whatever its keys may use themselves.")
@json_option
@config_option
def set_(
    *,
    organisation: str | None,
    project: str | None,
    models: str | None,
    any_model: bool,
    as_json: bool,
    config_file: Path | None,
) -> None:
    """Set which models the keys of an organisation or a project may use; running gateways follow within a second."""
    place = Place(organisation, project)
    if place.is_everything:
        raise Misuse("say of what: --organisation, --project, or both")
    allowed = tuple(part.strip() for part in (models or "").split(",") if part.strip())
    if any_model == bool(allowed):
        raise Misuse("say which: --models, or --any-model")
    with database.opened(config.read({}, file=config_file)) as connection, transaction(connection):
        node = tree.bind(connection, place, allowed or None, by=database.actor(), now=datetime.now(UTC))
    if as_json:
        print_json(_document(node))
        return
    click.echo(f"{'any model' if node.models is None else ', '.join(node.models)}.")


def _document(node: Node) -> dict[str, object]:
    place = node.place
    return {
        "organisation": place.organisation,
        "project": place.project,
        "models": node.models,
        "created": node.created,
    }
