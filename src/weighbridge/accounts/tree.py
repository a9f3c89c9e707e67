"""Organisations and projects: what holds for all keys below one, and who is within whose reach.

A key names its organisation and its project, and no more is needed for them to be there. Here is what is set for some
of them: the models that no key below may go beyond.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec

from weighbridge import audit_log
from weighbridge.audit_log import Actor, Change
from weighbridge.db import Connection, microseconds, moment

_TEXTS: Final = msgspec.json.Decoder(tuple[str, ...])


@dataclass(frozen=True, slots=True)
class Place:
    """An organisation, a project of one, or the whole gateway.

    A project without an organisation is one of its own, and not that of the same name in some organisation.
    """

    organisation: str | None = None
    project: str | None = None

    def has(self, organisation: str | None, project: str | None) -> bool:
        """Whether what belongs to these lies within."""
        if self.project is not None:
            return (organisation, project) == (self.organisation, self.project)
        return self.organisation is None or organisation == self.organisation

    @property
    def is_everything(self) -> bool:
        """Whether it is the whole gateway."""
        return self.organisation is None and self.project is None


EVERYWHERE: Final = Place()


@dataclass(frozen=True, slots=True)
class Node:
    """An organisation (`project` is None) or a project, and what is set for it."""

    place: Place
    models: tuple[str, ...] | None = None
    """Ids that keys below may ask for, `lab/*` for all of a lab's; None: whatever they may themselves."""
    created: datetime | None = None
    """When something was first set for it; None: only keys name it."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is set for all organisations and projects, at one moment."""

    organisations: Mapping[str | None, tuple[str, ...]]
    projects: Mapping[tuple[str | None, str | None], tuple[str, ...]]

    def above(self, organisation: str | None, project: str | None) -> tuple[tuple[str, ...], ...]:
        """The lists of models that bind a key which belongs to these."""
        if not self.organisations and not self.projects:
            return ()
        found = (self.organisations.get(organisation), self.projects.get((organisation, project)))
        return tuple(models for models in found if models is not None)


def bounds(connection: Connection) -> Bounds:
    """What binds keys. Raises db.Error."""
    of_organisations = connection.execute("SELECT name, models FROM organisation WHERE models IS NOT NULL")
    of_projects = connection.execute("SELECT organisation, name, models FROM project WHERE models IS NOT NULL")
    return Bounds(
        {name: _TEXTS.decode(models) for name, models in of_organisations},
        {(organisation or None, name): _TEXTS.decode(models) for organisation, name, models in of_projects},
    )


def organisations(connection: Connection) -> list[Node]:
    """All that keys name or that something is set for, by name. Raises db.Error."""
    set_for = {
        name: Node(Place(name), _models(models), moment(created))
        for name, models, created in connection.execute("SELECT name, models, created_at FROM organisation")
    }
    named = connection.execute("SELECT DISTINCT organisation FROM key WHERE organisation IS NOT NULL")
    found = {name: Node(Place(name)) for (name,) in named} | set_for
    return [found[name] for name in sorted(found)]


def projects(connection: Connection) -> list[Node]:
    """All that keys name or that something is set for, by organisation and name. Raises db.Error."""
    set_for = {
        (organisation, name): Node(Place(organisation or None, name), _models(models), moment(created))
        for organisation, name, models, created in connection.execute(
            "SELECT organisation, name, models, created_at FROM project"
        )
    }
    named = connection.execute("SELECT DISTINCT coalesce(organisation, ''), project FROM key WHERE project IS NOT NULL")
    found = {(place, name): Node(Place(place or None, name)) for place, name in named} | set_for
    return [found[place] for place in sorted(found)]


def bind(connection: Connection, place: Place, models: tuple[str, ...] | None, *, by: Actor, now: datetime) -> Node:
    """Set the models of an organisation or a project, inside a transaction. Raises db.Error."""
    every = organisations(connection) if place.project is None else projects(connection)
    before = next((node for node in every if node.place == place and node.created is not None), None)
    text, at = None if models is None else msgspec.json.encode(models).decode(), microseconds(now)
    if place.project is None:
        connection.execute(
            "INSERT INTO organisation (name, models, created_at) VALUES (?, ?, ?)"
            " ON CONFLICT (name) DO UPDATE SET models = excluded.models",
            (place.organisation, text, at),
        )
    else:
        connection.execute(
            "INSERT INTO project (organisation, name, models, created_at) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (organisation, name) DO UPDATE SET models = excluded.models",
            (place.organisation or "", place.project, text, at),
        )
    if before is None or before.models != models:
        change = Change(
            action="organisation.set" if place.project is None else "project.set",
            target=f"{place.organisation or ''}{'' if place.project is None else f'/{place.project}'}",
            organisation=place.organisation,
            project=place.project,
            before=None if before is None else {"models": before.models},
            after={"models": models},
        )
        audit_log.write(connection, by, change, now=now)
    return Node(place, models, now if before is None else before.created)


def within(organisation: str | None, project: str | None) -> tuple[Sequence[str], Sequence[str | None]]:
    """The conditions in SQL, with what is bound to them, for rows that lie within a Place of these."""
    if project is not None:
        return ["organisation IS NOT DISTINCT FROM ?", "project = ?"], [organisation, project]
    return ([], []) if organisation is None else (["organisation = ?"], [organisation])


def _models(stored: str | None) -> tuple[str, ...] | None:
    return None if stored is None else _TEXTS.decode(stored)
