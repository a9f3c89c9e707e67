"""A conversation with a model in the one form every dialect is read into and written from.

A dialect (chat, responses, messages) has its own files beside this one: it reads its requests into a `Call`, and writes
an `Answer`, or the events of a stream one by one. What both sides can say passes through unchanged; what only one can
is in that file's table of losses, as an error or as a drop.

Names follow the chat format where it has one. Times are seconds, tokens are counts, JSON that we do not look into stays
the bytes it came in (`msgspec.Raw`).
"""

from typing import Literal

import msgspec

from weighbridge.wire.usage import Usage

Role = Literal["system", "developer", "user", "assistant"]
Finish = Literal["stop", "stop_sequence", "length", "tool_use", "filter", "refusal", "pause"]
"""Why an answer ended. `stop` by itself, `stop_sequence` at a text the request named, `length` at a limit of tokens,
`tool_use` to have tools called, `filter` by the provider's moderation, `pause` to be asked to go on."""


class _Part(msgspec.Struct, kw_only=True, omit_defaults=True):
    cache: msgspec.Raw | None = None
    """Anthropic's `cache_control`: what stands so far is worth keeping."""


class Likely(msgspec.Struct, gc=False):
    """A token, the logarithm of how likely it was, and what else might have stood there."""

    token: str
    logprob: float
    bytes: list[int] | None = None
    """Its UTF-8."""
    top_logprobs: list["Likely"] = []


class Text(_Part, tag="text"):
    """Words."""

    text: str
    logprobs: list[Likely] | None = None


class Picture(_Part, tag="picture"):
    """An image by address, or inline as base64 with its media type."""

    url: str | None = None
    media_type: str | None = None
    data: str | None = None
    detail: str | None = None
    """How closely to look: OpenAI's `low`, `high` or `auto`."""


class Document(_Part, tag="document"):
    """A file by address, by a provider's id, or inline as base64 with its media type."""

    url: str | None = None
    file_id: str | None = None
    media_type: str | None = None
    data: str | None = None
    name: str | None = None


class Sound(_Part, tag="sound"):
    """Speech, inline as base64."""

    data: str
    format: str


class Thought(_Part, tag="thought"):
    """Reasoning that came before the answer."""

    text: str = ""
    signature: str | None = None
    """The maker's proof that the text is its own; goes back untouched."""
    sealed: str | None = None
    """Reasoning that only its maker can read (Anthropic's redacted thinking, OpenAI's encrypted content)."""
    id: str | None = None


class ToolUse(_Part, tag="tool_use"):
    """The model wants a tool called; `arguments` is JSON as the model wrote it, which may not be valid."""

    id: str
    name: str
    arguments: str


class ToolResult(_Part, tag="tool_result"):
    """What a tool answered to the use with this id."""

    id: str
    parts: list["Text | Picture | Document"]
    failed: bool = False


class Refusal(_Part, tag="refusal"):
    """The model's words for why it will not."""

    text: str


Part = Text | Picture | Document | Sound | Thought | ToolUse | ToolResult | Refusal


class Message(msgspec.Struct, omit_defaults=True):
    """One turn. Tool results stand in a user's turn."""

    role: Role
    parts: list[Part]
    name: str | None = None


class Tool(msgspec.Struct, omit_defaults=True):
    """A function that the model may ask for; `schema` is the JSON schema of its arguments."""

    name: str
    description: str | None = None
    schema: msgspec.Raw | None = None
    strict: bool | None = None
    cache: msgspec.Raw | None = None


class ToolChoice(msgspec.Struct, omit_defaults=True):
    """`tool` means the one called `name`."""

    mode: Literal["auto", "none", "required", "tool"]
    name: str | None = None


class Format(msgspec.Struct, omit_defaults=True):
    """What the answer's text must be: any text, any JSON object, or JSON by a schema."""

    kind: Literal["text", "json", "schema"]
    name: str | None = None
    schema: msgspec.Raw | None = None
    strict: bool | None = None
    description: str | None = None


class Reasoning(msgspec.Struct, omit_defaults=True):
    """Whether, how hard and how long to think first. None is the model's own choice."""

    on: bool | None = None
    effort: str | None = None
    budget: int | None = None
    """Tokens at most."""
    summary: str | None = None


class Call(msgspec.Struct, omit_defaults=True):
    """A request for an answer."""

    model: str
    messages: list[Message]
    tools: list[Tool] = []
    tool_choice: ToolChoice | None = None
    parallel_tools: bool | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: list[str] = []
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    top_logprobs: int | None = None
    """How many likely tokens to name for each token; 0 is the token's own probability alone."""
    format: Format | None = None
    reasoning: Reasoning | None = None
    stream: bool = False
    user: str | None = None
    metadata: dict[str, str] = {}
    service_tier: str | None = None
    also: dict[str, msgspec.Raw] = {}
    """Fields of the dialect it came in that are passed on by their own name."""


class Answer(msgspec.Struct, omit_defaults=True):
    """What a model answered, whole."""

    id: str
    model: str
    parts: list[Part]
    """Text, Thought, ToolUse and Refusal, in the order they were said."""
    finish: Finish
    created: int = 0
    stop_sequence: str | None = None
    usage: Usage | None = None


class Began(msgspec.Struct, gc=False):
    """The first event of a stream."""

    id: str
    model: str
    created: int = 0
    usage: Usage | None = None
    """What was counted by then: the prompt, with providers that count as they go."""


class Said(msgspec.Struct, gc=False):
    """Some more of the text."""

    text: str
    logprobs: list[Likely] | None = None


class ThoughtOn(msgspec.Struct, gc=False):
    """Some more of the reasoning, or its signature, or a sealed piece of it."""

    text: str = ""
    signature: str | None = None
    sealed: str | None = None


class ToolBegan(msgspec.Struct, gc=False):
    """The model begins to ask for a tool; `index` is the use's place among the answer's tool uses, from 0."""

    index: int
    id: str
    name: str


class ToolWent(msgspec.Struct, gc=False):
    """Some more of the arguments of the use at `index`."""

    index: int
    arguments: str


class Refused(msgspec.Struct, gc=False):
    """Some more of a refusal."""

    text: str


class Finished(msgspec.Struct, gc=False):
    """Nothing more is said."""

    finish: Finish
    stop_sequence: str | None = None


class Counted(msgspec.Struct, gc=False):
    """The tokens, as far as they are known now; a later one replaces it."""

    usage: Usage


Event = Began | Said | ThoughtOn | ToolBegan | ToolWent | Refused | Finished | Counted
