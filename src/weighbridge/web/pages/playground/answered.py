"""What the gateway said to a request, read for a page. Pure; static/playground.js reads a stream the same way."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from weighbridge.web.pages.playground.asked import Call, Turn


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of a model. Its texts are a stranger's: shown as text, never as markup."""

    text: str = ""
    reasoning: str = ""
    calls: tuple[Call, ...] = ()
    refusal: str = ""
    finish: str | None = None
    """Why it ended: `stop`, `length`, `tool_calls`, `content_filter`, or whatever a provider says."""
    model: str | None = None

    @property
    def turn(self) -> Turn:
        """As it is sent again with the next question."""
        reasoning = self.reasoning if self.calls else ""
        return Turn("assistant", self.text or None, reasoning or None, self.calls)


@dataclass(frozen=True, slots=True)
class Refused:
    """An error of the gateway's."""

    status: int
    code: str
    message: str
    """In English."""
    param: str | None = None
    retry_after: int | None = None
    """Seconds."""
    receipt: str | None = None


class _Part(msgspec.Struct):
    type: str = ""
    text: str | None = None


_Content = str | list[_Part] | None


class _Message(msgspec.Struct):
    content: _Content = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    tool_calls: list[Call] | None = None


class _Choice(msgspec.Struct):
    message: _Message = msgspec.field(default_factory=_Message)
    finish_reason: str | None = None


class _Whole(msgspec.Struct):
    choices: list[_Choice] = []
    model: str | None = None


class _Fault(msgspec.Struct):
    message: str = ""
    code: str | int | None = None
    param: str | None = None


class _Failed(msgspec.Struct):
    error: _Fault | None = None


def answer_in(document: bytes) -> Answer:
    """The first choice of a chat completion. Raises ValueError where it is none."""
    try:
        whole = msgspec.json.decode(document, type=_Whole)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise ValueError(str(error)) from error
    if not whole.choices:
        raise ValueError("it has no choices")
    choice = whole.choices[0]
    message = choice.message
    return Answer(
        text=_text(message.content),
        reasoning=message.reasoning_content or message.reasoning or "",
        calls=tuple(message.tool_calls or ()),
        refusal=message.refusal or "",
        finish=choice.finish_reason,
        model=whole.model,
    )


_RECEIPT: Final = "x-weighbridge-receipt"


def refused(status: int, headers: Mapping[str, str], document: bytes) -> Refused:
    """The error in an answer, whatever it looks like; header names are in lower case."""
    try:
        fault = msgspec.json.decode(document, type=_Failed).error or _Fault()
    except (msgspec.MsgspecError, UnicodeError):
        fault = _Fault()
    after = headers.get("retry-after", "")
    return Refused(
        status=status,
        code="" if fault.code is None else str(fault.code),
        message=fault.message,
        param=fault.param,
        retry_after=int(after) if after.isdecimal() else None,
        receipt=headers.get(_RECEIPT),
    )


def _text(content: _Content) -> str:
    if isinstance(content, list):
        return "".join(part.text or "" for part in content)
    return content or ""
