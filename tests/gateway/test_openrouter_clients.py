"""OpenRouter's own clients work as they are, their base URL aside: @openrouter/sdk and @openrouter/ai-sdk-provider.

They run where node is and WEIGHBRIDGE_NODE_MODULES names a folder with them and `ai` in it (the `node_modules` after
`npm install @openrouter/sdk @openrouter/ai-sdk-provider ai`); elsewhere these tests are skipped.
"""

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.house import House, house
from tests.gateway.upstream import ANSWER, EVENTS, USAGE, USED, WORDS, Call, Upstream, chunk, plainly

NODE = shutil.which("node")
PACKAGES = Path(os.environ.get("WEIGHBRIDGE_NODE_MODULES", "/nonexistent")).resolve()
KNOWN = "qwen/qwen2.5-coder-0.5b-instruct"
PATIENCE = 60
Json = dict[str, Any]  # Any: JSON

CALLS = [
    {"index": 0, "id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Oslo"}'}}
]


async def answered(call: Call) -> None:
    """Answer by the name of the model."""
    asked = json.loads(call.body)
    if call.target.endswith("/embeddings"):
        vector = {"object": "embedding", "index": 0, "embedding": [0.5, -0.25]}
        used = {"prompt_tokens": 2, "total_tokens": 2}
        await call.answer({"object": "list", "model": "tiny", "data": [vector], "usage": used})
    elif call.target.endswith("/v1/completions"):
        choice = {"index": 0, "text": "Hello.", "finish_reason": "stop", "logprobs": None}
        usage = {**USED, "total_tokens": 17}
        await call.answer({**ANSWER, "object": "text_completion", "choices": [choice], "usage": usage})
    elif asked["model"] == "breaks":
        await call.start()
        await call.events(EVENTS[:2])
        await call.end()
    elif asked["model"] == "thinks":
        await call.stream([chunk({"reasoning_content": "Well"}), *EVENTS])
    elif asked["model"] == "tools" and asked["messages"][-1]["role"] != "tool":
        await _calls(call, streams=asked.get("stream") is True)
    else:
        await plainly(call)


async def _calls(call: Call, *, streams: bool) -> None:
    if streams:
        await call.stream([chunk({"tool_calls": CALLS}), chunk({}, "tool_calls"), USAGE, EVENTS[-1]])
        return
    message = {"role": "assistant", "content": None, "tool_calls": CALLS}
    await call.answer({**ANSWER, "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]})


@pytest.fixture
async def gateway(tmp_path: Path, upstream: Upstream) -> AsyncIterator[House]:
    upstream.script = answered
    upstream.models = ()
    toml = f"""
[server]
drain_seconds = 0.2
[providers.near]
base_url = "http://127.0.0.1:{upstream.port}/v1"
[[providers.near.models]]
id = "tiny"
model = "{KNOWN}"
input = "0.27"
output = "1.10"
cache_read = "0.07"
[[providers.near.models]]
id = "stranger"
"""
    async with house(tmp_path / "home", toml) as made:
        yield made


async def run(script: str, folder: Path, gateway: House, *packages: str) -> dict[str, Json]:
    """What the script's steps came to, by their names."""
    if NODE is None or not all((PACKAGES / package).is_dir() for package in packages):
        pytest.skip("node, or WEIGHBRIDGE_NODE_MODULES with the packages in it, is not here")
    (folder / "node_modules").symlink_to(PACKAGES)
    shutil.copy(Path(__file__).with_name(script), folder)  # where it finds the packages
    url = gateway.url.replace("/v1", "/api/v1")
    args = (script, url, gateway.key, KNOWN, "near/stranger")
    process = await asyncio.create_subprocess_exec(NODE, *args, cwd=folder, stdout=asyncio.subprocess.PIPE)
    async with asyncio.timeout(PATIENCE):
        out, _ = await process.communicate()
    assert process.returncode == 0
    steps = [json.loads(line) for line in out.splitlines()]
    return {step.pop("step"): step for step in steps}


async def test_the_sdk_reads_everything_by_its_own_schemas(tmp_path: Path, gateway: House, upstream: Upstream) -> None:
    steps = await run("openrouter_sdk.mjs", tmp_path, gateway, "@openrouter/sdk")
    failed = {name: step["error"] for name, step in steps.items() if "error" in step}
    assert {name: (error["name"], error["status"]) for name, error in failed.items()} == {
        "unknown": ("NotFoundResponseError", 404),
        "refused": ("BadRequestResponseError", 400),
        "dear": ("NotFoundResponseError", 404),
        "misspelt": ("BadRequestResponseError", 400),
    }
    assert "the nearest: near" in failed["misspelt"]["message"]
    told = {name: step["value"] for name, step in steps.items() if "value" in step}
    cost = pytest.approx(0.00000794)
    assert told["whole"]["choices"][0]["message"]["content"] == "Hello."
    assert (told["whole"]["model"], told["whole"]["usage"]["cost"]) == (KNOWN, cost)
    words = [each["choices"][0]["delta"].get("content", "") for each in told["stream"] if each["choices"]]
    assert ("".join(words), told["stream"][-1]["usage"]["cost"]) == ("".join(WORDS), cost)
    assert told["tools"][0]["choices"][0]["delta"]["toolCalls"][0]["function"]["name"] == "weather"
    last = told["breaks"][-1]
    assert (last["error"]["code"], last["choices"][0]["finishReason"]) == (502, "error")
    assert [each["id"] for each in told["models"]] == ["near/stranger", KNOWN]
    assert told["count"]["data"] == {"count": 2}
    assert told["model"]["data"]["contextLength"] == 32768
    assert [each["providerName"] for each in told["endpoints"]["data"]["endpoints"]] == ["near"]
    assert "cost" not in told["unpriced"]["usage"]
    assert (told["generation"]["data"]["id"], told["generation"]["data"]["totalCost"]) == (told["whole"]["id"], cost)
    spent = sum(entry.charge.cost for entry in gateway.entries()[:7] if entry.charge and entry.charge.cost)
    assert told["key"]["data"]["usage"] == told["credits"]["data"]["totalUsage"] == pytest.approx(float(spent))
    assert [each["slug"] for each in told["providers"]["data"]] == ["near"]
    assert told["response"]["output"][0]["content"][0]["text"] == "Hello."
    assert told["events"][-1]["type"] == "response.completed"
    assert told["callModel"] in ("Hello.", "".join(WORDS))  # it asks for a stream
    assert told["embeddings"]["data"][0]["embedding"] == [0.5, -0.25]
    sent = json.loads(upstream.calls[0].body)  # nothing of OpenRouter's own, and no effort: this model does not think
    assert sent == {"model": "tiny", "messages": [{"role": "user", "content": "Say hello."}], "stream": False}


async def test_the_ai_sdk_asks_streams_calls_and_learns_of_errors(tmp_path: Path, gateway: House) -> None:
    steps = await run("openrouter_ai_sdk.mjs", tmp_path, gateway, "@openrouter/ai-sdk-provider", "ai")
    failed = {name: step["error"] for name, step in steps.items() if "error" in step}
    assert {name: (error["name"], error["status"]) for name, error in failed.items()} == {
        "unknown": ("AI_APICallError", 404)
    }
    assert failed["unknown"]["message"].startswith("there is no model 'lab/none'")
    told = {name: step["value"] for name, step in steps.items() if "value" in step}
    for name, text in (("whole", "Hello."), ("stream", "".join(WORDS))):
        assert (told[name]["text"], told[name]["finishReason"]) == (text, "stop")
        assert told[name]["metadata"]["provider"] == "near"
        assert told[name]["metadata"]["usage"]["cost"] == pytest.approx(0.00000794)
        assert (told[name]["usage"]["inputTokens"], told[name]["usage"]["outputTokens"]) == (12, 5)
    assert told["whole"]["id"] == "gen-" + gateway.entries()[0].id[4:]
    assert told["thought"] == {"text": "".join(WORDS), "thought": "Well"}
    assert told["tools"] == {"text": "Hello.", "steps": 2, "results": ["rain in Oslo"]}
    assert told["breaks"]["text"] == "".join(WORDS[:2])
    assert told["breaks"]["errors"] == ["the provider's stream stopped before its end"]
    assert told["completion"] == "Hello."
    assert told["embedding"] == [0.5, -0.25]
