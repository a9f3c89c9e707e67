"""`weighbridge keys`: create, list and revoke."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from weighbridge import config
from weighbridge.accounts import keys
from weighbridge.accounts.defaults import Defaults
from weighbridge.accounts.keys import Keeps, Key, Labels
from weighbridge.cli import database
from weighbridge.cli.failure import Failure
from weighbridge.cli.key_defaults import default_options, in_a_word
from weighbridge.cli.moments import Moment
from weighbridge.cli.options import config_option, examples, json_option
from weighbridge.cli.printing import print_json
from weighbridge.cli.tables import print_table
from weighbridge.db import transaction

_KEEP_DAYS: Final = 30


@click.group(
    "keys",
    epilog=examples(
        "weighbridge keys create alice --models qwen/qwen2.5-coder-0.5b-instruct --expires 30d",
        "weighbridge keys list",
        "weighbridge keys revoke key-0123456789ab",
    ),
)
def command() -> None:
    """Create, list and revoke the keys that open the gateway."""


@command.command(
    "create", epilog=examples("weighbridge keys create ci --models 'qwen/*,deepseek/*' --expires 2027-01-01")
)
@click.argument("name")
@click.option("--models", multiple=True, metavar="ID,…", help="Models it may use, lab/* for all of a lab's; else any.")
@click.option("--expires", type=Moment("ahead"), metavar="SPAN|DATE", help="When it ends: 12h, 30d, 2027-01-01 (UTC).")
@click.option(
    "--store",
    is_flag=True,
    help="Keep its responses, so that they can be continued, and its chat completions with `store: true`.",
)
@click.option("--keep-text", is_flag=True, help="Keep its requests and answers, for replay; see `weighbridge texts`.")
@click.option("--keep-days", type=click.IntRange(1, 36_500), metavar="DAYS", help="How long, with --keep-text [30].")
@click.option("--keep-inputs", is_flag=True, help="With --keep-text: what it sends to be embedded or ranked, too.")
@click.option("--organisation", metavar="NAME", help="Whose it is, as rules of a policy name it.")
@click.option("--project", metavar="NAME", help="The project it is for, as rules of a policy name it.")
@click.option(
    "--tag", "tags", multiple=True, metavar="TAG,…", help="Mark each of its requests, such as personal-data, for good."
)
@default_options
@json_option
@config_option
def create(  # noqa: PLR0913 - one for each option
    *,
    name: str,
    models: tuple[str, ...],
    expires: datetime | None,
    store: bool,
    keep_text: bool,
    keep_days: int | None,
    keep_inputs: bool,
    organisation: str | None,
    project: str | None,
    tags: tuple[str, ...],
    defaults: Defaults,
    as_json: bool,
    config_file: Path | None,
) -> None:
    """Make a key called NAME and show it, this once."""
    now = datetime.now(UTC)
    if expires is not None and expires <= now:
        raise click.BadParameter("that moment has passed", param_hint="--expires")
    allowed = _parts(models)
    try:
        labels = Labels(organisation, project, tuple(sorted({keys.tag(each) for each in _parts(tags)})))
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--tag") from error
    settings = config.read({}, file=config_file)
    keeps = _keeps(keep_days, settings.texts.retention_days, wanted=keep_text, inputs=keep_inputs)
    with database.opened(settings) as connection:
        key, secret = keys.create(
            connection,
            name=name,
            models=allowed or None,
            expires=expires,
            store=store,
            keeps=keeps,
            labels=labels,
            defaults=defaults,
            now=now,
            by=database.actor(),
        )
    if as_json:
        print_json({**keys.facts(key), "key": secret})
        return
    click.echo(secret)
    click.echo(f"Key {key.name!r} ({key.id}). Keep it now: it is not stored and cannot be shown again.", err=True)


@command.command("list")
@json_option
@config_option
def listing(*, as_json: bool, config_file: Path | None) -> None:
    """List the keys, oldest first. Of a key itself only the last four characters are known."""
    with database.existing(config.read({}, file=config_file)) as connection:
        found = keys.listing(connection)
    if as_json:
        print_json([keys.facts(key) for key in found])
        return
    now = datetime.now(UTC)
    print_table(
        (
            "id",
            "name",
            "ends in",
            "models",
            "created",
            "expires",
            "stores",
            "keeps text",
            "organisation",
            "project",
            "tags",
            "defaults",
            "state",
        ),
        (
            (
                key.id,
                key.name,
                key.hint,
                "any" if key.models is None else ", ".join(key.models),
                f"{key.created:%Y-%m-%d}",
                key.expires and f"{key.expires:%Y-%m-%d %H:%M}",
                "yes" if key.store else "no",
                "no" if key.keeps is None else f"{key.keeps.days} days",
                key.labels.organisation,
                key.labels.project,
                ", ".join(key.labels.tags) or None,
                in_a_word(key.defaults),
                _state(key, now),
            )
            for key in found
        ),
    )


@command.command(
    "keep-text",
    epilog=examples("weighbridge keys keep-text key-0123456789ab --days 7", "weighbridge keys keep-text key-… --off"),
)
@click.argument("key_id", metavar="ID")
@click.option("--days", type=click.IntRange(1, 36_500), metavar="DAYS", help="How long each text is kept [30].")
@click.option("--inputs", is_flag=True, help="What it sends to be embedded or ranked, too.")
@click.option("--off", is_flag=True, help="Keep nothing more; what was kept stays until its time has come.")
@config_option
def keep_text(*, key_id: str, days: int | None, inputs: bool, off: bool, config_file: Path | None) -> None:
    """Keep the requests and answers of the key with this ID from now on; running gateways follow within a second."""
    if off and (days is not None or inputs):
        raise click.BadParameter("it stands alone", param_hint="--off")
    settings = config.read({}, file=config_file)
    keeps = None if off else _keeps(days, settings.texts.retention_days, wanted=True, inputs=inputs)
    with database.existing(settings) as connection, transaction(connection):
        key = keys.find(connection, key_id)
        if key is None or key.disabled is not None:
            raise Failure(f"no active key has the id {key_id!r}", next_step="weighbridge keys list")
        after = replace(key, keeps=keeps)
        keys.put(connection, key, after, action="key.change", by=database.actor(), now=datetime.now(UTC))
    kept = "Nothing more is kept" if keeps is None else f"Texts are kept for {keeps.days} days"
    click.echo(f"{kept} of {key_id}.")


@command.command("rotate", epilog=examples("weighbridge keys rotate key-0123456789ab --overlap 1d"))
@click.argument("key_id", metavar="ID")
@click.option("--overlap", type=Moment("ahead"), metavar="SPAN", help="How long the old secret opens as well: 12h, 1d.")
@json_option
@config_option
def rotate(*, key_id: str, overlap: datetime | None, as_json: bool, config_file: Path | None) -> None:
    """Give the key with this ID another secret and show it, this once; all else of the key stays."""
    secret = keys.new_secret()
    with database.existing(config.read({}, file=config_file)) as connection, transaction(connection):
        before = keys.find(connection, key_id)
        if before is None or before.disabled is not None:
            raise Failure(f"no active key has the id {key_id!r}", next_step="weighbridge keys list")
        now = datetime.now(UTC)
        key = keys.rotate(connection, before, secret, until=overlap, by=database.actor(), now=now)
    if as_json:
        print_json({**keys.facts(key), "key": secret})
        return
    click.echo(secret)
    click.echo(f"Key {key.name!r} ({key.id}). Keep it now: it is not stored and cannot be shown again.", err=True)


@command.command("revoke")
@click.argument("key_id", metavar="ID")
@config_option
def revoke(*, key_id: str, config_file: Path | None) -> None:
    """Disable the key with this ID for good; running gateways follow within a second."""
    with database.existing(config.read({}, file=config_file)) as connection:
        if not keys.revoke(connection, key_id, now=datetime.now(UTC), by=database.actor()):
            raise Failure(f"no active key has the id {key_id!r}", next_step="weighbridge keys list")
    click.echo(f"Revoked {key_id}.")


def _parts(given: tuple[str, ...]) -> list[str]:
    """What was given in several options or with commas between."""
    return [part.strip() for group in given for part in group.split(",") if part.strip()]


def _keeps(days: int | None, most: int, *, wanted: bool, inputs: bool) -> Keeps | None:
    if not wanted and (days is not None or inputs):
        option = "--keep-inputs" if inputs else "--keep-days"
        raise click.BadParameter("it goes with --keep-text: no text is kept without", param_hint=option)
    if days is not None and days > most:
        raise click.BadParameter(f"texts.retention_days is {most}: no text is kept longer", param_hint="--keep-days")
    return Keeps(min(_KEEP_DAYS, most) if days is None else days, inputs=inputs) if wanted else None


def _state(key: Key, now: datetime) -> str:
    if key.disabled is not None:
        return "revoked"
    return "expired" if key.expires is not None and key.expires <= now else "active"
