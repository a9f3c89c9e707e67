"""Items of the Responses format read into the turns of a conversation.

Neighbouring items of the assistant (reasoning, words, tool calls) are one turn, and so are neighbouring results of
tools. Lost on the way, as no turn has a place for them: ids and statuses, the `phase` of a message, annotations and
logprobs of earlier words.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, TypeVar

import msgspec

from weighbridge.errors import BadRequest
from weighbridge.wire.decoding import UNREADABLE
from weighbridge.wire.inner import (
    Document,
    Message,
    Part,
    Picture,
    Refusal,
    Role,
    Sound,
    Text,
    Thought,
    ToolResult,
    ToolUse,
)
from weighbridge.wire.responses.compaction import SUMMARIES, opened, summary_turn
from weighbridge.wire.responses.objects import full_name, item_id

T = TypeVar("T")
_PATH: Final = re.compile(r" - at `\$?\.?(.*)`$")
_MISSING: Final = re.compile(r"missing required field `(\w+)`")


class _Head(msgspec.Struct):
    type: str | None = None
    role: str | None = None
    id: str | None = None


class _Message(msgspec.Struct):
    role: Role
    content: str | list[msgspec.Raw]


class _FunctionCall(msgspec.Struct):
    call_id: str
    name: str
    arguments: str
    namespace: str | None = None


class _CustomCall(msgspec.Struct):
    call_id: str
    name: str
    input: str
    namespace: str | None = None


class _Output(msgspec.Struct):
    call_id: str
    output: str | list[msgspec.Raw]


class _Words(msgspec.Struct):
    text: str


class _Reasoning(msgspec.Struct):
    summary: list[_Words] | None = None
    content: list[_Words] | None = None
    encrypted_content: str | None = None
    id: str | None = None


class _Compaction(msgspec.Struct):
    encrypted_content: str


class _InputText(msgspec.Struct, tag="input_text"):
    text: str


class _OutputText(msgspec.Struct, tag="output_text"):
    text: str


class _PlainText(msgspec.Struct, tag="text"):
    text: str


class _Refusal(msgspec.Struct, tag="refusal"):
    refusal: str


class _Image(msgspec.Struct, tag="input_image"):
    image_url: str | None = None
    file_id: str | None = None
    detail: Literal["low", "high", "auto", "original"] | None = None


class _File(msgspec.Struct, tag="input_file"):
    file_data: str | None = None
    file_url: str | None = None
    file_id: str | None = None
    filename: str | None = None


class _Recording(msgspec.Struct):
    data: str
    format: str


class _Audio(msgspec.Struct, tag="input_audio"):
    input_audio: _Recording


_Content = _InputText | _OutputText | _PlainText | _Refusal | _Image | _File | _Audio


class CustomInput(msgspec.Struct):
    """The arguments of the function that a custom tool is to the model."""

    input: str


_heads: Final = msgspec.json.Decoder(_Head)
_messages: Final = msgspec.json.Decoder(_Message)
_function_calls: Final = msgspec.json.Decoder(_FunctionCall)
_custom_calls: Final = msgspec.json.Decoder(_CustomCall)
_outputs: Final = msgspec.json.Decoder(_Output)
_reasonings: Final = msgspec.json.Decoder(_Reasoning)
_compactions: Final = msgspec.json.Decoder(_Compaction)
_contents: Final[msgspec.json.Decoder[_Content]] = msgspec.json.Decoder(_Content)
_CALLS: Final = ("function_call", "custom_tool_call")
_RESULTS: Final = ("function_call_output", "custom_tool_call_output")
_PREFIXES: Final = {
    "message": "msg",
    "reasoning": "rs",
    "function_call": "fc",
    "function_call_output": "fco",
    "custom_tool_call": "ctc",
    "custom_tool_call_output": "ctco",
    "compaction": "cmp",
    "compaction_summary": "cmp",
}
_INPUT: Final = 0x8000
"""What went in is numbered from here, what came out from 0."""
NULL: Final = msgspec.Raw(b"null")
_objects: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_KNOWN: Final = ("message", "reasoning", "item_reference", *_CALLS, *_RESULTS, *SUMMARIES)
_NO_STATUS: Final = ("reasoning", *SUMMARIES)


def decoded(decoder: "msgspec.json.Decoder[T]", document: bytes | msgspec.Raw, where: str) -> T:
    """The document, which stands at `where` in the request. Raises BadRequest naming the field at fault."""
    try:
        return decoder.decode(document)
    except msgspec.ValidationError as exc:
        raise fault(str(exc), where) from exc
    except UNREADABLE as exc:
        raise BadRequest(f"{where or 'the body'}: {exc}", param=where or None) from exc


def fault(said: str, where: str) -> BadRequest:
    """What msgspec said of a document at `where`, with the field named in our way."""
    found = _PATH.search(said)
    inside = found[1] if found is not None else ""
    missing = _MISSING.search(said)
    names = [where, inside, missing[1] if missing else ""]
    param = ".".join(name for name in names if name).replace(".[", "[")
    text = said if found is None else said[: found.start()]
    return BadRequest(f"{param}: {text}" if param else text, param=param or None)


def turns(
    items: Sequence[msgspec.Raw], where: str, known: Mapping[str, msgspec.Raw], called: set[str]
) -> list[Message]:
    """The conversation that the items are; `known` has those that an `item_reference` may name, by their ids.

    `called` has the ids of the tool calls before, and gets those of these items. Raises BadRequest naming the item at
    fault.
    """
    conversation = _Conversation(known, called)
    for at, item in enumerate(items):
        conversation.add(item, f"{where}[{at}]")
    return conversation.messages


class _Conversation:
    def __init__(self, known: Mapping[str, msgspec.Raw], called: set[str]) -> None:
        self._known = known
        self._called = called
        self.messages: list[Message] = []
        self._said = False
        """The assistant's turn under way has had its words: more of them are another turn."""

    def add(self, item: msgspec.Raw, where: str) -> None:
        head = decoded(_heads, item, where)
        kind = head.type or ("message" if head.role else "item_reference" if head.id else None)
        if kind == "message":
            self._message(decoded(_messages, item, where), where)
        elif kind in _CALLS:
            use = _use(item, kind, where)
            self._called.add(use.id)
            self._assistant(use)
        elif kind in _RESULTS:
            self._result(decoded(_outputs, item, where), where)
        elif kind == "reasoning":
            self._assistant(_thought(decoded(_reasonings, item, where)))
        elif kind in SUMMARIES:
            self.messages.append(_summary(decoded(_compactions, item, where), where))
        elif kind == "item_reference":
            self._referred(head.id, where)
        else:
            said = "an item has a type" if kind is None else f"an item of the type {kind!r} cannot be passed on"
            raise BadRequest(f"{where}.type: {said}; those known: {', '.join(_KNOWN)}", param=f"{where}.type")

    def _message(self, message: _Message, where: str) -> None:
        parts = _parts(message.content, f"{where}.content")
        if message.role != "assistant":
            self.messages.append(Message(message.role, parts))
            return
        if self._said:
            self._begin("assistant")
        self._assistant(*parts)
        self._said = True

    def _assistant(self, *parts: Part) -> None:
        if not self.messages or self.messages[-1].role != "assistant":
            self._begin("assistant")
        self.messages[-1].parts.extend(parts)

    def _begin(self, role: Role) -> None:
        self.messages.append(Message(role, []))
        self._said = False

    def _result(self, output: _Output, where: str) -> None:
        parts = _parts(output.output, f"{where}.output")
        if output.call_id not in self._called:
            param = f"{where}.call_id"
            raise BadRequest(f"{param}: no tool call {output.call_id!r} stands before its output", param=param)
        kept = [part for part in parts if isinstance(part, Text | Picture | Document)]
        if len(kept) < len(parts):
            raise BadRequest(f"{where}.output: a tool answers text, images and files", param=f"{where}.output")
        last = self.messages[-1] if self.messages else None
        if last is None or last.role != "user" or not all(isinstance(part, ToolResult) for part in last.parts):
            self._begin("user")
        self.messages[-1].parts.append(ToolResult(id=output.call_id, parts=kept))

    def _referred(self, id_: str | None, where: str) -> None:
        found = self._known.get(id_ or "")
        if found is None:
            raise BadRequest(
                f"{where}.id: there is no item {id_!r} here for this key; send the item itself", param=f"{where}.id"
            )
        self.add(found, where)


def _use(item: msgspec.Raw, kind: str, where: str) -> ToolUse:
    if kind == "custom_tool_call":
        custom = decoded(_custom_calls, item, where)
        arguments = msgspec.json.encode(CustomInput(custom.input)).decode()
        return ToolUse(id=custom.call_id, name=full_name(custom.namespace, custom.name), arguments=arguments)
    call = decoded(_function_calls, item, where)
    return ToolUse(id=call.call_id, name=full_name(call.namespace, call.name), arguments=call.arguments)


def _summary(compaction: _Compaction, where: str) -> Message:
    summary = opened(compaction.encrypted_content)
    if summary is None:
        param = f"{where}.encrypted_content"
        raise BadRequest(
            f"{param}: no compaction of this gateway's: one of another maker's cannot be read here; send the items"
            " themselves, or compact them at /v1/responses/compact",
            param=param,
        )
    return summary_turn(summary)


def _thought(reasoning: _Reasoning) -> Thought:
    """The reasoning itself, or where there is none its summary."""
    words = reasoning.content or reasoning.summary or []
    return Thought(
        text="\n\n".join(each.text for each in words), sealed=reasoning.encrypted_content or None, id=reasoning.id
    )


def _parts(content: str | list[msgspec.Raw], where: str) -> list[Any]:
    """`Any`: a list of parts is handed to those who take some kinds only."""
    if isinstance(content, str):
        return [Text(text=content)]
    return [_part(each, f"{where}[{at}]") for at, each in enumerate(content)]


def _part(content: msgspec.Raw, where: str) -> Part:
    match decoded(_contents, content, where):
        case _InputText(text) | _OutputText(text) | _PlainText(text):
            return Text(text=text)
        case _Refusal(refusal):
            return Refusal(text=refusal)
        case _Image() as image:
            return _picture(image, where)
        case _File() as file:
            return _document(file, where)
        case _Audio(recording):
            return Sound(data=recording.data, format=recording.format)


def _picture(image: _Image, where: str) -> Picture:
    if image.image_url is None:
        said = "files of OpenAI's are not here" if image.file_id else "an image has an address"
        raise BadRequest(f"{where}.image_url: {said}: send an http address or a data: URL", param=f"{where}.image_url")
    inline = _inline(image.image_url)
    if inline is None:
        return Picture(url=image.image_url, detail=image.detail)
    return Picture(media_type=inline[0], data=inline[1], detail=image.detail)


def _document(file: _File, where: str) -> Document:
    if file.file_data is None:
        if file.file_url is None and file.file_id is None:
            raise BadRequest(f"{where}.file_data: a file has data, an address or an id", param=f"{where}.file_data")
        return Document(url=file.file_url, file_id=file.file_id, name=file.filename)
    media_type, data = _inline(file.file_data) or ("application/pdf", file.file_data)
    return Document(media_type=media_type, data=data, name=file.filename)


def _inline(url: str) -> tuple[str, str] | None:
    """Media type and base64 of a `data:` URL."""
    if not url.startswith("data:"):
        return None
    media_type, found, data = url[len("data:") :].partition(";base64,")
    return (media_type, data) if found else None


def listed(items: Sequence[msgspec.Raw], response: str) -> list[msgspec.Raw]:
    """The items that went into a response, as it is kept: each with a type and an id, messages in parts."""
    return [_listed(item, response, at) for at, item in enumerate(items)]


def _listed(item: msgspec.Raw, response: str, at: int) -> msgspec.Raw:
    fields = _objects.decode(item)
    kind = _heads.decode(item).type or "message"
    fields["type"] = msgspec.Raw(msgspec.json.encode(kind))
    if fields.get("id", NULL) == NULL:
        fields["id"] = msgspec.Raw(msgspec.json.encode(item_id(_PREFIXES.get(kind, "item"), response, _INPUT + at)))
    if kind not in _NO_STATUS:
        fields.setdefault("status", msgspec.Raw(b'"completed"'))
    if kind == "message" and bytes(fields["content"])[:1] == b'"':
        said = "output_text" if _heads.decode(item).role == "assistant" else "input_text"
        extra = b',"annotations":[],"logprobs":[]' if said == "output_text" else b""
        text = b'[{"type":"%b","text":%b%b}]' % (said.encode(), bytes(fields["content"]), extra)
        fields["content"] = msgspec.Raw(text)
    return msgspec.Raw(msgspec.json.encode(fields))


def resolved(items: Sequence[msgspec.Raw], known: Mapping[str, msgspec.Raw]) -> list[msgspec.Raw]:
    """The items with those in the place of references that are meant by them."""
    if not known:
        return list(items)
    return [known.get(_heads.decode(item).id or "", item) if _is_reference(item) else item for item in items]


def is_users(item: msgspec.Raw) -> bool:
    """Whether it is a message of the user's."""
    head = _heads.decode(item)
    return head.role == "user" and head.type in (None, "message")


def _is_reference(item: msgspec.Raw) -> bool:
    head = _heads.decode(item)
    return head.type == "item_reference" or (head.type is None and head.role is None)
