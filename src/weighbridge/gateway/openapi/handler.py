"""GET /openapi.json: the table of routes as an OpenAPI document, made when it is first asked for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from weighbridge.gateway import answers
from weighbridge.gateway.openapi.listed import Listed
from weighbridge.transport.message import Reply, Request


@dataclass(frozen=True, slots=True)
class OpenApi:
    """Needs no key: what is told is in the documentation as well."""

    table: Callable[[], Sequence[Listed]]
    """All routes, this one too."""
    _made: list[bytes] = field(default_factory=list, init=False)
    """The document, once it was asked for."""

    async def __call__(self, request: Request, reply: Reply) -> None:
        """Answer with the document."""
        if not self._made:
            from weighbridge.gateway.openapi.document import document  # noqa: PLC0415 - few ask; the start is for all

            self._made.append(document(self.table()))
        reply.send(200, (answers.JSON,), self._made[0])
