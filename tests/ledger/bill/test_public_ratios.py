"""Ratios that were in every newspaper, on their dates, from our own price rows."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from weighbridge.catalog.load import load
from weighbridge.catalog.model import Endpoint
from weighbridge.catalog.tokenizers import Tokenizers
from weighbridge.ledger.bill.modelled import Seen
from weighbridge.ledger.bill.recount import Recount, multiple, multiple_of_prices
from weighbridge.ledger.bill.tally import Tally
from weighbridge.ledger.bill.targets import targets, traits
from weighbridge.ledger.cost import cost
from weighbridge.wire.usage import Usage

CATALOG = load(["openai", "deepseek"], when=None)
TOKENIZERS = Tokenizers()


def endpoint(model: str, provider: str) -> Endpoint:
    (found,) = (each for each in CATALOG.models[model].endpoints if each.provider == provider)
    return found


def recounted(model: str, other: str, when: datetime, usage: Usage) -> Recount:
    """A request of that day to OpenAI's model, counted again on DeepSeek's."""
    row = endpoint(model, "openai").price_at(when)
    assert row is not None
    (target,) = targets(
        CATALOG.models[other],
        [endpoint(other, "deepseek")],
        catalog=CATALOG,
        recorded=[model],
        tokenizers=TOKENIZERS,
        kinds=["english"],
        seen=Seen(),
    )
    recount = Recount(target, ("model",), {model: traits(model, CATALOG, TOKENIZERS)})
    recount.add(
        Tally(
            at=when,
            model=model,
            provider="openai",
            counted_by="provider",
            prompt=usage.prompt,
            completion=usage.completion,
            fresh=usage.prompt,
            reasoning=usage.reasoning or 0,
            cost=cost(usage, row),
            longest=usage.prompt,
            longest_whole=usage.prompt + usage.completion,
        )
    )
    return recount


V3_DAY = datetime(2025, 1, 17, 20, tzinfo=UTC)
R1_DAY = datetime(2025, 1, 20, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("model", "other", "when", "usage", "public"),
    [
        ("openai/gpt-4o", "deepseek/deepseek-chat", V3_DAY, Usage(1000, 0), "17.9"),
        ("openai/gpt-4o", "deepseek/deepseek-chat", V3_DAY, Usage(0, 1000), "35.7"),
        ("openai/o1", "deepseek/deepseek-r1", R1_DAY, Usage(1000, 0), "27.3"),
        ("openai/o1", "deepseek/deepseek-r1", R1_DAY, Usage(0, 1000, reasoning=800), "27.4"),
    ],
)
def test_the_price_lists_alone_say_what_the_newspapers_said(
    model: str, other: str, when: datetime, usage: Usage, public: str
) -> None:
    found = recounted(model, other, when, usage).total
    times = multiple_of_prices(found)
    assert times is not None
    assert str(times) == f"{public}x cheaper"


def test_tokens_and_reasoning_make_of_it_what_it_is() -> None:
    """The public 17.9 and 35.7 are of prices: DeepSeek's tokenizer makes a little more of English than GPT-4o's."""
    found = recounted("openai/gpt-4o", "deepseek/deepseek-chat", V3_DAY, Usage(1000, 0)).total
    times = multiple(found)
    assert times is not None
    assert times.low is not None
    assert times.high is not None
    assert Decimal(17) < times.times < Decimal("17.9")
    assert times.low < times.times < times.high
    reasoned = multiple(recounted("openai/o1", "deepseek/deepseek-r1", R1_DAY, Usage(0, 1000, reasoning=800)).total)
    assert reasoned is not None
    assert reasoned.low is not None
    assert reasoned.low < 10  # R1 may think four times as long


def test_a_month_later_the_same_models_are_another_comparison() -> None:
    assert str(multiple_of_prices(recounted(
        "openai/gpt-4o", "deepseek/deepseek-chat", datetime(2025, 2, 17, 12, tzinfo=UTC), Usage(1000, 0)
    ).total)) == "9.3x cheaper"  # fmt: skip


def test_before_a_model_was_there_nothing_can_be_compared() -> None:
    found = recounted("openai/o1", "deepseek/deepseek-r1", datetime(2025, 1, 19, tzinfo=UTC), Usage(1000, 0))
    assert [(why, gap.requests) for why, gap in found.gaps.items()] == [("not offered", 1)]
