"""`weighbridge pull`, and how a fetch is shown; the fetch itself is tested in tests/serving."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Shell
from weighbridge import config
from weighbridge.app import local_models
from weighbridge.cli import pull
from weighbridge.cli.fetching import Lines
from weighbridge.config import Settings
from weighbridge.errors import WeightsUnavailable
from weighbridge.serving.weights import Weights

MODEL = "qwen/qwen2.5-coder-0.5b-instruct"


def test_a_model_without_weights_is_told_with_those_there_are(shell: Shell) -> None:
    said = shell.fails(1, ["pull", "gpt-5"])
    assert "there are no weights for 'gpt-5'" in said
    assert MODEL in said
    assert not shell.home.exists()


def test_a_log_gets_a_line_for_each_tenth(capfd: pytest.CaptureFixture[str]) -> None:
    lines = Lines()
    for done in range(0, 1001, 25):
        lines.at(done * 1000, 1_000_000)
    assert capfd.readouterr().err.splitlines() == [f"{tenth:3} % of 1 MB" for tenth in range(10, 101, 10)]


@pytest.mark.model
def test_a_model_that_is_here_is_verified_and_not_fetched(shell: Shell, qwen_file: Path) -> None:
    models = shell.home / "models"
    models.mkdir(parents=True)
    (models / qwen_file.name).symlink_to(qwen_file)
    assert shell.good("pull", MODEL) == f"{MODEL} is here and verified: {models / qwen_file.name}\n"
    live = {each["id"]: each["live"] for each in json.loads(shell.good("models", "--json"))}
    assert live[MODEL] == ["local"]


def test_embeddings_that_cannot_be_had_do_not_keep_the_rest_from_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def nothing(settings: Settings, weights: Weights) -> Path:
        if weights.dimensions is None:
            return tmp_path / weights.file
        raise WeightsUnavailable("no source has it")

    monkeypatch.setattr(pull, "fetched", nothing)
    (found,) = pull.local_models(config.read({}, {"WEIGHBRIDGE_HOME": str(tmp_path)}))
    assert (found.model, found.dimensions) == (MODEL, None)
    assert capsys.readouterr().err == "No embeddings are made here: no source has it\n"


def test_a_model_that_writes_and_cannot_be_had_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(settings: Settings, weights: Weights) -> Path:
        raise WeightsUnavailable("no source has it")

    monkeypatch.setattr(pull, "fetched", nothing)
    with pytest.raises(WeightsUnavailable):
        pull.local_models(config.read({}, {"WEIGHBRIDGE_HOME": str(tmp_path)}))


def test_the_greeting_shows_a_model_that_writes(tmp_path: Path) -> None:
    assert local_models.that_write(config.read({}, {"WEIGHBRIDGE_HOME": str(tmp_path)})) == [MODEL]
