"""What keys have kept of their requests and answers: written down as it goes by, and handed over at the end.

It stands around the reply, so that what is kept is what the client got, whichever dialect, provider or cache it came
from, and however it ended. Of requests whose key has not asked for it nothing passes here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from weighbridge.gateway.overhearing import Overheard
from weighbridge.gateway.tab import Tab
from weighbridge.texts.keeper import LONGEST, Keeper, Taken
from weighbridge.texts.text import Dialect, Text
from weighbridge.transport.message import Reply, Request

DIALECTS: Final[Mapping[str, Dialect]] = {
    "/v1/chat/completions": "chat",
    "/api/v1/chat/completions": "openrouter",
    "/v1/messages": "messages",
    "/api/v1/messages": "messages",
    "/v1/responses": "responses",
    "/api/v1/responses": "responses",
    "/v1/responses/compact": "compact",
    "/v1/completions": "completions",
    "/api/v1/completions": "completions",
    "/v1/embeddings": "embeddings",
    "/api/v1/embeddings": "embeddings",
    "/v1/rerank": "rerank",
    "/api/v1/rerank": "rerank",
}
_INPUTS: Final = frozenset({"embeddings", "rerank"})
"""Kept where the key asks for these too: what is embedded is often a whole library."""
_MEANING: Final = (b"anthropic-beta", b"anthropic-version", b"openai-beta", b"x-title", b"http-referer")
"""Headers that change what a request means, and by which applications name themselves; others are not kept."""


@dataclass(frozen=True, slots=True)
class KeepingTexts:
    """Takes down what is said, for keys that have asked for it."""

    keeper: Keeper

    def take(self, request: Request, reply: Reply, tab: Tab, now: datetime) -> "TakenDown | None":
        """A reply that writes down what it passes on; None where the key keeps nothing of such a request.

        Raises TextsUnavailable where it must be kept, and cannot be.
        """
        wish = tab.key.keeps
        dialect = DIALECTS[request.path]
        if wish is None or (dialect in _INPUTS and not wish.inputs):
            return None
        self.keeper.check()
        return TakenDown(request, reply, tab, self.keeper, (dialect, now))


class TakenDown(Overheard):
    """See Reply. What is written is noted on its way."""

    __slots__ = ("_at", "_dialect", "_keeper", "_noted", "_parts", "_request", "_tab")

    def __init__(
        self, request: Request, inner: Reply, tab: Tab, keeper: Keeper, what: tuple[Dialect, datetime]
    ) -> None:
        """`what` is the request's dialect, and when it came."""
        super().__init__(inner)
        self._request = request
        self._tab = tab
        self._keeper = keeper
        self._dialect, self._at = what
        self._parts: list[bytes] | None = []
        self._noted = 0

    def hand_over(self) -> None:
        """The request has come to its end, whichever: what was said goes to the disk."""
        tab, wish = self._tab, self._tab.key.keeps
        self._keeper.held -= self._noted
        if wish is None:
            return
        given = self._parts is None or bool(self._parts)
        wanted = self._dialect != "embeddings"  # vectors are no text, and are many
        text = Text(
            receipt=tab.id,
            at=self._at,
            key=tab.key.id,
            dialect=self._dialect,
            model=tab.model,
            request=self._request.body,
            answer=None,
            user=None if tab.call is None else tab.call.end_user,
            headers=_meaning(self._request.headers),
            lacks=None if not given else "not_asked_for" if not wanted else "too_long" if self._parts is None else None,
        )
        parts = self._parts if given and wanted else None
        self._keeper.keep(Taken(text, wish.days, parts, self.streamed))

    def hear(self, data: bytes) -> None:
        """See Overheard.hear."""
        if self._parts is None or not data:
            return
        self._noted += len(data)
        self._keeper.held += len(data)
        self._parts.append(data)
        if self._noted > LONGEST or self._keeper.full:
            self._parts = None
            self._keeper.held -= self._noted
            self._noted = 0


def _meaning(headers: Mapping[bytes, bytes]) -> dict[str, str]:
    return {name.decode(): headers[name].decode("latin-1") for name in _MEANING if name in headers}
