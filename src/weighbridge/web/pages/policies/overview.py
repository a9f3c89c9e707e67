"""/policies: which are in force, since when, at whom; each rule in plain words; and what there is to begin with."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from starlette.responses import Response

from weighbridge.app import policy_file
from weighbridge.app.policies import policies_of
from weighbridge.app.policy_file import Found
from weighbridge.catalog.model import LicenceClass
from weighbridge.db import Connection
from weighbridge.errors import PolicyError
from weighbridge.ledger.policies import InForce, obeyed
from weighbridge.routing.policy.law import Policies
from weighbridge.routing.policy.readymade import ready_made
from weighbridge.web.pages.policies.words import Said, concerns, said
from weighbridge.web.tongue import N_
from weighbridge.web.visit import Visit

CLASSES: Final[dict[LicenceClass, str]] = {
    "non-commercial": N_("non-commercial: for research or private use only"),
    "restricted": N_("restricted: some uses, or some sizes of company, are excluded"),
    "proprietary": N_("proprietary: no weights are published"),
    "permissive": N_("permissive: anyone may use, change and sell it"),
}
READY: Final = {
    "permissive-only": N_("Only models whose licence lets anyone use, change and sell them, for any purpose."),
    "no-caps": N_("Only models whose licence ends neither above a number of users nor above a revenue."),
    "open-weights-only": N_("Only models whose weights are published."),
    "eu-processing-only": N_("Only companies of the European Union with machines in it, or your own machine."),
    "local-only": N_("Nothing leaves your own machines."),
}
"""What the ready-made policies let pass; one without words of its own stands by its name."""

State = Literal["none", "in force", "being taken up", "others"]


@dataclass(frozen=True, slots=True)
class Standing:
    """What is set, and what the workers obey."""

    policies: Policies | None
    fault: str | None
    """Why the file cannot be used; the workers go on with what they had."""
    workers: Sequence[InForce]

    @property
    def state(self) -> State:
        """Whether those at work obey what is set."""
        wanted = None if self.policies is None else self.policies.hash
        if any(each.policy != wanted for each in self.workers) or self.fault is not None:
            return "others"
        return "none" if wanted is None else "in force" if self.workers else "being taken up"


async def standing(visit: Visit) -> Standing:
    """As it is now."""

    def work(connection: Connection) -> Standing:
        workers = obeyed(connection, visit.now)
        try:
            return Standing(policies_of(visit.parts.settings), None, workers)
        except PolicyError as error:
            return Standing(None, error.message, workers)

    return await visit.read(work)


def told(visit: Visit, policies: Policies | None) -> list[tuple[str, str, list[Said]]]:
    """Each policy with its name, what becomes of what no rule decides, and its rules that concern the admin."""
    return [
        (
            policy.name,
            policy.default,
            [said(visit.tongue, policy, rule) for rule in policy.rules if concerns(rule, visit.admin.scope)],
        )
        for policy in (() if policies is None else policies.policies)
    ]


async def overview(visit: Visit) -> Response:
    """The page."""
    now = await standing(visit)
    try:
        found: Found | None = policy_file.find(visit.parts.settings)
    except PolicyError:
        found = None
    return visit.page(
        "policies/overview.html",
        standing=now,
        policies=told(visit, now.policies),
        file=found,
        path=str(visit.parts.settings.policy_path),
        may_set=visit.sees_all("policy.set"),
        classes=CLASSES,
        ready={name: READY.get(name) for name in ready_made()},
        in_settings=visit.parts.settings.policy.ready,
        models=sorted(visit.parts.catalog().models),
    )
