"""`weighbridge switch`: prove on one's own traffic what a cheaper model would lose, and route by what was proven."""

import click

from weighbridge.cli.options import examples
from weighbridge.cli.switch_apply import apply, rollback
from weighbridge.cli.switch_inspect import inspect
from weighbridge.cli.switch_plan import plan
from weighbridge.cli.switch_report import report
from weighbridge.cli.switch_run import run
from weighbridge.cli.switch_sample import sample
from weighbridge.cli.switch_status import status


@click.group(
    "switch",
    epilog=examples(
        "weighbridge switch plan --from openai/gpt-5-mini --open --licence permissive --since 30d",
        "weighbridge switch run",
        "weighbridge switch status",
    ),
)
def command() -> None:
    """Prove on your own traffic what a cheaper model would lose, and route by what was proven.

    In this order: plan, run, report, apply; then status, and rollback should it be wished.
    """


command.add_command(plan)
command.add_command(report)
command.add_command(run)
command.add_command(status)
command.add_command(apply)
command.add_command(rollback)
command.add_command(sample)
command.add_command(inspect)
