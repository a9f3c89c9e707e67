"""Of prices: how many times one model's is another's, what moved a listed price and why, what an answer costs.

Two lists, by a recipe's choice. `openrouter`: the one price that OpenRouter's catalogue showed on the days it was
captured. `vendors`: what the provider named before the `/` itself asks; the newest dated row holds, and one without a
date only where no list dates it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from weighbridge.errors import MarketError
from weighbridge.market.engine import Engine
from weighbridge.market.recipes.measures.measure import Ask, Cell, Measured, Tables, Value
from weighbridge.market.recipes.measures.usage import whose

if TYPE_CHECKING:
    import ibis

_LISTED: Final = ("openrouter-prices", "openrouter-models")
"""What OpenRouter's catalogue showed: as captured before, and as it says today."""
_ENDPOINTS: Final = "openrouter-endpoints"
_COLUMNS: Final = ("since", "input", "output", "source")
_MILLION: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Step:
    """US dollars for a million tokens from a day on; None is a price whose first day no list says."""

    since: date | None
    input: Decimal
    output: Decimal
    source: str

    def blended(self, prompt: Decimal, answer: Decimal) -> Decimal:
        """For a million tokens that are prompt and answer in these parts."""
        return (self.input * prompt + self.output * answer) / (prompt + answer)


def multiple(engine: Engine, tables: Tables, ask: Ask) -> Measured:
    """How many times a model's price is that of another, on every day of a window on which either was said anew."""
    choices, window = ask.choices, ask.window
    prompt, answer = _parts(choices.blend or "")
    dear = _steps(engine, tables["price"], choices.model or "", choices.list or "")
    cheap = _steps(engine, tables["price"], choices.against or "", choices.list or "")
    said = {each.since for each in (*dear, *cheap) if each.since is not None}
    days = sorted({day for day in said if window.first <= day <= window.last} | {window.last})
    rows: list[tuple[Cell, ...]] = []
    last: tuple[float | None, ...] = (None, None, None)
    for day in days:
        one, two = on(dear, day), on(cheap, day)
        if one is None or two is None:
            continue
        pairs = (
            (one.input, two.input),
            (one.output, two.output),
            (one.blended(prompt, answer), two.blended(prompt, answer)),
        )
        last = tuple(float(above / below) if below else None for above, below in pairs)
        rows.append((f"{day}", *_cells(one), *_cells(two), *last))
    values = zip(("input", "output", "blended"), last, strict=True)
    heads = (
        "day",
        f"{choices.model} input",
        f"{choices.model} output",
        "from",
        f"{choices.against} input",
        f"{choices.against} output",
        "by",
    )
    return Measured(
        tuple(Value(name, "ratio", value) for name, value in values),
        (*heads, "input multiple", "output multiple", "blended multiple"),
        rows,
        None,
    )


def changes(engine: Engine, tables: Tables, ask: Ask) -> Measured:
    """What moved a model's listed price: its vendor, another provider that came to be listed, or a restatement."""
    choices, window = ask.choices, ask.window
    listed = _steps(engine, tables["price"], choices.model or "", "openrouter")
    vendor = _steps(engine, tables["price"], choices.against or "", "vendors")
    rows: list[tuple[Cell, ...]] = []
    for before, after in pairwise(listed):
        day = after.since or window.first
        same = (before.input, before.output) == (after.input, after.output)
        if same or not window.first <= day <= window.last:
            continue
        cause = _cause(after, on(vendor, before.since or day, dated=True), on(vendor, day, dated=True))
        rows.append((f"{before.since}", f"{day}", *_cells(before)[:2], *_cells(after)[:2], cause))
    rows += _restated(engine, choices.model or "", ask)
    rows.sort(key=lambda row: str(row[1]))
    causes = [row[-1] for row in rows]
    names = ("vendor", "vendor listed again", "another provider", "restated", "not known")
    counts = (len(rows), *(causes.count(each) for each in names))
    seen = bool(listed or rows)
    values = tuple(
        Value(each, "count", count if seen else None) for each, count in zip(("changes", *names), counts, strict=True)
    )
    heads = ("seen before", "seen anew", "input before", "output before", "input after", "output after", "cause")
    return Measured(values, heads, rows, None)


def answer_cost(engine: Engine, tables: Tables, ask: Ask) -> Measured:
    """What an answer costs with the tokens of its reasoning, which are billed as answer, beside one without."""
    choices = ask.choices
    prompt, answer, thought = (
        Decimal(each or 0) for each in (choices.prompt_tokens, choices.answer_tokens, choices.reasoning_tokens)
    )
    rows: list[tuple[Cell, ...]] = []
    costs: list[Decimal | None] = []
    for name, thinks in ((choices.model, thought), (choices.against, Decimal(0))):
        price = on(_steps(engine, tables["price"], name or "", choices.list or ""), ask.window.last)
        if price is None:
            costs.append(None)
            continue
        said = (prompt * price.input + answer * price.output) / _MILLION
        thinking = thinks * price.output / _MILLION
        costs.append(said + thinking)
        rows.append((name, *_cells(price), float(said), float(thinking), float(said + thinking)))
    one, two = costs
    return Measured(
        (
            Value("cost", "usd", None if one is None else float(one)),
            Value("reasoning", "share", float(str(rows[0][5])) / float(one) if one else None),
            Value("multiple", "ratio", float(one / two) if one is not None and two else None),
        ),
        ("model", "input", "output", "from", "said", "reasoning", "cost"),
        rows,
        None,
    )


def gap(engine: Engine, tables: Tables, ask: Ask) -> Measured:
    """The median price of models with closed weights by that of models with open ones, on each captured day.

    Weights are as the catalogue says, where a reviewed row joins the name, else as models.dev says.
    """
    price, model, window = tables["price"], tables["model"], ask.window
    listed = price.filter(price.source.isin(_LISTED), price.since.between(window.first, window.last))
    paid = listed.filter(listed.output.cast("decimal(20, 10)") > 0)
    flags = model.filter(model.source == "models.dev", model.model.startswith("openrouter/"))
    flags = flags.select(named=flags.model.substr(len("openrouter/")), open=flags.open_weights)
    joined = paid.left_join(flags, paid.model == flags.named).select("since", "model", "input", "output", "open")
    by_day: dict[date, dict[bool | None, list[Decimal]]] = {}
    for row in engine.rows(joined):
        kinds = by_day.setdefault(row["since"], {})
        reviewed = whose(ask, row["model"], by="weights")
        kind = row["open"] if reviewed is None else reviewed == "open"
        kinds.setdefault(kind, []).append(Decimal(row[ask.choices.price or "output"]))
    rows: list[tuple[Cell, ...]] = []
    unknown, ratio = None, None
    for day, kinds in sorted(by_day.items()):
        closed, opened = kinds.get(False, []), kinds.get(True, [])
        middle = [median(each) if each else None for each in (closed, opened)]
        ratio = float(middle[0] / middle[1]) if middle[0] is not None and middle[1] else None
        unknown = len(kinds.get(None, [])) / sum(map(len, kinds.values()))
        cells = (None if each is None else float(each) for each in middle)
        rows.append((f"{day}", len(closed), len(opened), len(kinds.get(None, [])), *cells, ratio))
    heads = ("day", "closed models", "open models", "not known", "closed median", "open median", "multiple")
    return Measured((Value("multiple", "ratio", ratio),), heads, rows, unknown)


def spread(engine: Engine, tables: Tables, ask: Ask) -> Measured:
    """What endpoints of a model ask on the newest day in a window, the cheapest first; free ones are not compared."""
    price, offer, choices, window = tables["price"], tables["offer"], ask.choices, ask.window
    asked = price.filter(price.source == _ENDPOINTS, price.model == choices.model, price.tier == "base")
    rows = engine.rows(asked.filter(asked.since.between(window.first, window.last)))
    newest = max((row["since"] for row in rows), default=None)
    offers = engine.rows(offer.filter(offer.source == _ENDPOINTS, offer.model == choices.model))
    there = {(row["provider"], row["day"]): row for row in offers}
    found = [row for row in rows if row["since"] == newest and row[choices.price or ""] is not None]
    found.sort(key=lambda row: (Decimal(row[choices.price or ""]), row["provider"]))
    paid = [Decimal(row[choices.price or ""]) for row in found if Decimal(row[choices.price or ""])]
    lines: list[tuple[Cell, ...]] = []
    for row in found:
        said = there.get((row["provider"], newest), {})
        amounts = (None if row[each] is None else float(Decimal(row[each])) for each in ("input", "output"))
        lines.append((row["provider"], *amounts, *(said.get(each) for each in ("quantisation", "uptime", "speed"))))
    return Measured(
        (
            Value("cheapest", "usd", float(paid[0]) if paid else None),
            Value("dearest", "usd", float(paid[-1]) if paid else None),
            Value("multiple", "ratio", float(paid[-1] / paid[0]) if paid else None),
            Value("endpoints", "count", len(found) or None),
        ),
        ("provider", "input", "output", "quantisation", "uptime", "speed"),
        lines,
        None,
    )


def on(steps: list[Step], day: date, *, dated: bool = False) -> Step | None:
    """The price in force on a day; `dated`: only where a list says since when."""
    then = [each for each in steps if each.since is not None and each.since <= day]
    return then[-1] if then else next((each for each in steps if each.since is None and not dated), None)


def _steps(engine: Engine, price: "ibis.Table", name: str, listed: str) -> list[Step]:
    base = price.filter(price.tier == "base", price.input.notnull(), price.output.notnull())
    if listed == "openrouter":
        found = base.filter(base.source.isin(_LISTED), base.model == name)
    else:
        provider, _, model = name.partition("/")
        found = base.filter(base.source.notin((*_LISTED, _ENDPOINTS)), base.provider == provider, base.model == model)
    steps = [_step(row) for row in engine.rows(found.select(*_COLUMNS))]
    return sorted(steps, key=lambda each: (each.since or date.min, each.source))


def _step(row: dict[str, Any]) -> Step:  # Any: cells
    return Step(row["since"], Decimal(row["input"]), Decimal(row["output"]), row["source"])


def _cause(after: Step, then: Step | None, now: Step | None) -> str:
    if then is None or now is None:
        return "not known"
    if (after.input, after.output) != (now.input, now.output):
        return "another provider"
    return "vendor listed again" if (then.input, then.output) == (now.input, now.output) else "vendor"


def _restated(engine: Engine, name: str, ask: Ask) -> Iterable[tuple[Cell, ...]]:
    """What a source later said of a day of which it had said something else."""
    every = engine.every("price")
    found = every.filter(every.source == _LISTED[0], every.model == name, every.tier == "base")
    said: dict[date, list[dict[str, Any]]] = {}  # Any: cells
    for row in engine.rows(found.order_by("as_of")):
        if ask.window.first <= row["since"] <= ask.window.last:
            said.setdefault(row["since"], []).append(row)
    for day, rows in said.items():
        for old, new in pairwise(rows):
            amounts = [float(Decimal(each[kind])) for each in (old, new) for kind in ("input", "output")]
            if amounts[:2] != amounts[2:]:
                yield (f"{day}", f"{new['as_of']}", *amounts, "restated")


def _parts(blend: str) -> tuple[Decimal, Decimal]:
    prompt, _, answer = blend.partition(":")
    if not (prompt.isdecimal() and answer.isdecimal() and int(prompt) + int(answer)):
        raise MarketError(f"the blend {blend!r} is not PROMPT:ANSWER, such as 3:1")
    return Decimal(prompt), Decimal(answer)


def _cells(step: Step) -> tuple[float, float, str]:
    return float(step.input), float(step.output), step.source
