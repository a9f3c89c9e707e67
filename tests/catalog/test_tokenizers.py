"""Which models share a tokenizer, and what was measured between two."""

from datetime import UTC, datetime
from decimal import Decimal
from fnmatch import fnmatchcase
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.catalog.facts import read_table
from weighbridge.catalog.load import every_model, load
from weighbridge.catalog.tokenizers import ASSUMED, SAME, Tokenizers, _Family

KNOWN = Tokenizers()
FAMILIES = tuple(KNOWN._families)


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("openai/gpt-4o", "o200k"),
        ("openai/gpt-4", "cl100k"),
        ("openai/gpt-4-turbo", "cl100k"),
        ("deepseek/deepseek-chat", "deepseek"),
        ("deepseek/deepseek-r1-distill-llama-70b", "llama3"),
        ("deepseek/deepseek-r1-distill-qwen-32b", "qwen"),
        ("qwen/qwen3-coder-30b-a3b-instruct", "qwen"),
        ("qwen/qwen3.5-27b", "qwen3.5"),
        ("meta-llama/llama-4-scout", "llama4"),
        ("anthropic/claude-sonnet-4.5", None),
        ("openai/gpt-6-sol", None),
        ("nobody/knows", None),
        (None, None),
    ],
)
def test_a_model_has_the_tokenizer_of_its_family(model: str | None, family: str | None) -> None:
    assert KNOWN.family(model) == family


def test_no_model_is_of_two_families_and_every_pattern_means_one() -> None:
    patterns = {
        (name, pattern)
        for name, family in read_table(files("weighbridge.catalog") / "data" / "tokenizers.toml", _Family).items()
        for pattern in family.models
    }
    models = every_model()
    for model in models:
        assert len({name for name, pattern in patterns if fnmatchcase(model, pattern)}) <= 1, model
    assert [each for each in patterns if not any(fnmatchcase(model, each[1]) for model in models)] == []


@given(st.sampled_from(FAMILIES), st.sampled_from(FAMILIES), st.lists(st.sampled_from(KNOWN.kinds), min_size=1))
def test_a_ratio_is_in_its_range_and_its_inverse_goes_back(one: str, other: str, kinds: list[str]) -> None:
    ratio, back = KNOWN.ratio(one, other, kinds), KNOWN.ratio(other, one, kinds)
    assert 0 < ratio.low <= ratio.middle <= ratio.high
    assert ratio.measured
    assert (ratio.low < ratio.middle < ratio.high) is (one != other)
    if len(set(kinds)) == 1:
        assert abs(ratio.middle * back.middle - 1) < Decimal("0.001")


def test_the_same_tokenizer_makes_the_same_tokens() -> None:
    assert KNOWN.ratio("qwen", "qwen") == SAME


def test_what_nobody_measured_is_said_to_be_assumed() -> None:
    assert KNOWN.ratio(None, "qwen") == KNOWN.ratio("qwen", None) == ASSUMED
    assert not ASSUMED.measured


@pytest.mark.parametrize(
    ("provider", "model", "when", "rates"),
    [
        ("deepseek", "deepseek/deepseek-chat", datetime(2025, 1, 17, 20, tzinfo=UTC), ("0.14", "0.28")),
        ("deepseek", "deepseek/deepseek-chat", datetime(2025, 2, 8, tzinfo=UTC), ("0.27", "1.10")),
        ("deepseek", "deepseek/deepseek-chat", datetime(2025, 3, 1, 17, tzinfo=UTC), ("0.135", "0.55")),
        ("deepseek", "deepseek/deepseek-chat", datetime(2025, 3, 1, 12, tzinfo=UTC), ("0.27", "1.10")),
        ("deepseek", "deepseek/deepseek-r1", datetime(2025, 1, 20, 18, tzinfo=UTC), ("0.55", "2.19")),
        ("openai", "openai/gpt-4o", datetime(2025, 1, 17, tzinfo=UTC), ("2.5", "10")),
        ("openai", "openai/o1", datetime(2025, 1, 20, tzinfo=UTC), ("15", "60")),
    ],
)
def test_prices_of_the_past_are_those_of_their_day(
    provider: str, model: str, when: datetime, rates: tuple[str, str]
) -> None:
    (endpoint,) = load([provider], when=when).models[model].endpoints
    price = endpoint.price_at(when)
    assert price is not None
    assert (price.input.base, price.output.base) == tuple(map(Decimal, rates))


def test_what_was_served_once_is_there_for_who_asks_for_all_times_only() -> None:
    (endpoint,) = load(["deepseek"], when=None).models["deepseek/deepseek-chat"].endpoints
    assert endpoint.served_on(datetime(2025, 3, 23, tzinfo=UTC).date())
    assert not endpoint.served_on(datetime(2025, 3, 24, tzinfo=UTC).date())
    assert load(["deepseek"], when=datetime(2026, 11, 22, tzinfo=UTC)).models["deepseek/deepseek-chat"].endpoints == ()
