"""What a request asks of its providers and cannot mean: names nobody has, and wishes that rule each other out."""

from collections.abc import Sequence
from typing import Final

from weighbridge.errors import BadRequest
from weighbridge.routing.asking import Asking
from weighbridge.routing.slugs import covers, unknown
from weighbridge.wire.preferences import Preferences

QUANTIZATIONS: Final = ("int4", "int8", "fp4", "fp6", "fp8", "fp16", "bf16", "fp32", "unknown")
"""OpenRouter's."""


def check(asking: Asking) -> None:
    """Raise BadRequest, naming the field and what would work, where the preferences make no sense."""
    wanted = asking.preferences
    if wanted is None:
        return
    _check_names(asking, wanted)
    _check_quantizations(asking, wanted)
    only, ignored, order = wanted.only, wanted.ignore or [], wanted.order or []
    if only is not None:
        if not [each for each in only if not _covered(each, ignored)]:
            raise _against("only", "ignore", "every provider that the one admits is left out by the other")
        if order and not [each for each in order if any(_meet(each, other) for other in only)]:
            raise _against("order", "only", "no provider that is to come first is one that may answer")
    if order and not [each for each in order if not _covered(each, ignored)]:
        raise _against("order", "ignore", "every provider that is to come first is left out")


def _check_names(asking: Asking, wanted: Preferences) -> None:
    providers = {*asking.hosts, *(each.provider for model in asking.models for each in model.endpoints)}
    for field, names in (("order", wanted.order), ("only", wanted.only), ("ignore", wanted.ignore)):
        found = unknown(names or (), providers)
        if found is None:
            continue
        name, near = found
        nearest = f"the nearest: {', '.join(near)}" if near else "none is like it"
        raise BadRequest(
            f"provider.{field}: there is no provider {name!r}; {nearest} (all: GET /api/v1/providers)",
            param=f"provider.{field}",
        )
    if wanted.only == []:
        raise BadRequest(
            "provider.only: the list is empty, so nobody may answer; leave it out to admit all", param="provider.only"
        )


def _check_quantizations(asking: Asking, wanted: Preferences) -> None:
    if wanted.quantizations is None:
        return
    here = {each.quantisation for model in asking.models for each in model.endpoints}
    known = {*QUANTIZATIONS, *(each.lower() for each in here if each is not None)}
    wrong = next((each for each in wanted.quantizations if each.lower() not in known), None)
    if wrong is not None or not wanted.quantizations:
        said = "the list is empty" if wrong is None else f"there is no {wrong!r}"
        raise BadRequest(
            f"provider.quantizations: {said}; take some of {', '.join(sorted(known))}", param="provider.quantizations"
        )


def _covered(name: str, by: Sequence[str]) -> bool:
    return any(covers(each, name) for each in by)


def _meet(one: str, other: str) -> bool:
    return covers(one, other) or covers(other, one)


def _against(one: str, other: str, why: str) -> BadRequest:
    return BadRequest(f"provider.{one} and provider.{other}: {why}; leave one of them out", param=f"provider.{one}")
