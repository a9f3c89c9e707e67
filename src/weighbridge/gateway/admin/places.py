"""/v1/admin/organisations and /v1/admin/projects: what holds for all keys below one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from weighbridge.accounts import tree
from weighbridge.accounts.tree import Node, Place
from weighbridge.db import Connection
from weighbridge.gateway import answers
from weighbridge.gateway.admin.desk import Caller, Desk, read
from weighbridge.gateway.admin.shapes import ListedNode, Models, NodeList, OrganisationSetting, ProjectSetting
from weighbridge.transport.message import Reply, Request


@dataclass(frozen=True, slots=True)
class AdminPlaces:
    """The handlers."""

    desk: Desk

    async def organisations(self, request: Request, reply: Reply) -> None:
        """Those that the admin key sees, by name. Raises Forbidden."""
        await self._list(request, reply, tree.organisations)

    async def projects(self, request: Request, reply: Reply) -> None:
        """Those that the admin key sees, by organisation and name. Raises Forbidden."""
        await self._list(request, reply, tree.projects)

    async def set_organisation(self, request: Request, reply: Reply) -> None:
        """Set what holds for all keys of one. Raises BadRequest, Forbidden."""
        await self.desk.open(request)
        wanted = read(request.body, OrganisationSetting)
        await self._set(request, reply, Place(wanted.name), wanted.models)

    async def set_project(self, request: Request, reply: Reply) -> None:
        """Set what holds for all keys of one. Raises BadRequest, Forbidden."""
        await self.desk.open(request)
        wanted = read(request.body, ProjectSetting)
        await self._set(request, reply, Place(wanted.organisation, wanted.name), wanted.models)

    async def _list(self, request: Request, reply: Reply, found: Callable[[Connection], Sequence[Node]]) -> None:
        def work(connection: Connection, caller: Caller) -> list[Node]:
            caller.admin.may("project.read")
            return [node for node in found(connection) if caller.admin.reaches("project.read", node.place)]

        nodes = await self.desk.do(request, reply, work)
        answers.document(reply, NodeList([_listed(node) for node in nodes]))

    async def _set(self, request: Request, reply: Reply, place: Place, models: Models | None) -> None:
        def work(connection: Connection, caller: Caller) -> Node:
            caller.admin.require("project.set", place)
            bound = None if models is None else tuple(models)
            return tree.bind(connection, place, bound, by=caller.by, now=caller.now)

        answers.document(reply, _listed(await self.desk.do(request, reply, work)))


def _listed(node: Node) -> ListedNode:
    place = node.place
    models = None if node.models is None else [*node.models]
    if place.project is None:
        return ListedNode(place.organisation or "", None, models, node.created, "organisation")
    return ListedNode(place.project, place.organisation, models, node.created, "project")
