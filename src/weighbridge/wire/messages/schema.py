"""The shapes of requests in Anthropic's Messages format; what they mean is in messages_read.

https://platform.claude.com/docs/en/api/messages, version 2023-06-01.
"""

from typing import Annotated, Final, Literal

import msgspec

from weighbridge.wire.preferences import Preferences

ABSENT: Final = msgspec.field(default_factory=msgspec.Raw)
"""Of a field that is not looked into: no bytes, where it is not there."""


class Strict(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, gc=False):
    """A struct that names every field it knows, so that no other passes unseen."""


class Text(Strict, tag="text"):
    """Words."""

    text: str
    cache_control: msgspec.Raw = ABSENT
    citations: msgspec.Raw = ABSENT


class Words(Strict):
    """The same where nothing else can stand: what is tagged may do without its tag there, and this may not."""

    type: Literal["text"]
    text: str
    cache_control: msgspec.Raw = ABSENT
    citations: msgspec.Raw = ABSENT


class Base64(Strict, tag="base64"):
    """Bytes, inline."""

    media_type: str
    data: str


class Url(Strict, tag="url"):
    """Bytes at an address."""

    url: str


class File(Strict, tag="file"):
    """Bytes uploaded before."""

    file_id: str


class Plain(Strict, tag="text"):
    """Text as a document."""

    data: str
    media_type: Literal["text/plain"] = "text/plain"


class Image(Strict, tag="image"):
    """A picture."""

    source: Base64 | Url
    cache_control: msgspec.Raw = ABSENT
    transformations: msgspec.Raw = ABSENT


class Blocks(Strict, tag="content"):
    """A document made of text and pictures."""

    content: str | list[Text | Image]


class Document(Strict, tag="document"):
    """A file."""

    source: Base64 | Url | File | Plain | Blocks
    title: str | None = None
    context: str | None = None
    cache_control: msgspec.Raw = ABSENT
    citations: msgspec.Raw = ABSENT


class SearchResult(Strict, tag="search_result"):
    """Something that was found."""

    title: str
    source: str
    content: list[Words]
    cache_control: msgspec.Raw = ABSENT
    citations: msgspec.Raw = ABSENT


class ToolUse(Strict, tag="tool_use"):
    """The model wanted a tool called."""

    id: str
    name: str
    input: msgspec.Raw
    cache_control: msgspec.Raw = ABSENT
    caller: msgspec.Raw = ABSENT
    toolset_name: str | None = None


class ToolResult(Strict, tag="tool_result"):
    """What it answered."""

    tool_use_id: str
    content: str | list[Text | Image | Document | SearchResult] | None = None
    is_error: bool | None = None
    cache_control: msgspec.Raw = ABSENT
    toolset_name: str | None = None


class Thinking(Strict, tag="thinking"):
    """Reasoning of an earlier turn."""

    thinking: str
    signature: str = ""


class Redacted(Strict, tag="redacted_thinking"):
    """The same, sealed."""

    data: str


Block = Text | Image | Document | SearchResult | ToolUse | ToolResult | Thinking | Redacted


class Message(Strict):
    """One turn."""

    role: Literal["user", "assistant", "system"]
    content: str | list[Block]


class Tool(Strict):
    """A tool of the client's own."""

    name: str
    input_schema: msgspec.Raw
    description: str | None = None
    type: Literal["custom"] | None = None
    strict: bool | None = None
    cache_control: msgspec.Raw = ABSENT
    allowed_callers: list[str] | None = None
    defer_loading: bool | None = None
    eager_input_streaming: bool | None = None
    input_examples: msgspec.Raw = ABSENT


class Kind(msgspec.Struct, gc=False):
    """Of a tool, which kind it is."""

    type: str | None = None


class Choice(Strict):
    """Whether and which tools to call."""

    type: Literal["auto", "any", "tool", "none"]
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class ThinkingConfig(Strict):
    """Whether and how long to think."""

    type: Literal["enabled", "disabled", "adaptive", "between_tools"]
    budget_tokens: Annotated[int, msgspec.Meta(ge=1)] | None = None
    display: Literal["summarized", "omitted"] | None = None


class Schema(Strict):
    """JSON by a schema."""

    type: Literal["json_schema"]
    schema: msgspec.Raw


class OutputConfig(Strict):
    """What the answer must be, and how hard to try."""

    effort: str | None = None
    format: Schema | None = None


class Metadata(Strict):
    """Who asks."""

    user_id: str | None = None


class Counted(Strict):
    """What both a message and a count of its tokens are asked with."""

    model: Annotated[str, msgspec.Meta(min_length=1, max_length=512)]
    messages: Annotated[list[Message], msgspec.Meta(min_length=1)]
    system: str | list[Words] | None = None
    tools: list[msgspec.Raw] | None = None
    tool_choice: Choice | None = None
    thinking: ThinkingConfig | None = None
    output_config: OutputConfig | None = None
    output_format: Schema | None = None

    betas: msgspec.Raw = ABSENT
    billing_policy: msgspec.Raw = ABSENT
    cache_control: msgspec.Raw = ABSENT
    compaction: msgspec.Raw = ABSENT
    context_management: msgspec.Raw = ABSENT
    diagnostics: msgspec.Raw = ABSENT
    fallback_credit_token: msgspec.Raw = ABSENT
    speed: msgspec.Raw = ABSENT
    user_profile_id: msgspec.Raw = ABSENT
    workspace_id: msgspec.Raw = ABSENT

    container: msgspec.Raw = ABSENT
    fallbacks: msgspec.Raw = ABSENT
    inference_geo: msgspec.Raw = ABSENT
    mcp_servers: msgspec.Raw = ABSENT
    thread: msgspec.Raw = ABSENT


class Asked(Counted, kw_only=True):
    """A request for a message."""

    max_tokens: Annotated[int, msgspec.Meta(ge=1)]
    stop_sequences: list[str] | None = None
    temperature: Annotated[float, msgspec.Meta(ge=0)] | None = None
    top_p: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    top_k: Annotated[int, msgspec.Meta(ge=0)] | None = None
    stream: bool | None = None
    metadata: Metadata | None = None
    service_tier: Literal["auto", "standard_only"] | None = None
    models: list[str] | None = None
    provider: Preferences | None = None
