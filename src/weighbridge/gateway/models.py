"""GET /v1/models and /v1/models/{id}: what can be asked for here, with the facts that OpenAI's list lacks."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Literal

import msgspec

from weighbridge.accounts.keys import Key
from weighbridge.catalog.model import Catalog, Model
from weighbridge.errors import UnknownModel
from weighbridge.gateway import answers
from weighbridge.transport.message import Reply, Request


class _Licence(msgspec.Struct):
    id: str
    # "class" is no name in Python
    licence_class: str = msgspec.field(name="class")


class _Listed(msgspec.Struct):
    id: str
    created: int
    """Seconds since 1970 of the release; 0 where it is not known, as the field may not be absent."""
    owned_by: str
    object: Literal["model"] = "model"
    name: str | None = None
    origin: str | None = None
    """Country of the lab."""
    licence: _Licence | None = None
    open_weights: bool | None = None
    total_parameters: int | None = None
    active_parameters: int | None = None
    context_length: int | None = None
    providers: tuple[str, ...] = ()


class _List(msgspec.Struct):
    data: list[_Listed]
    object: Literal["list"] = "list"


@dataclass(frozen=True, slots=True)
class Models:
    """The models that some endpoint serves and the key may ask for. Null is unknown."""

    open: Callable[[Request], Key]
    catalog: Callable[[], Catalog]

    async def list(self, request: Request, reply: Reply) -> None:
        """All of them, by id."""
        key = self.open(request)
        served = sorted((model for model in self.catalog().models.values() if model.endpoints), key=lambda m: m.id)
        answers.document(reply, _List([_listed(model) for model in served if key.admits(model.id)]))

    async def one(self, request: Request, reply: Reply) -> None:
        """One of them. Raises UnknownModel for any other."""
        key = self.open(request)
        catalog = self.catalog()
        name = request.path.removeprefix("/v1/models/")
        model = catalog.find(name)
        if model is None or not model.endpoints or not key.admits(model.id):
            nearest = ", ".join(map(repr, catalog.nearest(name))) or "none that is like it"
            raise UnknownModel(f"there is no model {name[:200]!r}; the nearest: {nearest} (all: GET /v1/models)")
        answers.document(reply, _listed(model))


def _listed(model: Model) -> _Listed:
    released = 0 if model.released is None else int(datetime.combine(model.released, time(), UTC).timestamp())
    return _Listed(
        id=model.id,
        created=released,
        owned_by=model.id.partition("/")[0] if model.lab is None else model.lab.slug,
        name=model.name,
        origin=None if model.lab is None else model.lab.country,
        licence=None if model.licence is None else _Licence(model.licence.id, model.licence.licence_class),
        open_weights=model.open_weights,
        total_parameters=model.total_params,
        active_parameters=model.active_params,
        context_length=model.context,
        providers=tuple(dict.fromkeys(endpoint.provider for endpoint in model.endpoints)),
    )
