"""The market's questions, asked of one's own ledger: the same measure, choices and taxonomy, beside the figure.

The ledger's tallies are read by whoever has it open (`ledger/rollups.py`, `ledger/directory.py`), as `question` says,
and handed in. Models go by the catalogue's ids. What a tally says of no known model is unknown, as in the market.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import msgspec

from weighbridge.errors import MarketError
from weighbridge.ledger.questions import Question
from weighbridge.ledger.tally import Tally
from weighbridge.market.recipes.figure import measured
from weighbridge.market.recipes.measures.known import MEASURES
from weighbridge.market.recipes.measures.measure import Measured, Value
from weighbridge.market.recipes.recipe import Choices, Recipe, read_window, recipe
from weighbridge.market.store import Kept, Store
from weighbridge.market.tables import Usage

_SOURCE: Final = "ledger"


@dataclass(frozen=True, slots=True)
class Own:
    """A figure's answer from the ledger."""

    name: str
    choices: Choices
    measured: Measured


def question(name: str, change: Mapping[str, str | int | None] | None = None) -> Question:
    """What is to be asked of the ledger for a figure. Raises MarketError where it has no answer to it."""
    window = read_window(_asked(recipe(name)).chosen(change or {}).window or "")
    first, after = (datetime.combine(day, time(), UTC) for day in (window.first, window.last + timedelta(days=1)))
    return Question(("day", "model"), since=first, until=after, latency=False, savings=False)


def own(name: str, tallies: Iterable[Tally], change: Mapping[str, str | int | None] | None = None) -> Own:
    """Work a figure out from the ledger's tallies. Raises MarketError, PackageMissing."""
    wanted = _asked(recipe(name))
    choices = wanted.chosen(change or {})
    with TemporaryDirectory() as directory:
        store = Store(Path(directory))
        writing = store.writing(_SOURCE)
        for row in usage(tallies, choices):
            writing.add(row)
        parts = writing.finish()
        today = read_window(choices.window or "").last
        kept = Kept(
            sha256=_SOURCE,
            size=0,
            name=_SOURCE,
            source=_SOURCE,
            as_of=today,
            taken=datetime.combine(today, time(), UTC),
            licence="",
            line="Source: own ledger.",
            rows=writing.rows,
            findings=(),
            parts=parts,
        )
        store.keep(kept)
        found = measured(store, msgspec.structs.replace(wanted, scheme="catalogue"), [kept], choices)
    return Own(name, choices, found)


def usage(tallies: Iterable[Tally], choices: Choices) -> Iterator[Usage]:
    """Tokens by model and period; what a client asked for, where no model goes by that name."""
    grain = choices.grain or "day"
    sums: defaultdict[tuple[str, date], int] = defaultdict(int)
    for tally in tallies:
        if tally.hour is None:
            raise ValueError("tallies of figures are told apart by day")
        day = datetime.fromtimestamp(tally.hour * 3600, UTC).date()
        first = day - timedelta(days=day.weekday()) if grain == "week" else day
        name = tally.model or tally.asked_model or "other"
        sums[name, first] += tally.sums.prompt_tokens + tally.sums.completion_tokens
    for (model, day), tokens in sorted(sums.items()):
        yield Usage(model, day, grain, None, tokens, _SOURCE, day)


def reasoning(tallies: Iterable[Tally]) -> Measured:
    """Tokens of reasoning for each request, and their share of all that was answered, by model."""
    sums: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for tally in tallies:
        counts = (tally.sums.requests, tally.sums.completion_tokens, tally.sums.reasoning_tokens)
        for place, count in enumerate(counts):
            sums[tally.model or tally.asked_model or "unknown"][place] += count
    requests, answered, thought = (sum(each[place] for each in sums.values()) for place in range(3))
    return Measured(
        (
            Value("per request", "tokens", thought / requests if requests else None),
            Value("share", "share", thought / answered if answered else None),
        ),
        ("model", "requests", "tokens of reasoning for each", "share of what was answered"),
        [
            (model, count, tokens / count if count else None, tokens / of if of else None)
            for model, (count, of, tokens) in sorted(sums.items(), key=lambda each: -each[1][2])
        ],
        None,
    )


def _asked(wanted: Recipe) -> Recipe:
    if MEASURES[wanted.measure].tables != ("usage",):
        raise MarketError(f"{wanted.title!r}: the ledger has tokens, and this figure is of something else")
    return wanted
