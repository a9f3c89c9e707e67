"""`weighbridge switch inspect`: logs of inspect-ai, taken for requests, and written of what was weighed."""

from pathlib import Path

import click

from weighbridge import config
from weighbridge.app.switch.reporting import kept_cases
from weighbridge.app.switch.setting import kept_answers, setting
from weighbridge.app.switch.standing import plan_of
from weighbridge.cli import client, database
from weighbridge.cli.failure import Failure
from weighbridge.cli.options import config_option, examples
from weighbridge.switch import replayed, store
from weighbridge.switch.graders import inspect_log
from weighbridge.switch.graders.grader import GraderError
from weighbridge.switch.inspect_logs import Logs, logs


@click.group(
    "inspect",
    epilog=examples(
        "weighbridge switch inspect import log.json -o requests.jsonl",
        "weighbridge switch inspect export plan-0123456789ab -o logs",
    ),
)
def inspect() -> None:
    """Take requests from logs of inspect-ai, and write what was weighed as such logs."""


@inspect.command("import", epilog=examples("weighbridge switch inspect import log.json -o requests.jsonl"))
@click.argument("log", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path, dir_okay=False), metavar="FILE")
def import_(*, log: Path, output: Path) -> None:
    """Write the samples of LOG as requests for `weighbridge switch plan --requests`.

    A sample's target becomes what is expected, its output the answer of the model of the log. LOG is of the format
    .json; `inspect log convert --to json` makes one of .eval.
    """
    try:
        lines = list(inspect_log.lines(log.read_bytes()))
    except GraderError as error:
        raise Failure(f"{log}: {error}") from error
    except OSError as error:
        raise Failure(f"{log} cannot be read: {error.strerror}") from error
    _write(output, b"".join(line + b"\n" for line in lines))
    click.echo(
        f"Wrote {len(lines)} requests to {output}. Next: weighbridge switch plan --from MODEL --requests {output}"
    )


@inspect.command("export", epilog=examples("weighbridge switch inspect export plan-0123456789ab -o logs"))
@click.argument("plan", required=False)
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path, file_okay=False), metavar="FOLDER")
@config_option
def export(*, plan: str | None, output: Path, config_file: Path | None) -> None:
    """Write what PLAN, or the newest one, has weighed: of each route and arm a log for each of the two models.

    Logs have prompts and answers in them, of those cases whose texts are still kept; they are readable by their owner
    alone. `inspect view` shows them.
    """
    settings = config.read({}, file=config_file)
    with database.existing(settings) as connection:
        at = setting(settings, connection, client.own_key(settings))
        wanted = plan_of(connection, plan)
        rows = {(row.case, row.arm): replayed.decode(row.document) for row in store.replays(connection, wanted.id)}
        with kept_cases(at, wanted) as kept, kept_answers(at) as answered:
            written = [_written(output, each) for each in logs(wanted, rows, kept, answered, at=at.now)]
    if not any(each.cases for each in written):
        raise Failure(
            "nothing that was weighed has its texts any more",
            next_step="weighbridge switch run --keep-answers DAYS keeps those of its replays",
        )
    for each in written:
        gone = f"; {each.gone} more are not kept any more" if each.gone else ""
        click.echo(f"{output / each.folder}: {each.cases} cases{gone}")


def _written(folder: Path, each: Logs) -> Logs:
    if each.cases:
        place = folder / each.folder
        try:
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise Failure(f"{place} cannot be made: {error.strerror}") from error
        _write(place / "reference.json", each.reference)
        _write(place / "candidate.json", each.candidate)
    return each


def _write(output: Path, text: bytes) -> None:
    """Readable by its owner alone: it has texts in it."""
    try:
        output.touch(mode=0o600)
        output.chmod(0o600)
        output.write_bytes(text)
    except OSError as error:
        raise Failure(f"{output} cannot be written: {error.strerror}") from error
