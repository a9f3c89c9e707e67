"""What is known of a model, in plain words: countries, sizes, what a licence allows."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from babel import Locale

from weighbridge.catalog.history import Cause
from weighbridge.catalog.model import Cap, Licence, LicenceClass
from weighbridge.web.tongue import N_, Tongue

CLASSES: Final[Mapping[LicenceClass, str]] = {
    "permissive": N_("permissive"),
    "restricted": N_("restricted"),
    "non-commercial": N_("non-commercial"),
    "proprietary": N_("proprietary"),
}
KINDS: Final[Mapping[LicenceClass, str]] = {
    "permissive": "good",
    "restricted": "warn",
    "non-commercial": "bad",
    "proprietary": "plain",
}
CAUSES: Final[Mapping[Cause, str]] = {
    "first": N_("The first price that is known."),
    "entered": N_("It began to serve the model for less."),
    "lowered": N_("It lowered its price."),
    "raised": N_("It raised its price."),
    "left": N_("It serves the model no more."),
}
_MEANINGS: Final[Mapping[LicenceClass, str]] = {
    "permissive": N_("Anyone may use, change and sell it, for any purpose."),
    "restricted": N_("The weights are open, on conditions of who may use them or what for."),
    "non-commercial": N_("For research and private use only: no business may use the weights."),
    "proprietary": N_("No weights are given out: the model is had through an API only, on its terms."),
}


@dataclass(frozen=True, slots=True)
class Clause:
    """One thing that a licence says."""

    kind: Literal["good", "warn", "plain"]
    """Good: it leaves you free. Plain: it is not known."""
    text: str


def country(tongue: Tongue, code: str) -> str:
    """A country's name in the page's language, or its two letters."""
    found: str = Locale.parse(tongue.code, sep="-").territories.get(code) or code
    return found


def parameters(tongue: Tongue, count: int) -> str:
    """A model's size: `7.6 billion`."""
    return tongue.tokens(count)


def clauses(tongue: Tongue, licence: Licence) -> Iterator[Clause]:
    """What a licence says of those who use the model, in whole sentences; what nobody read is said to be unknown."""
    say = tongue.gettext
    kind: Literal["good", "warn", "plain"] = "good" if licence.licence_class == "permissive" else "warn"
    if licence.licence_class == "proprietary":
        yield Clause("plain", say(_MEANINGS["proprietary"]))
        return
    yield Clause(kind, say(_MEANINGS[licence.licence_class]))
    yield _users(tongue, licence.user_cap)
    yield _revenue(tongue, licence.revenue_cap)
    yield _either(
        tongue,
        licence.attribution,
        N_("Products must show the name of the model or of its maker."),
        N_("Products need not show any name."),
        N_("Whether products must show a name is not known."),
    )
    yield _answers(tongue, licence)
    yield _either(
        tongue,
        licence.use_limits,
        N_("It forbids some purposes, places or trades: read it before you build on it."),
        N_("It forbids no purpose, place or trade."),
        N_("Whether it forbids purposes, places or trades is not known."),
    )


def _either(tongue: Tongue, value: bool | None, limits: str, free: str, unknown: str) -> Clause:
    say = tongue.gettext
    if value is None:
        return Clause("plain", say(unknown))
    return Clause("warn", say(limits)) if value else Clause("good", say(free))


def _users(tongue: Tongue, cap: Cap | None) -> Clause:
    say = tongue.gettext
    if cap is None:
        return Clause("plain", say("Whether it ends above some number of users is not known."))
    if cap == "none":
        return Clause("good", say("It holds for any number of users."))
    text = say("Above %(number)s users a month it takes another licence, from the maker.")
    return Clause("warn", text % {"number": tongue.tokens(cap)})


def _revenue(tongue: Tongue, cap: Cap | None) -> Clause:
    say = tongue.gettext
    if cap is None:
        return Clause("plain", say("Whether it ends above some revenue is not known."))
    if cap == "none":
        return Clause("good", say("It holds for any revenue."))
    text = say("Above a revenue of %(amount)s a month it takes another licence, from the maker.")
    return Clause("warn", text % {"amount": tongue.money(cap)})


def _answers(tongue: Tongue, licence: Licence) -> Clause:
    say = tongue.gettext
    match licence.output_use:
        case "free":
            return Clause("good", say("Its answers may be used to train other models."))
        case "conditions":
            return Clause("warn", say("Its answers may be used to train other models, on conditions."))
        case "forbidden":
            return Clause("warn", say("Its answers may not be used to train other models."))
        case None:
            return Clause("plain", say("Whether its answers may be used to train other models is not known."))
