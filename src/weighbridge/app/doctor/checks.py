"""All that doctor looks at, in its order."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from weighbridge.app.doctor.finding import Finding
from weighbridge.app.doctor.gateway import of_gateway
from weighbridge.app.doctor.installation import of_data, of_models, of_names, of_policy, of_program
from weighbridge.app.doctor.ledger import of_ledger
from weighbridge.app.doctor.providers import of_providers
from weighbridge.app.doctor.shared import of_shared
from weighbridge.app.doctor.switch import of_switch
from weighbridge.config import Settings

Part = Literal["program", "data", "ledger", "policy", "models", "names", "shared", "switch", "gateway", "providers"]


@dataclass(frozen=True, slots=True)
class Check:
    """One part of an installation, and the look at it, which may take seconds. It raises ConfigError."""

    part: Part
    look: Callable[[], Iterable[Finding]]


def checks(settings: Settings, *, probe: bool) -> Sequence[Check]:
    """All of them. `probe`: ask each provider for its models, with its key, rather than only connect."""
    return (
        Check("program", partial(of_program, settings)),
        Check("data", partial(of_data, settings)),
        Check("ledger", partial(of_ledger, settings)),
        Check("policy", partial(of_policy, settings)),
        Check("models", partial(of_models, settings)),
        Check("names", partial(of_names, settings)),
        Check("shared", partial(of_shared, settings)),
        Check("switch", partial(of_switch, settings)),
        Check("gateway", partial(of_gateway, settings)),
        Check("providers", partial(of_providers, settings, probe=probe)),
    )


def helps_most(found: Sequence[Finding]) -> Finding | None:
    """Whose next step helps most: what is broken before what is missing; None: nothing is either."""
    for condition in ("failed", "missing"):
        for each in found:
            if each.condition == condition and each.next_step:
                return each
    return None
