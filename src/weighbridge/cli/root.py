"""The list of commands, and how a failure that was to be expected is told: one line, a next step, an exit code."""

from collections.abc import Mapping
from importlib import import_module

import click

from weighbridge.app.unable import Unable
from weighbridge.cli.failure import Failure, Misuse
from weighbridge.config import ConfigError
from weighbridge.errors import WeighbridgeError

COMMANDS: Mapping[str, str] = {
    "up": "Start the gateway, with the local model behind it.",
    "window": "Print a link that lets you in to the window, in your browser.",
    "chat": "Ask a model something, through the running gateway.",
    "explain": "Say whom a request would be sent to, at what price, and why not to others.",
    "models": "List the models there are, with licence, origin and price.",
    "keys": "Create, list and revoke keys.",
    "budgets": "Set, list and remove budgets and limits.",
    "projects": "Set and list what holds for all keys of an organisation or a project.",
    "admins": "Create, list and revoke the keys of the admin API.",
    "usage": "Show what was used and what it cost.",
    "bill": "Show a month's bill, and what it would have cost on another model.",
    "receipt": "Show the ledger's entry for one answer.",
    "reconcile": "Hold a provider's own list of usage against the ledger.",
    "import-usage": "Take over usage that did not pass through the gateway.",
    "ledger": "Export the ledger, archive what is old of it, move it to a PostgreSQL server.",
    "switch": "Prove what a cheaper model would lose on your own traffic, and route by it.",
    "market": "Keep the open-model market's data, and work out its figures.",
    "policy": "Try, show and list policies on licence, origin, jurisdiction and data.",
    "audit": "Prove that every request was served within the policy in force.",
    "audit-log": "Show who has changed what, and prove that the log is whole.",
    "alerts": "Try the webhook of alerts, and see what was told.",
    "cache": "Show what is kept of answers to give them again, and delete it.",
    "texts": "Show, export and delete the prompts and answers that keys have kept.",
    "forget": "Delete all that is kept of what one user said and was told.",
    "pull": "Fetch and verify the weights of a model.",
    "openapi": "Print the API as an OpenAPI document.",
    "grafana": "Print the Grafana dashboard of the gateway's metrics.",
    "doctor": "Say what is configured, reachable and missing, and the next step.",
}
"""Each command is `weighbridge.cli.<name>:command`, imported when it is asked for: `--help` stays quick."""


class Commands(click.Group):
    """A group that imports a command only when it runs or shows its own help."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order a newcomer needs them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, or None."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"weighbridge.cli.{cmd_name.replace('-', '_')}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without importing one."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; what a user can mend is told without a traceback."""
        try:
            result: object = super().invoke(ctx)
        except ConfigError as error:
            raise Misuse(str(error)) from error
        except Unable as error:
            raise Failure(error.message, next_step=error.next_step) from error
        except WeighbridgeError as error:
            raise Failure(error.message) from error
        except OSError as error:
            if error.filename is None:
                raise
            raise Failure(f"{error.filename}: {error.strerror}") from error
        return result


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="weighbridge", message="weighbridge %(version)s")
def main() -> None:
    """One endpoint for open-weight models, with a receipt for every answer.

    Start here: weighbridge up
    """
