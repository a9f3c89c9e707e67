"""What is read of a request for embeddings, and the one thing that changes in the answer."""

import base64
import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire import json_text
from weighbridge.errors import BadRequest, UpstreamError
from weighbridge.wire.surface import Asked
from weighbridge.wire.tasks.embeddings import EMBEDDINGS


def asked(texts: bytes, more: bytes = b"") -> Asked:
    return EMBEDDINGS.read(b'{"model":"a","input":' + texts + more + b"}")


@pytest.mark.parametrize(
    ("sent", "param"),
    [
        (b'{"model":"a"}', "input"),
        (b'{"input":"a"}', "model"),
        (b'{"model":"a","Model":"b","input":"a"}', "model"),
        (b'{"model":"a","input":null}', "input"),
        (b'{"model":"a","input":[]}', "input"),
        (b'{"model":"a","input":{}}', "input"),
        (b'{"model":"a","input":7}', "input"),
        (b'{"model":"a","input":true}', "input"),
        (b'{"model":"a","input":[1e400]}', "input"),
        (b'{"model":"a","input":"a","encoding_format":1}', "encoding_format"),
        (b'{"model":"a","input":' + b"[" * 100_000 + b"]" * 100_000 + b"}", None),
    ],
    ids=lambda case: repr(case[:60]) if isinstance(case, bytes) else str(case),
)
def test_a_request_that_makes_no_sense_is_refused_with_the_field_at_fault(sent: bytes, param: str | None) -> None:
    with pytest.raises(BadRequest) as refused:
        EMBEDDINGS.read(sent)
    assert refused.value.param == param


@given(st.binary(max_size=200) | json_text.value)
def test_whatever_the_bytes_are_the_only_error_is_that_the_request_is_bad(sent: bytes) -> None:
    for body in (sent, b'{"model":"a","input":' + sent + b"}"):
        try:
            asked = EMBEDDINGS.read(body)
        except BadRequest:
            continue
        assert asked.call.prompt_bytes >= 0


@pytest.mark.parametrize(
    ("texts", "size"),
    [
        (b'"na\\u00efve"', 6),
        (b'["ab","cde"]', 5),
        (b"[1,2,3]", 12),
        (b"[[1,2],[3]]", 12),
        (b'[{"text":"abc"},{"image":"data:image/png;base64,AAAA"}]', 3),
        (b'["a",null,true]', 1),
    ],
)
def test_an_estimate_goes_by_the_text_or_the_number_of_tokens(texts: bytes, size: int) -> None:
    call = asked(texts).call
    assert (call.prompt_bytes, call.most_tokens, call.streamed) == (size, 0, False)


def test_text_nested_as_deep_as_the_parser_lets_it_is_measured() -> None:
    assert asked(b"[" * 900 + b'"abc"' + b"]" * 900).call.prompt_bytes == 3


def floats(encoded: str) -> tuple[float, ...]:
    data = base64.b64decode(encoded)
    return struct.unpack(f"<{len(data) // 4}f", data)


@given(st.lists(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1), min_size=1))
def test_numbers_become_base64_where_it_was_asked_for(vectors: list[list[float]]) -> None:
    rows = [{"object": "embedding", "index": at, "embedding": vector} for at, vector in enumerate(vectors)]
    document = {"object": "list", "model": "m", "data": rows, "usage": {"prompt_tokens": 2}, "x": {"kept": 1}}
    made = asked(b'"a"', b',"encoding_format":"base64"').form.whole(json.dumps(document).encode(), None)
    read = json.loads(made)
    assert [list(floats(row["embedding"])) for row in read["data"]] == vectors
    for row, before in zip(read["data"], rows, strict=True):
        assert row | {"embedding": before["embedding"]} == before
    assert {**read, "data": rows} == document


NUMBERS = b'{ "data" : [ {"embedding":[1.0,0.10,1e-7],"x":1} ] }'
ENCODED = b'{ "data" : [ {"embedding":"AACAPw==","x":1.10} ] }'


@pytest.mark.parametrize(
    ("more", "document"),
    [
        (b"", NUMBERS),
        (b',"encoding_format":"float"', NUMBERS),
        (b',"encoding_format":null', NUMBERS),
        (b',"encoding_format":"base64"', ENCODED),
        (b',"encoding_format":"int8"', b'{"data":[{"embedding":[1,-2]}]}'),
        (b',"encoding_format":"base64"', b'{"data": []}'),
        (b"", b'{"data":[{"embedding":[[0.1,0.2],[0.3,0.4]]}]}'),
    ],
)
def test_every_other_answer_is_the_providers_own_bytes(more: bytes, document: bytes) -> None:
    assert asked(b'"a"', more).form.whole(document, "0.1") is document


@pytest.mark.parametrize(
    "document",
    [
        b"{}",
        b"[]",
        b'{"data":{}}',
        b'{"data":[{}]}',
        b'{"choices":[]}',
        b'{"data":[{"embedding":[1e300]}]}',
    ],
)
def test_what_is_no_list_of_embeddings_is_the_providers_fault(document: bytes) -> None:
    with pytest.raises(UpstreamError):
        asked(b'"a"', b',"encoding_format":"base64"').form.whole(document, None)


def test_a_vector_for_each_token_stays_numbers() -> None:
    document = b'{"data":[{"embedding":[[0.10,0.2],[0.3,0.4]]}]}'
    assert asked(b'"a"', b',"encoding_format":"base64"').form.whole(document, None) == document


def test_a_stream_is_no_answer() -> None:
    with pytest.raises(UpstreamError, match="stream"):
        asked(b'"a"').form.stream(lambda usage: None)
