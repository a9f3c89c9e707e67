"""POST /v1/messages: a message, from a provider of Messages as it is, from any other as a chat completion."""

import re
from dataclasses import dataclass
from typing import Final

from weighbridge.gateway.chat import Chat
from weighbridge.transport.message import Reply, Request
from weighbridge.wire.messages.surface import MESSAGES, MessagesSurface

_BETAS: Final = re.compile(rb"[\x21-\x7e][\x20-\x7e]*")


@dataclass(frozen=True, slots=True)
class Messages:
    """The handler."""

    chat: Chat

    async def __call__(self, request: Request, reply: Reply) -> None:
        """Answer one request. See Chat."""
        surface = MESSAGES
        if "messages" in self.chat.spoken:
            surface = MessagesSurface(natively=True, betas=betas(request))
        await self.chat.serve(request, reply, surface)


def betas(request: Request) -> bytes:
    """The client's `anthropic-beta`, for a provider that knows what it means."""
    said = _BETAS.fullmatch(request.headers.get(b"anthropic-beta", b""))
    return said[0] if said else b""
