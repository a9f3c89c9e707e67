"""What a request asks of its providers is obeyed in every dialect, and goes no further than the gateway."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from openai import AsyncOpenAI, BadRequestError, NotFoundError

from tests.gateway.house import ASKED, House, house
from tests.gateway.upstream import ANSWER, USED, Call, Upstream, plainly

MODEL, OTHER = "lab/tiny", "lab/other"
HELLO = [{"role": "user", "content": "Say hello."}]
DIALECTS: dict[str, tuple[str, dict[str, object]]] = {
    "chat": ("/v1/chat/completions", {"messages": HELLO}),
    "completions": ("/v1/completions", {"prompt": "Say hello."}),
    "embeddings": ("/v1/embeddings", {"input": "hello"}),
    "messages": ("/v1/messages", {"messages": HELLO, "max_tokens": 16}),
    "responses": ("/v1/responses", {"input": "Say hello."}),
    "openrouter": ("/api/v1/chat/completions", {"messages": HELLO}),
}


async def answered(call: Call) -> None:
    """Answer whatever is asked."""
    if call.target.endswith("/embeddings"):
        vector = {"object": "embedding", "index": 0, "embedding": [0.5]}
        await call.answer({"object": "list", "model": "tiny", "data": [vector], "usage": {"prompt_tokens": 2}})
    elif call.target.endswith("/v1/completions"):
        choice = {"index": 0, "text": "Hello.", "finish_reason": "stop"}
        await call.answer({**ANSWER, "object": "text_completion", "choices": [choice], "usage": USED})
    else:
        await plainly(call)


@dataclass
class Street:
    """A gateway before two providers of one model, of which the first has another one as well."""

    gateway: House
    cheap: Upstream
    dear: Upstream

    @property
    def asked(self) -> str:
        """Who was asked."""
        return " ".join(["cheap"] * len(self.cheap.calls) + ["dear"] * len(self.dear.calls))


def serves(name: str, port: int, dollars: str, also: str = "") -> str:
    """Settings for a provider."""
    return f"""
[providers.{name}]
base_url = "http://127.0.0.1:{port}/v1"
{also}
[[providers.{name}.models]]
id = "tiny-at-{name}"
model = "{MODEL}"
input = "{dollars}"
output = "{dollars}"
"""


@pytest.fixture
async def street(tmp_path: Path) -> AsyncIterator[Street]:
    cheap, dear = Upstream(answered, models=()), Upstream(answered, models=())
    await cheap.listen()
    await dear.listen()
    toml = "[routing]\nsort = 'price'\nretries = 0\n" + serves("cheap", cheap.port, "1")
    toml += '[[providers.cheap.models]]\nid = "other"\nmodel = "lab/other"\ninput = "1"\noutput = "1"\n'
    toml += serves("dear", dear.port, "2", "retention_days = 0\ntrains = false\n")
    async with house(tmp_path / "home", toml) as gateway:
        yield Street(gateway, cheap, dear)
    await cheap.close()
    await dear.close()


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_the_provider_object_is_obeyed_in_every_dialect(street: Street, dialect: str) -> None:
    target, body = DIALECTS[dialect]
    answer = await street.gateway.ask(
        {"model": MODEL, **body, "provider": {"zdr": True, "data_collection": "deny"}}, target=target
    )
    assert answer.status == 200, answer.body
    assert street.asked == "dear"
    sent = json.loads(street.dear.calls[0].body)
    assert "provider" not in sent
    assert sent["model"] == "tiny-at-dear"


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_models_are_asked_one_after_the_other_in_every_dialect(street: Street, dialect: str) -> None:
    target, body = DIALECTS[dialect]
    asked = {"model": MODEL, **body, "models": [MODEL, "lab/nobody", OTHER], "provider": {"only": ["cheap"]}}

    async def fails(call: Call) -> None:
        if json.loads(call.body)["model"] == "other":
            await answered(call)
        else:
            await call.answer({"error": {"message": "failed"}}, 500)

    street.cheap.script = fails
    answer = await street.gateway.ask(asked, target=target)
    assert answer.status == 200, answer.body
    assert [json.loads(call.body)["model"] for call in street.cheap.calls] == ["tiny-at-cheap", "other"]
    assert all("models" not in json.loads(call.body) for call in street.cheap.calls)
    assert not street.dear.calls


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_the_header_says_the_same_in_every_dialect(street: Street, dialect: str) -> None:
    target, body = DIALECTS[dialect]
    header = 'x-weighbridge-provider: {"order":["dear"],"allow_fallbacks":false}\r\n'
    assert (await street.gateway.ask({"model": MODEL, **body}, target=target, headers=header)).status == 200
    assert street.asked == "dear"


async def test_who_is_known_to_take_every_parameter_is_asked_where_that_is_required(tmp_path: Path) -> None:
    plain, able = Upstream(answered, models=()), Upstream(answered, models=())
    async with AsyncExitStack() as stack:
        for each in (plain, able):
            await each.listen()
            stack.push_async_callback(each.close)
        toml = serves("plain", plain.port, "1", 'parameters = ["temperature"]')
        toml += serves("able", able.port, "2", 'parameters = ["temperature", "seed", "structured_outputs"]')
        gateway = await stack.enter_async_context(house(tmp_path / "home", toml))
        required = {**ASKED, "model": MODEL, "provider": {"require_parameters": True, "sort": "price"}}
        schema = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
        for fields, asked in (
            ({"temperature": 0.5, "user": "me", "stream": False}, plain),
            ({"temperature": 0.5, "seed": 7}, able),
            ({"response_format": schema}, able),
            ({"seed": None, "response_format": {"type": "text"}}, plain),
        ):
            before = len(asked.calls)
            assert (await gateway.ask({**required, **fields})).status == 200
            assert len(asked.calls) == before + 1
        answer = await gateway.ask({**required, "top_k": 3})
        assert (answer.status, answer.error["param"]) == (404, "provider.require_parameters")
        assert "plain does not take top_k" in str(answer.error["message"])


async def test_where_body_and_header_say_something_of_a_field_the_body_holds(street: Street) -> None:
    body = {**ASKED, "model": MODEL, "provider": {"order": ["cheap"]}}
    header = 'x-weighbridge-provider: {"order":["dear"],"zdr":true}\r\n'
    assert (await street.gateway.ask(body, headers=header)).status == 200
    assert street.asked == "dear"
    header = 'x-weighbridge-provider: {"order":["dear"]}\r\n'
    assert (await street.gateway.ask(body, headers=header)).status == 200
    assert street.asked == "cheap dear"


async def test_all_other_values_pass_as_they_came(street: Street) -> None:
    body = b'{ "model": "lab/tiny", "provider": {"only": ["dear"]}, "temperature": 0.70,  "messages": '
    body += json.dumps(HELLO).encode() + b', "x_own": {"a":  [1.0,2]}, "seed": 12345678901234567890}'
    assert (await street.gateway.ask(body)).status == 200
    sent = street.dear.calls[0].body
    for kept in (b'"temperature":0.70', b'"x_own":{"a":  [1.0,2]}', b'"seed":12345678901234567890'):
        assert kept in sent


WRONG: dict[str, tuple[dict[str, object], str, int, str]] = {
    "no object": ({"provider": "dear"}, "", 400, "provider"),
    "a field nobody knows": ({"provider": {"onyl": ["dear"]}}, "", 400, "provider"),
    "a wrong type": ({"provider": {"only": "dear"}}, "", 400, "provider.only"),
    "an unknown slug": ({"provider": {"only": ["deer"]}}, "", 400, "provider.only"),
    "an unknown slug, and a fallback nobody knows": (
        {"models": ["lab/nobody"], "provider": {"only": ["deer"]}},
        "",
        400,
        "provider.only",
    ),
    "a contradiction": ({"provider": {"only": ["dear"], "ignore": ["dear"]}}, "", 400, "provider.only"),
    "a price nobody meets": ({"provider": {"max_price": {"prompt": 0.5}}}, "", 404, "provider.max_price"),
    "a speed of nothing": ({"provider": {"preferred_max_latency": 0}}, "", 400, "provider.preferred_max_latency"),
    "a header that is written wrong": ({}, "x-weighbridge-tag: personal-data\r\n", 400, "x-weighbridge-tag"),
    "a header that is no JSON": ({}, "x-weighbridge-provider: dear\r\n", 400, "x-weighbridge-provider"),
    "a header with a wrong field": ({}, 'x-weighbridge-provider: {"zdr":1}\r\n', 400, "x-weighbridge-provider"),
}


@pytest.mark.parametrize(("fields", "header", "status", "param"), WRONG.values(), ids=WRONG)
async def test_what_is_wrong_is_named_and_asks_nobody(
    street: Street, fields: dict[str, object], header: str, status: int, param: str
) -> None:
    answer = await street.gateway.ask({**ASKED, "model": MODEL, **fields}, headers=header)
    assert (answer.status, answer.error["param"]) == (status, param)
    assert street.asked == ""
    assert (await street.gateway.entry()).ending == "refused"


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"sort": "luck"}, "provider.sort: Invalid enum value 'luck'; it takes price, throughput or latency, or an"),
        ({"data_collection": "no"}, "provider.data_collection: Invalid enum value 'no'; it takes allow or deny"),
        ({"onyl": []}, "; it takes order, only, ignore, "),
        ({"max_price": {"input": 1}}, "; it takes prompt, completion, request, image, audio"),
    ],
)
async def test_where_a_set_is_closed_the_error_has_all_of_it(
    street: Street, dialect: str, wanted: object, said: str
) -> None:
    target, body = DIALECTS[dialect]
    answer = await street.gateway.ask({"model": MODEL, **body, "provider": wanted}, target=target)
    assert (answer.status, said in str(answer.error["message"])) == (400, True), answer.body


async def test_openais_own_client_says_it_in_extra_body(street: Street) -> None:
    async with AsyncOpenAI(base_url=street.gateway.url, api_key=street.gateway.key, max_retries=0) as client:
        said = await client.chat.completions.create(
            model=MODEL,
            messages=[{"role": "user", "content": "Say hello."}],
            extra_body={"provider": {"order": ["dear", "cheap"], "max_price": {"prompt": "2.5"}}, "models": [OTHER]},
        )
        assert said.choices[0].message.content == "Hello."
        assert street.asked == "dear"
        made = await client.responses.create(model=MODEL, input="Hi", extra_body={"provider": {"ignore": ["cheap"]}})
        assert made.output_text == "Hello."
        assert street.asked == "dear dear"
        with pytest.raises(BadRequestError, match="the nearest: dear"):
            await client.embeddings.create(model=MODEL, input="Hi", extra_body={"provider": {"only": ["deer"]}})
        with pytest.raises(NotFoundError, match=r"The cheapest there is: cheap/tiny-at-cheap at \$1 "):
            await client.completions.create(
                model=MODEL, prompt="Hi", extra_body={"provider": {"max_price": {"completion": 0.1}}}
            )


async def test_a_session_in_openrouters_body_keeps_to_one_endpoint(tmp_path: Path) -> None:
    ups = [Upstream(plainly, models=()) for _ in range(4)]
    async with AsyncExitStack() as stack:
        for each in ups:
            await each.listen()
            stack.push_async_callback(each.close)
        await _sessions(tmp_path, ups)


async def _sessions(tmp_path: Path, ups: list[Upstream]) -> None:
    toml = "".join(serves(f"host-{number}", each.port, "1") for number, each in enumerate(ups))
    async with house(tmp_path / "home", toml) as gateway:
        for session in ("one", "two", "three", "four", "five", "six"):
            before = [len(each.calls) for each in ups]
            for turn in range(4):
                body = {"model": MODEL, "messages": [{"role": "user", "content": f"{session} {turn}"}]}
                header = "x-session-id: another\r\n" if turn % 2 else ""
                answer = await gateway.ask(
                    {**body, "session_id": session}, target="/api/v1/chat/completions", headers=header
                )
                assert answer.status == 200
            asked = [len(each.calls) - count for each, count in zip(ups, before, strict=True)]
            assert sorted(asked) == [0, 0, 0, 4]
            assert all(b"session_id" not in call.body for each in ups for call in each.calls)
    assert sum(bool(each.calls) for each in ups) > 1


async def test_a_provider_of_messages_itself_is_not_told(tmp_path: Path) -> None:
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "tiny",
        "content": [{"type": "text", "text": "Hello."}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 3, "output_tokens": 2},
    }

    async def answers(call: Call) -> None:
        await call.answer({"input_tokens": 3} if call.target.endswith("count_tokens") else message)

    speaks, other = Upstream(answers, models=()), Upstream(plainly, models=())
    await speaks.listen()
    await other.listen()
    toml = serves("native", speaks.port, "2", 'speaks = ["messages"]') + serves("chatty", other.port, "1")
    async with house(tmp_path / "home", toml) as gateway:
        body = {"model": MODEL, "messages": HELLO, "max_tokens": 16, "provider": {"only": ["native"]}}
        answer = await gateway.ask(body, target="/v1/messages")
        assert (answer.status, answer.document["id"]) == (200, "msg_1")
        counted = await gateway.ask(
            {name: value for name, value in body.items() if name != "max_tokens"}, target="/v1/messages/count_tokens"
        )
        assert counted.document == {"input_tokens": 3, "counted_by": "provider"}
    assert [b"provider" in call.body for call in speaks.calls] == [False, False]
    assert not other.calls
    await speaks.close()
    await other.close()
