"""`weighbridge doctor`: what is configured, reachable and missing, and the next step."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from weighbridge import config
from weighbridge.app.doctor.checks import checks, helps_most
from weighbridge.app.doctor.finding import Condition, Finding
from weighbridge.cli.options import config_option, examples, json_option
from weighbridge.cli.printing import print_json

_MARKS: dict[Condition, tuple[str, str]] = {
    "ok": ("ok", "green"),
    "note": ("note", "yellow"),
    "missing": ("missing", "yellow"),
    "failed": ("FAILED", "red"),
}


@click.command("doctor", epilog=examples("weighbridge doctor", "weighbridge doctor --probe --json"))
@click.option("--probe", is_flag=True, help="Ask each provider for its models, with its key; else only connect.")
@json_option
@config_option
def command(*, probe: bool, as_json: bool, config_file: Path | None) -> None:
    """Say what is configured, reachable and missing, and the next step. Shows no secret and changes nothing.

    Exits with 1 if something that should work does not.
    """
    settings = config.read({}, file=config_file)
    found = [each for check in checks(settings, probe=probe) for each in check.look()]
    if as_json:
        print_json([_document(each) for each in found])
    else:
        _print(found)
    if any(each.condition == "failed" for each in found):
        sys.exit(1)


def _document(finding: Finding) -> dict[str, str | None]:
    return {
        "about": finding.title,
        "condition": finding.condition,
        "said": finding.said,
        "next_step": finding.next_step,
    }


def _print(found: Sequence[Finding]) -> None:
    width = max(len(each.title) for each in found)
    for each in found:
        mark, colour = _MARKS[each.condition]
        click.echo(f"{click.style(f'{mark:<7}', fg=colour)}  {each.title:<{width}}  {each.said}")
        if each.next_step and each.condition != "ok":
            click.echo(f"{'':<7}  {'':<{width}}  → {each.next_step}")
    most = helps_most(found)
    step = 'nothing is missing; ask something: weighbridge chat "Hello"' if most is None else most.next_step
    click.echo(f"\nNext: {step}")
