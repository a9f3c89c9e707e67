"""How a bill is shown: to people, and as JSON for scripts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

import click

from weighbridge.catalog.tokenizers import Tokenizers
from weighbridge.cli.printing import usd
from weighbridge.cli.tables import print_table
from weighbridge.ledger.bill.assumptions import assumptions, many
from weighbridge.ledger.bill.recorded import PARTS, Bill, Line, Part
from weighbridge.ledger.bill.recount import GAPS, Gap, Multiple, Recount, Sum, multiple, multiple_of_prices
from weighbridge.ledger.bill.tally import Dimension, Group
from weighbridge.ledger.cost import plain

_COUNTS: Final = ("requests", "tokens in", "cached", "tokens out", "reasoning", "estimated", "unpriced", "cost")
_WORDS: Final[Mapping[Part, str]] = {
    "requests": "requests",
    "adjustments": "adjustments: entries that put earlier ones right",
    "imported": "imported: usage that did not pass through the gateway",
}
_WHY: Final[Mapping[Gap, str]] = {
    "not allowed": "may not be asked there: the policy of the settings keeps it from who asked",
    "not offered": "came on days on which it was not offered there",
    "no price": "came when its price there is not known",
    "too long": "are longer than it can read and answer",
    "another kind": "are of another kind: embeddings against text",
    "unpriced": "have no price here",
}


@dataclass(frozen=True, slots=True)
class View:
    """What there is to show."""

    month: datetime
    bill: Bill
    archived: int
    """Entries of the month that are in an archive, and in none of the sums."""
    keys: Mapping[str, str]
    """Their names, by id."""
    recounts: Sequence[tuple[Recount, int]]
    """The best endpoint of each model, of so many."""
    tokenizers: Tokenizers
    kinds: Sequence[str]


def show(view: View) -> None:
    """For people."""
    bill = view.bill
    click.echo(f"{view.month:%Y-%m} (UTC): {usd(bill.cost)}")
    if not any(total.entries for total in bill.totals.values()):
        click.echo("No requests in this month.", err=True)
    for part in PARTS:
        if bill.totals[part].entries:
            click.echo(f"\n{_WORDS[part]}")
            rows = sorted(bill.lines[part].items(), key=lambda line: (-line[1].cost, line[0]))
            cells = [(*_named(group, bill.by, view.keys), *_cells(line)) for group, line in rows]
            total = ("total", *[""] * (len(bill.by) - 1), *_cells(bill.totals[part]))
            print_table((*bill.by, *_COUNTS), [*cells, total], right=_COUNTS)
    _notes(view)
    for recount, of in view.recounts:
        _show_recount(recount, of, view)


def _notes(view: View) -> None:
    totals = view.bill.totals.values()
    unpriced, estimated = (sum(getattr(total, name) for total in totals) for name in ("unpriced", "estimated"))
    if unpriced:
        click.echo(f"\n{unpriced:,} have no known price: their tokens are counted, their cost is not.")
    if estimated:
        click.echo(f"\n{estimated:,} were counted by nobody: their tokens are estimates, or the most that they can be.")
    if view.archived:
        click.echo(f"\n{view.archived:,} entries of this month are in an archive, and NOT in this bill.")


def _show_recount(recount: Recount, of: int, view: View) -> None:
    target, total = recount.target, recount.total
    chosen = f" (of {of} endpoints the cheapest)" if of > 1 else ""
    click.echo(f"\nOn {target.model} at {target.endpoint.provider}{chosen}")
    if total.entries:
        low, middle, high = total.there
        click.echo(
            f"  {many(total.requests)}: {usd(total.recorded)} here, {about(middle)} there, {_between(low, high)}"
        )
        times = multiple(total)
        click.echo(f"  {times}" if times else "  one of the two is nothing: there is no multiple")
        click.echo(f"  by the price lists alone, were tokens the same: {multiple_of_prices(total) or 'no multiple'}\n")
        heads = ("requests", "here", "there", "at least", "at most", "multiple", "by prices alone")
        rows = [
            (*_named(group, recount.by, view.keys), *_compared(found)) for group, found in _by_money(recount.segments)
        ]
        print_table((*recount.by, *heads), rows, right=heads)
    else:
        click.echo("  nothing could be compared")
    for why in GAPS:
        if (gap := recount.gaps.get(why)) is not None:
            told = f": {about(gap.there[1])} there, {_between(gap.there[0], gap.there[2])}" if why == "unpriced" else ""
            paid = "" if why == "unpriced" else f" ({usd(gap.recorded)} here)"
            click.echo(f"  NOT compared: {gap.entries:,} that {_WHY[why]}{paid}{told}")
    click.echo("  assumed:")
    for line in assumptions(recount, view.tokenizers, view.kinds):
        click.echo(f"  - {line}")


def _cells(line: Line) -> tuple[object, ...]:
    counts = (line.entries, line.prompt, line.cached, line.completion, line.reasoning, line.estimated, line.unpriced)
    return (*counts, usd(line.cost))


def _compared(found: Sum) -> tuple[object, ...]:
    low, middle, high = found.there
    return (
        found.requests,
        usd(found.recorded),
        about(middle),
        about(low),
        about(high),
        multiple(found),
        multiple_of_prices(found),
    )


def _named(group: Group, by: tuple[Dimension, ...], keys: Mapping[str, str]) -> Iterator[str]:
    for dimension, place in zip(by, group, strict=True):
        yield f"{keys[place]} ({place})" if dimension == "key" and place in keys else place


def _by_money(segments: Mapping[Group, Sum]) -> list[tuple[Group, Sum]]:
    return sorted(segments.items(), key=lambda segment: (-segment[1].recorded, segment[0]))


def _between(low: Decimal, high: Decimal) -> str:
    return f"between {about(low)} and {about(high)}"


def about(amount: Decimal) -> str:
    """US dollars of which nobody knows the last digit: to the cent, and small ones to three digits."""
    if amount and abs(amount) < 1:
        digits = Decimal(1).scaleb(amount.adjusted() - 2)
        return usd(amount.quantize(digits, ROUND_HALF_UP))
    return f"${amount.quantize(Decimal('0.01'), ROUND_HALF_UP):f}"


def document(view: View) -> dict[str, object]:
    """For scripts: money as digits, unknown as null."""
    bill = view.bill
    return {
        "month": f"{view.month:%Y-%m}",
        "cost": plain(bill.cost),
        "archived": view.archived,
        **{
            part: {
                "lines": [
                    {**dict(zip(bill.by, group, strict=True)), **_figures(line)}
                    for group, line in sorted(bill.lines[part].items())
                ],
                "total": _figures(bill.totals[part]),
            }
            for part in PARTS
        },
        "on": [_recounted(recount, of, view) for recount, of in view.recounts],
    }


def _figures(line: Line) -> dict[str, object]:
    return {
        "entries": line.entries,
        "idle": line.idle,
        "estimated": line.estimated,
        "unpriced": line.unpriced,
        "given_again": line.given_again,
        "prompt_tokens": line.prompt,
        "cached_tokens": line.cached,
        "written_tokens": line.written,
        "completion_tokens": line.completion,
        "reasoning_tokens": line.reasoning,
        "cost": plain(line.cost),
    }


def _recounted(recount: Recount, of: int, view: View) -> dict[str, object]:
    endpoint = recount.target.endpoint
    return {
        "model": recount.target.model,
        "provider": endpoint.provider,
        "upstream_model": endpoint.upstream_model,
        "endpoints_compared": of,
        **_sum(recount.total),
        "segments": [
            {**dict(zip(recount.by, group, strict=True)), **_sum(found)}
            for group, found in sorted(recount.segments.items())
        ],
        "not_compared": [{"why": why, **_sum(recount.gaps[why])} for why in GAPS if why in recount.gaps],
        "prices": list(recount.prices),
        "assumptions": assumptions(recount, view.tokenizers, view.kinds),
    }


def _sum(found: Sum) -> dict[str, object]:
    low, middle, high = (plain(each) for each in found.there)
    return {
        "requests": found.requests,
        "entries": found.entries,
        "recorded": plain(found.recorded),
        "there": middle,
        "low": low,
        "high": high,
        "multiple": _times(multiple(found)),
        "equal_tokens": {"there": plain(found.equal), "multiple": _times(multiple_of_prices(found))},
    }


def _times(times: Multiple | None) -> dict[str, object] | None:
    if times is None:
        return None
    low, high = (None if each is None else round(float(each), 4) for each in (times.low, times.high))
    return {
        "direction": "cheaper" if times.cheaper else "dearer",
        "times": round(float(times.times), 4),
        "low": low,
        "high": high,
    }
