"""An answer's text put right: thoughts and tool calls that the upstream left in it become what they are.

Made for one answer by the habits of the model that gives it; None where there is nothing to put right.
"""

import hashlib
from collections.abc import Sequence
from typing import Final

import msgspec

from weighbridge.wire.decoding import UNREADABLE
from weighbridge.wire.habits.harmony import Harmony
from weighbridge.wire.habits.leaked_formats import Use
from weighbridge.wire.habits.leaked_tools import LeakedTools
from weighbridge.wire.habits.offered import Offered, offered
from weighbridge.wire.habits.profile import Habits
from weighbridge.wire.habits.think import Thinker
from weighbridge.wire.inner import (
    Began,
    Event,
    Finish,
    Finished,
    Said,
    ThoughtOn,
    ToolBegan,
    ToolWent,
)


class _Kind(msgspec.Struct, gc=False):
    type: str | None = None


class _Kwargs(msgspec.Struct, gc=False):
    enable_thinking: bool | None = None
    thinking: bool | None = None


class _Switched(msgspec.Struct, gc=False):
    n: int | None = None
    chat_template_kwargs: _Kwargs | None = None
    thinking: _Kind | bool | None = None
    enable_thinking: bool | None = None


_switched: Final = msgspec.json.Decoder(_Switched)


def repair_for(habits: Habits | None, sent: bytes) -> "Repair | None":
    """What puts right the answer to `sent`, the chat completion request as the provider got it."""
    if habits is None or not habits.repairs:
        return None
    tools = offered(sent) if habits.leaks or habits.channels else {}
    if habits.tags is None and not (tools or habits.channels or habits.parts):
        return None
    try:
        said = _switched.decode(sent)
    except UNREADABLE:
        said = _Switched()
    return Repair(habits, tools, thinks=_thinks(habits, said), alone=said.n in (None, 1))


def _thinks(habits: Habits, said: _Switched) -> bool:
    """Whether the model thinks before this answer, as far as the request tells."""
    if habits.thinks in ("never", "always"):
        return habits.thinks == "always"
    kwargs = said.chat_template_kwargs or _Kwargs()
    thinking = said.thinking.type != "disabled" if isinstance(said.thinking, _Kind) else said.thinking
    told = (kwargs.enable_thinking, kwargs.thinking, thinking, said.enable_thinking)
    return next((one for one in told if one is not None), habits.thinks == "unless-off")


class Repair:
    """Puts right one answer, event by event. `fresh` makes another of its kind, for another choice."""

    __slots__ = (
        "_alone",
        "_finished",
        "_habits",
        "_id",
        "_leaks",
        "_offered",
        "_theirs",
        "_thinker",
        "_thinks",
        "_used",
    )

    def __init__(self, habits: Habits, tools: Offered, *, thinks: bool, alone: bool = True) -> None:
        self._habits = habits
        self._offered = tools
        self._thinks = thinks
        self._alone = alone
        tags = habits.tags
        self._thinker: Thinker | Harmony | None = None
        if habits.channels:
            self._thinker = Harmony(tools)
        elif tags is not None:
            self._thinker = Thinker(tags.open, tags.close, opened=tags.opened and thinks)
        self._leaks = LeakedTools(habits.leaks, tools) if habits.leaks and tools else None
        self._id = ""
        self._used = 0
        """Tool uses so far, found in the text or reported."""
        self._theirs: dict[int, int] = {}
        self._finished = False

    def fresh(self) -> "Repair":
        """One for another answer to the same request."""
        return Repair(self._habits, self._offered, thinks=self._thinks, alone=False)

    @property
    def calm(self) -> bool:
        """Whether the one answer there is has come to its words, so that text without a `<` stays as it is."""
        if not self._alone or self._used or self._habits.parts:
            return False
        thinker = self._thinker
        return (thinker is None or thinker.saying) and (self._leaks is None or self._leaks.calm)

    def words(self, text: str) -> bool:
        """Whether the text that comes now is words of the answer, and stays as it is: most of all text is."""
        thinker = self._thinker
        if thinker is not None and not thinker.saying:
            return False
        return self._leaks is None or self._leaks.words(text)

    def put_right(self, events: Sequence[Event]) -> list[Event]:
        """The events that these come to."""
        out: list[Event] = []
        for event in events:
            kind = event.__class__
            if kind is Said:
                self._text(event.text, out)  # type: ignore[union-attr] # it is Said
            elif kind is Finished:
                self._finish(event, out)  # type: ignore[arg-type] # it is Finished
            else:
                self._other(event, out)
        return out

    def elsewhere(self) -> None:
        """Reasoning came in a field of its own: the text does not begin inside a thought."""
        if isinstance(self._thinker, Thinker):
            self._thinker.elsewhere()

    def whole(self, text: str) -> None:
        """All of the text is known, and came to its end: whether it begins inside a thought need not be guessed."""
        tags = self._habits.tags
        if isinstance(self._thinker, Thinker) and tags is not None and tags.close not in text:
            self._thinker.elsewhere()

    def rest(self, *, cut: bool = True) -> list[Event]:
        """What was still held back, where the answer ended without a word of it."""
        out: list[Event] = []
        if not self._finished:
            self._finished = True
            self._end(out, cut=cut)
        return out

    def called(self, finish: Finish) -> Finish:
        """Why the answer ended, now that its calls are known."""
        return "tool_use" if self._used and finish == "stop" else finish

    def _other(self, event: Event, out: list[Event]) -> None:
        match event:
            case Began(id=id_):
                self._id = id_
            case ThoughtOn():
                self.elsewhere()
            case ToolBegan(index, id_, name):
                self._theirs[index] = self._used
                self._used += 1
                event = ToolBegan(self._theirs[index], id_, name)
            case ToolWent(index, arguments):
                event = ToolWent(self._theirs.get(index, index), arguments)
            case _:
                pass
        out.append(event)

    def _finish(self, finished: Finished, out: list[Event]) -> None:
        if not self._finished:
            self._finished = True
            self._end(out, cut=finished.finish == "length")
        out.append(Finished(self.called(finished.finish), finished.stop_sequence))

    def _text(self, text: str, out: list[Event]) -> None:
        if self._thinker is None:
            self._said(text, out)
        else:
            self._split(self._thinker.feed(text), out)

    def _end(self, out: list[Event], *, cut: bool) -> None:
        if self._thinker is not None:
            self._split(self._thinker.end(cut=cut), out)
        if self._leaks is not None:
            self._pieces(self._leaks.end(cut=cut), out)

    def _split(self, pieces: Sequence[ThoughtOn | Said | tuple[bool, str] | Use], out: list[Event]) -> None:
        for piece in pieces:
            if isinstance(piece, ThoughtOn):
                out.append(piece)
            elif isinstance(piece, Said):
                self._said(piece.text, out)
            elif isinstance(piece, Use):
                self._use(piece, out)
            elif piece[0]:
                out.append(ThoughtOn(piece[1]))
            else:
                self._said(piece[1], out)

    def _said(self, text: str, out: list[Event]) -> None:
        if self._leaks is None:
            out.append(Said(text))
        else:
            self._pieces(self._leaks.feed(text), out)

    def _pieces(self, pieces: Sequence[str | Use], out: list[Event]) -> None:
        for piece in pieces:
            if isinstance(piece, Use):
                self._use(piece, out)
            elif piece:
                out.append(Said(piece))

    def _use(self, use: Use, out: list[Event]) -> None:
        index = self._used
        self._used += 1
        out.append(ToolBegan(index, use.id or _made_id(self._id, index), use.name))
        out.append(ToolWent(index, use.arguments))


def _made_id(answer: str, index: int) -> str:
    """An id that no other answer's call has, in the nine letters and digits that Mistral's models insist on."""
    return hashlib.blake2b(f"{answer}/{index}".encode(), digest_size=8).hexdigest()[:9]
