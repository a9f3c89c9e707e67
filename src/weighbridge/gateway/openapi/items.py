"""What a request for a response may hold in `input` and `tools`: wire/responses reads each by its type."""

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta


class InputText(msgspec.Struct, tag="input_text"):
    """Words."""

    text: str


class EarlierText(msgspec.Struct, tag="output_text"):
    """Words of an earlier answer."""

    text: str


class PlainWords(msgspec.Struct, tag="text"):
    """Words."""

    text: str


class RefusalText(msgspec.Struct, tag="refusal"):
    """An earlier refusal."""

    refusal: str


class InputImage(msgspec.Struct, tag="input_image"):
    """A picture: an http address or a data: URL."""

    image_url: str
    detail: Literal["low", "high", "auto", "original"] | None = None


class InputFile(msgspec.Struct, tag="input_file"):
    """A file, as base64 or as a data: URL. Providers of Responses take addresses and ids as well."""

    file_data: str
    filename: str | None = None


class Recording(msgspec.Struct):
    """Speech as base64."""

    data: str
    format: str


class InputAudio(msgspec.Struct, tag="input_audio"):
    """Speech."""

    input_audio: Recording


_Words = InputText | EarlierText | PlainWords
_Shown = _Words | InputImage | InputFile


class AskingItem(msgspec.Struct):
    """What is said to the model."""

    role: Literal["user", "system", "developer"]
    content: str | list[_Shown | InputAudio]
    type: Literal["message"] | None = None


class AnsweringItem(msgspec.Struct):
    """What a model has said."""

    role: Literal["assistant"]
    content: str | list[_Words | RefusalText]
    type: Literal["message"] | None = None


class FunctionCallItem(msgspec.Struct, tag="function_call"):
    """A function that the model wanted called."""

    call_id: str
    name: str
    arguments: str
    namespace: str | None = None


class CustomCallItem(msgspec.Struct, tag="custom_tool_call"):
    """A tool of one text that the model wanted called."""

    call_id: str
    name: str
    input: str
    namespace: str | None = None


class FunctionResultItem(msgspec.Struct, tag="function_call_output"):
    """What a function answered."""

    call_id: str
    output: str | list[_Shown]


class CustomResultItem(msgspec.Struct, tag="custom_tool_call_output"):
    """What a tool of one text answered."""

    call_id: str
    output: str | list[_Shown]


class ThoughtWords(msgspec.Struct):
    """Words of reasoning."""

    text: str


class ReasoningItem(msgspec.Struct, tag="reasoning"):
    """What a model has thought."""

    summary: list[ThoughtWords] | None = None
    content: list[ThoughtWords] | None = None
    encrypted_content: str | None = None
    id: str | None = None


class FunctionTool(msgspec.Struct, tag="function"):
    """A function that the model may call; `parameters` is a JSON schema."""

    name: str
    description: str | None = None
    parameters: Any = None
    strict: bool | None = None


class Grammar(msgspec.Struct):
    """What the text of a custom tool looks like; it is told to the model, and not enforced."""

    type: str
    syntax: str | None = None
    definition: str | None = None


class CustomTool(msgspec.Struct, tag="custom"):
    """A tool of one text."""

    name: str
    description: str | None = None
    format: Grammar | None = None


class Namespace(msgspec.Struct, tag="namespace"):
    """Tools that have a name in common."""

    name: str
    tools: list[FunctionTool | CustomTool]


class WebSearch(msgspec.Struct, tag="web_search"):
    """Is left out, unless the provider speaks Responses itself."""


ITEMS: Final = (
    AskingItem,
    AnsweringItem,
    FunctionCallItem,
    CustomCallItem,
    FunctionResultItem,
    CustomResultItem,
    ReasoningItem,
)
"""All kinds. The first two have a type only if the client likes, so that msgspec takes them for no union."""
_refs: Final = [{"$ref": f"#/components/schemas/Responses{kind.__name__}"} for kind in ITEMS]
_Item = Annotated[
    msgspec.Raw,
    Meta(
        description="Also `item_reference` with the `id` of an item that is kept, and what a compaction gave.",
        extra_json_schema={"anyOf": _refs},
    ),
]
Input = str | Annotated[list[_Item], Meta(min_length=1)]
AnyInput = str | list[_Item]
Tool = FunctionTool | CustomTool | Namespace | WebSearch
