"""What `up` says when it is ready."""

import pytest

from weighbridge.app.connections import Connection, Lack
from weighbridge.app.first_question import snippet
from weighbridge.cli.welcome import welcome
from weighbridge.providers.rows import Row


def connection(name: str, lack: Lack | None, *variables: str) -> Connection:
    row = Row(name.lower(), name, "", key_env=variables)
    return Connection(row, "https://api.example/v1", None, ("chat",), lack)


def said(models: list[str], connections: list[Connection]) -> str:
    return welcome(base_url="http://127.0.0.1:8080/v1", key="wb-1", models=models, connections=connections)


def test_it_names_the_address_the_key_and_the_model() -> None:
    text = said(["a/b"], [])
    for part in ("http://127.0.0.1:8080/v1", "wb-1", "a/b", "curl ", "weighbridge chat"):
        assert part in text


def test_the_snippet_has_six_lines() -> None:
    assert len(snippet("http://127.0.0.1:8080/v1", "wb-1", "a/b")) == 6


@pytest.mark.parametrize(
    ("models", "line"),
    [
        ([], "none yet: set a provider's key"),
        (["a/b"], "a/b"),
        (["a/b", "c", "d"], "a/b and 2 more: weighbridge models"),
    ],
)
def test_models_are_counted(models: list[str], line: str) -> None:
    assert f"  Models     {line}" in said(models, [])


def test_providers_are_named_and_one_more_is_suggested_that_has_no_key_yet() -> None:
    connections = [
        connection("DeepSeek", None, "DEEPSEEK_API_KEY"),
        connection("Mistral", "key", "MISTRAL_API_KEY"),
        connection("Groq", "off", "GROQ_API_KEY"),
    ]
    text = said(["a/b"], connections)
    assert "  Providers  DeepSeek\n" in text
    assert "such as MISTRAL_API_KEY" in text
    assert "Groq" not in text


def test_a_server_of_ones_own_may_still_be_listing_its_models() -> None:
    assert "the providers are being asked" in said([], [connection("Ollama", None)])


def test_without_a_model_it_does_not_tell_to_ask_one() -> None:
    text = said([], [])
    assert "curl" not in text
    assert "weighbridge doctor" in text
