"""How a command fails: with what was wrong and what to do next, never with a traceback."""

import click


class Failure(click.ClickException):
    """It could not be done; exit code 1."""

    exit_code = 1

    def __init__(self, message: str, *, next_step: str | None = None) -> None:
        super().__init__(message if next_step is None else f"{message}\nNext: {next_step}")


class Misuse(click.ClickException):
    """The command line or the settings make no sense; exit code 2."""

    exit_code = 2
