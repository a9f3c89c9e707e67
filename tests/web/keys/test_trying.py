"""How to try a key that was just made."""

import shlex
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from weighbridge import config
from weighbridge.accounts.keys import Key
from weighbridge.app import offer
from weighbridge.web.pages.keys.trying import curl, model_for

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
KEY = Key("key-1", "test", "abcd", None, NOW)
ODD = 'it\'s "odd"; $(rm -rf /)'


def test_a_model_is_one_that_the_key_may_ask_for_here(tmp_path: Path) -> None:
    file = tmp_path / "weighbridge.toml"
    file.write_text('[providers.groq]\napi_key = "x"\n')
    settings = config.read({}, {"WEIGHBRIDGE_HOME": str(tmp_path)}, file=file)
    catalog = offer.whole(settings, NOW)
    found = model_for(KEY, settings, catalog)
    assert any(endpoint.provider == "groq" for endpoint in catalog.models[found].endpoints)
    bound = model_for(replace(KEY, models=("qwen/*",)), settings, catalog)
    assert bound.startswith("qwen/")
    assert model_for(replace(KEY, models=("lab/*", "own/model")), settings, catalog) == "own/model"
    assert model_for(replace(KEY, models=("nobody/*",)), settings, catalog) == "qwen/qwen2.5-coder-0.5b-instruct"


def test_the_request_is_one_for_a_shell_whatever_the_model_is_called() -> None:
    words = shlex.split(curl("http://127.0.0.1:8080", "wb-x", ODD).replace("\\\n", ""))
    assert words[:2] == ["curl", "http://127.0.0.1:8080/v1/chat/completions"]
    assert msgspec.json.decode(words[-1])["model"] == ODD
