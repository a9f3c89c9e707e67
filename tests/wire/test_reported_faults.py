"""What an error says, in the shapes in which providers say it; and what an answer says."""

import pytest
from hypothesis import given

from tests.wire import json_text
from weighbridge.wire.decoding import readable
from weighbridge.wire.reported import fault_in, said

FAULTS: dict[str, tuple[bytes, str | None]] = {
    "OpenAI": (b'{"error":{"message":"No such model","type":"invalid","param":null,"code":"nope"}}', "No such model"),
    "OpenRouter, 200": (b'{"error":{"code":429,"message":"Rate limited","metadata":{"raw":"x"}}}', "Rate limited"),
    "OpenRouter, mid-stream": (
        (
            b'{"id":"g","error":{"code":"server_error","message":"Provider disconnected"},'
            b'"choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}]}'
        ),
        "Provider disconnected",
    ),
    "llama.cpp": (b'{"error":{"code":500,"message":"context shift","type":"server_error"}}', "context shift"),
    "vLLM, old": (
        b'{"object":"error","message":"too long","type":"BadRequestError","param":null,"code":400}',
        "too long",
    ),
    "FastAPI": (b'{"detail":"Not Found"}', "Not Found"),
    "FastAPI, validation": (
        b'{"detail":[{"loc":["body","n"],"msg":"field required"}]}',
        '[{"loc":["body","n"],"msg":"field required"}]',
    ),
    "Ollama": (b'{"error":"model \'x\' not found"}', "model 'x' not found"),
    "SiliconFlow": (b'{"code":20012,"message":"Model does not exist","data":null}', "Model does not exist"),
    "code only": (b'{"error":{"code":"overloaded"}}', "overloaded"),
    "number only": (b'{"error":{"code":503}}', "503"),
    "type only": (b'{"error":{"type":"overloaded_error"}}', "overloaded_error"),
    "nothing known": (b'{"error":{"oops":1}}', '{"oops":1}'),
    "empty": (b'{"error":{}}', "{}"),
    "message is an object": (b'{"error":{"message":{"text":"hm"}}}', '{"message":{"text":"hm"}}'),
    "code is a float": (b'{"error":{"code":1.5}}', '{"code":1.5}'),
    "a list": (b'{"error":["a","b"]}', '["a","b"]'),
    "true": (b'{"error":true}', "true"),
    "beside an odd message": (b'{"error":{"message":"bad"},"message":{}}', "bad"),
    "no error": (b'{"id":"x","choices":[]}', None),
    "error: null": (b'{"error":null,"choices":[]}', None),
    "error: false": (b'{"error":false}', None),
    "error, empty text": (b'{"error":""}', None),
    "detail: null": (b'{"detail":null}', None),
    "Ollama's own answer": (b'{"message":{"role":"assistant","content":"error"}}', None),
    "content": (b'{"choices":[{"delta":{"content":"error"}}]}', None),
    "plain text": (b"upstream connect error", None),
    "HTML": (b"<html>502</html>", None),
    "a JSON string": (b'"busy"', None),
    "nothing": (b"", None),
    "nested": (b'{"error":' + b"[" * 100_000, None),
}


@pytest.mark.parametrize(("document", "words"), FAULTS.values(), ids=list(FAULTS))
def test_an_errors_words_are_found(document: bytes, words: str | None) -> None:
    assert fault_in(document) == words


def test_an_error_without_end_is_cut() -> None:
    assert fault_in(b'{"detail":[' + b"1," * 10_000 + b"1]}") == ("[" + "1," * 250)[:500]


@given(json_text.value)
def test_whatever_stands_under_error_is_an_error_or_nothing(error: bytes) -> None:
    words = fault_in(b'{"error":' + error + b"}")
    assert words if error not in (b"null", b"false", b'""') else words is None


@pytest.mark.parametrize(
    ("document", "length", "finished"),
    [
        (b'{"choices":[{"delta":{"content":"hello"}}]}', 5, False),
        (b'{"choices":[{"delta":{"content":"hello"},"finish_reason":null}]}', 5, False),
        (b'{"choices":[{"delta":{},"finish_reason":"stop"}]}', 0, True),
        (b'{"choices":[{"delta":{"content":null,"reasoning_content":"hm"}}]}', 2, False),
        (b'{"choices":[{"delta":{"content":"","reasoning":"hmm"}}]}', 3, False),
        (b'{"choices":[{"delta":{"tool_calls":[{"index":0}]}}]}', 11, False),
        (b'{"choices":[{"message":{"content":"hello"},"finish_reason":"length"}]}', 5, True),
        (b'{"choices":[{"delta":{"content":"a"}},{"delta":{"content":"bc"},"finish_reason":"stop"}]}', 3, True),
        (b'{"choices":[{"delta":null}]}', 0, False),
        (b'{"choices":[]}', 0, False),
        (b'{"choices":null}', 0, False),
        (b"{}", 0, False),
        (b"not JSON", 0, False),
    ],
)
def test_what_a_chunk_says_is_measured(document: bytes, length: int, finished: bool) -> None:
    assert said(document) == (length, finished)


@pytest.mark.parametrize(
    ("document", "is_json"), [(b'{"a":1}', True), (b'{"a":1', False), (b"", False), (b"{}x", False)]
)
def test_json_is_told_from_its_beginning(document: bytes, is_json: bool) -> None:
    assert readable(document) is is_json
