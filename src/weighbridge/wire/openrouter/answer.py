"""Chat completions in OpenRouter's shape: whole, and as streams.

An answer names its receipt (`gen-…`), its model by our id, and its provider; its usage has what it cost. A field that
is null, where OpenRouter's clients expect it to be there or absent, is left out. Reasoning is `reasoning` and
`reasoning_details`, whichever way the provider says it. Anything else passes through as it is.
"""

from decimal import Decimal
from typing import Any, Final

import msgspec

from weighbridge.errors import UpstreamError
from weighbridge.wire import reported, sse
from weighbridge.wire.chat.stream import ChatStream
from weighbridge.wire.decoding import UNREADABLE
from weighbridge.wire.surface import Cost, Origin, Stream
from weighbridge.wire.usage import Usage

_Json = dict[str, msgspec.Raw]
_NULL: Final = msgspec.Raw(b"null")
_fields: Final = msgspec.json.Decoder(_Json)
_lists: Final = msgspec.json.Decoder(list[_Json])
_encode: Final = msgspec.json.Encoder().encode

_FINISHES: Final = {
    b'"eos"': b'"stop"',
    b'"end_turn"': b'"stop"',
    b'"function_call"': b'"tool_calls"',
    b'"max_tokens"': b'"length"',
    b'"insufficient_system_resource"': b'"length"',
}
"""Reasons outside the five that OpenRouter has, as one of them."""


class _PartOfText(msgspec.Struct):
    text: str | None = None
    thinking: str | list["_PartOfText"] | None = None


_parts_of_text: Final = msgspec.json.Decoder(list[_PartOfText])


class OpenRouterForm:
    """See Form. `origin` is filled in before an answer is written."""

    def __init__(self, origin: Origin, *, shows_reasoning: bool) -> None:
        self._origin = origin
        self._shows_reasoning = shows_reasoning

    def whole(self, document: bytes, cost: str | None) -> bytes:
        """See Form.whole."""
        try:
            return self._rewriter(b"chat.completion").document(document)
        except UNREADABLE as exc:
            raise UpstreamError(f"the provider's answer is no chat completion: {exc}") from exc

    def stream(self, cost: Cost) -> Stream:
        """See Form.stream."""
        return _Stream(self._rewriter(b"chat.completion.chunk"))

    def _rewriter(self, kind: bytes) -> "_Rewriter":
        return _Rewriter(self._origin, kind, shows_reasoning=self._shows_reasoning)


class _Stream(ChatStream):
    """OpenAI's chunks as OpenRouter's."""

    __slots__ = ("_rewriter",)

    def __init__(self, rewriter: "_Rewriter") -> None:
        super().__init__(wants_usage=True, cost=_left_to_the_rewriter)
        self._rewriter = rewriter

    def feed(self, data: bytes) -> bytes:
        """See Stream.feed."""
        return self._rewritten(super().feed(data))

    def end(self) -> bytes:
        """See Stream.end."""
        return self._rewritten(super().end())

    def _rewritten(self, events: bytes) -> bytes:
        written: list[bytes] = []
        for event in sse.events(events) if events else ():
            document = sse.document(event)
            try:
                rewritten = event if document is None else b"data: " + self._rewriter.document(document) + b"\n\n"
            except UNREADABLE as exc:
                self.fault = self.fault or f"a chunk cannot be read: {exc}"
                break
            written.append(rewritten)
        return b"".join(written)


def _left_to_the_rewriter(usage: Usage) -> str | None:
    return None


class _Rewriter:
    """Puts one answer's documents into OpenRouter's shape."""

    def __init__(self, origin: Origin, kind: bytes, *, shows_reasoning: bool) -> None:
        self._origin = origin
        self._is_chunk = kind.endswith(b".chunk")
        self._shows_reasoning = shows_reasoning
        self._tools = 0
        """Tool calls begun, for providers that do not number them."""
        self._same: _Json = {
            "id": _raw("gen-" + origin.receipt.removeprefix("wbr-")),
            "object": msgspec.Raw(b'"%b"' % kind),
            "model": _raw(origin.model),
            "provider": _raw(origin.provider),
        }
        self._created = _raw(origin.at)

    def document(self, document: bytes) -> bytes:
        """One chunk, or a whole answer. Raises one of UNREADABLE."""
        given = _fields.decode(document)
        usage = reported.usage_in(document) if document.find(b'"usage"') >= 0 else None
        choices = given.get("choices", _NULL)
        fields: dict[str, Any] = {
            **_without_nulls(given),
            **self._same,
            "choices": [] if choices == _NULL else [self._choice(each) for each in _lists.decode(choices)],
        }
        fields.setdefault("created", self._created)
        if not self._is_chunk:
            fields.setdefault("system_fingerprint", None)
        if usage is not None:
            fields["usage"] = self._usage(usage, given.get("usage", _NULL))
        return _encode(fields)

    def _choice(self, given: _Json) -> dict[str, Any]:
        name = "delta" if self._is_chunk else "message"
        said = given.pop(name, _NULL)
        choice: dict[str, Any] = {"index": 0, **_without_nulls(given)}
        reason = given.get("finish_reason", _NULL)
        choice["finish_reason"] = msgspec.Raw(_FINISHES.get(bytes(reason), bytes(reason)))
        if reason != _NULL:
            choice.setdefault("native_finish_reason", reason)
        choice[name] = self._said({} if said == _NULL else _fields.decode(said))
        return choice

    def _said(self, given: _Json) -> dict[str, Any]:
        said: dict[str, Any] = {} if self._is_chunk else {"role": "assistant", "content": None}
        said.update(_without_nulls(given))
        thought = said.pop("reasoning_content", None) or said.get("reasoning")
        content = given.get("content", _NULL)
        if bytes(content)[:1] == b"[":
            said["content"], thought = _parts(content, thought)
        if thought is not None and bytes(thought) != b'""':
            said["reasoning"] = thought
            detail = {"type": "reasoning.text", "text": thought, "format": "unknown", "index": 0}
            said.setdefault("reasoning_details", [detail])
        if not self._shows_reasoning:
            said.pop("reasoning", None)
            said.pop("reasoning_details", None)
        if "tool_calls" in said:
            said["tool_calls"] = [self._tool(each) for each in _lists.decode(said["tool_calls"])]
        return said

    def _tool(self, given: _Json) -> dict[str, Any]:
        call: dict[str, Any] = _without_nulls(given)
        function = _without_nulls(_fields.decode(call.get("function", b"{}")))
        begins = "id" in call or "name" in function
        if begins:
            self._tools += 1
        place = max(0, self._tools - 1)
        arguments = function.get("arguments")
        if arguments is not None and bytes(arguments)[:1] != b'"':
            function["arguments"] = _raw(bytes(arguments).decode())
        call["function"] = function
        if self._is_chunk:
            call.setdefault("index", place)
            return call
        function.setdefault("arguments", _raw("{}"))
        return {"id": f"call_{place}", "type": "function", **call}

    def _usage(self, usage: Usage, given: msgspec.Raw) -> dict[str, Any]:
        """The tokens as the ledger has them and what they cost; what else the provider counted stays."""
        told = {} if given == _NULL else _without_nulls(_fields.decode(given))
        read = _details(told.pop("prompt_tokens_details", _NULL))
        made = _details(told.pop("completion_tokens_details", _NULL))
        for name in ("cost", "cost_details", "is_byok"):  # an upstream's own: here the ledger's counts
            told.pop(name, None)
        found: dict[str, Any] = told | {
            "prompt_tokens": usage.prompt,
            "completion_tokens": usage.completion,
            "total_tokens": usage.prompt + usage.completion,
        }
        if usage.cached is not None:  # clients want it there if anything is
            written = {} if usage.written is None else {"cache_write_tokens": usage.written}
            found["prompt_tokens_details"] = read | {"cached_tokens": usage.cached} | written
        if usage.reasoning is not None:
            found["completion_tokens_details"] = made | {"reasoning_tokens": usage.reasoning}
        return found | _costs(usage, self._origin.cost)


def _costs(usage: Usage, cost: Cost) -> dict[str, Any]:
    """Nothing where the price is not known."""
    whole = cost(usage)
    if whole is None:
        return {}
    told = {"cost": msgspec.Raw(whole.encode()), "is_byok": False}
    of_prompt = cost(Usage(usage.prompt, 0, cached=usage.cached, written=usage.written))
    if of_prompt is None:  # an answer in parts, at prices of their own
        return told
    of_answer = f"{Decimal(whole) - Decimal(of_prompt):f}"
    return told | {
        "cost_details": {
            "upstream_inference_cost": None,
            "upstream_inference_prompt_cost": msgspec.Raw(of_prompt.encode()),
            "upstream_inference_completions_cost": msgspec.Raw(of_answer.encode()),
        },
    }


def _parts(content: msgspec.Raw, thought: msgspec.Raw | None) -> tuple[msgspec.Raw, msgspec.Raw | None]:
    """Text and reasoning of a content that comes in parts, as Mistral's does."""
    parts = _parts_of_text.decode(content)
    thinking = [part.thinking for part in parts if part.thinking]
    words = _raw("".join(part.text or "" for part in parts))
    texts = [each if isinstance(each, str) else "".join(part.text or "" for part in each) for each in thinking]
    return words, _raw("".join(texts)) if thinking else thought


def _details(given: msgspec.Raw) -> _Json:
    return _without_nulls(_fields.decode(given)) if bytes(given)[:1] == b"{" else {}


def _without_nulls(given: _Json) -> _Json:
    return {name: value for name, value in given.items() if value != _NULL}


def _raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(_encode(value))
