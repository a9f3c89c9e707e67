"""What the forms of keys and admins have to choose from."""

from dataclasses import dataclass

from weighbridge.accounts import admins, tree
from weighbridge.db import Connection
from weighbridge.web.visit import Visit


@dataclass(frozen=True, slots=True)
class Choices:
    """Names within the admin's scope."""

    organisations: list[str]
    projects: list[str]
    members: list[list[str]]
    """Id and name of those whose keys they may be."""
    presets: list[str]

    @property
    def preset_options(self) -> list[list[str]]:
        """For a select."""
        return [[name, name] for name in self.presets]


async def choices(visit: Visit) -> Choices:
    """As of now."""
    scope, presets = visit.admin.scope, sorted(visit.parts.settings.presets)

    def work(connection: Connection) -> Choices:
        organisations = {node.place.organisation for node in tree.organisations(connection)}
        projects = {node.place for node in tree.projects(connection)}
        members = [
            [each.id, f"{each.name} (\u2026{each.hint})"]
            for each in admins.listing(connection, scope)
            if each.role == "member" and each.disabled is None
        ]
        return Choices(
            sorted(each for each in organisations if each is not None and scope.has(each, None)),
            sorted({each.project for each in projects if each.project and scope.has(each.organisation, each.project)}),
            members if visit.may("admin.read") else [],
            presets,
        )

    return await visit.read(work)
