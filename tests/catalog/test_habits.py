"""The families' data: each row has its source, names what there is, and finds its models."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from weighbridge.catalog.habits import HabitBook, read_habits
from weighbridge.catalog.load import every_provider, load
from weighbridge.errors import CatalogError
from weighbridge.providers.rows import read_rows

BOOK = read_habits()
NOW = datetime.now(UTC)


def test_every_row_names_the_page_it_was_read_on() -> None:
    sources = [family.source for family in BOOK.families.values()]
    sources += [row.source for row in BOOK.providers.values()]
    sources += [row.source for family in BOOK.families.values() for row in family.at.values()]
    sources += [row.prefix.source for row in BOOK.providers.values() if row.prefix is not None]
    assert all(source.startswith("https://") for source in sources)


def test_every_provider_that_a_row_names_is_one() -> None:
    known = {row.id for row in read_rows()} | {"local"}
    named = set(BOOK.providers) | {at for family in BOOK.families.values() for at in family.at}
    assert named <= known


def test_every_family_has_a_model_in_the_catalogue() -> None:
    seen = {habits.family for id_ in load((), when=NOW).models if (habits := BOOK.of("vllm", id_)) is not None}
    assert set(BOOK.families) - seen <= {"deepseek-v3"} - seen


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("qwen/qwen3-8b", "qwen3"),
        ("Qwen/Qwen3-8B-AWQ", "qwen3"),
        ("Qwen/Qwen3-235B-A22B-Instruct-2507-FP8", "qwen3-instruct"),
        ("Qwen/Qwen3-30B-A3B-Thinking-2507", "qwen3-thinking"),
        ("Qwen/Qwen3-Coder-480B-A35B-Instruct", "qwen3-coder"),
        ("Qwen/Qwen2.5-7B-Instruct", "qwen2"),
        ("deepseek-ai/DeepSeek-V3-0324", "deepseek-v3"),
        ("deepseek-ai/DeepSeek-R1-Distill-Llama-70B", "deepseek-r1"),
        ("deepseek-ai/DeepSeek-V3.2-Exp", "deepseek-v3-2"),
        ("moonshotai/Kimi-K2-Thinking", "kimi-k2-thinking"),
        ("moonshotai/Kimi-K2-Instruct-0905", "kimi-k2"),
        ("zai-org/GLM-4.5-Air", "glm-4-5"),
        ("zai-org/GLM-4.7-FP8", "glm-5"),
        ("MiniMaxAI/MiniMax-M2.1", "minimax-m2"),
        ("meta-llama/Llama-3.2-3B-Instruct", "llama-3-2"),
        ("meta-llama/Meta-Llama-3-8B-Instruct", "llama-3"),
        ("mistralai/Magistral-Small-2509", "magistral"),
        ("unsloth/gpt-oss-20b", "gpt-oss"),
        ("accounts/fireworks/models/qwen3-8b", "qwen3"),
        ("my-own-finetune", None),
        ("not-qwen3-8b", None),
    ],
)
def test_a_name_tells_the_family(name: str, family: str | None) -> None:
    habits = BOOK.of("vllm", name)
    assert (None if habits is None else habits.family) == family


def test_a_makers_own_service_and_the_local_engine_leave_nothing_in_the_text() -> None:
    catalog = load(every_provider(), when=NOW)
    endpoints = [each for model in catalog.models.values() for each in model.endpoints]
    looked_into = {each.provider for each in endpoints if each.habits is not None and each.habits.repairs}
    assert looked_into == {"groq", "minimax", "mistral", "together"}


def test_whose_habits_a_provider_has_can_be_set() -> None:
    book = read_habits(like={"box": "vllm", "vllm": "none"})
    assert book.of("box", "qwen3-8b") == BOOK.of("vllm", "qwen3-8b")
    assert book.of("vllm", "qwen3-8b") is None
    with pytest.raises(CatalogError, match=r"providers\.box\.habits: 'vlm' is none of"):
        read_habits(like={"box": "vlm"})


def test_a_folder_without_habits_has_none(tmp_path: Path) -> None:
    assert read_habits(tmp_path / "habits") == HabitBook()


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ('leaks = ["smoke"]', "no format of tool calls is called 'smoke'"),
        ('habit = "bad"', "habit"),
        ("[x.switch]\non = 1", r"switch\.on"),
        ('[y]\nsource = "https://y"\nthinks = "never"\nmodels = ["x-*"]', "'x-\\*' is 'x' already"),
    ],
)
def test_a_row_that_makes_no_sense_is_named(tmp_path: Path, rows: str, complaint: str) -> None:
    (tmp_path / "providers.toml").write_text("")
    (tmp_path / "x.toml").write_text(f'[x]\nsource = "https://x"\nthinks = "never"\nmodels = ["x-*"]\n{rows}\n')
    with pytest.raises(CatalogError, match=complaint):
        read_habits(tmp_path)


@pytest.mark.parametrize(
    ("provider", "names", "known"),
    [
        ("vllm", ("my-own-finetune",), True),
        ("local", ("qwen/qwen2.5-coder-0.5b-instruct",), True),
        ("mistral", ("mistralai/mistral-large-2512", "mistral-large-2512"), True),
        ("anthropic", ("anthropic/claude-sonnet-4.5", "claude-sonnet-4-5-20250929"), True),
        ("anthropic", ("anthropic/claude-opus-4.6", "claude-opus-4-6"), False),
        ("dashscope", ("qwen/qwen3-coder-plus", "qwen3-coder-plus"), True),
        ("dashscope", ("qwen/qwq-32b", "qwq-32b"), False),
        ("openai", ("openai/gpt-4o", "gpt-4o"), False),
        ("ollama", ("qwen/qwen3-8b", "qwen3:8b"), False),
        ("nobody", ("qwen/qwen3-8b",), False),
    ],
)
def test_who_can_be_asked_to_go_on_is_known_by_provider_and_model(
    provider: str, names: tuple[str, ...], known: bool
) -> None:
    assert (BOOK.prefix_of(provider, *names) is not None) == known


def test_whoever_has_anothers_habits_goes_on_like_it() -> None:
    book = read_habits(like={"box": "vllm", "vllm": "none"})
    assert book.prefix_of("box", "my-own") == BOOK.prefix_of("vllm", "my-own") is not None
    assert book.prefix_of("vllm", "my-own") is None
