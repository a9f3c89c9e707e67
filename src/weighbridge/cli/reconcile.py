"""`weighbridge reconcile`: a provider's own list of usage against the ledger."""

import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation, localcontext
from pathlib import Path

import click

from weighbridge import config
from weighbridge.catalog.dated import DatedPrices
from weighbridge.cli import database
from weighbridge.cli.dated_prices import dated_prices
from weighbridge.cli.failure import Failure, Misuse
from weighbridge.cli.moments import Moment
from weighbridge.cli.options import config_option, examples, json_option
from weighbridge.cli.printing import print_json, usd
from weighbridge.cli.tables import print_table
from weighbridge.ledger import store
from weighbridge.ledger.cost import cost, plain
from weighbridge.ledger.entry import Entry
from weighbridge.ledger.reconcile.adjust import adjustments
from weighbridge.ledger.reconcile.compare import compare
from weighbridge.ledger.reconcile.formats import FORMATS
from weighbridge.ledger.reconcile.line import NOTHING, Amounts, Cause, Comparison, Difference, Ours, Statement
from weighbridge.ledger.reconcile.ours import ours_of
from weighbridge.ledger.reconcile.terms import EXACT, Reprice, Terms
from weighbridge.ledger.rows import Source, Unreadable
from weighbridge.wire.usage import Usage

_FRINGE = timedelta(days=1)
"""How far beside the list ours is looked at: what is in another of their days."""
_SHOWN = 30
_HEADS = ("cause", "differences", "requests", "tokens in", "tokens out", "cost")
_HARMLESS: frozenset[Cause] = frozenset(("rounding", "boundary"))


class _Rate(click.ParamType[tuple[str, Decimal]]):
    name = "rate"

    def convert(
        self, value: str | tuple[str, Decimal], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, Decimal]:
        if isinstance(value, tuple):
            return value
        currency, _, text = value.partition("=")
        try:
            rate = Decimal(text)
        except InvalidOperation:
            rate = Decimal(0)
        if not currency.isalpha() or not rate.is_finite() or rate <= 0:
            self.fail(f"{value!r} is not a rate such as CNY=0.1405, in US dollars", param, ctx)
        return currency.upper(), rate


class _Amount(click.ParamType[Decimal]):
    name = "usd"

    def convert(self, value: str | Decimal, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        try:
            amount = Decimal(value)
        except InvalidOperation:
            amount = Decimal(-1)
        if not amount.is_finite() or amount < 0:
            self.fail(f"{value!r} is not an amount such as 0.01", param, ctx)
        return amount


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Which lines of theirs are meant."""

    since: datetime | None
    until: datetime | None
    keys: tuple[str, ...]
    projects: tuple[str, ...]

    def of(self, statement: Statement) -> Statement:
        """The list without the others."""
        kept = tuple(
            line
            for line in statement.lines
            if (self.since is None or line.since >= self.since)
            and (self.until is None or line.until <= self.until)
            and (not self.keys or line.key in self.keys)
            and (not self.projects or line.project in self.projects)
        )
        low = self.since or datetime.min.replace(tzinfo=UTC)
        high = self.until or datetime.max.replace(tzinfo=UTC)
        cut = ((max(since, low), min(until, high)) for since, until in statement.covered)
        return replace(statement, lines=kept, covered=tuple(each for each in cut if each[0] < each[1]))


@click.command(
    "reconcile",
    epilog=examples(
        "weighbridge reconcile --provider openai usage.json costs.json",
        "weighbridge reconcile --provider deepseek usage_2026_11.zip --rate CNY=0.1405",
        "weighbridge reconcile --provider openrouter generations.csv --apply --yes",
    ),
)
@click.option("--provider", type=click.Choice(sorted(FORMATS)), required=True, help="Whose list it is.")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--ours", metavar="ID", help="What the provider is called in our ledger [the same].")
@click.option("--since", type=Moment("ago"), metavar="SPAN|DATE", help="Only from then on: 30d, 2026-12-01 (UTC).")
@click.option("--until", type=Moment("ago"), metavar="SPAN|DATE", help="Only to just before then.")
@click.option("--their-key", "their_keys", multiple=True, metavar="KEY", help="Only lines of this key of theirs.")
@click.option("--their-project", "their_projects", multiple=True, metavar="NAME", help="Only lines of this project.")
@click.option("--tolerance", type=_Amount(), default=Decimal(0), metavar="USD", help="Take so much for rounding [0].")
@click.option("--rate", "rates", type=_Rate(), multiple=True, metavar="CUR=USD", help="US dollars for one of another.")
@click.option("--all", "show_all", is_flag=True, help=f"List every difference, not {_SHOWN}.")
@click.option("--apply", "applies", is_flag=True, help="Show the entries that put ours right, where that is certain.")
@click.option("--yes", is_flag=True, help="With --apply: write them.")
@json_option
@config_option
def command(  # noqa: PLR0913 - one for each option
    *,
    provider: str,
    files: tuple[Path, ...],
    ours: str | None,
    since: datetime | None,
    until: datetime | None,
    their_keys: tuple[str, ...],
    their_projects: tuple[str, ...],
    tolerance: Decimal,
    rates: tuple[tuple[str, Decimal], ...],
    show_all: bool,
    applies: bool,
    yes: bool,
    as_json: bool,
    config_file: Path | None,
) -> None:
    """Hold a provider's own list of usage (its FILES) against the ledger, and list the differences by cause.

    To the request where their list has ids, else by its days or hours and models. Ours and the differences make theirs,
    to the last digit. Exits with 1 where they differ by more than rounding and the turn of a day.
    """
    if yes and not applies:
        raise Misuse("--yes goes with --apply")
    settings = config.read({}, file=config_file)
    statement = _Wanted(since, until, their_keys, their_projects).of(_read(provider, files))
    if not statement.lines:
        raise Failure("their list has no line of usage in it", next_step="take out --since, --until or --their-key")
    reprice = _reprice(dated_prices(settings))
    terms = Terms(rates=dict(rates), tolerance=tolerance, reprice=reprice)
    with database.existing(settings) as connection:
        entries = {entry.id: entry for entry in store.between(connection, *_span(statement))}
        found = _compared(statement, ours_of(entries.values(), ours or provider), terms)
        adjusting = list(adjustments(found, entries, reprice)) if applies else []
        if yes and adjusting:
            store.add_once(connection, adjusting)
    if as_json:
        print_json(_document(found, statement, adjusting, written=yes))
    else:
        _print(found, statement, _SHOWN if not show_all else None)
        if applies:
            _print_adjusting(adjusting, entries, written=yes)
    if any(each.cause not in _HARMLESS for each in found.differences):
        sys.exit(1)


def _read(provider: str, files: Sequence[Path]) -> Statement:
    sources = [Source(str(file), file.read_bytes()) for file in files]
    same = {source.data: source.name for source in sources}
    if len(same) < len(sources):
        raise Misuse("two of the files are the same: their usage would count twice")
    try:
        return FORMATS[provider](sources)
    except Unreadable as error:
        raise Failure(str(error)) from error


def _compared(statement: Statement, ours: list[Ours], terms: Terms) -> Comparison:
    try:
        return compare(statement, ours, terms)
    except Unreadable as error:
        raise Failure(str(error)) from error


def _span(statement: Statement) -> tuple[datetime, datetime]:
    windows = [*statement.covered, *((line.since, line.until) for line in statement.lines)]
    return min(since for since, _ in windows) - _FRINGE, max(until for _, until in windows) + _FRINGE


def _reprice(prices: DatedPrices) -> Reprice:
    def reprice(one: Ours, usage: Usage) -> Decimal | None:
        row = None if one.price_id is None else prices.row(one.price_id)
        if row is None or any(rate is not None and rate.tiers for rate in (row.input, row.output, row.cache_read)):
            return None
        return cost(usage, row)

    return reprice


def _print(found: Comparison, statement: Statement, most: int | None) -> None:
    by_cause: defaultdict[Cause, list[Difference]] = defaultdict(list)
    for each in found.differences:
        by_cause[each.cause].append(each)
    rows = [("ours", None, *_cells(found.ours))]
    rows += [(cause, len(many), *_cells(_sum(many))) for cause, many in by_cause.items()]
    print_table(_HEADS, [*rows, ("theirs", None, *_cells(found.theirs))], right=_HEADS[1:])
    if found.differences:
        click.echo("")
        shown = sorted(found.differences, key=lambda each: -abs(each.amounts.cost))[:most]
        heads = ("cause", "when", "model", "tokens in", "tokens out", "cost", "receipt", "why")
        print_table(heads, map(_line, shown), right=("tokens in", "tokens out", "cost"))
        if len(shown) < len(found.differences):
            click.echo(f"{len(found.differences) - len(shown):,} more; --all lists them")
    for currency, amount in sorted(found.foreign.items()):
        click.echo(f"{plain(amount)} {currency} is in no sum: give --rate {currency}=USD")
    for place, why in statement.passed_over:
        click.echo(f"passed over: {place}: {why}", err=True)


def _cells(amounts: Amounts) -> tuple[object, ...]:
    return amounts.requests, amounts.prompt, amounts.completion, usd(amounts.cost)


def _sum(many: Sequence[Difference]) -> Amounts:
    with localcontext(EXACT):
        return sum((each.amounts for each in many), NOTHING)


def _line(each: Difference) -> tuple[object, ...]:
    when = f"{each.since:%Y-%m-%d %H:%M:%S}"
    if each.until - each.since == timedelta(days=1) and each.since.hour == each.since.minute == 0:
        when = f"{each.since:%Y-%m-%d}"
    amounts = each.amounts
    return each.cause, when, each.model, amounts.prompt, amounts.completion, usd(amounts.cost), each.receipt, each.why


def _print_adjusting(adjusting: Sequence[Entry], entries: Mapping[str, Entry], *, written: bool) -> None:
    if not adjusting:
        click.echo("Nothing is to be put right: no request of ours is known for certain to have other figures.")
        return
    click.echo("")
    rows = []
    for entry in adjusting:
        charge = entry.charge
        if charge is not None:
            delta = None if charge.cost is None else usd(charge.cost)
            rows.append((entry.corrects, charge.usage.prompt, charge.usage.completion, delta, entry.id))
    print_table(
        ("corrects", "tokens in", "tokens out", "cost", "entry"), rows, right=("tokens in", "tokens out", "cost")
    )
    said = "written" if written else "to be written; --apply --yes writes them"
    click.echo(f"{len(adjusting):,} adjusting entries {said}")


def _document(
    found: Comparison, statement: Statement, adjusting: Sequence[Entry], *, written: bool
) -> dict[str, object]:
    return {
        "compared": sorted(found.measures),
        "matched": found.matched,
        "ours": _facts(found.ours),
        "differences": [
            {
                "cause": each.cause,
                "why": each.why,
                "since": each.since,
                "until": each.until,
                "model": each.model,
                "receipt": each.receipt,
                "request": each.request,
                "place": each.place,
                "certain": each.certain,
                **_facts(each.amounts),
            }
            for each in found.differences
        ],
        "theirs": _facts(found.theirs),
        "other_currencies": {currency: plain(amount) for currency, amount in found.foreign.items()},
        "passed_over": [{"place": place, "why": why} for place, why in statement.passed_over],
        "adjusting": [
            {"id": entry.id, "corrects": entry.corrects, "charge": entry.charge, "written": written}
            for entry in adjusting
        ],
    }


def _facts(amounts: Amounts) -> dict[str, object]:
    return {
        "requests": amounts.requests,
        "prompt_tokens": amounts.prompt,
        "completion_tokens": amounts.completion,
        "cached_tokens": amounts.cached,
        "written_tokens": amounts.written,
        "reasoning_tokens": amounts.reasoning,
        "cost": plain(amounts.cost),
    }
