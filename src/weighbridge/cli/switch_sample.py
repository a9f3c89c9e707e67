"""`weighbridge switch sample`: requests whose right answers are known, to try a switch on."""

from importlib import resources
from pathlib import Path

import click

from weighbridge.cli.failure import Failure
from weighbridge.cli.options import examples


@click.command("sample", epilog=examples("weighbridge switch sample -o sample.jsonl"))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path, dir_okay=False), metavar="FILE")
def sample(*, output: Path) -> None:
    """Write a set of requests that can be graded exactly: sums, code with tests, data from notes in English and Arabic.

    weighbridge switch plan --requests FILE replays them: enough of each kind for an --epsilon of 0.05.
    """
    lines = [
        line
        for file in sorted(resources.files("weighbridge.switch").joinpath("data").iterdir(), key=lambda each: each.name)
        if file.name.endswith(".jsonl")
        for line in file.read_bytes().splitlines()
    ]
    try:
        output.write_bytes(b"".join(line + b"\n" for line in lines))
    except OSError as error:
        raise Failure(f"{output} cannot be written: {error.strerror}") from error
    click.echo(
        f"Wrote {len(lines)} requests to {output}. Next: weighbridge switch plan --from MODEL --to MODEL"
        f" --requests {output} --epsilon 0.05"
    )
