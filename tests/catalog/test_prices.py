"""Our prices against genai-prices' own arithmetic, and the rule that says which row is in force."""

from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from importlib.metadata import version

import genai_prices
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.catalog.load import every_provider, load
from weighbridge.catalog.model import Endpoint, Price, Rate, price_id
from weighbridge.catalog.prices import PriceLists
from weighbridge.errors import CatalogError
from weighbridge.providers.rows import read_rows

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
MOMENTS = (
    datetime(2025, 1, 1, 2, 30, tzinfo=UTC),
    datetime(2026, 8, 16, 23, 59, 59, tzinfo=UTC),
    datetime(2026, 8, 17, 0, 0, tzinfo=UTC),
    datetime(2026, 9, 10, 0, 30, tzinfo=UTC),
    datetime(2026, 11, 22, 1, 0, tzinfo=UTC),
    datetime(2026, 11, 22, 4, 0, tzinfo=UTC),
    datetime(2026, 11, 23, 9, 30, tzinfo=timezone(timedelta(hours=8))),
)
USAGES = (  # prompt, cached, written to the cache, output
    (7, 0, 0, 1),
    (1_234, 1_000, 0, 321),
    (200_000, 0, 0, 999),
    (200_001, 150_000, 0, 999),
    (1_000_003, 12_345, 67_890, 54_321),
)


def total(price: Price, prompt: int, cached: int, written: int, output: int) -> Decimal:
    """Written here on its own, so that it and the ledger's arithmetic cannot err together."""
    read_rate = price.cache_read or price.input
    write_rate = price.cache_write or price.input
    per_million = Decimal(1_000_000)
    return (
        price.input.at(prompt) * (prompt - cached - written) / per_million
        + read_rate.at(prompt) * cached / per_million
        + write_rate.at(prompt) * written / per_million
        + price.output.at(prompt) * output / per_million
        + price.per_request
    )


def test_every_listed_price_gives_what_genai_prices_gives_to_the_last_digit() -> None:
    lists = {row.id: row.price_provider for row in read_rows()}
    compared = 0
    for model in load(every_provider(), when=NOW).models.values():
        for endpoint in model.endpoints:
            if not endpoint.prices or not endpoint.prices[0].id.startswith("genai-prices:"):
                continue
            for number, when in enumerate(MOMENTS):
                prompt, cached, written, output = USAGES[(number + compared) % len(USAGES)]
                price = endpoint.price_at(when)
                assert price is not None
                theirs = genai_prices.calc_price(
                    genai_prices.Usage(
                        input_tokens=prompt, cache_read_tokens=cached, cache_write_tokens=written, output_tokens=output
                    ),
                    endpoint.upstream_model,
                    provider_id=lists[endpoint.provider],
                    genai_request_timestamp=when,
                )
                assert total(price, prompt, cached, written, output) == theirs.total_price, (endpoint, when)
                compared += 1
    assert compared > 1_000


def test_a_price_names_its_list_its_version_and_its_row() -> None:
    prices = PriceLists().prices("deepseek", "deepseek-v4-flash")
    assert [price.id for price in prices] == [
        "genai-prices:deepseek/deepseek-v4-flash",
        "genai-prices:deepseek/deepseek-v4-flash@2026-08-17",
        "genai-prices:deepseek/deepseek-v4-flash@2026-09-10",
        "genai-prices:deepseek/deepseek-v4-flash#0100-0400",
        "genai-prices:deepseek/deepseek-v4-flash#0600-1000",
    ]
    assert {price.source for price in prices} == {f"genai-prices {version('genai-prices')}"}


def test_a_model_is_matched_by_the_list_s_own_clauses_not_by_its_id() -> None:
    (price,) = PriceLists().prices("openai", "gpt-4o-mini-2024-07-18")
    assert price.id == "genai-prices:openai/gpt-4o-mini"


@pytest.mark.parametrize("model", ["no-such-model", "text-embedding-3-small", "sonar-deep-research"])
def test_what_the_list_lacks_or_prices_in_a_way_we_cannot_count_has_no_price(model: str) -> None:
    assert PriceLists().prices("perplexity" if model.startswith("sonar") else "openai", model) == ()


def test_an_unknown_price_list_is_an_error_that_names_it() -> None:
    with pytest.raises(CatalogError, match="'nobody'"):
        PriceLists().prices("nobody", "gpt-4o")


FLAT = Rate(Decimal(1))
BASE = Price("base", "test", FLAT, FLAT)
SINCE = Price("since", "test", FLAT, FLAT, since=date(2026, 3, 1))
NIGHT = Price("night", "test", FLAT, FLAT, hours=(time(22, tzinfo=UTC), time(6, tzinfo=UTC)))


@pytest.mark.parametrize(
    ("prices", "when", "expected"),
    [
        ((), datetime(2026, 1, 1, tzinfo=UTC), None),
        ((BASE, SINCE), datetime(2026, 2, 28, 23, 59, tzinfo=UTC), "base"),
        ((BASE, SINCE), datetime(2026, 3, 1, tzinfo=UTC), "since"),
        ((BASE, SINCE), datetime(2026, 2, 28, 23, 30, tzinfo=timezone(-timedelta(hours=1))), "since"),
        ((BASE, NIGHT), datetime(2026, 3, 1, 22, 0, tzinfo=UTC), "night"),
        ((BASE, NIGHT), datetime(2026, 3, 1, 5, 59, 59, tzinfo=UTC), "night"),
        ((BASE, NIGHT), datetime(2026, 3, 1, 6, 0, tzinfo=UTC), "base"),
        ((SINCE,), datetime(2020, 1, 1, tzinfo=UTC), "since"),
        ((SINCE, NIGHT, BASE), datetime(2026, 3, 1, 23, tzinfo=UTC), "base"),
    ],
)
def test_the_last_row_whose_date_and_hours_match_is_in_force(
    prices: tuple[Price, ...], when: datetime, expected: str | None
) -> None:
    found = Endpoint("p", "m", "lab/m", prices).price_at(when)
    assert (found.id if found else None) == expected


@given(prompt=st.integers(0, 2_000_000))
def test_a_tier_is_a_cliff_that_begins_above_its_start(prompt: int) -> None:
    rate = Rate(Decimal(1), ((128_000, Decimal(2)), (200_000, Decimal(3))))
    expected = 1 if prompt <= 128_000 else 2 if prompt <= 200_000 else 3
    assert rate.at(prompt) == expected


def test_a_price_id_tells_dates_and_hours_apart() -> None:
    hours = (time(0, 30, tzinfo=UTC), time(16, 30, tzinfo=UTC))
    assert price_id("l:p/m", date(2025, 2, 8), hours) == "l:p/m@2025-02-08#0030-1630"
