"""POST /v1/messages/count_tokens: about how many tokens a message's request has. Nothing is asked of a provider."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec

from weighbridge.accounts.keys import Key, allow
from weighbridge.catalog.model import Catalog
from weighbridge.gateway import answers
from weighbridge.providers.base import Provider
from weighbridge.routing.plan import model_named
from weighbridge.transport.message import Reply, Request
from weighbridge.wire.messages.surface import estimated_input


class TokenCount(msgspec.Struct):
    """About how many tokens a request has."""

    input_tokens: int
    counted_by: str = "estimate"


@dataclass(frozen=True, slots=True)
class CountTokens:
    """An estimate, as in the ledger where nobody counts: a token for every four bytes, of tools as well.

    Pictures and files are not counted: what they come to is each model's own affair.
    """

    open: Callable[[Request, datetime], Key]
    catalog: Callable[[], Catalog]
    providers: Mapping[str, Provider]
    now: Callable[[], datetime]

    async def __call__(self, request: Request, reply: Reply) -> None:
        """Raises BadRequest, and what a message for this key and model would."""
        key = self.open(request, self.now())
        name, tokens = estimated_input(request.body)
        allow(key, model_named(name, self.catalog(), self.providers).id)
        answers.document(reply, TokenCount(tokens))
