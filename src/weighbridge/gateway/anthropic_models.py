"""GET /v1/models and /v1/models/{id} as clients of Anthropic's API know them: those that send `anthropic-version`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Final, Literal

import msgspec

from weighbridge.catalog.model import Model
from weighbridge.errors import BadRequest, WeighbridgeError
from weighbridge.gateway import answers
from weighbridge.gateway.models import Models
from weighbridge.transport.message import Reply, Request
from weighbridge.wire.messages.surface import MESSAGES

_VERSION: Final = b"anthropic-version"
_USUAL, _MOST = 20, 1000
_UNKNOWN: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""What Anthropic gives for a date that is not known."""


class AnthropicModel(msgspec.Struct, tag="model"):
    """A model that can be asked for, as Anthropic lists it."""

    id: str
    display_name: str
    created_at: datetime
    max_input_tokens: int | None
    max_tokens: int | None
    lifecycle: Literal["active"] = "active"


class AnthropicModelPage(msgspec.Struct):
    """Some of the models, by id."""

    data: list[AnthropicModel]
    has_more: bool
    first_id: str | None
    last_id: str | None


@dataclass(frozen=True, slots=True)
class AnthropicModels:
    """The same models for two kinds of client, told apart by a header that only one of them sends."""

    models: Models

    async def list(self, request: Request, reply: Reply) -> None:
        """A page of them, by id; for OpenAI's clients all of them, whose lists have no pages."""
        if _VERSION not in request.headers:
            _limit(request.query.get("limit"))  # it has no effect, and is to make sense all the same
            await self.models.list(request, reply)
            return
        try:
            answers.document(reply, _page(self.models.served(request), request.query))
        except WeighbridgeError as exc:
            answers.error(reply, exc, MESSAGES)

    async def one(self, request: Request, reply: Reply) -> None:
        """One of them."""
        if _VERSION not in request.headers:
            await self.models.one(request, reply)
            return
        try:
            answers.document(reply, _listed(self.models.named(request)))
        except WeighbridgeError as exc:
            answers.error(reply, exc, MESSAGES)


def _page(models: list[Model], query: Mapping[str, str]) -> AnthropicModelPage:
    """Cursors are ids; one that is no model's stands where it would stand among them. Raises BadRequest."""
    limit = _limit(query.get("limit"))
    after, before = query.get("after_id"), query.get("before_id")
    found = [model for model in models if (after is None or model.id > after) and (before is None or model.id < before)]
    shown = found[-limit:] if before is not None and after is None else found[:limit]
    return AnthropicModelPage(
        data=[_listed(model) for model in shown],
        has_more=len(found) > len(shown),
        first_id=shown[0].id if shown else None,
        last_id=shown[-1].id if shown else None,
    )


def _limit(said: str | None) -> int:
    if said is None:
        return _USUAL
    if not said.isdecimal() or not 1 <= int(said[:9]) <= _MOST:
        raise BadRequest(f"limit: a number from 1 to {_MOST}", param="limit")
    return int(said)


def _listed(model: Model) -> AnthropicModel:
    released = model.released
    return AnthropicModel(
        id=model.id,
        display_name=model.name or model.id,
        created_at=_UNKNOWN if released is None else datetime.combine(released, time(), UTC),
        max_input_tokens=model.context,
        max_tokens=model.max_output,
    )
