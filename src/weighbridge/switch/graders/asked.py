"""What graders read of a chat completion request."""

from typing import Annotated, Any, Literal

import msgspec

from weighbridge.wire.decoding import UNREADABLE

Format = Literal["text", "json_object", "json_schema"]
Json = Any
"""A JSON document: None, bool, int, float, str, list or dict, to any depth."""


class _Part(msgspec.Struct):
    text: str | None = None


class Message(msgspec.Struct):
    """One of a conversation."""

    role: str = ""
    content: str | list[_Part] | None = None

    @property
    def text(self) -> str:
        """Its words; pictures and sounds have none."""
        if self.content is None or isinstance(self.content, str):
            return self.content or ""
        return "\n".join(part.text for part in self.content if part.text is not None)


class _Function(msgspec.Struct):
    name: str = ""
    parameters: Json = None


class _Tool(msgspec.Struct):
    function: _Function = msgspec.field(default_factory=_Function)


class _Schema(msgspec.Struct):
    document: Annotated[Json, msgspec.Meta(description="of JSON Schema")] = msgspec.field(default=None, name="schema")


class _ResponseFormat(msgspec.Struct):
    type: str = "text"
    json_schema: _Schema | None = None


class Asked(msgspec.Struct):
    """The fields that graders go by."""

    messages: list[Message] = []
    response_format: _ResponseFormat | None = None
    tools: list[_Tool] | None = None

    @property
    def format(self) -> Format:
        """Of the answer, as the request wants it."""
        kind = "text" if self.response_format is None else self.response_format.type
        if kind == "json_object":
            return "json_object"
        return "json_schema" if kind == "json_schema" else "text"

    @property
    def schema(self) -> Json:
        """The JSON Schema that an answer must keep to; None where there is none."""
        if self.response_format is None or self.response_format.json_schema is None:
            return None
        return self.response_format.json_schema.document

    @property
    def parameters(self) -> dict[str, Json]:
        """The JSON Schema of every tool's arguments, by its name."""
        return {tool.function.name: tool.function.parameters for tool in self.tools or ()}


_decoder = msgspec.json.Decoder(Asked)


def asked(body: bytes) -> Asked:
    """Read a request. One that is none asks for nothing in particular."""
    try:
        return _decoder.decode(body)
    except UNREADABLE:
        return Asked()
