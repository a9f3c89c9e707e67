"""`weighbridge alerts`: try the webhook, see what did not arrive, make a secret."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import click

from weighbridge import config
from weighbridge.alerts import outbox, signature
from weighbridge.alerts.event import Event
from weighbridge.alerts.outbox import Alert
from weighbridge.alerts.webhook import Outcome
from weighbridge.app.alerts import webhook_of
from weighbridge.cli import database
from weighbridge.cli.failure import Failure
from weighbridge.cli.options import config_option, examples, json_option
from weighbridge.cli.printing import print_json
from weighbridge.cli.tables import print_table
from weighbridge.config import Settings
from weighbridge.transport.deadlines import Deadlines


@click.group(
    "alerts",
    epilog=examples("weighbridge alerts secret", "weighbridge alerts test", "weighbridge alerts list --waiting"),
)
def command() -> None:
    """Try the webhook of alerts, and see what was told."""


@command.command("secret", epilog=examples("export WEIGHBRIDGE_ALERTS_SECRET=$(weighbridge alerts secret)"))
def secret() -> None:
    """Print a new secret to sign messages with."""
    click.echo(signature.new_secret())


@command.command("test")
@config_option
def test(*, config_file: Path | None) -> None:
    """Send a message to the webhook of the settings, now, and say what it answered."""
    settings = config.read({}, file=config_file)
    if settings.alerts.url is None:
        raise Failure("no webhook is set", next_step="set alerts.url, or WEIGHBRIDGE_ALERTS_URL")
    now = datetime.now(UTC)
    mark = f"alerts.test {now.isoformat()}"
    event = Event(type="alerts.test", at=now, subject={"by": database.actor().id}, figures={}, mark=mark)
    id_, body = outbox.written(event)
    outcome = asyncio.run(_delivered(settings, id_, body, now))
    if outcome.trouble is not None:
        raise Failure(f"{id_} did not arrive: {outcome.trouble}", next_step="look at alerts.url and its receiver")
    click.echo(f"{id_} was taken by the webhook.")


@command.command("list")
@click.option("--waiting", is_flag=True, help="Only those that are not delivered.")
@json_option
@config_option
def listing(*, waiting: bool, as_json: bool, config_file: Path | None) -> None:
    """List what was told in the last 100 days, the newest first, and what became of it."""
    with database.existing(config.read({}, file=config_file)) as connection:
        found = outbox.listing(connection, waiting=waiting)
    if as_json:
        print_json([_document(alert) for alert in found])
        return
    print_table(
        ("id", "type", "at", "tries", "state", "trouble"),
        (
            (alert.id, alert.type, f"{alert.at:%Y-%m-%d %H:%M:%S}", alert.tries, _state(alert), alert.trouble)
            for alert in found
        ),
        right=("tries",),
    )


@command.command("retry")
@config_option
def retry(*, config_file: Path | None) -> None:
    """Have running gateways try all that did not arrive again, those too that were given up."""
    with database.existing(config.read({}, file=config_file)) as connection:
        count = outbox.retry(connection, now=datetime.now(UTC))
    click.echo(f"{count} to be tried again.")


async def _delivered(settings: Settings, id_: str, body: bytes, now: datetime) -> Outcome:
    hook = webhook_of(settings, Deadlines(asyncio.get_running_loop()))
    if hook is None:
        return Outcome("no webhook is set")
    try:
        return await hook.deliver(id_, body, now)
    finally:
        hook.pool.close()


def _state(alert: Alert) -> str:
    if alert.delivered is not None:
        return f"delivered {alert.delivered:%Y-%m-%d %H:%M:%S}"
    if alert.given_up is not None:
        return f"given up {alert.given_up:%Y-%m-%d %H:%M:%S}"
    return f"next try {alert.next:%Y-%m-%d %H:%M:%S}"


def _document(alert: Alert) -> dict[str, object]:
    return {
        "id": alert.id,
        "type": alert.type,
        "at": alert.at,
        "tries": alert.tries,
        "next": alert.next if alert.delivered is None and alert.given_up is None else None,
        "delivered": alert.delivered,
        "given_up": alert.given_up,
        "trouble": alert.trouble,
    }
