"""A figure's recipe, as data: what is counted, by which choices, what else could be defended, what must come out."""

from collections.abc import Mapping
from datetime import date
from difflib import get_close_matches
from functools import cache
from typing import Final, Literal, get_args, get_origin, get_type_hints

import msgspec

from weighbridge import data_files
from weighbridge.errors import MarketError
from weighbridge.market.identity.book import Scheme


class Window(msgspec.Struct, frozen=True):
    """Days, both counted in."""

    first: date
    last: date

    def __str__(self) -> str:
        return f"{self.first}" if self.first == self.last else f"{self.first}:{self.last}"


def read_window(text: str) -> Window:
    """`2026-08-10:2026-08-16`, or one day. Raises MarketError."""
    first, colon, last = text.partition(":")
    try:
        window = Window(date.fromisoformat(first), date.fromisoformat(last if colon else first))
    except ValueError as error:
        raise MarketError(f"the window {text!r} is not FIRST:LAST, such as 2026-08-10:2026-08-16") from error
    if window.last < window.first:
        raise MarketError(f"the window {text!r} ends before it begins")
    return window


class Choices(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a definition decides; a measure says which of it it heeds. `window` is FIRST:LAST."""

    window: str | None = None
    attribution: Literal["publisher", "base", "split"] | None = None
    """Whose a derivative is."""
    variants: Literal["separate", "merged"] | None = None
    """Whether `:free` and the like are models of their own."""
    stealth: Literal["keep", "drop"] | None = None
    unknown: Literal["keep", "attributed"] | None = None
    """Whether the base of shares is all, or all whose country is known."""
    superseded: Literal["keep", "drop"] | None = None
    rank: Literal["rating", "style-controlled"] | None = None
    top: int | None = None
    country: str | None = None
    """Whose share is the headline."""
    model: str | None = None
    """Whose number is the headline, by the source's own name."""
    against: str | None = None
    """With which it is compared."""
    list: Literal["openrouter", "vendors"] | None = None
    """Where prices are read: the one that OpenRouter listed, or those that vendors themselves ask."""
    price: Literal["input", "output"] | None = None
    blend: str | None = None
    """Tokens of prompt for tokens of answer, such as 3:1."""
    method: Literal["as listed", "cloud", "capex+energy", "acquisition"] | None = None
    """What a cost of training takes in."""
    chip_hour: str | None = None
    """US dollars."""
    board: str | None = None
    """A leaderboard or benchmark."""
    places: Literal["reviewed", "atom"] | None = None
    """Whose table says where a publisher sits: ours, by country, or the ATOM Project's, by region."""
    estimated: Literal["keep", "drop"] | None = None
    """Months that do not rest on differences of counters."""
    series: Literal["top10", "top100", "top1000", "derivatives", "quantised"] | None = None
    by: (
        Literal["model", "family", "publisher", "lab", "country", "weights", "licence", "class", "task", "area"] | None
    ) = None
    """What is told apart."""
    group: str | None = None
    """The one whose number is the headline."""
    grain: Literal["day", "week"] | None = None
    """Series of days have 50 models each, of weeks nine: they are never mixed."""
    weights: Literal["all", "open", "closed"] | None = None
    task: str | None = None
    """What requests are for, in the source's words; or all."""
    app: str | None = None
    turns: str | None = None
    """How many a session had, in the source's words; or all."""
    modality: str | None = None
    """What a source's own word for it must have in it; or all."""
    kind: Literal["multimodal", "open"] | None = None
    weighting: Literal["none", "downloads"] | None = None
    framework: Literal["epoch-accessibility", "fmti", "licence-class", "model-openness", "osai-index"] | None = None
    dimension: str | None = None
    """One of a framework's, or all."""
    counts: str | None = None
    """What a framework must have found, with commas between; or all."""
    models: Literal["all", "tracked"] | None = None
    """All of the hub, or those of the ATOM Project's list."""
    age: int | None = None
    """Days after release."""
    prompt_tokens: int | None = None
    answer_tokens: int | None = None
    reasoning_tokens: int | None = None


_HINTS: Final = get_type_hints(Choices)
_LEAST: Final = {"top": 1, "age": 0, "prompt_tokens": 0, "answer_tokens": 0, "reasoning_tokens": 0}


class Alternative(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Another definition that can be defended."""

    title: str
    change: dict[str, str | int]
    """Of the choices."""


class Expected(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What must come out by the recipe's own choices, changed as said."""

    value: str
    equals: float
    tolerance: float
    source: str
    """Who says so, or how it was worked out by hand."""
    change: dict[str, str | int] = {}


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One file of data/."""

    title: str
    definition: str
    """For people; `{window}`, `{top}` and other choices stand for themselves."""
    measure: str
    """Of `measures.MEASURES`."""
    sources: tuple[str, ...]
    scheme: Scheme
    """Whose names its rows have."""
    choices: Choices
    alternatives: tuple[Alternative, ...] = ()
    expected: tuple[Expected, ...] = ()
    references: tuple[str, ...] = ()
    not_reproduced: str | None = None
    """Why a published figure cannot be recomputed, where this is only the nearest."""
    nearest: tuple[str, ...] = ()
    """Figures that can be had where this one's sources cannot."""

    def chosen(self, change: Mapping[str, str | int | None]) -> Choices:
        """Its choices with some changed; None changes nothing. Raises MarketError."""
        changed = {name: value for name, value in change.items() if value is not None}
        for name, value in changed.items():
            check_choice(name, value)
        own = msgspec.to_builtins(self.choices)
        try:
            return msgspec.convert({**own, **changed}, Choices)
        except msgspec.ValidationError as error:
            raise MarketError(f"{self.title}: {error}") from error


@cache
def recipes() -> Mapping[str, Recipe]:
    """All installed recipes by name, in alphabetical order. Raises MarketError."""
    found = data_files.folder("weighbridge.market.recipes", "data")
    return {name: read(name, text) for name, text in found.items()}


def read(name: str, text: str) -> Recipe:
    """A recipe's file. Raises MarketError that names the key at fault."""
    what = f"recipe {name}"
    return data_files.value(what, data_files.table(what, text, MarketError), Recipe, MarketError)


def recipe(name: str) -> Recipe:
    """Raises MarketError that says which it may have been."""
    found = recipes().get(name)
    if found is None:
        raise MarketError(no_figure(name))
    return found


def no_figure(name: str) -> str:
    """What to say of a name that no figure has."""
    near = get_close_matches(name, recipes(), 3, 0.5) or [each for each in recipes() if name and name in each]
    meant = f"did you mean {' or '.join(near)}" if near else f"there are {', '.join(recipes())}"
    return f"there is no figure {name[:50]!r}; {meant}"


def check_choice(name: str, value: str | int) -> None:
    """Raises MarketError for a word that a choice has not, and for a number below its least."""
    able = get_args(next((each for each in get_args(_HINTS.get(name)) if get_origin(each) is Literal), None))
    if able and value not in able:
        raise MarketError(f"{name} cannot be {value!r}; it can be {', '.join(able)}")
    least = _LEAST.get(name)
    if least is not None and isinstance(value, int) and value < least:
        raise MarketError(f"{name} cannot be {value}; it is at least {least}")
