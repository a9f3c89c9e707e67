"""One answer on other models: only what can do the same, the cheapest first, and the same sums as a bill's."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given

from tests.ledger.bill.made_up import NOON, price, tally, usages
from weighbridge.catalog.load import every_provider, load
from weighbridge.catalog.model import Catalog, Endpoint, Host, Model, Price
from weighbridge.catalog.tokenizers import Tokenizers
from weighbridge.ledger.bill.elsewhere import LARGE, Elsewhere, Needs, bases_of, elsewhere
from weighbridge.ledger.bill.modelled import Bases, Seen
from weighbridge.ledger.bill.recount import Recount
from weighbridge.ledger.bill.targets import targets, traits
from weighbridge.ledger.cost import cost
from weighbridge.wire.usage import Usage

TOKENIZERS = Tokenizers()
USED = Usage(1_000, 200)


def model(id_: str, *prices: Price, provider: str = "far", **more: object) -> Model:
    """An open model at one endpoint."""
    given = {"open_weights": True, "total_params": 10**9, "output_modalities": ("text",), "context": 8_000, **more}
    return Model(id_, endpoints=(Endpoint(provider, id_, id_, prices or (price("1", "2"),)),), **given)  # type: ignore[arg-type] # whatever fields


HERE = model("lab/here", price("5", "5"), provider="near")


def found(
    *others: Model, needs: Needs | None = None, hosts: Iterable[Host] = (), here: Model = HERE, used: Usage = USED
) -> list[Elsewhere]:
    catalog = Catalog({each.id: each for each in (here, *others)}, hosts={host.id: host for host in hosts})
    return elsewhere(tally(used, price("5", "5")), needs or Needs(), catalog, TOKENIZERS, when=NOON)


def names(those: Iterable[Elsewhere]) -> list[str]:
    return [each.model.id for each in those]


def test_the_three_cheapest_come_and_the_cheapest_first() -> None:
    many = [model(f"lab/m{amount}", price(str(amount), str(amount))) for amount in (4, 1, 3, 2)]
    assert names(found(*many)) == ["lab/m1", "lab/m2", "lab/m3"]


@pytest.mark.parametrize(
    ("other", "needs"),
    [
        (replace(model("lab/closed"), open_weights=False), Needs()),
        (replace(model("lab/closed"), open_weights=None), Needs()),
        (model("lab/smaller", total_params=10**9 - 1), Needs()),
        (model("lab/unknown-size", total_params=None), Needs()),
        (model("lab/vectors", output_modalities=("embedding",)), Needs()),
        (model("lab/short", context=1_199), Needs()),
        (model("lab/tomorrow", released=date(2026, 11, 23)), Needs()),
        (model("lab/no-tools", tools=False), Needs(tools=True)),
        (model("lab/tools-unknown"), Needs(tools=True)),
        (model("lab/thoughtless", reasoning=False), Needs(reasoning=True)),
        (model("lab/heedless", provider="deaf"), Needs(parameters=frozenset({"structured_outputs"}))),
        (model("lab/free", price("0", "0")), Needs()),
        (replace(model("lab/unpriced"), endpoints=(Endpoint("far", "x", "lab/unpriced"),)), Needs()),
        (replace(model("lab/over"), endpoints=(Endpoint("far", "x", "x", (price(),), until=NOON.date()),)), Needs()),
        (HERE, Needs()),
    ],
    ids=lambda given: given.id if isinstance(given, Model) else "",
)
def test_what_cannot_do_the_same_is_left_out(other: Model, needs: Needs) -> None:
    deaf = Host("deaf", "Deaf", parameters=frozenset({"temperature"}))
    assert found(other, needs=needs, hosts=[deaf]) == []


def test_what_can_is_not_left_out_for_what_is_asked() -> None:
    able = model("lab/able", tools=True, reasoning=True)
    hears = Host("far", "Far", parameters=frozenset({"tools", "structured_outputs"}))
    needs = Needs(tools=True, reasoning=True, parameters=frozenset({"tools"}))
    assert names(found(able, needs=needs, hosts=[hears])) == ["lab/able"]


def test_a_model_whose_size_nobody_tells_is_held_against_large_ones() -> None:
    closed = replace(HERE, total_params=None, open_weights=False)
    (one,) = found(model("lab/small"), model("lab/large", total_params=LARGE), here=closed)
    assert (one.model.id, one.sized) == ("lab/large", False)
    assert [each.sized for each in found(model("lab/small"))] == [True]


def test_the_endpoint_where_it_costs_least_is_the_one_that_is_named() -> None:
    ends = (Endpoint("dear", "x", "lab/m", (price("9", "9"),)), Endpoint("cheap", "x", "lab/m", (price("1", "1"),)))
    (one,) = found(replace(model("lab/m"), endpoints=ends))
    assert one.endpoint.provider == "cheap"
    assert one.equal == cost(USED, price("1", "1"))


def test_whom_the_policy_keeps_out_is_not_proposed() -> None:
    catalog = Catalog({each.id: each for each in (HERE, model("lab/a"), model("lab/b"))})
    kept = elsewhere(
        tally(USED, price()),
        Needs(),
        catalog,
        TOKENIZERS,
        when=NOON,
        allowed=lambda model, endpoint: model.id == "lab/b",
    )
    assert names(kept) == ["lab/b"]


def test_an_answer_that_took_nothing_is_compared_with_nothing() -> None:
    catalog = Catalog({"lab/a": model("lab/a")})
    for counted_by in (None, "cache"):
        assert elsewhere(tally(USED, price(), counted_by=counted_by), Needs(), catalog, TOKENIZERS, when=NOON) == []


def test_a_stranger_that_answered_is_compared_too_and_says_that_its_tokenizer_is_not_known() -> None:
    catalog = Catalog({"lab/large": model("lab/large", total_params=LARGE)})
    (one,) = elsewhere(tally(USED, price(), model="who/knows"), Needs(), catalog, TOKENIZERS, when=NOON)
    assert bases_of([one, one]) == [Bases("assumed", "unknown", "none")]
    assert one.there[0] < one.equal == one.there[1] < one.there[2]


@given(usages)
def test_sums_are_those_that_a_bill_would_say_of_this_entry_alone(used: Usage) -> None:
    catalog = Catalog({each.id: each for each in (HERE, model("lab/m", context=None))})
    entry = tally(used, price())
    (one,) = elsewhere(entry, Needs(), catalog, TOKENIZERS, when=NOON)
    kinds = ("english", "code", "json", "markdown")
    (target,) = targets(
        one.model,
        [one.endpoint],
        catalog=catalog,
        recorded=[entry.model],
        tokenizers=TOKENIZERS,
        kinds=kinds,
        seen=Seen(),
    )
    recount = Recount(target, (), {entry.model: traits(entry.model, catalog, TOKENIZERS)})
    recount.add(entry)
    assert (recount.total.there, recount.total.equal) == (one.there, one.equal)


def test_of_the_real_catalogue_only_open_models_at_a_price_come_between_their_bounds() -> None:
    catalog = load(every_provider(), when=NOON)
    counts = []
    for name in [*list(catalog.models)[::40], "who/knows"]:
        those = elsewhere(tally(USED, price(), model=name), Needs(), catalog, TOKENIZERS, when=NOON)
        assert len({each.model.id for each in those} - {name}) == len(those)
        for each in those:
            assert each.model.open_weights
            assert Decimal(0) < each.there[0] <= each.there[1] <= each.there[2]
        counts.append(len(those))
    assert max(counts) == counts[-1] == 3
