"""The objects of the Responses format that we write, their fields in OpenAI's order."""

import zlib
from typing import Final, Literal

import msgspec

from weighbridge.wire.inner import Likely
from weighbridge.wire.usage import Usage

Status = Literal["in_progress", "completed", "incomplete"]
_PREFIX: Final = "resp_"
_LONGEST_NAME: Final = 64


class TopLogprob(msgspec.Struct):
    """A token that might have stood there."""

    token: str
    logprob: float
    bytes: list[int]


class Logprob(msgspec.Struct):
    """A token of the answer."""

    token: str
    logprob: float
    bytes: list[int]
    top_logprobs: list[TopLogprob]


class OutputText(msgspec.Struct, tag="output_text"):
    """Words of the answer."""

    text: str
    annotations: list[msgspec.Raw] = []
    logprobs: list[Logprob] = []


class RefusalPart(msgspec.Struct, tag="refusal"):
    """Words for why not."""

    refusal: str


class ReasoningText(msgspec.Struct, tag="reasoning_text"):
    """Words of the reasoning."""

    text: str


class Message(msgspec.Struct, tag="message"):
    """What the model says."""

    id: str
    content: list[OutputText | RefusalPart]
    status: Status
    role: Literal["assistant"] = "assistant"


class Reasoning(msgspec.Struct, tag="reasoning"):
    """What the model thought before."""

    id: str
    summary: list[msgspec.Raw] = []
    content: list[ReasoningText] = []
    encrypted_content: str | msgspec.UnsetType = msgspec.UNSET


class FunctionCall(msgspec.Struct, tag="function_call"):
    """A function that the model wants called."""

    id: str
    call_id: str
    name: str
    arguments: str
    status: Status
    namespace: str | msgspec.UnsetType = msgspec.UNSET


class CustomCall(msgspec.Struct, tag="custom_tool_call"):
    """A tool of one text that the model wants called."""

    id: str
    call_id: str
    name: str
    input: str
    namespace: str | msgspec.UnsetType = msgspec.UNSET


Item = Message | Reasoning | FunctionCall | CustomCall


class Incomplete(msgspec.Struct):
    """Why a response is not whole."""

    reason: str


class Failure(msgspec.Struct):
    """What broke a response off; `code` is one of OpenAI's."""

    code: str
    message: str


class Top(msgspec.Struct):
    """The fields of a response besides those it repeats from its request."""

    id: str
    created_at: int
    status: Literal["in_progress", "completed", "incomplete", "failed", "cancelled"]
    completed_at: int | None
    error: Failure | None
    incomplete_details: Incomplete | None
    output: list[Item]
    usage: msgspec.Raw | None
    object: Literal["response"] = "response"


class _InputDetails(msgspec.Struct):
    cached_tokens: int
    cache_write_tokens: int


class _OutputDetails(msgspec.Struct):
    reasoning_tokens: int


class _Usage(msgspec.Struct):
    input_tokens: int
    input_tokens_details: _InputDetails
    output_tokens: int
    output_tokens_details: _OutputDetails
    total_tokens: int
    cost: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


def usage_object(usage: Usage | None, cost: str | None) -> msgspec.Raw | None:
    """The tokens, and in US dollars what they cost. Where nobody counted a part, the format wants a 0."""
    if usage is None:
        return None
    said = _Usage(
        input_tokens=usage.prompt,
        input_tokens_details=_InputDetails(usage.cached or 0, usage.written or 0),
        output_tokens=usage.completion,
        output_tokens_details=_OutputDetails(usage.reasoning or 0),
        total_tokens=usage.prompt + usage.completion,
        cost=msgspec.UNSET if cost is None else msgspec.Raw(cost.encode()),
    )
    return msgspec.Raw(msgspec.json.encode(said))


def logprob(likely: Likely) -> Logprob:
    """A token as the format has it, which wants its bytes."""
    others = [TopLogprob(each.token, each.logprob, _bytes(each)) for each in likely.top_logprobs]
    return Logprob(likely.token, likely.logprob, _bytes(likely), others)


def _bytes(likely: Likely) -> list[int]:
    return list(likely.token.encode(errors="replace")) if likely.bytes is None else likely.bytes


def full_name(namespace: str | None, name: str) -> str:
    """What a tool of a namespace is called among all tools; the same each time, and no longer than providers take."""
    if namespace is None:
        return name
    full = f"{namespace.removesuffix('__')}__{name}"
    return full if len(full) <= _LONGEST_NAME else f"{full[: _LONGEST_NAME - 9]}_{zlib.crc32(full.encode()):08x}"


def item_id(prefix: str, response: str, index: int) -> str:
    """The id of a response's item; `response_of` finds the way back."""
    return f"{prefix}_{response.removeprefix(_PREFIX)}{index:04x}"


def response_of(item: str) -> str:
    """The id of the response that an item of this id would be of."""
    return _PREFIX + item.partition("_")[2][:-4]
