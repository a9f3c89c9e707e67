"""A rule in plain words: each condition of a policy as a sentence of the reader's language."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from babel import Locale
from babel.lists import format_list
from markupsafe import Markup, escape

from weighbridge.accounts.tree import Place
from weighbridge.routing.policy.conditions import CONDITIONS
from weighbridge.routing.policy.facts import Facts
from weighbridge.routing.policy.rules import Expression, Policy, Rule, Scope, Test
from weighbridge.routing.policy.truth import Truth
from weighbridge.web.tongue import N_, Tongue

LABELS: Final[Mapping[str, str]] = {
    "licence.id": N_("Licence"),
    "licence.class": N_("Class of the licence"),
    "licence.non_commercial": N_("For research or private use only"),
    "licence.users": N_("Most users a month"),
    "licence.revenue": N_("Most revenue a month"),
    "licence.capped": N_("The licence ends above some size"),
    "licence.attribution": N_("Products must show a name"),
    "licence.output_use": N_("Answers may train other models"),
    "licence.use_limits": N_("Some uses are forbidden"),
    "origin.country": N_("Country of the lab"),
    "origin.base_country": N_("Country of the base model's lab"),
    "origin.open_weights": N_("Open weights"),
    "jurisdiction.country": N_("Country of the provider"),
    "jurisdiction.region": N_("Place of the data centre"),
    "data.retention_days": N_("Days that prompts are kept"),
    "data.trains": N_("Prompts train models"),
    "provider": N_("Provider"),
    "model": N_("Model"),
    "local": N_("Runs on a machine of your own"),
}
"""What a condition looks at."""
_SAID: Final[Mapping[str, str]] = {
    "licence.id": N_("the licence is %(words)s"),
    "licence.class": N_("the licence is %(words)s"),
    "licence.users": N_("the licence admits a product with %(words)s users a month"),
    "licence.revenue": N_("the licence admits a company with a revenue of %(words)s US dollars a month"),
    "licence.output_use": N_("training other models on its answers is %(words)s"),
    "origin.country": N_("the lab is in %(words)s"),
    "origin.base_country": N_("the lab of the base model is in %(words)s"),
    "jurisdiction.country": N_("the provider's seat is in %(words)s"),
    "jurisdiction.region": N_("the data centre is in %(words)s"),
    "data.retention_days": N_("prompts and answers are kept for %(words)s days at most"),
    "provider": N_("the provider is %(words)s"),
    "model": N_("the model is %(words)s"),
}
_YES_OR_NO: Final[Mapping[str, tuple[str, str]]] = {
    "licence.non_commercial": (
        N_("the licence is for research or private use only"),
        N_("the licence is not for research or private use only"),
    ),
    "licence.capped": (
        N_("the licence ends above some number of users or revenue"),
        N_("the licence ends at no number of users or revenue"),
    ),
    "licence.attribution": (N_("products must show a name"), N_("products need not show a name")),
    "licence.use_limits": (N_("the licence forbids some uses"), N_("the licence forbids no use")),
    "origin.open_weights": (N_("the weights are published"), N_("the weights are not published")),
    "data.trains": (N_("prompts may train models"), N_("prompts train no model")),
    "local": (N_("it runs on a machine of your own"), N_("it does not run on a machine of your own")),
}
_WORDS: Final[Mapping[str, str]] = {
    "permissive": N_("permissive"),
    "restricted": N_("restricted"),
    "non-commercial": N_("non-commercial"),
    "proprietary": N_("proprietary"),
    "free": N_("allowed freely"),
    "conditions": N_("allowed under conditions"),
    "forbidden": N_("forbidden"),
    "EU": N_("the European Union"),
    "EEA": N_("the European Economic Area"),
}
_LOCAL: Final = N_("on a machine of your own")
_CLOSED: Final = ("licence.class", "licence.output_use")


def condition(tongue: Tongue, test: Test) -> Markup:
    """One condition: `the licence is permissive`."""
    if test.key in _YES_OR_NO:
        return escape(tongue.gettext(_YES_OR_NO[test.key][0 if test.wanted is True else 1]))
    pattern = escape(tongue.gettext(_SAID[test.key]))
    return pattern % {"words": _listed(tongue, [word(tongue, test.key, each) for each in test.words])}


def word(tongue: Tongue, key: str, text: str) -> Markup:
    """One word of a rule: those of ours in the reader's language, numbers in its digits, names as they are."""
    kind = CONDITIONS[key].kind
    if kind == "number":
        return escape(tongue.number(int(text)))
    if kind in ("places", "countries"):
        return _place(tongue, text)
    if key in _CLOSED and text in _WORDS:
        return escape(tongue.gettext(_WORDS[text]))
    return tongue.name(text)


def _place(tongue: Tongue, text: str) -> Markup:
    if text == "local":
        return escape(tongue.gettext(_LOCAL))
    if text in _WORDS:
        return escape(tongue.gettext(_WORDS[text]))
    country = Locale.parse(tongue.code, sep="-").territories.get(text)
    return tongue.name(text) if country is None else escape(country)


def _listed(tongue: Tongue, words: Sequence[Markup], style: Literal["or", "standard"] = "or") -> Markup:
    """`a, b or c`, or `a, b and c`; put together of marks first, as babel knows no HTML."""
    marks = [f"\ue000{place}\ue001" for place in range(len(words))]
    text = str(escape(format_list(marks, style=style, locale=tongue.code.replace("-", "_"))))
    for mark, each in zip(marks, words, strict=True):
        text = text.replace(mark, str(each))
    return Markup(text)  # noqa: S704 - of escaped parts alone


@dataclass(frozen=True, slots=True)
class Said:
    """A rule as a page tells it."""

    tongue: Tongue
    policy: str
    name: str
    effect: str
    who: list[Markup]
    """For whom: all of these; empty: for everybody."""
    exempt: list[Markup]
    when: list[list[Markup]]
    """It holds for what meets all of one of these."""
    unless: list[list[Markup]]
    """And not for what meets all of one of these."""

    def together(self, parts: Sequence[Markup]) -> Markup:
        """`a and b`."""
        return _listed(self.tongue, parts, "standard")

    def either(self, sets: Sequence[Sequence[Markup]]) -> Markup:
        """`a and b, or c`."""
        return _listed(self.tongue, [self.together(each) for each in sets])


def said(tongue: Tongue, policy: Policy, rule: Rule) -> Said:
    """A rule in words."""
    exempt = [] if rule.exempt is None else scope(tongue, rule.exempt)
    parts = (_expression(tongue, each) for each in (rule.when, rule.unless))
    return Said(tongue, policy.name, rule.name, rule.effect, scope(tongue, rule.scope), exempt, *parts)


def _expression(tongue: Tongue, expression: Expression | None) -> list[list[Markup]]:
    return [] if expression is None else [[condition(tongue, test) for test in tests] for tests in expression]


def scope(tongue: Tongue, of: Scope) -> list[Markup]:
    """Whom a rule is for, each part of it."""
    parts = (
        (of.organisation, tongue.gettext("keys of the organisation %(names)s")),
        (of.project, tongue.gettext("keys of the project %(names)s")),
        (of.key, tongue.gettext("the key %(names)s")),
        (of.contains, tongue.gettext("requests with the tag %(names)s")),
    )
    return [
        escape(pattern) % {"names": _listed(tongue, [tongue.name(name) for name in sorted(names)])}
        for names, pattern in parts
        if names
    ]


def concerns(rule: Rule, place: Place) -> bool:
    """Whether a rule may say something to keys within a scope: others' rules are not shown to its admins."""
    of = rule.scope
    organisation, project = (place.organisation or "").casefold(), (place.project or "").casefold()
    return (not organisation or not of.organisation or organisation in of.organisation) and (
        not project or not of.project or project in of.project
    )


def fact(tongue: Tongue, test: Test, facts: Facts) -> tuple[str, Markup]:
    """What a condition looks at, and what is known of it."""
    key = "licence.class" if test.key == "licence.non_commercial" else test.key  # which is what it goes by
    found = CONDITIONS[key].said(facts)
    label = tongue.gettext(LABELS[key])
    if found is None:
        return label, escape(tongue.gettext("not known"))
    if found in ("yes", "no"):
        return label, escape(tongue.gettext("yes") if found == "yes" else tongue.gettext("no"))
    if found == "none":
        return label, escape(tongue.gettext("no bound"))
    if key == "licence.capped":
        return label, _foreign(found)
    return label, word(tongue, key, found)


def _foreign(english: str) -> Markup:
    return Markup('<bdi lang="en" dir="ltr">{}</bdi>').format(english)


def missed(tongue: Tongue, rule: Rule, facts: Facts) -> list[tuple[str, Markup]]:
    """The facts for which a rule keeps an endpoint out, or an allow rule does not let it pass."""
    wanted: Truth = rule.effect == "allow"
    return list(dict.fromkeys(fact(tongue, test, facts) for test in rule.missed(facts, wanted)))
