"""What more than one command has: options, and examples in the help."""

from pathlib import Path

import click

config_option = click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Settings file; else ./weighbridge.toml or the one in the configuration directory.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for a script.")


def examples(*lines: str) -> str:
    """The end of a command's help; click leaves a paragraph that starts with a backspace as it is."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)
