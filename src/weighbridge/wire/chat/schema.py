"""The shapes of chat completion requests, as far as another dialect can say them; what they mean is in request.

https://platform.openai.com/docs/api-reference/chat/create, with fields that other makers added.
"""

from typing import Annotated, Final, Literal

import msgspec

from weighbridge.wire import calls

ABSENT: Final = msgspec.Raw()
"""The value of a field that is not looked into, where it is not there."""
EMPTY: Final = (b"", b"null", b"[]", b"{}")
_CACHED: Final = msgspec.Raw(b'{"type":"ephemeral"}')


class Cacheable(msgspec.Struct, kw_only=True, gc=False):
    """What may be the last that is worth keeping in a cache."""

    cache_control: msgspec.Raw = ABSENT
    """Anthropic's, as many clients send it to any model."""
    prompt_cache_breakpoint: msgspec.Raw = ABSENT
    """OpenAI's."""

    @property
    def cache(self) -> msgspec.Raw | None:
        """The mark, in Anthropic's words."""
        if bytes(self.cache_control) not in EMPTY:
            return self.cache_control
        return None if bytes(self.prompt_cache_breakpoint) in EMPTY else _CACHED


class Text(Cacheable, tag="text"):
    """Words."""

    text: str


class Address(msgspec.Struct, gc=False):
    """Where a picture is, or a `data:` URL with the picture itself."""

    url: str
    detail: str | None = None


class Image(Cacheable, tag="image_url"):
    """A picture."""

    image_url: Address | str


class Recording(msgspec.Struct, gc=False):
    """Sound, inline as base64."""

    data: str
    format: str


class Audio(Cacheable, tag="input_audio"):
    """Speech."""

    input_audio: Recording


class Named(msgspec.Struct, gc=False):
    """A file, inline or uploaded before."""

    file_data: str | None = None
    file_id: str | None = None
    filename: str | None = None


class File(Cacheable, tag="file"):
    """A file."""

    file: Named


class RefusalPart(Cacheable, tag="refusal"):
    """Words of a refusal, told apart from others."""

    refusal: str


class Function(msgspec.Struct, gc=False):
    """What was called."""

    name: str
    arguments: str = ""


class ToolCall(msgspec.Struct, gc=False):
    """A call of the model's."""

    id: str
    type: str = "function"
    function: Function | None = None


class Detail(msgspec.Struct, gc=False):
    """One of OpenRouter's `reasoning_details`."""

    text: str | None = None
    summary: str | None = None
    data: str | None = None
    signature: str | None = None


class System(msgspec.Struct, tag="system", tag_field="role"):
    """Instructions."""

    content: str | list[Text]
    name: str | None = None


class Developer(msgspec.Struct, tag="developer", tag_field="role"):
    """Instructions, as newer models call them."""

    content: str | list[Text]
    name: str | None = None


class User(msgspec.Struct, tag="user", tag_field="role"):
    """What the user says."""

    content: str | list[Text | Image | Audio | File]
    name: str | None = None


class Assistant(msgspec.Struct, tag="assistant", tag_field="role"):
    """What the model said."""

    content: str | list[Text | RefusalPart] | None = None
    name: str | None = None
    refusal: str | None = None
    tool_calls: list[ToolCall] | None = None
    function_call: Function | None = None
    audio: msgspec.Raw = ABSENT
    reasoning_content: str | None = None
    reasoning: str | None = None
    reasoning_details: list[Detail] | None = None


class Result(msgspec.Struct, tag="tool", tag_field="role"):
    """What a tool answered."""

    tool_call_id: str
    content: str | list[Text | Image | File]


class FunctionResult(msgspec.Struct, tag="function", tag_field="role"):
    """The same, as it was said before there were tools."""

    name: str
    content: str | None = None


Turn = System | Developer | User | Assistant | Result | FunctionResult
Shown = Text | Image | Audio | File | RefusalPart


class Described(msgspec.Struct):
    """A function that may be called."""

    name: str
    description: str | None = None
    parameters: msgspec.Raw = ABSENT
    strict: bool | None = None


class Tool(Cacheable):
    """A tool that may be called."""

    type: str = "function"
    function: Described | None = None


class Name(msgspec.Struct, gc=False):
    """A function, by its name."""

    name: str


class Head(msgspec.Struct):
    """A tool, by its name."""

    type: str = "function"
    function: Name | None = None


class Allowed(msgspec.Struct):
    """Which of the tools may be called."""

    tools: list[Head]
    mode: Literal["auto", "required"] = "auto"


class Choice(msgspec.Struct):
    """Which tool must be called, or which may."""

    type: str
    function: Name | None = None
    allowed_tools: Allowed | None = None


class PlainText(msgspec.Struct, tag="text"):
    """Any text."""


class AnyJson(msgspec.Struct, tag="json_object"):
    """Any JSON."""


class Schema(msgspec.Struct):
    """JSON of this shape."""

    name: str | None = None
    schema: msgspec.Raw = ABSENT
    description: str | None = None
    strict: bool | None = None


class BySchema(msgspec.Struct, tag="json_schema"):
    """JSON by a schema."""

    json_schema: Schema


class Reasoning(msgspec.Struct):
    """OpenRouter's."""

    effort: str | None = None
    max_tokens: Annotated[int, msgspec.Meta(ge=0)] | None = None
    enabled: bool | None = None


class Thinking(msgspec.Struct):
    """Anthropic's, which many models' own APIs took over."""

    type: str
    budget_tokens: Annotated[int, msgspec.Meta(ge=0)] | None = None


class Request(calls.GeneratingCall, kw_only=True):
    """The whole request."""

    messages: Annotated[list[Turn], msgspec.Meta(min_length=1)]
    max_completion_tokens: Annotated[int, msgspec.Meta(ge=-1)] | None = None
    tools: list[Tool] | None = None
    tool_choice: Literal["auto", "none", "required"] | Choice | None = None
    functions: msgspec.Raw = ABSENT
    function_call: msgspec.Raw = ABSENT
    parallel_tool_calls: bool | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: str | list[str] | None = None
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, msgspec.Meta(ge=0, le=20)] | None = None
    response_format: PlainText | AnyJson | BySchema | None = None
    reasoning_effort: str | None = None
    reasoning: Reasoning | None = None
    thinking: Thinking | None = None
    user: str | None = None
    safety_identifier: str | None = None
    metadata: dict[str, str] | None = None
    service_tier: str | None = None
