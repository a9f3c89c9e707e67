"""The rows of providers: all that are promised, each with what is needed to call it."""

from pathlib import Path

import pytest

from weighbridge.errors import CatalogError
from weighbridge.providers.rows import read_rows


@pytest.mark.parametrize(
    "variable",
    [
        "DEEPSEEK_API_KEY",
        "DASHSCOPE_API_KEY",
        "MOONSHOT_API_KEY",
        "ZAI_API_KEY",
        "MINIMAX_API_KEY",
        "MISTRAL_API_KEY",
        "OPENAI_API_KEY",
        "OPENROUTER_API_KEY",
        "TOGETHER_API_KEY",
        "FIREWORKS_API_KEY",
        "GROQ_API_KEY",
        "SILICONFLOW_API_KEY",
        "NOVITA_API_KEY",
        "CEREBRAS_API_KEY",
        "HF_TOKEN",
    ],
)
def test_a_key_switches_on_exactly_one_provider_that_can_be_called_at_once(variable: str) -> None:
    (row,) = [row for row in read_rows() if variable in row.key_env]
    assert row.base_url is not None


@pytest.mark.parametrize("id_", ["vllm", "sglang", "llama-server", "ollama", "lmstudio"])
def test_a_server_of_one_s_own_is_called_only_where_its_url_is_given(id_: str) -> None:
    (row,) = [row for row in read_rows() if row.id == id_]
    assert row.base_url is None
    assert row.base_url_env is not None
    assert row.key_env == (), "a key is optional there: it must not keep the server from being called"


def test_urls_are_https_without_a_final_slash_and_every_row_has_its_source() -> None:
    for row in read_rows():
        assert row.source.startswith("https://"), row.id
        assert row.base_url is None or (row.base_url.startswith("https://") and not row.base_url.endswith("/")), row.id
        assert (row.country is None) == (row.country_source is None), row.id


def test_mistral_is_not_asked_for_usage_because_it_refuses_the_option() -> None:
    assert {row.id for row in read_rows() if row.usage_in_streams == "always"} == {"mistral", "perplexity"}


ROW = '[[provider]]\nid = "x"\nname = "X"\nsource = "https://x"\n'


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (ROW + 'key = "k"\n', "'x': no such field as 'key'"),
        (ROW + 'usage_in_streams = "never"\n', "'x': .*never"),
        (ROW + ROW, "'x': the id is given twice"),
        ('[[provider]]\nid = "x"\n', "'x': .*name"),
        ("[[providers]]\n", "providers"),
        ("nonsense", "rows.toml: "),
    ],
)
def test_a_wrong_row_is_refused_by_name(tmp_path: Path, text: str, complaint: str) -> None:
    file = tmp_path / "rows.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(CatalogError, match=complaint):
        read_rows(file)
