"""/doctor: what `weighbridge doctor` looks at, as it comes in, with what to do next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from markupsafe import Markup
from starlette.responses import Response

from weighbridge.accounts.tree import EVERYWHERE
from weighbridge.app.doctor.checks import Part, helps_most
from weighbridge.app.doctor.finding import About, Condition, Finding, Hole, Word
from weighbridge.app.doctor.looking import Progress
from weighbridge.web.tongue import N_, Tongue
from weighbridge.web.visit import Place, Visit

_TITLES: Final[Mapping[About, str]] = {
    "program": N_("Program"),
    "settings": N_("Settings"),
    "data": N_("Data directory"),
    "disk": N_("Disk"),
    "ledger": N_("Ledger"),
    "sums": N_("Sums by the hour"),
    "keys": N_("Keys"),
    "policy": N_("Policy"),
    "local models": N_("Local models"),
    "names": N_("Aliases and presets"),
    "shared server": N_("Shared server"),
    "window": N_("Window"),
    "switch": N_("Switch"),
    "gateway": N_("Gateway"),
    "process": N_("Process %(name)s"),
    "provider": N_("Provider %(name)s"),
    "providers": N_("Other providers"),
}
_PARTS: Final[Mapping[Part, str]] = {
    "program": N_("the program"),
    "data": N_("the data directory"),
    "ledger": N_("the ledger"),
    "policy": N_("the policy"),
    "models": N_("the local models"),
    "names": N_("aliases and presets"),
    "shared": N_("the shared server"),
    "switch": N_("the switch"),
    "gateway": N_("the gateway"),
    "providers": N_("the providers"),
}
_KINDS: Final[Mapping[Condition, tuple[str, str]]] = {
    "failed": ("bad", N_("does not work")),
    "missing": ("warn", N_("missing")),
    "note": ("plain", N_("worth knowing")),
    "ok": ("good", N_("well")),
}
"""Each with its sign, in the order of a page."""
_LONG: Final = 160
"""Characters of a name from which on it is folded away."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A finding as it stands on the page."""

    title: Markup
    kind: str
    condition: str
    text: Markup
    folded: str | None
    """What is too long to stand in the text."""
    command: str | None
    advice: Markup | None


@dataclass(frozen=True, slots=True)
class Looked:
    """The page."""

    progress: Progress
    waiting: Sequence[str]
    counts: Sequence[tuple[str, str, int]]
    """Kind, condition and how many of it."""
    unwell: Sequence[Shown]
    well: Sequence[Shown]
    next_step: Shown | None


async def page(visit: Visit) -> Response:
    """What has been found so far; the first visit has everything looked at."""
    _check(visit)
    doctor = visit.parts.doctor
    return visit.page("doctor/page.html", looked=looked(doctor.last() or doctor.begin(), visit.tongue))


async def again(visit: Visit) -> Response:
    """Look at everything again."""
    _check(visit)
    visit.parts.doctor.begin(probe=bool(visit.form.get("probe")))
    return visit.back("/doctor")


def _check(visit: Visit) -> None:
    """Raises Forbidden for whoever does not see the whole gateway: paths and settings are in what is found."""
    if not visit.sees_all("audit.read"):
        raise visit.admin.refused("audit.read", EVERYWHERE)


PLACES: Final = (
    Place("/doctor", page, may="audit.read"),
    Place("/doctor", again, "POST", may="audit.read"),
)


def looked(progress: Progress, tongue: Tongue) -> Looked:
    """What there is to show of a look, what is worst first."""
    by_condition = {condition: [each for each in progress.found if each.condition == condition] for condition in _KINDS}
    unwell = [each for condition in _KINDS if condition != "ok" for each in by_condition[condition]]
    most = helps_most(progress.found)
    return Looked(
        progress=progress,
        waiting=[tongue.gettext(_PARTS[part]) for part in progress.waiting],
        counts=[(kind, tongue.gettext(name), len(by_condition[each])) for each, (kind, name) in _KINDS.items()],
        unwell=[shown(each, tongue) for each in unwell],
        well=[shown(each, tongue) for each in by_condition["ok"]],
        next_step=None if most is None else shown(most, tongue),
    )


def shown(finding: Finding, tongue: Tongue) -> Shown:
    """A finding in a language."""
    kind, condition = _KINDS[finding.condition]
    said = tongue.gettext(finding.text)
    if finding.many is not None:
        count = finding.holes[finding.many.count]
        said = tongue.ngettext(finding.text, finding.many.text, count if isinstance(count, int) else 2)
    long = [each for each in finding.holes.values() if isinstance(each, str) and len(each) > _LONG]
    return Shown(
        title=_filled(tongue.gettext(_TITLES[finding.about]), {"name": finding.name}, tongue),
        kind=kind,
        condition=tongue.gettext(condition),
        text=_filled(said, finding.holes, tongue),
        folded="\n".join(long) or None,
        command=finding.command,
        advice=None if finding.advice is None else _filled(tongue.gettext(finding.advice), finding.holes, tongue),
    )


def _filled(text: str, holes: Mapping[str, Hole], tongue: Tongue) -> Markup:
    said = text if text.startswith("%(") else text[:1].upper() + text[1:]
    return Markup.escape(said) % {name: _hole(hole, tongue) for name, hole in holes.items()}


def _hole(hole: Hole, tongue: Tongue) -> Markup | str:
    match hole:
        case Word():
            return tongue.gettext(hole)
        case str():
            return "…" if len(hole) > _LONG else tongue.name(hole)
        case int():
            return tongue.number(hole)
        case float():
            return tongue.number(hole, 1)
        case date():
            return tongue.day(hole)
