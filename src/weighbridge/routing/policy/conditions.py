"""What a rule may ask of an endpoint: one row each, by the key it has in a policy file.

A condition is made from the value in the file, and then tells of any endpoint's facts whether they meet it: yes, no, or
None where the fact is not known. A new one is a function from (wanted, facts) and a row in CONDITIONS.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

from weighbridge.catalog.model import LicenceClass, OutputUse
from weighbridge.routing.policy.facts import Facts
from weighbridge.routing.policy.truth import Truth, any_of


@dataclass(frozen=True, slots=True)
class PlaceSet:
    """Places as a rule names them. A fact may be a group, such as `EU`: it is one of its members, nobody says which."""

    inside: frozenset[str]
    """Countries, and the groups of which every country is among them."""
    partly: frozenset[str] = frozenset()
    """Groups of which some are."""

    def has(self, place: str) -> Truth:
        """Whether a place is surely inside."""
        return True if place in self.inside else None if place in self.partly else False


def place_set(named: Iterable[str], groups: Mapping[str, frozenset[str]]) -> PlaceSet:
    """The places of these names, each a country, a group or `local`."""
    countries = frozenset().union(*(groups.get(name, frozenset((name,))) for name in named))
    whole = {name for name, members in groups.items() if members <= countries}
    partly = {name for name, members in groups.items() if members & countries} - whole
    return PlaceSet(countries | whole, frozenset(partly))


Wanted = frozenset[str] | PlaceSet | bool | int
"""What the file says: words or places, of which one must fit, yes or no, or a bound."""
Kind = Literal["words", "countries", "places", "yes or no", "number"]
"""`places` are countries and `local`."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One row."""

    kind: Kind
    meaning: str
    holds: Callable[[Wanted, Facts], Truth]
    said: Callable[[Facts], str | None]
    """The fact in words; None where it is not known."""
    words: Sequence[str] | None = None
    """All that there are, where the list is closed."""
    list: Literal["licences", "providers", "models"] | None = None
    """The list in which the words must stand."""


def _fact(name: str) -> Callable[[Facts], str | None]:
    def said(facts: Facts) -> str | None:
        found = getattr(facts, name)
        if isinstance(found, bool):
            return "yes" if found else "no"
        return None if found is None else str(found)

    return said


def _among(name: str) -> Callable[[Wanted, Facts], Truth]:
    def holds(wanted: Wanted, facts: Facts) -> Truth:
        found: str | None = getattr(facts, name)
        return None if found is None else found in _words(wanted)

    return holds


def _place(name: str) -> Callable[[Wanted, Facts], Truth]:
    def holds(wanted: Wanted, facts: Facts) -> Truth:
        found: str | None = getattr(facts, name)
        return wanted.has(found) if found is not None and isinstance(wanted, PlaceSet) else None

    return holds


def _is(name: str) -> Callable[[Wanted, Facts], Truth]:
    def holds(wanted: Wanted, facts: Facts) -> Truth:
        found: bool | None = getattr(facts, name)
        return None if found is None else found is wanted

    return holds


def _admits(name: str) -> Callable[[Wanted, Facts], Truth]:
    """Whether a licence's cap leaves room for so many."""

    def holds(wanted: Wanted, facts: Facts) -> Truth:
        cap: int | str | None = getattr(facts, name)
        if cap is None or isinstance(cap, str):
            return None if cap is None else True
        return int(wanted) <= cap if isinstance(wanted, int) else None

    return holds


def _capped(wanted: Wanted, facts: Facts) -> Truth:
    capped = any_of(None if cap is None else cap != "none" for cap in (facts.user_cap, facts.revenue_cap))
    return None if capped is None else capped is wanted


def _caps(facts: Facts) -> str | None:
    caps = [f"{cap:,} {what}" for cap, what in _caps_of(facts) if isinstance(cap, int)]
    if caps:
        return " and ".join(caps)
    return None if None in (facts.user_cap, facts.revenue_cap) else "no"


def _caps_of(facts: Facts) -> tuple[tuple[int | str | None, str], ...]:
    return (facts.user_cap, "users a month"), (facts.revenue_cap, "US dollars a month")


def _non_commercial(wanted: Wanted, facts: Facts) -> Truth:
    """A service without published weights is no licence of weights: whether it may be used is in its contract."""
    if facts.licence_class is None or facts.licence_class == "proprietary":
        return None
    return (facts.licence_class == "non-commercial") is wanted


def _kept_at_most(wanted: Wanted, facts: Facts) -> Truth:
    return facts.retention_days <= wanted if facts.retention_days is not None and isinstance(wanted, int) else None


def _model(wanted: Wanted, facts: Facts) -> Truth:
    """By id, or `lab/*`. A name that is in no list may be any model, under whatever name."""
    name = facts.model.lower()
    named = any(_fits(name, pattern.lower()) for pattern in _words(wanted))
    return True if named else None if facts.stranger else False


def _fits(name: str, pattern: str) -> bool:
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


def _words(wanted: Wanted) -> frozenset[str]:
    return wanted if isinstance(wanted, frozenset) else frozenset()


CONDITIONS: Final[Mapping[str, Condition]] = {
    "licence.id": Condition(
        "words", "the licence, by its SPDX id or ours", _among("licence"), _fact("licence"), list="licences"
    ),
    "licence.class": Condition(
        "words",
        "what kind of licence it is",
        _among("licence_class"),
        _fact("licence_class"),
        words=get_args(LicenceClass),
    ),
    "licence.non_commercial": Condition(
        "yes or no", "for research or private use only", _non_commercial, _fact("licence_class")
    ),
    "licence.users": Condition(
        "number", "you have so many users a month, and the licence admits them", _admits("user_cap"), _fact("user_cap")
    ),
    "licence.revenue": Condition(
        "number",
        "you earn so many US dollars a month, and the licence admits it",
        _admits("revenue_cap"),
        _fact("revenue_cap"),
    ),
    "licence.capped": Condition("yes or no", "ends above some number of users or revenue", _capped, _caps),
    "licence.attribution": Condition(
        "yes or no", "products must show a name", _is("attribution"), _fact("attribution")
    ),
    "licence.output_use": Condition(
        "words",
        "whether answers may train other models",
        _among("output_use"),
        _fact("output_use"),
        words=get_args(OutputUse),
    ),
    "licence.use_limits": Condition(
        "yes or no", "forbids some purposes, places or trades", _is("use_limits"), _fact("use_limits")
    ),
    "origin.country": Condition("countries", "the lab's country", _place("lab_country"), _fact("lab_country")),
    "origin.base_country": Condition(
        "countries",
        "the country of the lab whose model stands at the foot",
        _place("base_country"),
        _fact("base_country"),
    ),
    "origin.open_weights": Condition(
        "yes or no", "the weights are published", _is("open_weights"), _fact("open_weights")
    ),
    "jurisdiction.country": Condition(
        "places", "whose law the serving company is under", _place("provider_country"), _fact("provider_country")
    ),
    "jurisdiction.region": Condition("places", "where the data centre stands", _place("region"), _fact("region")),
    "data.retention_days": Condition(
        "number", "prompts and answers are kept for so many days at most", _kept_at_most, _fact("retention_days")
    ),
    "data.trains": Condition("yes or no", "what comes through the API trains models", _is("trains"), _fact("trains")),
    "provider": Condition("words", "the provider's id", _among("provider"), _fact("provider"), list="providers"),
    "model": Condition("words", "the model's id, or `lab/*`", _model, _fact("model"), list="models"),
    "local": Condition("yes or no", "runs on a machine of your own", _is("local"), _fact("local")),
}
"""By key, in the order of the documentation's table."""
