"""The check of streams finds what it is there to find."""

import pytest

from bench.streams import events_of, faults_of

CHUNKS = 4


def stream(*stamps: int, text: str = "tok", model: str = "mock-model") -> list[bytes]:
    chunks = [
        f'{{"model":"{model}","choices":[{{"delta":{{"content":" {text} T={stamp:016}"}}}}]}}' for stamp in stamps
    ]
    end = '{"choices":[{"delta":{},"finish_reason":"stop"}]}'
    return [*(chunk.encode() for chunk in chunks), end.encode(), b'{"usage":{"prompt_tokens":312}}', b"[DONE]"]


MODEL = stream(1, 2, 3, 4)


def test_a_stream_that_differs_in_stamps_and_model_only_is_right() -> None:
    assert faults_of(stream(5, 6, 7, 8, model="bench/mock-model"), MODEL, CHUNKS, paced=True) == []


def test_chunks_of_one_burst_share_a_stamp() -> None:
    assert faults_of(stream(0, 0, 0, 0), MODEL, CHUNKS, paced=False) == []


@pytest.mark.parametrize(
    ("events", "fault"),
    [
        pytest.param(stream(1, 2, 4), "6 events", id="a chunk is lost"),
        pytest.param(stream(1, 2, 3, 4, 4), "8 events", id="a chunk is doubled"),
        pytest.param(stream(1, 3, 2, 4), "out of order", id="two chunks change places"),
        pytest.param(stream(1, 2, 3, 4, text="toc"), "event 0 was changed", id="a byte differs"),
        pytest.param([*MODEL[:-1], b"[END]"], "the end is", id="the end differs"),
    ],
)
def test_each_kind_of_fault_is_told(events: list[bytes], fault: str) -> None:
    assert any(fault in told for told in faults_of(events, MODEL, CHUNKS, paced=True))


def test_only_whole_events_are_events() -> None:
    assert events_of(b"data: {}\n\ndata: [DONE]\n\n") == [b"{}", b"[DONE]"]
    with pytest.raises(ValueError, match="not an event"):
        events_of(b"data: {}\n\nda")
