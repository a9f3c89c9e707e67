"""What is read of a request, what is refused, and that all else goes on as it came."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire import json_text
from weighbridge.errors import BadRequest
from weighbridge.wire.calls import OPENING, ChatCall, for_upstream, read_chat

MESSAGES = b'"messages":[{"role":"user","content":"hi"}]'


def body(more: bytes = b"", model: bytes = b'"a"') -> bytes:
    return b'{"model":' + model + b"," + MESSAGES + (b"," + more if more else b"") + b"}"


@pytest.mark.parametrize(
    ("sent", "param"),
    [
        (b"", None),
        (b"   ", None),
        (b"[]", None),
        (b'"model"', None),
        (b"null", None),
        (b"{", None),
        (b'{"model":"a",', None),
        (b"{'model':'a'}", None),
        (body() + b"x", None),
        (b"\xef\xbb\xbf" + body(), None),
        (body(b'"user":"\xff"'), None),
        (body(b'"user":"\xc3"'), None),
        (body(b'"user":"\\q"'), None),
        (body(b'"user":"\\ud800"'), None),
        (body(b'"user":01'), None),
        (body(b'"temperature":NaN'), None),
        (body(b'"temperature":-Infinity'), None),
        (body(b'"x":' + b"[" * 100_000 + b"]" * 100_000), None),
        (body(b'"x":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000), None),
        (b"[" * 1_000_000, None),
        (b"{}", "model"),
        (b"{" + MESSAGES + b"}", "model"),
        (body(model=b"null"), "model"),
        (body(model=b"1"), "model"),
        (body(model=b'["a"]'), "model"),
        (body(model=b'""'), "model"),
        (body(model=b'"' + b"a" * 513 + b'"'), "model"),
        (body(b'"model":"b"'), "model"),
        (body(b'"Model":"b"'), "model"),
        (body(b'"mod\\u0065l":"b"'), "model"),
        (body(b'"\\u004dODEL":"b"'), "model"),
        (b'{"model":"a"}', "messages"),
        (b'{"model":"a","messages":[]}', "messages"),
        (b'{"model":"a","messages":null}', "messages"),
        (b'{"model":"a","messages":"hi"}', "messages"),
        (b'{"model":"a","messages":{"0":{}}}', "messages"),
        (body(b'"stream":"yes"'), "stream"),
        (body(b'"stream":1'), "stream"),
        (body(b'"stream_options":[]'), "stream_options"),
        (body(b'"stream_options":{"include_usage":1}'), "stream_options.include_usage"),
        (body(b'"max_tokens":-2'), "max_tokens"),
        (body(b'"max_tokens":"12"'), "max_tokens"),
        (body(b'"max_tokens":1.5'), "max_tokens"),
        (body(b'"max_tokens":1e400'), "max_tokens"),
        (body(b'"max_tokens":true'), "max_tokens"),
        (body(b'"max_tokens":' + b"9" * 5000), "max_tokens"),
        (body(b'"max_completion_tokens":[]'), "max_completion_tokens"),
        (body(b'"n":-1'), "n"),
        (body(b'"n":0'), "n"),
        (body(b'"n":{}'), "n"),
    ],
    ids=lambda case: repr(case[:60]) if isinstance(case, bytes) else str(case),
)
def test_a_request_that_makes_no_sense_is_refused_with_the_field_at_fault(sent: bytes, param: str | None) -> None:
    with pytest.raises(BadRequest) as refused:
        read_chat(sent)
    assert refused.value.param == param
    assert refused.value.message
    assert len(refused.value.message) < 300


@given(st.binary(max_size=200) | json_text.value)
def test_whatever_the_bytes_are_the_only_error_is_that_the_request_is_bad(sent: bytes) -> None:
    try:
        call = read_chat(sent)
    except BadRequest:
        return
    assert isinstance(call, ChatCall)


@pytest.mark.parametrize(
    ("more", "wants", "most"),
    [
        (b"", False, None),
        (b'"stream":null,"stream_options":null,"max_tokens":null,"n":null', False, None),
        (b'"stream":true,"stream_options":{}', False, None),
        (b'"stream":true,"stream_options":{"include_usage":null}', False, None),
        (b'"stream":true,"stream_options":{"include_usage":true,"x":1}', True, None),
        (b'"max_tokens":5', False, 5),
        (b'"max_tokens":5,"n":3', False, 15),
        (b'"max_tokens":5,"max_completion_tokens":7', False, 7),
        (b'"max_tokens":5,"max_tokens":6', False, 6),
        (b'"max_tokens":' + b"9" * 30, False, int("9" * 30)),
        (b'"max_tokens":0', False, 0),
        (b'"max_tokens":0,"n":3', False, 0),
        (b'"max_tokens":5,"max_completion_tokens":0', False, 0),
        (b'"max_tokens":-1', False, None),
        (b'"max_tokens":-1,"n":3', False, None),
        (b'"max_completion_tokens":-1,"max_tokens":5', False, None),
    ],
)
def test_a_request_says_whether_it_wants_usage_and_the_most_it_may_get(more: bytes, wants: bool, most: int) -> None:
    call = read_chat(body(more))
    assert (call.wants_usage, call.most_tokens) == (wants, most)


def test_pictures_sent_inline_do_not_count_as_prompt_text() -> None:
    plain = read_chat(b'{"model":"a","messages":[{"content":[{"image_url":{"url":"https://x/y.png"}}]}]}')
    inline = read_chat(
        b'{"model":"a","messages":[{"content":[{"image_url":{"url":"data:image/png;base64,'
        + b"A" * 100_000
        + b'"}},{"input_audio":{"data":"'
        + b"B" * 100_000
        + b'","format":"wav"}}]}]}'
    )
    assert inline.prompt_bytes < plain.prompt_bytes + 100


@st.composite
def requests(draw: st.DrawFn) -> tuple[bytes, bytes, bytes, str]:
    """A request in three parts, the middle one the model's value; and the model."""
    model = draw(st.sampled_from(("a", "lab/name", 'quote"d', "Ünïcode 🎈", "back\\slash")))
    other = json_text.pair(
        json_text.string(st.sampled_from([name for name in json_text.NAMES if name not in ("model", "messages")])),
        json_text.value,
    )
    fields = draw(st.lists(other.filter(_leaves_the_request_good), max_size=3))
    fields.append(draw(json_text.pair(json_text.string(st.just("messages")), st.just(b'[{"content":"model"}]'))))
    before = draw(st.integers(0, len(fields)))
    name = draw(json_text.string(st.just("model")))
    space = [draw(json_text.white) for _ in range(4)]
    head = space[0] + b"{" + b"".join(field + b"," for field in fields[:before]) + space[1] + name + b":" + space[2]
    tail = space[3] + b"".join(b"," + field for field in fields[before:]) + b"}"
    return head, draw(json_text.string(st.just(model))), tail, model


def _leaves_the_request_good(field: bytes) -> bool:
    try:
        read_chat(b'{"model":"a","messages":[1],' + field + b"}")
    except BadRequest:
        return False
    return True


@given(requests(), st.sampled_from(("b", "other/name", 'with "quotes" and \\', "模型")))
def test_the_model_is_the_only_byte_that_changes(parts: tuple[bytes, bytes, bytes, str], upstream: str) -> None:
    head, value, tail, model = parts
    sent = head + value + tail
    call = read_chat(sent)
    assert call.model == model
    assert for_upstream(sent, call, upstream, ask_usage=False) == head + msgspec.json.encode(upstream) + tail


@given(requests())
def test_a_request_that_needs_no_change_is_not_even_copied(parts: tuple[bytes, bytes, bytes, str]) -> None:
    sent = b"".join(parts[:3])
    assert for_upstream(sent, read_chat(sent), parts[3], ask_usage=False) is sent


@given(requests())
def test_a_stream_is_made_to_report_its_usage_and_is_else_the_same(parts: tuple[bytes, bytes, bytes, str]) -> None:
    sent = b"".join(parts[:3])
    call = read_chat(sent)
    asked = for_upstream(sent, call, "b", ask_usage=True)
    before, after = msgspec.json.decode(sent), msgspec.json.decode(asked)
    options = (before.get("stream_options") or {}) | {"include_usage": True}
    assert after == before | {"model": "b"} | ({"stream_options": options} if call.stream else {})


@pytest.mark.parametrize(
    ("sent", "asked"),
    [
        (b"", b'{"stream_options":{"include_usage":true},"model":"a",%s,"stream":true}'),
        (b',"stream_options":null', b'{"model":"a",%s,"stream":true,"stream_options":{"include_usage":true}}'),
        (b',"stream_options": { }', b'{"model":"a",%s,"stream":true,"stream_options": {"include_usage":true}}'),
        (
            b',"stream_options":{"include_usage":false,"x": 1}',
            b'{"model":"a",%s,"stream":true,"stream_options":{"include_usage":true,"x":1}}',
        ),
        (
            b',"stream_options":{"include_usage":false},"stream_options":{"y":1.50}',
            (
                b'{"model":"a",%s,"stream":true,"stream_options":{"y":1.50,"include_usage":true},'
                b'"stream_options":{"y":1.50,"include_usage":true}}'
            ),
        ),
        (b',"stream_options":{"include_usage":true }', b""),
    ],
    ids=["absent", "null", "empty", "other options", "twice", "asked already"],
)
def test_usage_is_asked_for_beside_the_options_that_are_there(sent: bytes, asked: bytes) -> None:
    whole = body(b'"stream":true' + sent)
    expected = asked % MESSAGES if asked else whole
    assert for_upstream(whole, read_chat(whole), "a", ask_usage=True) == expected


@pytest.mark.parametrize("more", [b"", b'"stream":false', b'"stream":null,"stream_options":{"include_usage":false}'])
def test_what_is_no_stream_is_not_asked_to_report_usage(more: bytes) -> None:
    sent = body(more)
    assert for_upstream(sent, read_chat(sent), "a", ask_usage=True) is sent


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (b'{"mod\\u0065l":"a",%s,"x":{"model":"a"}}', b'{"mod\\u0065l":"b",%s,"x":{"model":"a"}}'),
        (b'{"x":{"model":"a"},%s,"model" : "\\u0061" }', b'{"x":{"model":"a"},%s,"model" : "b" }'),
        (b'{"x":"model",%s,"model":"a"}', b'{"x":"model",%s,"model":"b"}'),
        (b'{"x\\"model":"a",%s,"model":"a"}', b'{"x\\"model":"a",%s,"model":"b"}'),
        (b'{"x":"\\"model\\":\\"a\\"",%s,"model":"a"}', b'{"x":"\\"model\\":\\"a\\"",%s,"model":"b"}'),
        (b'{"x":{"Model":"a"},%s,"model":"a"}', b'{"x":{"Model":"a"},%s,"model":"b"}'),
    ],
    ids=lambda case: case.decode(),
)
def test_only_the_requests_own_model_is_replaced(sent: bytes, expected: bytes) -> None:
    whole = sent % MESSAGES
    assert for_upstream(whole, read_chat(whole), "b", ask_usage=False) == expected % MESSAGES


def test_a_body_of_megabytes_with_the_model_named_in_tools_is_rewritten_whole() -> None:
    tools = b'"tools":[{"function":{"parameters":{"properties":{"model":{"type":"string"}},"required":["model"]}}}]'
    text = b'"user":"' + b'\\"model\\":\\"x\\" ' * 500_000 + b'"'
    sent = body(tools + b"," + text)
    assert for_upstream(sent, read_chat(sent), "bb", ask_usage=False) == sent.replace(b'"a"', b'"bb"', 1)


SYSTEM, FIRST = {"role": "system", "content": "You say 'user'."}, {"role": "user", "content": "Hello " * 1000}
LATER = [{"role": "assistant", "content": "Hi."}, {"role": "user", "content": "Go on."}]


@pytest.mark.parametrize("beginning", [[FIRST], [SYSTEM, FIRST], [SYSTEM, LATER[0]]])
def test_a_conversation_opens_the_same_in_every_turn(beginning: list[dict[str, str]]) -> None:
    def opening(messages: list[dict[str, str]]) -> bytes:
        return read_chat(msgspec.json.encode({"model": "m", "messages": messages})).opening

    assert opening(beginning) == opening([*beginning, *LATER])
    assert opening(beginning) != opening([{**beginning[0], "content": "Others begin otherwise."}, *beginning[1:]])
    assert len(opening([*beginning, *LATER])) <= 2 * OPENING
