"""The tools that a chat completion request offers, as far as a call that leaked into text must be held against them."""

from collections.abc import Mapping
from typing import Final

import msgspec

from weighbridge.wire.decoding import UNREADABLE

Parameters = Mapping[str, str]
"""The JSON types that a tool's schema declares, by parameter; one whose type is not a single name is left out."""
Offered = Mapping[str, Parameters]
"""By the tool's name."""


class _Property(msgspec.Struct, gc=False):
    type: object = None


class _Schema(msgspec.Struct, gc=False):
    properties: dict[str, msgspec.Raw] | None = None


class _Function(msgspec.Struct, gc=False):
    name: str
    parameters: _Schema | None = None


class _Tool(msgspec.Struct, gc=False):
    function: _Function | None = None


class _Request(msgspec.Struct, gc=False):
    tools: list[_Tool] | None = None
    tool_choice: object = None


_requests: Final = msgspec.json.Decoder(_Request)
_properties: Final = msgspec.json.Decoder(_Property)


def offered(body: bytes) -> Offered:
    """What a request offers; nothing where it offers none, forbids them, or says so in a shape we do not know."""
    if body.find(b'"tools"') < 0:
        return {}
    try:
        request = _requests.decode(body)
    except UNREADABLE:
        return {}
    if request.tool_choice == "none":
        return {}
    functions = [tool.function for tool in request.tools or () if tool.function is not None]
    return {function.name: _types(function.parameters) for function in functions if function.name}


def _types(schema: _Schema | None) -> Parameters:
    properties = {} if schema is None else schema.properties or {}
    found = {name: _type(raw) for name, raw in properties.items()}
    return {name: type_ for name, type_ in found.items() if type_ is not None}


def _type(raw: msgspec.Raw) -> str | None:
    try:
        declared = _properties.decode(raw).type
    except UNREADABLE:
        return None
    return declared if isinstance(declared, str) else None
