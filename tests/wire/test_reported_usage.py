"""The usage that providers report, in the shapes their documentation shows, and in shapes nobody should send."""

import pytest
from hypothesis import given

from tests.wire import json_text
from weighbridge.wire.reported import only_usage, usage_in, with_cost
from weighbridge.wire.usage import Usage, estimated_tokens

REPORTED: dict[str, tuple[bytes, Usage]] = {
    "OpenAI": (
        (
            b'{"prompt_tokens":19,"completion_tokens":10,"total_tokens":29,"prompt_tokens_details":{"cached_tokens":4,'
            b'"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":6,"audio_tokens":0,'
            b'"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}'
        ),
        Usage(19, 10, cached=4, reasoning=6),
    ),
    "OpenAI, cache written": (
        (
            b'{"prompt_tokens":2006,"completion_tokens":300,"total_tokens":2306,"prompt_tokens_details":'
            b'{"cached_tokens":1000,"cache_write_tokens":900},"completion_tokens_details":{"reasoning_tokens":0}}'
        ),
        Usage(2006, 300, cached=1000, written=900, reasoning=0),
    ),
    "DeepSeek": (
        (
            b'{"completion_tokens":13,"prompt_tokens":20,"prompt_cache_hit_tokens":15,"prompt_cache_miss_tokens":5,'
            b'"total_tokens":33,"completion_tokens_details":{"reasoning_tokens":8}}'
        ),
        Usage(20, 13, cached=15, reasoning=8),
    ),
    "DeepSeek, both places": (
        (
            b'{"prompt_tokens":20,"completion_tokens":13,"total_tokens":33,"prompt_tokens_details":{"cached_tokens":15},'
            b'"prompt_cache_hit_tokens":15,"prompt_cache_miss_tokens":5}'
        ),
        Usage(20, 13, cached=15),
    ),
    "Moonshot": (
        b'{"prompt_tokens":19,"completion_tokens":21,"total_tokens":40,"cached_tokens":10}',
        Usage(19, 21, cached=10),
    ),
    "Mistral": (
        b'{"prompt_tokens":16,"completion_tokens":34,"total_tokens":50}',
        Usage(16, 34),
    ),
    "Mistral, audio": (
        (
            b'{"prompt_audio_seconds":null,"prompt_tokens":16,"completion_tokens":34,"total_tokens":50,'
            b'"prompt_tokens_details":null}'
        ),
        Usage(16, 34),
    ),
    "Groq": (
        (
            b'{"queue_time":0.037493756,"prompt_tokens":18,"prompt_time":0.000680594,"completion_tokens":556,'
            b'"completion_time":0.463333333,"total_tokens":574,"total_time":0.464013927}'
        ),
        Usage(18, 556),
    ),
    "Together": (
        b'{"prompt_tokens":31,"total_tokens":36,"completion_tokens":5,"cached_tokens":0}',
        Usage(31, 5, cached=0),
    ),
    "Fireworks": (
        b'{"prompt_tokens":1200,"total_tokens":1210,"completion_tokens":10,"prompt_tokens_details":{"cached_tokens":1024}}',
        Usage(1200, 10, cached=1024),
    ),
    "OpenRouter": (
        (
            b'{"prompt_tokens":194,"completion_tokens":2,"total_tokens":196,"cost":0.95,"is_byok":false,'
            b'"prompt_tokens_details":{"cached_tokens":0,"cache_write_tokens":100,"audio_tokens":0,"video_tokens":0},'
            b'"cost_details":{"upstream_inference_cost":null},"completion_tokens_details":{"reasoning_tokens":0}}'
        ),
        Usage(194, 2, cached=0, written=100, reasoning=0),
    ),
    "DashScope": (
        (
            b'{"prompt_tokens":3019,"completion_tokens":104,"total_tokens":3123,"prompt_tokens_details":'
            b'{"cached_tokens":2048},"completion_tokens_details":{"text_tokens":104}}'
        ),
        Usage(3019, 104, cached=2048),
    ),
    "GLM": (
        b'{"completion_tokens":239,"prompt_tokens":8,"prompt_tokens_details":{"cached_tokens":2},"total_tokens":247}',
        Usage(8, 239, cached=2),
    ),
    "MiniMax": (
        (
            b'{"total_tokens":249,"total_characters":0,"prompt_tokens":26,"completion_tokens":223,'
            b'"completion_tokens_details":{"reasoning_tokens":214}}'
        ),
        Usage(26, 223, reasoning=214),
    ),
    "vLLM": (
        b'{"prompt_tokens":8,"total_tokens":18,"completion_tokens":10,"prompt_tokens_details":null}',
        Usage(8, 10),
    ),
    "llama.cpp": (
        b'{"completion_tokens":5,"prompt_tokens":12,"total_tokens":17,"prompt_tokens_details":{"cached_tokens":11}}',
        Usage(12, 5, cached=11),
    ),
    "Gemini, thoughts in the total only": (
        b'{"prompt_tokens":20,"completion_tokens":198,"total_tokens":623}',
        Usage(20, 603),
    ),
    "Grok, reasoning beside the completion": (
        (
            b'{"prompt_tokens":32,"completion_tokens":9,"total_tokens":135,"prompt_tokens_details":{"cached_tokens":6},'
            b'"completion_tokens_details":{"reasoning_tokens":94}}'
        ),
        Usage(32, 103, cached=6, reasoning=94),
    ),
}


@pytest.mark.parametrize(("usage", "expected"), REPORTED.values(), ids=list(REPORTED))
def test_usage_is_read_in_every_providers_shape(usage: bytes, expected: Usage) -> None:
    assert usage_in(b'{"id":"x","choices":[{"message":{"content":"hi"}}],"usage":' + usage + b"}") == expected


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (b'{"choices":[],"x_groq":{"id":"req_1","usage":{"prompt_tokens":18,"completion_tokens":5}}}', Usage(18, 5)),
        (
            b'{"choices":[{"index":0,"delta":{},"usage":{"prompt_tokens":19,"completion_tokens":13,"total_tokens":32}}]}',
            Usage(19, 13),
        ),
        (
            (
                b'{"choices":[{"usage":{"prompt_tokens":1,"completion_tokens":1}}],'
                b'"usage":{"prompt_tokens":2,"completion_tokens":2}}'
            ),
            Usage(2, 2),
        ),
    ],
    ids=["Groq's own place", "Moonshot's own place", "the usual place first"],
)
def test_usage_is_found_where_a_provider_puts_it(document: bytes, expected: Usage) -> None:
    assert usage_in(document) == expected


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (b"null", None),
        (b'"12"', None),
        (b"[1,2]", None),
        (b"12", None),
        (b"{}", None),
        (b'{"total_tokens":12}', None),
        (b'{"prompt_tokens":12}', None),
        (b'{"completion_tokens":12}', None),
        (b'{"prompt_tokens":"12","completion_tokens":5}', None),
        (b'{"prompt_tokens":true,"completion_tokens":5}', None),
        (b'{"prompt_tokens":-1,"completion_tokens":5}', None),
        (b'{"prompt_tokens":12.5,"completion_tokens":5}', None),
        (b'{"prompt_tokens":1e300,"completion_tokens":5}', None),
        (b'{"prompt_tokens":' + b"9" * 40 + b',"completion_tokens":5}', None),
        (b'{"prompt_tokens":' + b"9" * 5000 + b',"completion_tokens":5}', None),
        (b'{"prompt_tokens":12.0,"completion_tokens":5.0}', Usage(12, 5)),
        (b'{"prompt_tokens":12,"total_tokens":17}', Usage(12, 5)),
        (b'{"prompt_tokens":12,"completion_tokens":5,"total_tokens":0}', Usage(12, 5)),
        (b'{"prompt_tokens":12,"completion_tokens":5,"total_tokens":"many"}', Usage(12, 5)),
        (b'{"prompt_tokens":12,"completion_tokens":5,"prompt_tokens_details":[]}', Usage(12, 5)),
        (b'{"prompt_tokens":12,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":-1}}', Usage(12, 5)),
        (b'{"prompt_tokens":12,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":null}}', Usage(12, 5)),
        (b'{"prompt_tokens":12,"completion_tokens":5,"cached_tokens":20}', Usage(12, 5, cached=12)),
        (
            (
                b'{"prompt_tokens":12,"completion_tokens":5,"prompt_tokens_details":'
                b'{"cached_tokens":10,"cache_write_tokens":12},"completion_tokens_details":{"reasoning_tokens":9}}'
            ),
            Usage(12, 5, cached=10, written=2, reasoning=5),
        ),
        (
            (
                b'{"prompt_tokens":12,"completion_tokens":5,"prompt_tokens_details":'
                b'{"cached_tokens":10,"cache_write_tokens":12}}'
            ),
            Usage(12, 5, cached=10, written=2),
        ),
        (b'{"prompt_tokens":1,"completion_tokens":2,"prompt_tokens":3}', Usage(3, 2)),
    ],
    ids=lambda case: repr(case[:60]) if isinstance(case, bytes) else "",
)
def test_a_count_that_makes_no_sense_is_unknown_and_takes_no_other_with_it(
    usage: bytes, expected: Usage | None
) -> None:
    assert usage_in(b'{"usage":' + usage + b',"choices":[]}') == expected


@pytest.mark.parametrize(
    "document",
    [b"", b"null", b"[]", b"{", b'{"usage":', b"\xff", b'{"choices":{"usage":{}}}', b'{"x":' + b"[" * 100_000],
    ids=lambda case: repr(case[:20]),
)
def test_a_document_that_is_none_reports_no_usage(document: bytes) -> None:
    assert usage_in(document) is None
    assert not only_usage(document)


@given(json_text.value)
def test_any_usage_at_all_is_read_or_unknown(usage: bytes) -> None:
    read = usage_in(b'{"usage":' + usage + b"}")
    assert read is None or (read.cached or 0) + (read.written or 0) <= read.prompt


@pytest.mark.parametrize(
    ("document", "only"),
    [
        (b'{"choices":[],"usage":{}}', True),
        (b'{"choices": [ ] ,"usage":null}', True),
        (b'{"choices":[{"delta":{}}],"usage":{}}', False),
        (b'{"usage":{}}', False),
        (b'{"choices":null,"usage":{}}', False),
    ],
)
def test_a_chunk_without_choices_is_there_for_its_usage_only(document: bytes, only: bool) -> None:
    assert only_usage(document) is only


@pytest.mark.parametrize(
    ("document", "priced"),
    [
        (b'{"usage":{"a":1}}', b'{"usage":{"cost":0.5,"a":1}}'),
        (b'{"usage": {  }}', b'{"usage": {"cost":0.5  }}'),
        (b'{"usage" : {\n "a" : 1 } }', b'{"usage" : {"cost":0.5,\n "a" : 1 } }'),
        (b'{"usage":{"a":1,"cost":0.95,"b":2}}', b'{"usage":{"a":1,"cost":0.5,"b":2}}'),
        (b'{"usage":{"cost":null}}', b'{"usage":{"cost":0.5}}'),
        (b'{"usage":{"a":{"cost":7}}}', b'{"usage":{"cost":0.5,"a":{"cost":7}}}'),
        (
            b'{"choices":[{"usage":{"a":1}}],"usage":{"a":1},"x_groq":{"usage":{"a":1}}}',
            b'{"choices":[{"usage":{"a":1}}],"usage":{"cost":0.5,"a":1},"x_groq":{"usage":{"a":1}}}',
        ),
        (b'{"x":"\\"usage\\":{","usage":{"a":1}}', b'{"x":"\\"usage\\":{","usage":{"cost":0.5,"a":1}}'),
        (b'{"usage":null}', b'{"usage":null}'),
        (b'{"x_groq":{"usage":{"a":1}}}', b'{"x_groq":{"usage":{"a":1}}}'),
    ],
    ids=lambda case: case.decode(),
)
def test_the_cost_stands_in_the_documents_own_usage_and_nowhere_else(document: bytes, priced: bytes) -> None:
    assert with_cost(document, "0.5") == priced


@pytest.mark.parametrize(("length", "tokens"), [(0, 0), (1, 1), (4, 1), (5, 2), (4000, 1000)])
def test_an_estimate_is_a_token_for_each_four_bytes_begun(length: int, tokens: int) -> None:
    assert estimated_tokens(length) == tokens
