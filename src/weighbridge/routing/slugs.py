"""Providers as requests name them: by slug, which means all their endpoints, or by `slug/variant`.

A variant is an endpoint's quantisation (`deepinfra/fp8`), its region (`google-vertex/us-east5`) or its model's name at
the provider, so that an endpoint's own id names it alone.
https://openrouter.ai/docs/guides/routing/provider-selection: targeting specific provider endpoints
"""

from collections.abc import Collection, Sequence
from difflib import get_close_matches
from typing import Final

from weighbridge.catalog.model import Endpoint
from weighbridge.catalog.slugs import plain, slugs

_EVERY: Final = ""
"""The variant of a name that has none."""


def parts(name: str) -> tuple[str, str]:
    """The provider that a name means, in `plain` form, and the variant in lower case; `""`: every one."""
    provider, _, variant = name.partition("/")
    bare = plain(provider)
    meant = slugs().same.get(bare)
    return bare if meant is None else plain(meant), variant.strip().lower()


class Named:
    """Several names, to be held against many endpoints."""

    def __init__(self, names: Sequence[str]) -> None:
        self._variants: dict[str, set[str]] = {}
        for name in names:
            provider, variant = parts(name)
            self._variants.setdefault(provider, set()).add(variant)
        self._here: dict[str, set[str]] = {}
        """By the provider's id as endpoints have it."""

    def __contains__(self, endpoint: Endpoint) -> bool:
        """Whether one of the names means the endpoint."""
        id_ = endpoint.provider
        variants = self._here.get(id_)
        if variants is None:
            variants = self._here[id_] = self._variants.get(parts(id_)[0], set())
        return bool(variants) and (_EVERY in variants or any(has_variant(endpoint, each) for each in variants))


def has_variant(endpoint: Endpoint, variant: str) -> bool:
    """Whether it is the endpoint's quantisation, its region or its model's name, in lower case."""
    return variant in (
        (endpoint.quantisation or "").lower(),
        (endpoint.region or "").lower(),
        endpoint.upstream_model.lower(),
    )


def covers(wide: str, narrow: str) -> bool:
    """Whether a name means at least all that another one does."""
    provider, variant = parts(wide)
    other, others = parts(narrow)
    return provider == other and variant in (_EVERY, others)


def unknown(names: Sequence[str], providers: Collection[str]) -> tuple[str, list[str]] | None:
    """The first of the names that means no provider there is, and the ids that are most like it."""
    known: dict[str, str] = {}
    for name in names:
        provider, _ = parts(name)
        known = known or {plain(each): each for each in providers}
        if provider not in known and provider not in slugs().elsewhere:
            return name, [known[each] for each in get_close_matches(provider, known, 3)]
    return None
