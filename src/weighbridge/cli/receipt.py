"""`weighbridge receipt`: one entry of the ledger."""

from collections.abc import Iterator
from pathlib import Path

import click

from weighbridge import config
from weighbridge.cli import database
from weighbridge.cli.failure import Failure
from weighbridge.cli.options import config_option, examples, json_option
from weighbridge.cli.printing import print_json, usd
from weighbridge.gateway import receipts
from weighbridge.ledger import store
from weighbridge.ledger.entry import Charge, Entry
from weighbridge.ledger.saved import original


@click.command("receipt", epilog=examples("weighbridge receipt wbr-0197…", "weighbridge receipt wbr-0197… --json"))
@click.argument("receipt_id", metavar="ID")
@json_option
@config_option
def command(*, receipt_id: str, as_json: bool, config_file: Path | None) -> None:
    """Show the ledger's entry for one answer: who asked, who answered, how it ended, what it cost.

    ID is what the answer carried in x-weighbridge-receipt, and what `weighbridge chat` prints at its end.
    """
    with database.existing(config.read({}, file=config_file)) as connection:
        entry = store.find(connection, receipt_id)
        paid = None if entry is None else original(entry)
        first = None if paid is None else store.find(connection, paid)
    if entry is None:
        raise Failure(
            f"the ledger has no entry {receipt_id!r}", next_step="check the id; `weighbridge usage` sums them up"
        )
    if as_json:
        print_json(receipts.receipt(entry, first))
        return
    told = (*_lines(entry), *_charged(entry.charge), *_saved(first))
    lines = [(name, value) for name, value in told if value is not None]
    width = max(len(name) for name, _ in lines)
    for name, value in lines:
        click.echo(f"{name:<{width}}  {value}")


def _lines(entry: Entry) -> Iterator[tuple[str, object]]:
    yield "receipt", entry.id
    yield "at", f"{entry.at:%Y-%m-%d %H:%M:%S} UTC"
    yield "key", entry.key
    yield "imported from", entry.imported
    yield "puts right", entry.corrects
    yield "model", entry.model or entry.asked_model
    yield "answered by", entry.provider and f"{entry.provider} as {entry.upstream_model}"
    yield "its request id" if original(entry) is None else "given again", entry.upstream_request
    yield "ending", f"{entry.ending}, status {entry.status}" + (f", {entry.error}" if entry.error else "")
    yield "first byte", None if entry.first_byte is None else f"{entry.first_byte:.3f} s"
    yield "duration", f"{entry.duration:.3f} s"
    yield "organisation", entry.organisation
    yield "project", entry.project
    yield "user", entry.user
    yield "tags", ", ".join(entry.tags) or None
    if entry.decided is not None:
        yield "policy", entry.decided.policy[:12]
        yield "  by rule", entry.decided.rule
    for attempt in entry.attempts:
        yield "tried", f"{attempt.provider}, {attempt.seconds:.3f} s: {attempt.error or 'answered'}"
        if attempt.answered_as is not None:
            yield "  answered as", f"{attempt.answered_as}, which is not the model that was asked"
        if attempt.charge is not None:
            yield "  its part", _part(attempt.charge)


def _saved(first: Entry | None) -> Iterator[tuple[str, object]]:
    if first is not None and first.charge is not None:
        yield "saved", "unknown: no price is known" if first.charge.cost is None else usd(first.charge.cost)


def _part(charge: Charge) -> str:
    """The charge of one of several endpoints, on a line."""
    usage = charge.usage
    cost = "cost unknown" if charge.cost is None else usd(charge.cost)
    return f"{usage.prompt} tokens in, {usage.completion} out, counted by {charge.counted_by}: {cost}"


def _charged(charge: Charge | None) -> Iterator[tuple[str, object]]:
    if charge is None:
        yield "cost", "nothing was used"
        return
    usage = charge.usage
    yield "tokens in", usage.prompt
    yield "  from a cache", usage.cached
    yield "  to a cache", usage.written
    yield "tokens out", usage.completion
    yield "  reasoning", usage.reasoning
    yield "counted by", charge.counted_by
    yield "cost", "unknown: no price is known" if charge.cost is None else usd(charge.cost)
    yield "price", charge.price_id
    yield "  from", charge.price_source
    yield "  in force since", charge.price_since
