"""Sums regrouped by what is known: nothing is left out, and every answer's total is that of all."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.catalog.model import Catalog, Endpoint, Host, Lab, Licence, Model, Price, Rate
from weighbridge.ledger import measures
from weighbridge.ledger.questions import (
    DIMENSIONS,
    OTHERS,
    By,
    Known,
    Question,
    answer,
    label,
    quantile,
    read_by,
    read_where,
)
from weighbridge.ledger.tally import BOUNDS, Sums, Tally, together

FLAT = Price(
    "flat",
    "a list",
    Rate(Decimal(2)),
    Rate(Decimal(8)),
    cache_read=Rate(Decimal("0.5")),
    cache_write=Rate(Decimal(3)),
)
TIERED = Price("tiered", "a list", Rate(Decimal(2), ((1000, Decimal(4)),)), Rate(Decimal(8)))
LAB = Lab("qwen", "Qwen", "CN", "a page about the lab")
OPEN = Licence("Apache-2.0", "Apache", "permissive", "a page about the licence")
CATALOG = Catalog(
    {
        "qwen/one": Model("qwen/one", lab=LAB, licence=OPEN, open_weights=True, source="a page about one",
                          endpoints=(Endpoint("near", "one", "qwen/one", (FLAT, TIERED)),)),
        "qwen/two": Model("qwen/two", lab=LAB, open_weights=False),
    },
    hosts={
        "near": Host("near", "Near", country="FR", source="a page about near"),
        "local": Host("local", "here", own_machine=True),
    },
)  # fmt: skip
KNOWN = Known(CATALOG)
_AT = int(datetime(2026, 11, 30, 23, tzinfo=UTC).timestamp()) // 3600


def tally(requests: int = 1, cost: int = 0, **more: Any) -> Tally:  # noqa: ANN401 - fields of a tally
    return Tally(Sums(requests=requests, cost=cost), **more)


def groups(tallies: list[Tally], *by: By, top: int | None = None) -> dict[tuple[str | None, ...], int]:
    found = answer(tallies, Question(by, top=top), KNOWN)
    return {row.group: row.figures.sums.requests for row in found.rows}


@pytest.mark.parametrize(
    ("by", "told", "group"),
    [
        ("model", {"model": "qwen/one"}, "qwen/one"),
        ("model", {"asked_model": "what"}, "what"),
        ("model", {}, None),
        ("lab", {"model": "qwen/two"}, "qwen"),
        ("lab", {"model": "stranger/x"}, None),
        ("country", {"model": "QWEN/one"}, "CN"),
        ("country", {}, None),
        ("licence", {"model": "qwen/one"}, "permissive"),
        ("licence", {"model": "qwen/two"}, None),
        ("weights", {"model": "qwen/one"}, "open"),
        ("weights", {"model": "qwen/two"}, "closed"),
        ("weights", {"model": "stranger/x"}, None),
        ("provider", {"provider": "near"}, "near"),
        ("provider_country", {"provider": "near"}, "FR"),
        ("provider_country", {"provider": "local"}, "(this machine)"),
        ("provider_country", {"provider": "far"}, None),
        ("endpoint", {"provider": "near", "upstream_model": "one"}, "near/one"),
        ("endpoint", {}, None),
        ("tag", {"tags": ("a",)}, "a"),
        ("tags", {"tags": ("b", "a")}, "a,b"),
        ("tags", {}, None),
        ("hour", {"hour": _AT}, "2026-11-30T23:00Z"),
        ("day", {"hour": _AT}, "2026-11-30"),
        ("month", {"hour": _AT}, "2026-11"),
        ("user", {"user": "ann"}, "ann"),
        ("imported", {"imported": "codex"}, "codex"),
    ],
)
def test_what_a_group_is(by: By, told: dict[str, Any], group: str | None) -> None:
    assert groups([tally(3, **told)], by) == {(group,): 3}


def test_every_dimension_can_be_asked_by_and_says_what_it_is() -> None:
    for by, dimension in DIMENSIONS.items():
        assert groups([tally()], by) == {(None,): 1}
        assert dimension.said
        assert label(by, None) in ("unknown", "none", "(unreadable)")


def test_groups_say_where_their_facts_were_read() -> None:
    found = answer([tally(model="qwen/one"), tally(model="qwen/two")], Question(("country", "licence")), KNOWN)
    assert {row.group: row.sources for row in found.rows} == {
        ("CN", "permissive"): ("a page about the lab", "a page about the licence"),
        ("CN", None): ("a page about the lab",),
    }


def test_a_request_of_two_tags_is_in_both_groups_and_once_in_the_total() -> None:
    tallies = [tally(2, tags=("a", "b")), tally(3, tags=("b",)), tally(5)]
    found = answer(tallies, Question(("tag",)), KNOWN)
    assert {row.group: row.figures.sums.requests for row in found.rows} == {("a",): 2, ("b",): 5, (None,): 5}
    assert found.total.sums.requests == 10


def test_the_dearest_comes_first_and_time_in_its_order() -> None:
    tallies = [tally(1, 5, model="a", hour=_AT), tally(1, 9, model="b", hour=_AT + 1), tally(1, 7, model="c", hour=_AT)]
    assert list(groups(tallies, "model")) == [("b",), ("c",), ("a",)]
    assert list(groups(tallies, "day", "model")) == [("2026-11-30", "c"), ("2026-11-30", "a"), ("2026-12-01", "b")]


def test_those_beyond_the_first_are_one_group() -> None:
    tallies = [tally(1, 10 - number, model=f"m{number}") for number in range(5)]
    assert groups(tallies, "model", top=2) == {("m0",): 1, ("m1",): 1, (OTHERS,): 3}
    assert groups(tallies, "model", top=5) == {(f"m{number}",): 1 for number in range(5)}
    days = [tally(1, number, hour=_AT + 24 * number) for number in range(3)]
    assert list(groups(days, "day", top=1)) == [("2026-12-02",), (OTHERS,)]


@pytest.mark.parametrize(
    ("where", "requests"),
    [
        ([("country", "CN")], 3),
        ([("country", "unknown")], 4),
        ([("country", "CN"), ("weights", "open")], 1),
        ([("model", "qwen/one"), ("model", "qwen/two")], 3),
        ([("tag", "b")], 2),
        ([("tag", "none")], 5),
        ([("provider", "none")], 7),
        ([("country", "cn")], 0),
    ],
)
def test_only_what_was_asked_for_is_in_the_sums(where: list[tuple[By, str]], requests: int) -> None:
    tallies = [tally(1, model="qwen/one"), tally(2, model="qwen/two", tags=("a", "b")), tally(4)]
    assert answer(tallies, Question((), where=tuple(where)), KNOWN).total.sums.requests == requests


@pytest.mark.parametrize(
    ("where", "only"),
    [
        ([("key", "k")], {"key": "k"}),
        ([("user", "none")], {"user": None}),
        ([("key", "k"), ("key", "l")], {}),
        ([("country", "CN"), ("project", "p")], {"project": "p"}),
    ],
)
def test_what_a_reader_may_leave_out_at_once(where: list[tuple[By, str]], only: dict[str, str | None]) -> None:
    assert Question(("model",), where=tuple(where)).only == only


def test_what_a_question_needs_to_be_told_apart() -> None:
    question = Question(("country", "month"), where=(("key", "k"),))
    assert (question.columns, question.grain, question.by_user) == (("model", "key"), "month", False)
    assert (Question(("user", "hour", "day")).grain, Question(("user",)).by_user) == ("hour", True)
    assert Question(("model",)).grain == "all"


def test_prompt_caches_save_the_difference_of_the_prices() -> None:
    def cached(price: str | None, tokens: int, written: int = 0) -> Tally:
        return Tally(Sums(cached_tokens=tokens, written_tokens=written), price_id=price)

    def saved(*tallies: Tally) -> tuple[int, int]:
        total = answer(tallies, Question(()), KNOWN).total
        return total.prompt_cache_saved, total.prompt_cache_unknown

    assert saved(cached("flat", 1000)) == (1000 * 1_500_000, 0)
    assert saved(cached("flat", 1000, 100)) == (1000 * 1_500_000 - 100 * 1_000_000, 0)
    assert saved(cached("tiered", 7), cached(None, 8), cached("gone", 9)) == (0, 24)
    assert saved(cached("cache", 1000)) == (0, 0)


@pytest.mark.parametrize(
    ("buckets", "share", "seconds"),
    [
        ({}, 0.5, None),
        ({0: 1}, 0.5, 0.008),
        ({1: 10}, 0.5, 0.024),
        ({1: 5, 3: 5}, 0.5, 0.032),
        ({1: 5, 3: 5}, 0.95, 0.1216),
        ({13: 1}, 0.5, 65.536),
    ],
)
def test_a_quantile_is_read_from_buckets(buckets: dict[int, int], share: float, seconds: float | None) -> None:
    assert quantile([buckets.get(place, 0) for place in range(14)], share) == (
        None if seconds is None else pytest.approx(seconds)
    )


@given(st.lists(st.integers(0, BOUNDS[-1] - 1), min_size=1, max_size=60), st.sampled_from((0.5, 0.95)))
def test_a_quantile_is_in_the_bucket_of_the_true_one(times: list[int], share: float) -> None:
    places = [sum(bound <= each for bound in BOUNDS) for each in times]
    found = quantile([places.count(place) for place in range(14)], share)
    true = sorted(times)[max(0, -(-int(len(times) * share * 100) // 100) - 1)]
    assert found is not None
    place = sum(bound <= true for bound in BOUNDS)
    assert (BOUNDS[place - 1] if place else 0) <= found * 1e6 <= BOUNDS[place] * (1 + 1e-9)


_MADE = st.tuples(
    st.integers(0, 9), st.integers(0, 10**9), st.sampled_from(("qwen/one", "x", None)), st.sampled_from(("a", None))
)


@given(st.lists(_MADE, max_size=20))
def test_groups_of_any_dimensions_sum_up_to_the_total(made: list[tuple[int, int, str | None, str | None]]) -> None:
    tallies = [tally(requests, cost, model=model, user=user) for requests, cost, model, user in made]
    for by in (("model",), ("lab", "user"), ("country", "model", "user"), ()):
        found = answer(tallies, Question(by, top=2), KNOWN)
        assert together(row.figures.sums for row in found.rows) == found.total.sums if tallies else not found.rows
        assert found.total.sums == together(each.sums for each in tallies)


def test_dimensions_are_read_by_name() -> None:
    assert read_by("model, lab,model") == ("model", "lab")
    assert read_where("tag = a=b") == ("tag", "a=b")
    with pytest.raises(ValueError, match="'team' is nothing to ask by; there are model, "):
        read_by("model,team")
    with pytest.raises(ValueError, match="not DIM=VALUE"):
        read_where("country")


def test_measures_for_a_script_are_digits_and_nulls() -> None:
    found = answer([tally(2, 1_500_000_000_000, key="k")], Question(("key", "lab")), KNOWN)
    (row,) = found.rows
    said = measures.document(found, row, {"k": "alice"})
    assert (said["key"], said["name"], said["lab"], said["cost"], said["first_byte_p50"]) == (
        "k",
        "alice",
        None,
        "1.5",
        None,
    )
    assert measures.labels(("key", "lab"), row) == ("k", "unknown")
