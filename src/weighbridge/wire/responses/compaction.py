"""Compactions: a summary in the place of what was said and done, in a form that we read back.

`encrypted_content` is `wb1.` and the summary as base64. That is no encryption: whoever holds the item can read it. It
is opaque so that clients pass it back as it is, and has a version so that another form can follow.

To summarise, the model is told the conversation as words: what it called and what tools answered stands in the text, as
a request without those tools may not name them, and its reasoning is left out.
"""

import base64
import binascii
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from weighbridge.wire.inner import Call, Message, Part, Refusal, Text, Thought, ToolResult, ToolUse

SUMMARIES: Final = ("compaction", "compaction_summary")
"""The types that an item with a summary may have."""
_VERSION: Final = "wb1."
_HEADING: Final = "Summary of what was said and done before, besides the user's messages:\n\n"
_ASK: Final = (
    "The conversation so far is to be replaced by a summary. Whoever continues it, you or another model, will see the"
    " user's messages word for word and your summary, and nothing else of it. Write that summary now, for them and not"
    " for the user: what was asked and what has been done about it; what was found, decided and agreed, with names,"
    " numbers, paths, commands and code exactly as they are; what tools were called for and what they answered, as far"
    " as it still matters; the state of things now, and what is still to be done. Leave out nothing needed to go"
    " on, and add nothing. Answer with the summary alone."
)


def sealed(summary: str) -> str:
    """A summary as `encrypted_content`."""
    return _VERSION + base64.b64encode(summary.encode()).decode()


def opened(content: str) -> str | None:
    """The summary in an `encrypted_content`; None where it is none of ours."""
    if not content.startswith(_VERSION):
        return None
    try:
        return base64.b64decode(content[len(_VERSION) :], validate=True).decode()
    except (binascii.Error, ValueError):
        return None


def summary_turn(summary: str) -> Message:
    """A summary as a turn of the conversation: the user's, as it is no more to be trusted than what it sums up."""
    return Message("user", [Text(text=_HEADING + summary)])


def summary_item(summary: str) -> msgspec.Raw:
    """The same as an item, for whoever reads items and not ours."""
    words = msgspec.json.encode(_HEADING + summary)
    return msgspec.Raw(b'{"type":"message","role":"user","content":%b}' % words)


def summarising(call: Call) -> Call:
    """The request for the summary of a request's conversation; tools and the answer's format are of no use to it."""
    turns = [*_in_words(call.messages), Message("user", [Text(text=_ASK)])]
    return msgspec.structs.replace(
        call,
        messages=turns,
        tools=[],
        tool_choice=None,
        parallel_tools=None,
        format=None,
        top_logprobs=None,
        stream=False,
    )


def _in_words(messages: Sequence[Message]) -> Iterator[Message]:
    for message in messages:
        parts = [said for part in message.parts for said in _said(part)]
        if parts:
            yield Message(message.role, parts, message.name)


def _said(part: Part) -> Iterator[Part]:
    match part:
        case Thought():
            return
        case Refusal(text=text):
            yield Text(text=text)
        case ToolUse(name=name, arguments=arguments):
            yield Text(text=f"[called the tool {name} with {arguments}]")
        case ToolResult(parts=parts):
            yield Text(text="[the tool answered:]")
            yield from parts
        case _:
            yield part
