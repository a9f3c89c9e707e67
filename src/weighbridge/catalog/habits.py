"""data/habits/: what each family of models does in its own way, and what each provider does to it → Habits.

A row of a family may say something else `at` a provider; what it leaves out there, the provider's own row may say.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase, translate
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final, Literal

import msgspec

from weighbridge.catalog.facts import read_table, toml_files
from weighbridge.errors import CatalogError
from weighbridge.wire.habits.leaked_formats import FORMATS
from weighbridge.wire.habits.profile import Echo, Habits, Name, Prefix, Switch, Tags, Thinks

Text = Literal["thoughts", "raw", "clean"]
"""What stands in an answer's text besides the answer: thoughts, calls as well, or nothing."""


class AtRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What holds at one provider."""

    source: str
    text: Text | None = None
    parts: bool = False
    """Thoughts come as parts of a content that is a list."""
    template: bool = False
    """It takes `chat_template_kwargs`."""
    switch: Switch | None = None
    echo: Echo | None = None
    echo_as: Name | None = None
    rename: Mapping[str, str] = {}
    drop: tuple[str, ...] = ()
    prefix: Prefix | None = None


class FamilyRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One family, as its maker describes it."""

    source: str
    models: tuple[str, ...]
    """Patterns of the names its models go by, without the maker before the `/`; the longest that fits counts."""
    thinks: Thinks
    tags: Tags | None = None
    leaks: tuple[str, ...] = ()
    channels: bool = False
    switch: Switch | None = None
    kwargs: Switch | None = None
    """The same for the chat template of an engine."""
    echo: Echo = "never"
    at: Mapping[str, AtRow] = {}


@dataclass(frozen=True, slots=True)
class HabitBook:
    """All families and providers; `of` looks one up."""

    families: Mapping[str, FamilyRow] = field(default_factory=dict)
    providers: Mapping[str, AtRow] = field(default_factory=dict)
    patterns: "tuple[tuple[re.Pattern[str], str], ...]" = ()
    """The longest first."""
    like: Mapping[str, str] = field(default_factory=dict)
    """Whose row holds for a provider, by the settings; `none`: nobody's, and no family's either."""

    def of(self, provider: str, *names: str) -> Habits | None:
        """The habits of the model that goes by these names (an id, a provider's own), the first that is known."""
        provider = self.like.get(provider, provider)
        if provider == NO_HABITS:
            return None
        family = self._family(names)
        if family is None:
            return None
        habits = _at(family, self.families[family], provider, self.providers.get(provider))
        return msgspec.structs.replace(habits, prefix=self._prefix(provider, names))

    def prefix_of(self, provider: str, *names: str) -> Prefix | None:
        """How a model of these names, of whatever family, is asked at a provider to go on with an answer."""
        return self._prefix(self.like.get(provider, provider), names)

    def _prefix(self, provider: str, names: Sequence[str]) -> Prefix | None:
        general, family = self.providers.get(provider), self._family(names)
        own = None if family is None else self.families[family].at.get(provider)
        prefix = (
            own.prefix if own is not None and own.prefix is not None else None if general is None else general.prefix
        )
        if prefix is None or not prefix.models:
            return prefix
        plain = [_plain(name) for name in names]
        return prefix if any(fnmatchcase(name, pattern) for name in plain for pattern in prefix.models) else None

    def _family(self, names: Sequence[str]) -> str | None:
        """The family of the first of the names that is known."""
        for name in map(_plain, names):
            for pattern, family in self.patterns:
                if pattern.match(name):
                    return family
        return None


def _plain(name: str) -> str:
    """Without its maker."""
    return name.lower().rpartition("/")[2].replace("_", "-")


def read_habits(folder: Traversable | None = None, *, like: Mapping[str, str] | None = None) -> HabitBook:
    """Every row of the folder (the installed one if None), checked; none if it is not there. Raises CatalogError."""
    found = files("weighbridge.catalog") / "data" / "habits" if folder is None else folder
    if not found.is_dir():
        return HabitBook()
    providers = read_table(found / _PROVIDERS, AtRow)
    families: dict[str, FamilyRow] = {}
    for file in toml_files(found):
        if file.name != _PROVIDERS:
            for name, row in read_table(file, FamilyRow).items():
                _check(file.name, name, row, families)
                families[name] = row
    patterns = [(pattern, name) for name, row in families.items() for pattern in row.models]
    longest = sorted(patterns, key=lambda pair: (-len(pair[0]), pair[0]))
    for provider, other in (like or {}).items():
        if other != NO_HABITS and other not in providers:
            known = ", ".join(sorted((*providers, NO_HABITS)))
            raise CatalogError(f"providers.{provider}.habits: {other!r} is none of {known}")
    compiled = tuple((re.compile(translate(pattern)), name) for pattern, name in longest)
    return HabitBook(families, providers, compiled, like or {})


NO_HABITS: Final = "none"
_PROVIDERS: Final = "providers.toml"


def _check(file: str, name: str, row: FamilyRow, others: Mapping[str, FamilyRow]) -> None:
    if name in others:
        raise CatalogError(f"{file}, {name!r}: another file has the same family")
    unknown = next((leak for leak in row.leaks if leak not in FORMATS), None)
    if unknown is not None:
        raise CatalogError(f"{file}, {name!r}: no format of tool calls is called {unknown!r}")
    claimed = {pattern: other for other, known in others.items() for pattern in known.models}
    taken = next((pattern for pattern in row.models if pattern in claimed), None)
    if taken is not None:
        raise CatalogError(f"{file}, {name!r}: {taken!r} is {claimed[taken]!r} already")


def _at(name: str, family: FamilyRow, provider: str, general: AtRow | None) -> Habits:
    own = family.at.get(provider) or AtRow(source=family.source)
    general = general or AtRow(source=family.source)
    text = own.text or general.text
    in_text = text in ("thoughts", "raw")
    tags = family.tags
    return Habits(
        family=name,
        thinks=family.thinks,
        tags=tags if in_text else None,
        leaks=family.leaks if text == "raw" else (),
        channels=family.channels and text == "raw",
        parts=own.parts,
        switch=_switch(family, own, general),
        echo=own.echo or family.echo,
        echo_as=own.echo_as or general.echo_as or "reasoning_content",
        echo_tags=("<think>", "</think>") if tags is None else (tags.open, tags.close),
        rename={**general.rename, **own.rename},
        drop=(*general.drop, *own.drop),
    )


def _switch(family: FamilyRow, own: AtRow, general: AtRow) -> Switch | None:
    if own.switch is not None:
        return own.switch
    if general.template and family.kwargs is not None:
        kwargs = family.kwargs
        return Switch(
            on=None if kwargs.on is None else {"chat_template_kwargs": kwargs.on},
            off=None if kwargs.off is None else {"chat_template_kwargs": kwargs.off},
        )
    return general.switch if family.thinks != "never" and general.switch is not None else family.switch
