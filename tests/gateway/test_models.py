"""GET /v1/models says of each model who made it, what one may do with it, and what it costs where."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.gateway.house import House, house

KNOWN = "qwen/qwen2.5-coder-0.5b-instruct"
TOML = f"""
[providers.cheap]
base_url = "http://127.0.0.1:1/v1"
[[providers.cheap.models]]
id = "coder"
model = "{KNOWN}"
input = "0.1"
output = "0.25"
cache_read = "0.05"
context = 8192

[providers.dear]
base_url = "http://127.0.0.1:1/v1"
[[providers.dear.models]]
id = "coder-x"
model = "{KNOWN}"
input = "1"
output = "2"
[[providers.dear.models]]
id = "stranger"
"""


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[House]:
    async with house(tmp_path / "home", TOML) as made:
        yield made


async def test_a_known_model_is_told_with_its_maker_licence_and_prices(gateway: House) -> None:
    model = (await gateway.get(f"/v1/models/{KNOWN}")).document
    endpoints = model.pop("endpoints")
    assert model == {
        "id": KNOWN,
        "object": "model",
        "stands_for": None,
        "created": 1731369600,
        "owned_by": "qwen",
        "name": "Qwen2.5 Coder 0.5B Instruct",
        "lab": "Qwen (Alibaba Cloud)",
        "origin": "CN",
        "licence": {"id": "Apache-2.0", "class": "permissive"},
        "open_weights": True,
        "total_parameters": 490_000_000,
        "active_parameters": 490_000_000,
        "context_length": 32768,
        "max_output_tokens": None,
        "input_modalities": ["text"],
        "output_modalities": ["text"],
        "tools": True,
        "reasoning": False,
        "released": "2024-11-12",
        "base_model": "qwen/qwen2.5-coder-0.5b",
        "source": "https://huggingface.co/Qwen/Qwen2.5-Coder-0.5B-Instruct",
        "providers": ["cheap", "dear"],
    }
    assert isinstance(endpoints, list)
    cheap, dear = endpoints
    assert cheap == {
        "provider": "cheap",
        "model": "coder",
        "quantisation": None,
        "region": None,
        "context_length": 8192,
        "price": {
            "id": "settings:cheap/coder",
            "source": "settings",
            "since": None,
            "input": "0.1",
            "output": "0.25",
            "cache_read": "0.05",
            "cache_write": None,
            "request": "0",
            "tiers": [],
        },
    }
    assert (dear["provider"], dear["context_length"], dear["price"]["cache_read"]) == ("dear", 32768, None)


async def test_of_a_stranger_nothing_is_made_up(gateway: House) -> None:
    listed = (await gateway.get("/v1/models")).document["data"]
    assert isinstance(listed, list)
    stranger = next(model for model in listed if model["id"] == "dear/stranger")
    told = {name for name, value in stranger.items() if value not in (None, 0)}
    assert told == {"id", "object", "owned_by", "providers", "endpoints"}
    assert stranger["endpoints"][0]["price"] is None


@pytest.mark.parametrize("headers", ["", "anthropic-version: 2023-06-01\r\n"])
@pytest.mark.parametrize("limit", ["0", "1001", "x", "-1"])
async def test_a_limit_that_makes_no_sense_is_refused_in_either_dialect(
    gateway: House, limit: str, headers: str
) -> None:
    answer = await gateway.get(f"/v1/models?limit={limit}", headers=headers)
    assert (answer.status, answer.error["message"]) == (400, "limit: a number from 1 to 1000")
