"""Tools of a Responses request: functions as they are, custom tools as functions of one text, a namespace's one by one.

What a namespace says of itself is lost.

OpenAI's own tools run on its servers, and no other model has them: a request that needs one is refused. Web search
alone is left out, as clients (Codex) offer it with every request; the response's `tools` do not list it then.
"""

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from weighbridge.errors import BadRequest
from weighbridge.wire.inner import Tool, ToolChoice
from weighbridge.wire.responses.items import NULL, decoded
from weighbridge.wire.responses.objects import full_name

_LEFT_OUT: Final = ("web_search", "web_search_preview")
_CUSTOM_SCHEMA: Final = msgspec.Raw(
    b'{"type":"object","properties":{"input":{"type":"string","description":"The whole input, as plain text."}},'
    b'"required":["input"],"additionalProperties":false}'
)


class _Head(msgspec.Struct):
    type: str
    name: str | None = None
    namespace: str | None = None


class _Namespace(msgspec.Struct):
    name: str
    tools: list[msgspec.Raw]


class _Function(msgspec.Struct):
    name: str
    description: str | None = None
    parameters: msgspec.Raw = NULL
    strict: bool | None = None
    type: Literal["function"] = "function"


class _Syntax(msgspec.Struct):
    type: str
    syntax: str | None = None
    definition: str | None = None


class _Custom(msgspec.Struct):
    name: str
    description: str | None = None
    format: _Syntax | None = None


class _Allowed(msgspec.Struct):
    tools: list[_Head]
    mode: Literal["auto", "required", "none"] = "auto"


class Named(msgspec.Struct, frozen=True):
    """What the client calls a tool that the model knows by another name, or that takes a text instead of arguments."""

    name: str
    namespace: str | None = None
    custom: bool = False


class Tools(msgspec.Struct):
    """What the model may call, and how the response says so."""

    tools: list[Tool] = []
    choice: ToolChoice | None = None
    named: dict[str, Named] = {}
    """By the names they have for the model."""
    echo: list[msgspec.Raw] = []
    echo_choice: msgspec.Raw = msgspec.Raw(b'"auto"')


_heads: Final = msgspec.json.Decoder(_Head)
_functions: Final = msgspec.json.Decoder(_Function)
_namespaces: Final = msgspec.json.Decoder(_Namespace)
_customs: Final = msgspec.json.Decoder(_Custom)
_alloweds: Final = msgspec.json.Decoder(_Allowed)
_modes: Final = msgspec.json.Decoder(Literal["auto", "none", "required"])


def read_tools(tools: Sequence[msgspec.Raw], choice: msgspec.Raw) -> Tools:
    """The request's `tools` and `tool_choice`. Raises BadRequest naming the tool that is not to be had."""
    read = Tools()
    for at, raw in enumerate(tools):
        where = f"tools[{at}]"
        kind = decoded(_heads, raw, where).type
        if kind == "namespace":
            space = decoded(_namespaces, raw, where)
            for place, each in enumerate(space.tools):
                _offer(read, each, space.name, f"{where}.tools[{place}]")
            read.echo.append(raw)
        elif not kind.startswith(_LEFT_OUT):
            read.echo.append(_offer(read, raw, None, where))
    if choice != NULL:
        _choose(read, choice)
    return read


def _offer(read: Tools, raw: msgspec.Raw, namespace: str | None, where: str) -> msgspec.Raw:
    """Add a tool; how the response repeats it."""
    kind = decoded(_heads, raw, where).type
    if kind == "function":
        function = decoded(_functions, raw, where)
        schema = None if function.parameters == NULL else function.parameters
        name = full_name(namespace, function.name)
        read.tools.append(Tool(name, function.description, schema, function.strict))
        if namespace is not None:
            read.named[name] = Named(function.name, namespace)
        return msgspec.Raw(msgspec.json.encode(function))
    if kind == "custom":
        custom = decoded(_customs, raw, where)
        name = full_name(namespace, custom.name)
        read.tools.append(Tool(name, _description(custom), _CUSTOM_SCHEMA))
        read.named[name] = Named(custom.name, namespace, custom=True)
        return raw
    raise _not_here(kind, f"{where}.type")


def _choose(read: Tools, choice: msgspec.Raw) -> None:
    read.echo_choice = choice
    if bytes(choice)[:1] == b'"':
        read.choice = ToolChoice(decoded(_modes, choice, "tool_choice"))
    else:
        head = decoded(_heads, choice, "tool_choice")
        if head.type == "allowed_tools":
            _allow(read, decoded(_alloweds, choice, "tool_choice"))
        elif head.type in ("function", "custom"):
            read.choice = ToolChoice("tool", full_name(head.namespace, head.name or ""))
        else:
            raise _not_here(head.type, "tool_choice.type")
    names = {tool.name for tool in read.tools}
    if read.choice is not None and read.choice.mode == "tool" and read.choice.name not in names:
        raise BadRequest(
            f"tool_choice.name: there is no tool {read.choice.name!r} in `tools`", param="tool_choice.name"
        )
    if read.choice is not None and read.choice.mode == "required" and not read.tools:
        raise BadRequest("tool_choice: `required`, and there is no tool the model could call", param="tool_choice")


def _allow(read: Tools, allowed: _Allowed) -> None:
    names = {full_name(tool.namespace, tool.name or "") for tool in allowed.tools}
    read.tools = [tool for tool in read.tools if tool.name in names]
    read.choice = ToolChoice(allowed.mode)


def _description(custom: _Custom) -> str | None:
    """A grammar cannot be enforced here: the model is told it."""
    if custom.format is None or not custom.format.definition:
        return custom.description
    grammar = f"The input follows this {custom.format.syntax or ''} grammar:\n{custom.format.definition}"
    return f"{custom.description}\n\n{grammar}" if custom.description else grammar


def _not_here(kind: str, param: str) -> BadRequest:
    return BadRequest(
        f"{param}: {kind!r} runs on OpenAI's servers and is not to be had here; offer a `function` instead", param=param
    )
