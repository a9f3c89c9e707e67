"""The ways in which models write tool calls as text, each with its reader.

An engine turns them into `tool_calls` if it knows how; where it does not, they stand in the text of the answer. A
reader gets all of what was written, marks included, and answers with the calls, or None where it is none.
"""
# ruff: noqa: RUF001 - DeepSeek writes its marks with a full-width bar

import ast
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec

from weighbridge.wire.habits.offered import Offered, Parameters

UNREADABLE: Final = (msgspec.DecodeError, UnicodeError, RecursionError)


class Use(msgspec.Struct, frozen=True):
    """A call found in text; `arguments` is JSON. `id` where the format has one of its own."""

    name: str
    arguments: str
    id: str | None = None


class LeakFormat(msgspec.Struct, frozen=True, kw_only=True):
    """How one format is recognised. Heads are compared without blanks."""

    marks: tuple[str, ...]
    """What a call, or a section of calls, begins with."""
    heads: tuple[str, ...]
    """What may stand at the beginning, marks included; `NAME` is any of the offered tools' names."""
    close: str | None
    """What ends it; None: the end of the answer."""
    read: Callable[[str, Offered], list[Use] | None]
    at_start: bool = False
    """Counts only where the answer begins: the mark is too common elsewhere."""
    tails: tuple[str, ...] = ()
    """Closing marks that may follow it, of a section whose opening the engine swallowed."""


class _Call(msgspec.Struct):
    name: str
    arguments: msgspec.Raw = msgspec.Raw()  # empty where there is none: beside another type it would read no object
    parameters: msgspec.Raw = msgspec.Raw()
    id: str | None = None


_call: Final = msgspec.json.Decoder(_Call)
_call_or_calls: Final = msgspec.json.Decoder(_Call | list[_Call])
_any: Final = msgspec.json.Decoder()


def _arguments(raw: msgspec.Raw) -> str | None:
    """An object as JSON; some write it as a string that holds one. None where it is no object."""
    if not bytes(raw):
        return "{}"
    value = _any.decode(raw)
    text = value if isinstance(value, str) else bytes(raw).decode()
    return _object(text)


def _object(text: str) -> str | None:
    try:
        return text.strip() if isinstance(_any.decode(text), dict) else None
    except UNREADABLE:
        return None


def _use(call: _Call, offered: Offered) -> Use | None:
    arguments = _arguments(call.arguments if bytes(call.arguments) else call.parameters)
    return Use(call.name, arguments, call.id) if arguments is not None and call.name in offered else None


def _uses(calls: Iterable[_Call], offered: Offered) -> list[Use] | None:
    """All or none: an answer of which one part is a call and another is not is taken for text."""
    uses = [_use(call, offered) for call in calls]
    known = [use for use in uses if use is not None]
    return known if known and len(known) == len(uses) else None


def _json(text: str, offered: Offered) -> list[Use] | None:
    try:
        calls = _call_or_calls.decode(text)
    except UNREADABLE:
        return None
    return _uses(calls if isinstance(calls, list) else [calls], offered)


def _typed(values: Iterable[tuple[str, str]], types: Parameters) -> str:
    """Arguments that were written as text, as JSON of the types the tool's schema declares."""
    return msgspec.json.encode({name: _value(text, types.get(name)) for name, text in values}).decode()


def _value(text: str, type_: str | None) -> object:
    if type_ == "string":
        return text
    try:
        return _any.decode(text.strip())
    except UNREADABLE:
        return {"true": True, "false": False, "none": None}.get(text.strip().lower(), text)


def _between(text: str, open_: str, close: str) -> str:
    return text.removeprefix(open_).removesuffix(close).strip()


# ---------------------------------------------------------------- Hermes, Qwen


def _hermes(text: str, offered: Offered) -> list[Use] | None:
    return _json(_between(text, "<tool_call>", "</tool_call>"), offered)


def _fenced(text: str, offered: Offered) -> list[Use] | None:
    return _json(_between(text, "```json", "```"), offered)


_FUNCTION: Final = re.compile(r"<function=([^>\n]+)>(.*?)(?:</function>|\Z)", re.DOTALL)
_PARAMETER: Final = re.compile(r"<parameter=([^>\n]+)>\n?(.*?)\n?(?:</parameter>|(?=<parameter=)|\Z)", re.DOTALL)


def _qwen_xml(text: str, offered: Offered) -> list[Use] | None:
    return _xml(_FUNCTION, _PARAMETER, text, offered)


def _xml(call: "re.Pattern[str]", parameter: "re.Pattern[str]", text: str, offered: Offered) -> list[Use] | None:
    found = [(name.strip(), parameter.findall(body)) for name, body in call.findall(text)]
    if not found or any(name not in offered for name, _ in found):
        return None
    return [Use(name, _typed(values, offered[name])) for name, values in found]


# ---------------------------------------------------------------- DeepSeek

_DEEPSEEK_CALL: Final = re.compile(
    r"<｜tool▁call▁begin｜>(?:function<｜tool▁sep｜>([^\n<]+)\n```(?:json)?\n(.*?)\n```|([^<\n]+)<｜tool▁sep｜>(.*?))\s*"
    r"<｜tool▁call▁end｜>",
    re.DOTALL,
)


def _deepseek(text: str, offered: Offered) -> list[Use] | None:
    found = _DEEPSEEK_CALL.findall(text)
    return _named_json(((v3 or v31, arguments or later) for v3, arguments, v31, later in found), offered)


def _named_json(calls: Iterable[tuple[str, str]], offered: Offered) -> list[Use] | None:
    uses = [(name.strip(), _object(arguments or "{}")) for name, arguments in calls]
    if not uses or any(name not in offered or arguments is None for name, arguments in uses):
        return None
    return [Use(name, arguments) for name, arguments in uses if arguments is not None]


_DSML_CALL: Final = re.compile(r'<｜DSML｜invoke name="([^"]+)">(.*?)</｜DSML｜invoke>', re.DOTALL)
_DSML_PARAMETER: Final = re.compile(
    r'<｜DSML｜parameter name="([^"]+)"(?: string="(true|false)")?>(.*?)</｜DSML｜parameter>', re.DOTALL
)


def _dsml(text: str, offered: Offered) -> list[Use] | None:
    uses: list[Use] = []
    for name, body in _DSML_CALL.findall(text):
        if name not in offered:
            return None
        values = _DSML_PARAMETER.findall(body)
        stated: dict[str, str] = {key: "string" for key, string, _ in values if string == "true"}
        types = {**offered[name], **stated}
        uses.append(Use(name, _typed([(key, value) for key, _, value in values], types)))
    return uses or None


# ---------------------------------------------------------------- Kimi, GLM, MiniMax

_KIMI_CALL: Final = re.compile(
    r"<\|tool_call_begin\|>\s*((?:functions\.)?([^<:]+?)(?::\d+)?)\s*<\|tool_call_argument_begin\|>\s*(.*?)\s*"
    r"<\|tool_call_end\|>",
    re.DOTALL,
)


def _kimi(text: str, offered: Offered) -> list[Use] | None:
    found = _KIMI_CALL.findall(text)
    uses = _named_json(((name, arguments) for _, name, arguments in found), offered)
    if uses is None:
        return None
    return [Use(use.name, use.arguments, id_) for use, (id_, _, _) in zip(uses, found, strict=True)]


_GLM_ARGUMENT: Final = re.compile(r"<arg_key>(.*?)</arg_key>\s*<arg_value>(.*?)</arg_value>", re.DOTALL)


def _glm(text: str, offered: Offered) -> list[Use] | None:
    inner = _between(text, "<tool_call>", "</tool_call>")
    name = inner.partition("<arg_key>")[0].strip()
    if name not in offered:
        return None
    values = [(key.strip(), value) for key, value in _GLM_ARGUMENT.findall(inner)]
    return [Use(name, _typed(values, offered[name]))]


_MINIMAX_CALL: Final = re.compile(r'<invoke name="?([^">]+)"?>(.*?)</invoke>', re.DOTALL)
_MINIMAX_PARAMETER: Final = re.compile(r'<parameter name="?([^">]+)"?>(.*?)</parameter>', re.DOTALL)


def _minimax(text: str, offered: Offered) -> list[Use] | None:
    return _xml(_MINIMAX_CALL, _MINIMAX_PARAMETER, text, offered)


def _minimax_m1(text: str, offered: Offered) -> list[Use] | None:
    lines = _between(text, "<tool_calls>", "</tool_calls>").splitlines()
    try:
        return _uses([_call.decode(line) for line in lines if line.strip()], offered)
    except UNREADABLE:
        return None


# ---------------------------------------------------------------- Llama, Mistral, Phi, Gemma

_ENDS: Final = re.compile(r"(?:<\|eom_id\|>|<\|eot_id\|>|<\|eot\|>|<\|python_end\|>|\s)+\Z")
_NEXT: Final = re.compile(r";\s*(?=\{)")


def _llama(text: str, offered: Offered) -> list[Use] | None:
    plain = _ENDS.sub("", text.removeprefix("<|python_tag|>").strip())
    one = _json(plain, offered)
    if one is not None:
        return one
    each = [_json(call, offered) for call in _NEXT.split(plain)]
    return [use for uses in each for use in uses or ()] if all(each) else None


def _pythonic(text: str, offered: Offered) -> list[Use] | None:
    plain = _ENDS.sub("", text.removeprefix("<|python_start|>").strip())
    try:
        listed = ast.parse(plain, mode="eval").body
        if not isinstance(listed, ast.List) or not listed.elts:
            return None
        return _all([_python_call(call, offered) for call in listed.elts])
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError):
        return None


def _python_call(call: ast.expr, offered: Offered) -> Use | None:
    if not isinstance(call, ast.Call) or call.args:
        return None
    name = ast.unparse(call.func)
    values = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords if keyword.arg}
    if name not in offered or len(values) != len(call.keywords):
        return None
    return Use(name, msgspec.json.encode(values).decode())


def _all(uses: list[Use | None]) -> list[Use] | None:
    known = [use for use in uses if use is not None]
    return known if known and len(known) == len(uses) else None


_MISTRAL_CALL: Final = re.compile(
    r"\s*([^\[{\s]+)(?:\[CALL_ID\]([^\[{\s]+))?(?:\[ARGS\])?\s*(\{.*\})\s*(?:</s>)?\s*", re.DOTALL
)


def _mistral(text: str, offered: Offered) -> list[Use] | None:
    plain = text.removeprefix("[TOOL_CALLS]").strip().removesuffix("</s>")
    if plain.startswith("["):
        return _json(plain, offered)
    uses: list[Use] = []
    for each in text.split("[TOOL_CALLS]")[1:]:
        found = _MISTRAL_CALL.fullmatch(each)
        arguments = None if found is None else _object(found[3])
        if found is None or arguments is None or found[1] not in offered:
            return None
        uses.append(Use(found[1], arguments, found[2]))
    return uses or None


def _phi(text: str, offered: Offered) -> list[Use] | None:
    return _json(_between(text.removeprefix("functools"), "<|tool_call|>", "<|/tool_call|>"), offered)


_GEMMA_CALL: Final = re.compile(r"\s*call:\s*([\w.\-]+)\s*(\{.*\})\s*", re.DOTALL)
_GEMMA_KEY: Final = re.compile(r"([{,]\s*)([\w.\-]+)(\s*:)")


def _gemma(text: str, offered: Offered) -> list[Use] | None:
    found = _GEMMA_CALL.fullmatch(_between(text, "<|tool_call>", "<tool_call|>"))
    if found is None:
        return None
    # every second piece is a string; what stands between them is JSON but for the quotes of its keys
    pieces = found[2].split('<|"|>')
    plain = "".join(
        msgspec.json.encode(piece).decode() if number % 2 else _GEMMA_KEY.sub(r'\1"\2"\3', piece)
        for number, piece in enumerate(pieces)
    )
    return _named_json([(found[1], plain)], offered)


# ---------------------------------------------------------------- all of them

_NAMED_JSON: Final = ('{"name":"NAME"', '{"id":', '{"type":"function","name":"NAME"', '{"arguments":', '{"parameters":')

_JSON_ALONE: Final = ('{"name":"NAME"', '{"type":"function","name":"NAME"')
"""Where no mark stands before it: an answer that is JSON of its own is not to wait for its end."""


def _json_heads(*before: str) -> tuple[str, ...]:
    return tuple(mark + head for mark in before for head in _NAMED_JSON)


FORMATS: Final[Mapping[str, LeakFormat]] = {
    "hermes": LeakFormat(marks=("<tool_call>",), heads=_json_heads("<tool_call>"), close="</tool_call>", read=_hermes),
    "fenced": LeakFormat(
        marks=("```json",), heads=('```json{"name":"NAME"',), close="```", read=_fenced, at_start=True
    ),
    "qwen-xml": LeakFormat(
        marks=("<tool_call>",), heads=("<tool_call><function=NAME>",), close="</tool_call>", read=_qwen_xml
    ),
    "qwen-xml-bare": LeakFormat(
        marks=("<function=",), heads=("<function=NAME>",), close="</function>", read=_qwen_xml, tails=("</tool_call>",)
    ),
    "deepseek": LeakFormat(
        marks=("<｜tool▁calls▁begin｜>",),
        heads=("<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>",),
        close="<｜tool▁calls▁end｜>",
        read=_deepseek,
    ),
    "deepseek-dsml": LeakFormat(
        marks=("<｜DSML｜function_calls>",),
        heads=('<｜DSML｜function_calls><｜DSML｜invokename="NAME"',),
        close="</｜DSML｜function_calls>",
        read=_dsml,
    ),
    "deepseek-dsml-v4": LeakFormat(
        marks=("<｜DSML｜tool_calls>",),
        heads=('<｜DSML｜tool_calls><｜DSML｜invokename="NAME"',),
        close="</｜DSML｜tool_calls>",
        read=_dsml,
    ),
    "kimi": LeakFormat(
        marks=("<|tool_calls_section_begin|>",),
        heads=("<|tool_calls_section_begin|><|tool_call_begin|>",),
        close="<|tool_calls_section_end|>",
        read=_kimi,
    ),
    "kimi-bare": LeakFormat(
        marks=("<|tool_call_begin|>",),
        heads=("<|tool_call_begin|>functions.NAME", "<|tool_call_begin|>NAME"),
        close="<|tool_call_end|>",
        read=_kimi,
        tails=("<|tool_calls_section_end|>",),
    ),
    "glm": LeakFormat(marks=("<tool_call>",), heads=("<tool_call>NAME<",), close="</tool_call>", read=_glm),
    "minimax": LeakFormat(
        marks=("<minimax:tool_call>",),
        heads=('<minimax:tool_call><invokename="NAME"', "<minimax:tool_call><invokename=NAME"),
        close="</minimax:tool_call>",
        read=_minimax,
    ),
    "minimax-m1": LeakFormat(
        marks=("<tool_calls>",), heads=_json_heads("<tool_calls>"), close="</tool_calls>", read=_minimax_m1
    ),
    "llama-json": LeakFormat(marks=("{",), heads=_JSON_ALONE, close=None, read=_llama, at_start=True),
    "llama-python-tag": LeakFormat(
        marks=("<|python_tag|>",), heads=_json_heads("<|python_tag|>"), close=None, read=_llama
    ),
    "pythonic": LeakFormat(
        marks=("[", "<|python_start|>"),
        heads=("[NAME(", "<|python_start|>[NAME("),
        close=None,
        read=_pythonic,
        at_start=True,
    ),
    "mistral": LeakFormat(
        marks=("[TOOL_CALLS]",),
        heads=(*_json_heads("[TOOL_CALLS][", "[TOOL_CALLS]"), "[TOOL_CALLS]NAME[", "[TOOL_CALLS]NAME{"),
        close=None,
        read=_mistral,
    ),
    "phi": LeakFormat(
        marks=("<|tool_call|>",),
        heads=_json_heads("<|tool_call|>[", "<|tool_call|>"),
        close="<|/tool_call|>",
        read=_phi,
    ),
    "gemma": LeakFormat(marks=("<|tool_call>",), heads=("<|tool_call>call:NAME{",), close="<tool_call|>", read=_gemma),
}
"""By the name that a family's entry uses."""
