"""What applying a plan would change here and now: by the catalogue, the policy in force, and the keys' models."""

from collections.abc import Mapping, Sequence

from weighbridge.app.switch.setting import Setting
from weighbridge.app.unable import Unable
from weighbridge.switch import applying
from weighbridge.switch.applying import Step, Unasked
from weighbridge.switch.planned import Plan


def steps_of(at: Setting, plan: Plan, *, only: Sequence[str] = (), epsilon: float | None = None) -> list[Step]:
    """What would become of its routes; of these, where some are named. Raises Unable where nothing can be applied."""
    keys = {route.route: route.key for route in plan.routes}
    unknown = [route for route in only if route not in keys]
    if unknown:
        raise Unable(f"the plan has no route {unknown[0]!r}", next_step=f"--route {', '.join(keys)}")
    made = applying.steps(at.connection, plan.id, only=only, epsilon=epsilon, unasked=_unasked(at, keys), now=at.now)
    if not made:
        raise Unable("nothing is proven yet", next_step=f"weighbridge switch run {plan.id}")
    return made


def _unasked(at: Setting, keys: Mapping[str, str]) -> Unasked:
    """By the catalogue, the policy in force and the key's models, as they are now."""

    def unasked(route: str, model: str) -> str | None:
        found, key = at.catalog.find(model), at.keys.get(keys.get(route, ""))
        if found is None or not found.endpoints:
            return "nobody serves it here"
        if key is not None and not key.admits(found.id):
            return f"the key {key.name} may not ask for it"
        forbids = at.forbids(keys.get(route, ""), ())
        whys = [forbids(found, endpoint) for endpoint in found.endpoints]
        return None if None in whys else f"policy: {whys[0]}"

    return unasked
