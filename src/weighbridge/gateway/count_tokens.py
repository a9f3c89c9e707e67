"""POST /v1/messages/count_tokens: how many tokens a message's request has. Nothing is entered: nobody bills it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

import msgspec

from weighbridge.accounts.keys import Key
from weighbridge.catalog.model import Endpoint
from weighbridge.errors import UnknownModel, UpstreamError
from weighbridge.gateway import answers
from weighbridge.gateway.messages import betas
from weighbridge.gateway.planning import Planning
from weighbridge.gateway.presets import Reading, add_wishes
from weighbridge.gateway.switching import Switch
from weighbridge.gateway.wishes import heard, wishes_in
from weighbridge.providers.base import Provider
from weighbridge.transport.message import Reply, Request
from weighbridge.wire import steering
from weighbridge.wire.chat.surface import as_it_is
from weighbridge.wire.decoding import UNREADABLE
from weighbridge.wire.messages.passed import CountedCall, read_count
from weighbridge.wire.messages.surface import MESSAGES, estimated_input
from weighbridge.wire.surface import Asked

_MOST: Final = 64 * 1024
"""Bytes of a count; a longer one is none."""


class TokenCount(msgspec.Struct):
    """How many, and who counted."""

    input_tokens: int
    counted_by: Literal["provider", "estimate"] = "estimate"


@dataclass(frozen=True, slots=True)
class CountTokens:
    """The count of the provider that would be asked, if it counts; else an estimate, as in the ledger.

    That is a token for every four bytes, of tools as well. Pictures and files are not counted: what they come to is
    each model's own affair.
    """

    open: Callable[[Request, datetime], Key]
    planning: Planning
    providers: Mapping[str, Provider]
    now: Callable[[], datetime]
    switch: Switch = field(default_factory=Switch)

    async def __call__(self, request: Request, reply: Reply) -> None:
        """Raises BadRequest, and what a message for this key and model would."""
        now = self.now()
        key = self.open(request, now)
        call, body = read_count(request.body, betas(request)), request.body
        asked = Asked(call, body, as_it_is(wants_usage=False), "count_tokens", tuple(call.models or ()), call.provider)
        if steering.is_steered(call):
            asked.body = body = steering.without(body)
            asked.call = call = read_count(body, betas(request))
        planning = self.planning
        preset = Reading(planning.names, planning.catalog(), key, MESSAGES, None).preset(call.model)
        wishes, own = heard(asked, wishes_in(request)), asked.preferences
        wishes = add_wishes(asked, wishes, preset, key)
        try:
            plan = planning.plan(asked, key, now, by_client=asked.preferences is own, wishes=wishes)
        except UnknownModel:
            if not self.switch.may_mean(call.model):
                raise
            counted = None  # who answers is decided by the whole request
        else:
            counted = await self._counted(next(iter(plan)).endpoint, call, body)
        answers.document(reply, counted or TokenCount(estimated_input(request.body)[1]))

    async def _counted(self, endpoint: Endpoint, call: CountedCall, body: bytes) -> TokenCount | None:
        """The provider's own count; None where it has none, or none now. Raises BadRequest where it refuses."""
        provider = self.providers[endpoint.provider]
        if "count_tokens" not in provider.natively:
            return None
        try:
            answer = await provider.ask("count_tokens", endpoint, call, body)
            try:
                text = b""
                while len(text) < _MOST and (data := await answer.body.read()):
                    text += data
            finally:
                answer.body.close()
            return TokenCount(msgspec.json.decode(text, type=TokenCount).input_tokens, "provider")
        except (UpstreamError, *UNREADABLE):
            return None
