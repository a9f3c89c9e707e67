"""The most that a request can take: no real usage of it may come to more."""

import json
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.catalog.model import Model, Price, Rate
from weighbridge.ledger.budgets.bound import FILM, PICTURE, TEMPLATE, dearest, most_cost, most_prompt
from weighbridge.ledger.cost import SMALLEST, cost
from weighbridge.wire.usage import Usage

_prices = st.decimals(0, 1000, places=4)
_rates = st.builds(
    Rate,
    _prices,
    st.lists(st.tuples(st.integers(1, 10**6), _prices), max_size=2).map(lambda tiers: tuple(sorted(tiers))),
)
_rows = st.builds(
    Price,
    id=st.just("row"),
    source=st.just("list"),
    input=_rates,
    output=_rates,
    cache_read=st.none() | _rates,
    cache_write=st.none() | _rates,
    per_request=st.decimals(0, 1, places=6),
)


@given(st.lists(_rows, min_size=1, max_size=4), st.data())
def test_no_usage_within_the_bound_costs_more_at_any_of_the_endpoints(rows: list[Price], data: st.DataObject) -> None:
    rates = dearest((Model("lab/one", max_output=10), f"p{n}/one", row) for n, row in enumerate(rows))
    prompt, answer = data.draw(st.integers(0, 10**7)), data.draw(st.integers(0, 10**6))
    most = most_cost(rates, prompt, answer)
    read = data.draw(st.integers(0, prompt))
    written = data.draw(st.integers(0, prompt - read))
    usage = Usage(data.draw(st.integers(read + written, prompt)), data.draw(st.integers(0, answer)), read, written)
    for row in rows:
        assert cost(usage, row) <= most * SMALLEST


def test_the_longest_answer_is_that_of_the_models_and_unknown_where_one_is() -> None:
    row = Price("row", "list", Rate(Decimal(1)), Rate(Decimal(2)), since=date(2026, 1, 1))
    one, two = Model("a/one", max_output=100, context=500), Model("a/two", context=300)
    assert dearest([(one, "p/one", row)]).longest == 100
    assert dearest([(one, "p/one", row), (two, "p/two", row)]).longest == 300
    assert dearest([(one, "p/one", row), (Model("a/x"), "p/x", row)]).longest is None
    assert dearest([(one, "p/one", row), (two, "q/two", None)]).unpriced == "q/two"


@pytest.mark.parametrize(
    ("part", "more"),
    [
        ({"type": "text", "text": "see https://example.org"}, 0),
        ({"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}, PICTURE),
        ({"type": "video_url", "video_url": {"url": "https://example.org/a.mp4"}}, FILM),
        ({"type": "file", "file": {"file_id": "file-1"}}, FILM),
    ],
)
def test_what_is_sent_by_its_address_counts_as_what_it_may_be(part: dict[str, object], more: int) -> None:
    document = {"messages": [{"role": "user", "content": [part]}]}
    body = json.dumps(document).encode()
    assert most_prompt(body) == most_prompt(body, chat=True) == len(body) + TEMPLATE + more
    hidden = (
        body.replace(b"_url", b"\\u005furl").replace(b"file_id", b"\\u0066ile_id").replace(b'"file"', b'"\\u0066ile"')
    )
    hidden = hidden.replace(b'"https', b'"\\u0068ttps')
    assert json.loads(hidden) == document
    assert most_prompt(hidden) == most_prompt(hidden, chat=True) == len(hidden) + TEMPLATE + more


def test_a_picture_that_stands_beside_the_messages_counts_as_well() -> None:
    body = json.dumps({"messages": [{"role": "user", "content": "hi"}], "image": "https://example.org/a.png"}).encode()
    assert most_prompt(body, chat=True) == len(body) + TEMPLATE + PICTURE
    plain = json.dumps({"messages": [{"role": "user", "content": 'a "file"\n'}]}).encode()
    assert most_prompt(plain, chat=True) == len(plain) + TEMPLATE
