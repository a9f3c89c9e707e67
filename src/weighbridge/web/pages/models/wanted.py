"""Which models the list is asked for, as it stands in the address, and in which order."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Literal, get_args
from urllib.parse import urlencode

from weighbridge.catalog.choose import Wanted
from weighbridge.catalog.model import LicenceClass, Model, Price
from weighbridge.routing.listing import cheapest_first
from weighbridge.web.filled import Filled
from weighbridge.web.tongue import N_

Sort = Literal["usual", "name", "input", "output", "context", "size", "released"]
SORTS: Final[Mapping[Sort, str]] = {
    "usual": N_("What can be asked here first"),
    "name": N_("Name"),
    "output": N_("Output price, lowest first"),
    "input": N_("Input price, lowest first"),
    "context": N_("Context, longest first"),
    "size": N_("Size, smallest first"),
    "released": N_("Release, newest first"),
}
_USUAL: Final[Sort] = "usual"
CLASSES: Final[tuple[LicenceClass, ...]] = get_args(LicenceClass)
CONTEXTS: Final = (32_000, 128_000, 200_000, 1_000_000)
SIZE_NAMES: Final[Mapping[str, str]] = {
    "small": N_("Up to 4 billion"),
    "middle": N_("4 to 15 billion"),
    "large": N_("15 to 80 billion"),
    "huge": N_("80 billion and more"),
}
SIZES: Final[Mapping[str, tuple[int | None, int | None]]] = {
    "small": (None, 4_000_000_000),
    "middle": (4_000_000_000, 15_000_000_000),
    "large": (15_000_000_000, 80_000_000_000),
    "huge": (80_000_000_000, None),
}
"""Parameters, at least and at most."""
_FIELDS: Final = ("q", "licence", "origin", "size", "context", "price", "open", "tools", "reasoning", "here", "sort")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address says."""

    wanted: Wanted
    sort: Sort
    only_here: bool
    """Only what can be called with the settings there are."""
    start: int
    """How many models stand on pages before."""
    form: Filled

    @property
    def is_anything(self) -> bool:
        """Whether nothing is filtered."""
        return self.wanted == Wanted() and not self.only_here

    def address(self, start: int) -> str:
        """The same list from there on."""
        fields = {name: self.form[name] for name in _FIELDS if self.form[name]}
        return "/models?" + urlencode(fields | ({"start": str(start)} if start > 0 else {}))


def asked(given: Mapping[str, str], gettext: Callable[[str], str]) -> Asked:
    """The address as it is meant; what is wrong with it stands in the form, and filters nothing."""
    form = Filled(gettext, given)
    size = form.choice("size", tuple(SIZES))
    least, most = SIZES[size] if size is not None else (None, None)
    licence = form.choice("licence", CLASSES)
    wanted = Wanted(
        text=form.text("q"),
        open_weights=form.checked("open"),
        licence=next((each for each in CLASSES if each == licence), None),
        origin=form.text("origin", most=2).upper() or None,
        max_price=form.amount("price"),
        min_context=form.whole("context", 1, 100_000_000),
        min_params=least,
        max_params=most,
        tools=form.checked("tools"),
        reasoning=form.checked("reasoning"),
    )
    sort = form.choice("sort", tuple(SORTS))
    start = form.whole("start", 0, 1_000_000) or 0
    in_order = next((each for each in SORTS if each == sort), _USUAL)
    return Asked(wanted, in_order, form.checked("here"), start, form)


def cheapest(model: Model, when: datetime) -> Price | None:
    """The list price of its first endpoint, where the cheapest stands first."""
    listed = cheapest_first(model, when)
    return listed[0][1] if listed else None


def sorted_by(sort: Sort, models: list[Model], is_here: Callable[[Model], bool], when: datetime) -> list[Model]:
    """In this order, and what is unknown last."""
    if sort == "usual":
        return sorted(models, key=lambda model: (not is_here(model), not model.open_weights, model.id))
    return sorted(models, key=lambda model: _rank(sort, model, when))


def _rank(sort: Sort, model: Model, when: datetime) -> tuple[bool, float, str]:
    amount = _amount(sort, model, when)
    return amount is None, 0.0 if amount is None else amount, model.id


def _amount(sort: Sort, model: Model, when: datetime) -> float | None:
    """What comes first is least."""
    match sort:
        case "usual" | "name":
            return 0.0
        case "context":
            return None if model.context is None else -model.context
        case "size":
            return model.total_params
        case "released":
            return None if model.released is None else -float((model.released - date.min).days)
        case "input" | "output":
            price = cheapest(model, when)
            return None if price is None else float((price.input if sort == "input" else price.output).base)
