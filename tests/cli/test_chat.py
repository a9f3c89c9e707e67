"""`weighbridge chat` against a loopback server that speaks the gateway's API."""

import json
from collections.abc import Iterator

import pytest

from tests.cli.conftest import Shell
from tests.cli.upstream import Upstream, upstream


@pytest.fixture
def gateway(shell: Shell) -> Iterator[Upstream]:
    with upstream(cost=0.0000042) as server:
        shell.environ |= {"WEIGHBRIDGE_BASE_URL": server.base_url, "WEIGHBRIDGE_API_KEY": "wb-mine"}
        yield server


def test_an_answer_is_on_standard_output_and_its_receipt_beside_it(shell: Shell, gateway: Upstream) -> None:
    result = shell.run("chat", "Hi")
    assert (result.exit_code, result.stdout) == (0, "Hello.\n")
    assert result.stderr == "tiny · 11 tokens in, 2 out · $0.0000042 · wbr-1\n"
    assert gateway.seen[0]["stream_options"] == {"include_usage": True}
    assert set(gateway.keys) == {"Bearer wb-mine"}


def test_no_stream_asks_for_one_document(shell: Shell, gateway: Upstream) -> None:
    assert shell.good("chat", "Hi", "--no-stream") == "Hello.\n"
    assert gateway.seen[0]["stream"] is False


def test_json_is_the_gateway_s_own_document_and_nothing_else(shell: Shell, gateway: Upstream) -> None:
    result = shell.run("chat", "Hi", "--json")
    assert json.loads(result.stdout)["choices"][0]["message"]["content"] == "Hello."
    assert result.stderr == ""


def test_options_become_fields_of_the_request(shell: Shell, gateway: Upstream) -> None:
    shell.good("chat", "-m", "a/b", "-s", "Be brief", "--max-tokens", "9", "-", stdin="Why?\n")
    (asked,) = gateway.seen
    assert (asked["model"], asked["max_tokens"]) == ("a/b", 9)
    assert asked["messages"] == [{"role": "system", "content": "Be brief"}, {"role": "user", "content": "Why?\n"}]


def test_an_empty_question_is_misuse(shell: Shell, gateway: Upstream) -> None:
    assert "there is no question" in shell.fails(2, ["chat", "-"], stdin=" \n")
    assert gateway.seen == []


def test_a_refusal_is_told_in_the_gateway_s_words(shell: Shell, gateway: Upstream) -> None:
    said = shell.fails(1, ["chat", "refuse"])
    assert "Error: the API key is not one of ours\nNext: weighbridge keys list" in said


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("break off", "the answer broke off before its end"),
        ("fail late", "the answer broke off: the upstream went away"),
    ],
)
def test_an_answer_that_breaks_off_is_a_failure(shell: Shell, gateway: Upstream, question: str, said: str) -> None:
    result = shell.run("chat", question)
    assert (result.exit_code, result.stdout.strip()) == (1, "Hel")
    assert said in result.stderr


def test_without_a_gateway_the_next_step_is_to_start_one(shell: Shell) -> None:
    with upstream() as gone:
        address = gone.base_url
    said = shell.fails(1, ["chat", "Hi", "--key", "wb-mine", "--base-url", address])
    assert f"no gateway answers at {address.removesuffix('/v1')}" in said
    assert "Next: weighbridge up" in said


def test_without_a_key_the_next_step_says_where_one_comes_from(shell: Shell) -> None:
    said = shell.fails(1, ["chat", "Hi"])
    assert "WEIGHBRIDGE_API_KEY" in said
    assert "Next: weighbridge up" in said
