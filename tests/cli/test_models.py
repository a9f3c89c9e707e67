"""`weighbridge models`: the catalogue, without a gateway."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Shell


def models(shell: Shell, *arguments: str) -> dict[str, dict[str, object]]:
    return {each["id"]: each for each in json.loads(shell.good("models", "--json", *arguments))}


def test_the_catalogue_is_listed_without_a_gateway_or_a_data_directory(shell: Shell) -> None:
    found = models(shell)["qwen/qwen2.5-coder-0.5b-instruct"]
    assert (found["country"], found["licence"], found["open_weights"]) == ("CN", "Apache-2.0", True)
    assert not shell.home.exists()


def test_a_table_has_a_line_for_each_model(shell: Shell) -> None:
    head, *lines = shell.good("models").splitlines()
    assert head.split("\t")[0] == "model"
    assert [line.split("\t")[0] for line in lines] == sorted(models(shell))


@pytest.mark.parametrize(
    ("arguments", "field", "values"),
    [
        (["--open"], "open_weights", {True}),
        (["--licence", "permissive"], "licence_class", {"permissive"}),
        (["--origin", "cn"], "country", {"CN"}),
        (["--tools"], "tools", {True}),
    ],
)
def test_a_filter_passes_only_what_is_known_to_match(
    shell: Shell, arguments: list[str], field: str, values: set[object]
) -> None:
    assert {each[field] for each in models(shell, *arguments).values()} == values


def test_no_model_above_the_highest_price_is_listed(shell: Shell) -> None:
    offers = [each["cheapest"] for each in models(shell, "--max-price", "0").values()]
    assert offers
    assert all(isinstance(offer, dict) and float(offer["output"]) == 0 for offer in offers)


def test_a_model_is_live_where_a_provider_of_it_has_its_key(shell: Shell) -> None:
    before = models(shell).values()
    shell.environ["DEEPSEEK_API_KEY"] = "sk-mine"
    after = models(shell).values()
    assert not any("deepseek" in _list(each["live"]) for each in before)
    live = [each["id"] for each in after if "deepseek" in _list(each["live"])]
    assert live == [each["id"] for each in after if "deepseek" in _list(each["providers"])]
    assert live


def test_filters_that_nothing_passes_say_so(shell: Shell) -> None:
    result = shell.run("models", "--origin", "AQ")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "No model matches" in result.stderr


@pytest.mark.parametrize("arguments", [["--max-price", "cheap"], ["--max-price", "-1"], ["--licence", "free"]])
def test_a_filter_that_makes_no_sense_is_misuse(shell: Shell, arguments: list[str]) -> None:
    assert arguments[0] in shell.fails(2, ["models", *arguments])


def _list(value: object) -> list[object]:
    assert isinstance(value, list)
    return value


NAMES = """
[aliases]
coder = ["lab/tiny", "deepseek/deepseek-v3.2"]
lost = "lab/gone"
[presets.cheap]
models = "lab/tiny"
[presets.calm]
temperature = 0.5
[providers.own]
base_url = "http://127.0.0.1:9/v1"
[[providers.own.models]]
id = "tiny"
model = "lab/tiny"
"""


def test_the_names_of_the_settings_are_listed_with_what_they_mean(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "weighbridge.toml").write_text(NAMES)
    shell.environ["ANTHROPIC_API_KEY"] = "sk-mine"
    listed = {each["name"]: each for each in json.loads(shell.good("models", "--names", "--json"))}
    own = {name: (each["kind"], each["models"]) for name, each in listed.items() if each["kind"] != "latest"}
    assert own == {
        "coder": ("alias", ["lab/tiny"]),
        "lost": ("alias", []),
        "cheap": ("preset", ["lab/tiny"]),
        "calm": ("preset", []),
    }
    assert listed["~anthropic/claude-sonnet-latest"]["models"][0].startswith("anthropic/claude-sonnet-")
    assert not any(name.startswith("~openai/") for name in listed)
    table = shell.good("models", "--names").splitlines()
    assert "coder\talias\tlab/tiny" in table
    assert any(line.startswith("lost\talias\tnothing: there is no model 'lab/gone'") for line in table)


def test_where_there_are_no_names_that_is_said(shell: Shell) -> None:
    result = shell.run("models", "--names")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "There are no aliases or presets" in result.stderr
