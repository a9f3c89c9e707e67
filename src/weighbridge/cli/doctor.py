"""`weighbridge doctor`: what is configured, reachable and missing, and the next step."""

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from weighbridge import config
from weighbridge.app.connections import connections
from weighbridge.cli import findings, probing, sharing
from weighbridge.cli.findings import Condition, Finding
from weighbridge.cli.options import config_option, examples, json_option
from weighbridge.cli.printing import print_json
from weighbridge.config import Settings
from weighbridge.providers.rows import read_rows

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
    found = list(_all(config.read({}, file=config_file), probe=probe))
    if as_json:
        print_json(found)
    else:
        _print(found)
    if any(each.condition == "failed" for each in found):
        sys.exit(1)


def _all(settings: Settings, *, probe: bool) -> Iterator[Finding]:
    yield from findings.of_program(settings)
    yield from findings.of_data(settings)
    yield from findings.of_ledger(settings)
    yield from findings.of_policy(settings)
    yield from findings.of_models(settings)
    yield from findings.of_names(settings)
    yield from sharing.of_shared(settings)
    yield from findings.of_gateway(settings)
    yield from probing.of_providers(settings, connections(settings, read_rows()), ask=probe)


def _print(found: list[Finding]) -> None:
    width = max(len(each.about) for each in found)
    for each in found:
        mark, colour = _MARKS[each.condition]
        click.echo(f"{click.style(f'{mark:<7}', fg=colour)}  {each.about:<{width}}  {each.said}")
        if each.next_step and each.condition != "ok":
            click.echo(f"{'':<7}  {'':<{width}}  → {each.next_step}")
    click.echo(f"\nNext: {_next(found)}")


def _next(found: list[Finding]) -> str:
    """The step that helps most: what is broken before what is missing."""
    for condition in ("failed", "missing"):
        for each in found:
            if each.condition == condition and each.next_step:
                return each.next_step
    return 'nothing is missing; ask something: weighbridge chat "Hello"'
