"""Aliases and presets of the settings, and what a key adds to its requests, as the provider and the ledger see it."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.house import House, house
from tests.gateway.upstream import Call, Script, Upstream, plainly
from weighbridge import db
from weighbridge.accounts import keys
from weighbridge.accounts.defaults import Defaults
from weighbridge.app.naming import names
from weighbridge.config import ConfigError, read
from weighbridge.wire.preferences import Preferences

HELLO = [{"role": "user", "content": "Say hello."}]
NAMES = """
[aliases]
tiny = "lab/tiny"
gpt-4 = ["lab/gone", "lab/tiny"]
[[aliases.moving]]
model = "lab/gone"
[[aliases.moving]]
model = "lab/tiny"
since = 2026-01-01
[presets.cheap]
models = ["lab/tiny", "lab/large"]
system = "Be brief."
temperature = 0.25
max_tokens = 77
[presets.dear]
models = "lab/tiny"
provider = { only = ["b-dear"] }
[presets.calm]
temperature = 0.5
[presets.strict]
models = "lab/tiny"
seed = 7
"""


def serves(name: str, port: int, dollars: str) -> str:
    models = "".join(
        f'[[providers.{name}.models]]\nid = "{each}-at-{name}"\nmodel = "lab/{each}"\n'
        f'input = "{dollars}"\noutput = "{dollars}"\n'
        for each in ("tiny", "large")
    )
    return f'[providers.{name}]\nbase_url = "http://127.0.0.1:{port}/v1"\n{models}'


@asynccontextmanager
async def named(home: Path, script: Script = plainly) -> AsyncIterator[tuple[House, Upstream, Upstream]]:
    """A gateway with these names, before a provider that asks nothing and one that does."""
    free, dear = Upstream(script, models=()), Upstream(script, models=())
    await free.listen()
    await dear.listen()
    toml = "[routing]\nretries = 0\n" + NAMES + serves("a-free", free.port, "0") + serves("b-dear", dear.port, "2")
    async with house(home, toml) as gateway:
        yield gateway, free, dear
    await free.close()
    await dear.close()


def body(upstream: Upstream) -> dict[str, Any]:
    (call,) = upstream.calls
    found: dict[str, Any] = json.loads(call.body)
    return found


def key_with(gateway: House, defaults: Defaults, models: tuple[str, ...] | None = None) -> str:
    with closing(db.connect(gateway.ledger)) as connection:
        return keys.create(connection, name="own", now=datetime.now(UTC), defaults=defaults, models=models)[1]


@pytest.mark.parametrize("name", ["tiny", "TINY", "gpt-4", "moving", "lab/tiny:floor", "tiny:free"])
async def test_an_alias_asks_for_its_model_and_the_entry_has_both_names(tmp_path: Path, name: str) -> None:
    async with named(tmp_path / "home") as (gateway, free, dear):
        answer = await gateway.ask({"model": name, "messages": HELLO})
        entry = await gateway.entry()
    assert (answer.status, body(free), dear.calls) == (200, {"model": "tiny-at-a-free", "messages": HELLO}, [])
    assert (entry.asked_model, entry.model) == (name, "lab/tiny")


PRESET = {"temperature": 0.25, "max_tokens": 77}
BRIEF = {"role": "system", "content": "Be brief."}


@pytest.mark.parametrize("name", ["cheap", "@preset/cheap", "@preset/Cheap:floor"])
async def test_a_preset_says_what_the_request_does_not(tmp_path: Path, name: str) -> None:
    async with named(tmp_path / "home") as (gateway, free, _):
        await gateway.ask({"model": name, "messages": HELLO, "top_p": 0.5})
        entry = await gateway.entry()
    assert body(free) == {"model": "tiny-at-a-free", "messages": [BRIEF, *HELLO], "top_p": 0.5, **PRESET}
    assert (entry.asked_model, entry.model) == (name, "lab/tiny")


async def test_what_the_request_says_itself_comes_first(tmp_path: Path) -> None:
    said = [{"role": "system", "content": "Be long."}, *HELLO]
    async with named(tmp_path / "home") as (gateway, free, _):
        await gateway.ask({"model": "lab/large@preset/cheap", "messages": said, "temperature": 1, "max_tokens": None})
    assert body(free) == {"model": "large-at-a-free", "messages": said, "temperature": 1, "max_tokens": 77}


async def test_a_preset_falls_back_on_its_other_models(tmp_path: Path) -> None:
    async def script(call: Call) -> None:
        if b"tiny-at" in call.body:
            await call.answer({"error": {"message": "no such model"}}, 404)
        else:
            await plainly(call)

    async with named(tmp_path / "home", script) as (gateway, _, _):
        answer = await gateway.ask({"model": "cheap", "messages": HELLO})
        entry = await gateway.entry()
    assert (answer.status, entry.model) == (200, "lab/large")


async def test_a_model_under_several_names_is_asked_once(tmp_path: Path) -> None:
    async def fails(call: Call) -> None:
        await call.answer({"error": {"message": "no"}}, 500)

    async with named(tmp_path / "home", fails) as (gateway, free, dear):
        asked = {"model": "lab/tiny", "messages": HELLO, "models": ["tiny", "LAB/TINY", "gpt-4"]}
        assert (await gateway.ask(asked)).status == 502
        assert (len(free.calls), len(dear.calls)) == (1, 1)


async def test_a_preset_asks_of_the_providers_unless_the_request_does(tmp_path: Path) -> None:
    asked = {"model": "dear", "messages": HELLO}
    async with named(tmp_path / "home") as (gateway, free, dear):
        await gateway.ask(asked, target="/api/v1/chat/completions")
        assert (len(free.calls), len(dear.calls)) == (0, 1)
        await gateway.ask(asked | {"provider": {"only": ["a-free"]}}, target="/api/v1/chat/completions")
        assert (len(free.calls), len(dear.calls)) == (1, 1)


OPENROUTER: list[dict[str, Any]] = [
    {"model": "lab/tiny", "preset": "cheap"},
    {"preset": "cheap"},
    {"preset": "@preset/cheap"},
    {"model": "cheap", "preset": "cheap"},
    {"models": ["@preset/cheap", "lab/large"]},
]


@pytest.mark.parametrize("asked", OPENROUTER)
async def test_openrouters_ways_to_name_a_preset(tmp_path: Path, asked: dict[str, Any]) -> None:
    async with named(tmp_path / "home") as (gateway, free, _):
        answer = await gateway.ask({**asked, "messages": HELLO}, target="/api/v1/chat/completions")
    assert (answer.status, answer.document["model"]) == (200, "lab/tiny")
    assert body(free) == {"model": "tiny-at-a-free", "messages": [BRIEF, *HELLO], **PRESET}


async def test_a_message_and_a_response_are_told_in_their_own_words(tmp_path: Path) -> None:
    async with named(tmp_path / "home") as (gateway, free, _):
        message = await gateway.ask({"model": "cheap", "messages": HELLO}, target="/v1/messages")
        assert (message.status, message.document["type"]) == (200, "message"), "max_tokens is the preset's"
        assert body(free)["messages"] == [BRIEF, *HELLO]
        assert {name: body(free)[name] for name in PRESET} == PRESET
        free.calls.clear()
        response = await gateway.ask({"model": "cheap", "input": "Say hello."}, target="/v1/responses")
        assert (response.status, response.document["instructions"]) == (200, "Be brief.")
        assert body(free)["messages"] == [BRIEF, *HELLO]
        assert {name: body(free)[name] for name in PRESET} == PRESET


WRONG: list[tuple[str, dict[str, Any], int, str, str]] = [
    (
        "/v1/chat/completions",
        {"model": "@preset/chaep"},
        404,
        "there is no preset 'chaep'; the nearest: 'cheap'",
        "model",
    ),
    ("/v1/chat/completions", {"model": "calm"}, 404, "the preset 'calm' names no model", "model"),
    ("/v1/messages", {"model": "strict"}, 400, "the preset 'strict' sets seed, which a message cannot say", "model"),
    ("/api/v1/chat/completions", {"preset": "nope", "model": "tiny"}, 404, "there is no preset 'nope'", "model"),
    ("/api/v1/chat/completions", {"preset": "calm"}, 400, "model: name one", "model"),
    ("/api/v1/chat/completions", {"preset": "calm", "model": "cheap"}, 400, "'calm' is not the preset", "preset"),
    ("/api/v1/chat/completions", {"models": ["tiny", "cheap"]}, 400, "'cheap' is a preset", "models"),
    ("/api/v1/chat/completions", {"models": ["tiny:floor", "lab/large:nitro"]}, 400, "sort by price and by", "models"),
    ("/v1/chat/completions", {"model": "tiny:floor:nitro"}, 400, "'tiny:floor:nitro' sort by price and by", "model"),
    (
        "/api/v1/chat/completions",
        {"model": "tiny:floor", "provider": {"sort": "latency"}},
        400,
        "the model's suffix sorts by price, and this by latency",
        "provider.sort",
    ),
    ("/v1/embeddings", {"model": "cheap", "input": "x"}, 400, "the preset 'cheap' is for text", "model"),
    ("/v1/chat/completions", {"model": "lab/tiny:online"}, 404, "`:online` is not offered here", "model"),
]


@pytest.mark.parametrize("case", WRONG, ids=[f"{case[1]}" for case in WRONG])
async def test_what_makes_no_sense_is_refused_with_what_would(
    tmp_path: Path, case: tuple[str, dict[str, Any], int, str, str]
) -> None:
    target, asked, status, said, param = case
    async with named(tmp_path / "home") as (gateway, free, dear):
        answer = await gateway.ask({"messages": HELLO, **asked}, target=target)
        entry = await gateway.entry()
    assert (answer.status, said in str(answer.error["message"])) == (status, True), answer.body
    assert f'"param":"{param}"'.encode() in answer.body
    assert (free.calls, dear.calls, entry.ending, entry.charge) == ([], [], "refused", None)


async def test_a_key_adds_its_preset_to_requests_for_text_that_name_none(tmp_path: Path) -> None:
    async with named(tmp_path / "home") as (gateway, free, _):
        key = key_with(gateway, Defaults(preset="cheap"))
        await gateway.until("/v1/models", key, 200)
        await gateway.ask({"messages": HELLO}, key=key)
        assert body(free) == {"model": "tiny-at-a-free", "messages": [BRIEF, *HELLO], **PRESET}
        free.calls.clear()
        await gateway.ask({"model": "lab/large", "messages": HELLO}, key=key)
        assert body(free) == {"model": "large-at-a-free", "messages": [BRIEF, *HELLO], **PRESET}
        free.calls.clear()
        await gateway.ask({"model": "lab/large@preset/calm", "messages": HELLO}, key=key)
        assert body(free) == {"model": "large-at-a-free", "messages": HELLO, "temperature": 0.5}
        free.calls.clear()
        await gateway.ask({"model": "lab/tiny", "input": "x"}, key=key, target="/v1/embeddings")
        assert body(free) == {"model": "tiny-at-a-free", "input": "x"}


async def test_a_key_asks_of_the_providers_unless_its_request_does(tmp_path: Path) -> None:
    async with named(tmp_path / "home") as (gateway, free, dear):
        key = key_with(gateway, Defaults(provider=Preferences(ignore=["a-free"])))
        await gateway.until("/v1/models", key, 200)
        await gateway.ask({"model": "tiny", "messages": HELLO}, key=key)
        assert (len(free.calls), len(dear.calls)) == (0, 1)


async def test_a_key_whose_preset_is_gone_is_told_so(tmp_path: Path) -> None:
    async with named(tmp_path / "home") as (gateway, free, _):
        key = key_with(gateway, Defaults(preset="caml"))
        await gateway.until("/v1/models", key, 200)
        answer = await gateway.ask({"model": "tiny", "messages": HELLO}, key=key)
    assert (answer.status, free.calls) == (404, [])
    assert "there is no preset 'caml'; the nearest: 'calm'" in str(answer.error["message"])


async def test_a_key_may_use_of_a_preset_what_it_may_use(tmp_path: Path) -> None:
    async with named(tmp_path / "home") as (gateway, free, _):
        key = key_with(gateway, Defaults(), ("lab/large",))
        await gateway.until("/v1/models", key, 200)
        await gateway.ask({"model": "cheap", "messages": HELLO}, key=key)
        assert body(free)["model"] == "large-at-a-free"
        refused = await gateway.ask({"model": "tiny", "messages": HELLO}, key=key)
        listed = await gateway.get("/v1/models", key=key)
    assert (refused.status, refused.error["code"]) == (403, "not_allowed")
    assert [model["id"] for model in json.loads(listed.body)["data"]] == ["cheap", "lab/large"]


@pytest.mark.parametrize("target", ["/v1/models", "/api/v1/models"])
async def test_the_lists_have_the_names_of_the_settings(tmp_path: Path, target: str) -> None:
    async with named(tmp_path / "home") as (gateway, _, _):
        listed = {model["id"]: model for model in json.loads((await gateway.get(target)).body)["data"]}
        one = await gateway.get("/v1/models/Cheap")
    assert set(listed) == {"cheap", "dear", "strict", "gpt-4", "moving", "tiny", "lab/tiny", "lab/large"}
    if target == "/v1/models":
        assert listed["cheap"]["stands_for"] == one.document["stands_for"] == ["lab/tiny", "lab/large"]
        assert listed["lab/tiny"]["stands_for"] is None
    else:
        assert listed["cheap"]["canonical_slug"] == "lab/tiny"


async def test_tokens_are_counted_for_an_alias_as_for_its_model(tmp_path: Path) -> None:
    async with named(tmp_path / "home") as (gateway, _, _):
        for target, asked in (
            ("/v1/messages/count_tokens", {"messages": HELLO}),
            ("/v1/responses/input_tokens", {"input": "Say hello."}),
        ):
            answer = await gateway.ask({"model": "cheap", **asked}, target=target)
            assert (answer.status, int(str(answer.document["input_tokens"])) > 0) == (200, True)


async def test_a_prompt_whose_tokens_are_counted_goes_only_where_its_preset_and_its_key_let_it(tmp_path: Path) -> None:
    async def counts(call: Call) -> None:
        await call.answer({"input_tokens": 3})

    free, dear = Upstream(counts, models=()), Upstream(plainly, models=())
    await free.listen()
    await dear.listen()
    native = serves("a-free", free.port, "0").replace('/v1"\n', "/v1\"\nspeaks = ['messages']\n", 1)
    async with house(tmp_path / "home", NAMES + native + serves("b-dear", dear.port, "2")) as gateway:
        bound = key_with(gateway, Defaults(provider=Preferences(ignore=["a-free"])))
        await gateway.until("/v1/models", bound, 200)
        for key, model, counted_by in (
            (None, "lab/tiny", "provider"),
            (None, "dear", "estimate"),
            (bound, "lab/tiny", "estimate"),
        ):
            asked = {"model": model, "messages": HELLO}
            answer = await gateway.ask(asked, key=key, target="/v1/messages/count_tokens")
            assert (answer.status, answer.document["counted_by"]) == (200, counted_by)
    assert len(free.calls) == 1
    await free.close()
    await dear.close()


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("[presets.x]\nprovider = { onyl = ['a'] }", "presets.x.provider: Object contains unknown field `onyl`"),
        ("[presets.x]\nprovider = { sort = 'luck' }", "Invalid enum value 'luck' - at `$.sort`"),
        ("[presets.x]\ncache = 'for ever'", "presets.x.cache: "),
    ],
)
def test_a_preset_that_asks_what_cannot_be_asked_is_refused_at_the_start(tmp_path: Path, toml: str, said: str) -> None:
    file = tmp_path / "weighbridge.toml"
    file.write_text(toml)
    settings = read({}, {"HOME": str(tmp_path)}, file=file)
    with pytest.raises(ConfigError) as refused:
        names(settings)
    assert said in str(refused.value)
    assert str(file) in str(refused.value)
