"""POST /v1/responses/compact and /v1/responses/input_tokens: a conversation made short, and how long it is."""

import secrets
from dataclasses import dataclass
from typing import Literal

import msgspec

from weighbridge.errors import UnknownModel
from weighbridge.gateway import answers
from weighbridge.gateway.chat import Chat
from weighbridge.gateway.default_model import DefaultModel
from weighbridge.gateway.responses_kept import KeptResponses
from weighbridge.transport.message import Reply, Request
from weighbridge.wire.responses.compact import CompactSurface
from weighbridge.wire.responses.counting import estimated_input
from weighbridge.wire.responses.read import wanted


class InputTokens(msgspec.Struct):
    """About how many tokens a response's request has."""

    input_tokens: int
    object: Literal["response.input_tokens"] = "response.input_tokens"
    counted_by: Literal["estimate"] = "estimate"


@dataclass(frozen=True, slots=True)
class CompactResponses:
    """The conversation summarised by a model, over chat: a request like any other, with its entry."""

    chat: Chat
    kept: KeptResponses

    async def __call__(self, request: Request, reply: Reply) -> None:
        """See Chat."""
        now = self.chat.now()
        key = self.chat.open(request, now)
        earlier = await self.kept.earlier(wanted(request.body), key)
        surface = CompactSurface(f"resp_{secrets.token_hex(16)}", lambda: int(now.timestamp()), earlier)
        await self.chat.serve(request, reply, surface)


@dataclass(frozen=True, slots=True)
class CountInputTokens:
    """An estimate, as in the ledger where nobody counts: a token for every four bytes, of tools as well.

    Pictures and files are not counted: what they come to is each model's own affair.
    """

    chat: Chat
    kept: KeptResponses

    async def __call__(self, request: Request, reply: Reply) -> None:
        """Raises BadRequest, and what a response for this key and model would."""
        chat = self.chat
        key = chat.open(request, chat.now())
        earlier = await self.kept.earlier(wanted(request.body), key)
        default = chat.default_model or DefaultModel()
        name, tokens = default.read(lambda body: estimated_input(body, earlier), request.body)
        try:
            chat.planning.check(name, key, chat.now())
        except UnknownModel:
            if not chat.switch.may_mean(name):
                raise
        answers.document(reply, InputTokens(tokens))
