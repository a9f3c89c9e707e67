"""What of a figure is asked for: by which choices, and in which words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args, get_origin, get_type_hints
from urllib.parse import urlencode

from weighbridge.errors import MarketError, NotFound
from weighbridge.market.document import chosen
from weighbridge.market.figures import Change, changed
from weighbridge.market.recipes.measures.known import MEASURES
from weighbridge.market.recipes.recipe import Choices, Recipe, no_figure, read_window, recipes
from weighbridge.market.report.language import Language, languages
from weighbridge.web.tongue import ENGLISH, N_, Tongue
from weighbridge.web.visit import Visit

Kind = Literal["days", "number", "one of", "text"]
_HINTS: Final = get_type_hints(Choices)
_FIRST: Final = ("window", "attribution")
"""What people change most."""
LABELS: Final = {
    "window": N_("Days"),
    "attribution": N_("Derivatives count for"),
    "variants": N_("Variants such as :free"),
    "stealth": N_("Models of unknown makers"),
    "unknown": N_("What is of no known country"),
    "superseded": N_("Superseded models"),
    "rank": N_("Rank"),
    "top": N_("The first"),
    "country": N_("Country"),
    "model": N_("Model"),
    "against": N_("Compared with"),
    "list": N_("Price list"),
    "price": N_("Price of"),
    "blend": N_("Prompt to answer"),
    "method": N_("What a cost takes in"),
    "chip_hour": N_("US dollars for a chip-hour"),
    "board": N_("Board"),
    "places": N_("Countries by"),
    "estimated": N_("Estimated months"),
    "series": N_("Series"),
    "by": N_("Told apart by"),
    "group": N_("Of which"),
    "grain": N_("Series of"),
    "weights": N_("Weights"),
    "task": N_("Task"),
    "app": N_("App"),
    "turns": N_("Turns"),
    "modality": N_("Modality"),
    "kind": N_("Kind"),
    "weighting": N_("Weighted by"),
    "framework": N_("Framework"),
    "dimension": N_("Dimension"),
    "counts": N_("What must be found"),
    "models": N_("Of models"),
    "age": N_("Days after release"),
    "prompt_tokens": N_("Tokens of the prompt"),
    "answer_tokens": N_("Tokens of the answer"),
    "reasoning_tokens": N_("Tokens of reasoning"),
}
"""Choices, as forms call them."""


@dataclass(frozen=True, slots=True)
class Control:
    """One choice, as a form offers it."""

    name: str
    label: str
    kind: Kind
    value: str
    first: str = ""
    """Of days."""
    last: str = ""
    options: tuple[tuple[str, str], ...] = ()
    """Values and what they are called."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A figure by some choices."""

    name: str
    recipe: Recipe
    language: Language
    change: Change
    error: MarketError | None = None
    """What is wrong with the choices; then the recipe's own stand."""

    @property
    def query(self) -> str:
        """The choices that are not the recipe's own, as an address has them."""
        made = {name: str(value) for name, value in self.change.items() if value is not None}
        return f"?{urlencode(made)}" if made else ""

    def controls(self, tongue: Tongue) -> list[Control]:
        """All choices that it has, the usual ones first."""
        values = chosen(self.recipe.choices) | {name: each for name, each in self.change.items() if each is not None}
        names = sorted(values, key=lambda each: _FIRST.index(each) if each in _FIRST else len(_FIRST))
        return [self._control(name, str(values[name]), tongue) for name in names]

    def _control(self, name: str, value: str, tongue: Tongue) -> Control:
        label = tongue.gettext(LABELS[name])
        if name == "window":
            days = read_window(value)
            return Control(name, label, "days", value, days.first.isoformat(), days.last.isoformat())
        if words := _able(self.recipe, name):
            return Control(name, label, "one of", value, options=tuple((each, self._word(each)) for each in words))
        return Control(name, label, "number" if _HINTS[name] == int | None else "text", value)

    def _word(self, value: str) -> str:
        return self.language.terms.get(value, value)


def asked(visit: Visit) -> Asked:
    """What a visit asks for. Raises NotFound for a figure that there is not."""
    name = visit.request.path_params["name"]
    wanted = recipes().get(name)
    if wanted is None:
        raise NotFound(no_figure(name))
    language = language_of(visit.tongue)
    try:
        change = _change(wanted, visit.request.query_params)
    except MarketError as error:
        return Asked(name, wanted, language, {}, error)
    return Asked(name, wanted, language, change)


def language_of(tongue: Tongue) -> Language:
    """The market's own words in the language of the window; English where nobody has written them."""
    found = languages()
    return found.get(tongue.code, found[ENGLISH])


def _change(wanted: Recipe, query: Mapping[str, str]) -> Change:
    """Raises MarketError that names the choice."""
    own = chosen(wanted.choices)
    told = {name: text.strip() for name, text in query.items() if name in own and text.strip()}
    first, last = query.get("first", "").strip(), query.get("last", "").strip()
    if "window" in own and (first or last):
        told["window"] = first if first == last else f"{first or last}:{last or first}"
    change = changed(told)
    if window := change.get("window"):
        _check_window(str(window))
    made = {name: value for name, value in change.items() if value != own[name]}
    _check(wanted, made)
    return made


def _check_window(window: str) -> None:
    try:
        read_window(window)
    except MarketError as error:
        raise MarketError(error.message, param="window") from error


def _check(wanted: Recipe, made: Change) -> None:
    for name, value in made.items():
        try:
            MEASURES[wanted.measure].check(wanted.chosen({name: value}))
        except MarketError as error:
            raise MarketError(error.message, param=name) from error


def _able(wanted: Recipe, name: str) -> tuple[str, ...]:
    """The words that a choice may be, of those that the measure can do; none: any."""
    heeds = MEASURES[wanted.measure].heeds.get(name)
    if heeds is not None:
        return heeds
    literal = next((each for each in get_args(_HINTS[name]) if get_origin(each) is Literal), None)
    return get_args(literal)
