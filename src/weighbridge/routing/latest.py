"""`~lab/family-latest`: the newest of a family that is on offer here, as OpenRouter calls it.

A family is two models or more whose names differ in the version alone: `claude-opus-4.8` is of `claude-opus`. It has a
latest where that cannot be doubted: one version is the highest, no model of the family was released after it, and no
branch of the family (`gpt-sol` is one of `gpt`) has a higher one. Names with a size in them (`-27b`) make no family:
the newest of a size is seldom what is meant.

https://openrouter.ai/docs/guides/routing/routers/latest-resolution
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from weighbridge.catalog.model import Model

Version = tuple[int, ...]
_VERSION: Final = re.compile(r"([a-z]*?)(\d{1,2}(?:\.\d{1,2})*)")
_DATE: Final = re.compile(r"\d{3,}")
_UNSAID: Final = frozenset({"preview", "exp"})
"""Says how sure its maker is of a model, and not which it is."""


def latest(models: Iterable[Model]) -> Mapping[str, str]:
    """The ids of the newest models that some endpoint serves, by `~lab/family-latest`, in lower case."""
    families: defaultdict[tuple[str, str], list[tuple[Version, Model]]] = defaultdict(list)
    for model in models:
        lab, _, name = model.id.lower().partition("/")
        member = _member(name) if name else None
        if member is not None:
            family, version = member
            families[lab, family].append((version, model))
    found = {}
    for (lab, family), members in families.items():
        served = _served(members)
        if len(members) < 2 or not served:
            continue
        branches = [each for (of, name), each in families.items() if of == lab and name.startswith(f"{family}-")]
        newest = _newest(served, [version for branch in branches for version, _ in _served(branch)])
        if newest is not None:
            found[f"~{lab}/{family}-latest"] = newest.id
    return found


def _served(members: Sequence[tuple[Version, Model]]) -> list[tuple[Version, Model]]:
    return [(version, model) for version, model in members if model.endpoints]


def _newest(members: Sequence[tuple[Version, Model]], elsewhere: Sequence[Version]) -> Model | None:
    """The newest, if there can be no doubt; `elsewhere` are the versions of the family's branches."""
    highest = max(version for version, _ in members)
    (model, *others) = [model for version, model in members if version == highest]
    if others or not highest or any(version > highest for version in elsewhere):
        return None
    if any(not version for version, _ in members):
        return None
    dates = [each.released for _, each in members if each.released is not None]
    if model.released is not None and dates and max(dates) > model.released:
        return None
    return model


def _member(name: str) -> tuple[str, Version] | None:
    """The family and the version in it, `()` where the name tells none; None: it is of no family."""
    words: list[str] = []
    version: Version = ()
    was_number = False
    for token in name.split("-"):
        found = _VERSION.fullmatch(token)
        is_number = found is not None and not found[1]
        if found is not None and (not version or (is_number and was_number and len(version) == 1)):
            version += tuple(map(int, found[2].split(".")))
            if len(found[1]) > 1 or (found[1] and not words):
                words.append(found[1])
        elif found is not None or (not _DATE.fullmatch(token) and not token.isalpha()):
            return None  # a size, or a second number of whatever kind
        elif token.isalpha() and token not in _UNSAID:
            words.append(token)
        was_number = is_number
    return ("-".join(words), version) if words else None
