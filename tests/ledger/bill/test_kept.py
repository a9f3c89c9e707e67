"""Texts that were kept take the place of a ratio, request by request."""

from decimal import Decimal

from hypothesis import given

from tests.ledger.bill.made_up import price, tally, target, usages
from tests.ledger.made_up import charge, entry
from weighbridge.ledger.bill.kept import measured, taken_out, tally_of
from weighbridge.ledger.bill.modelled import Traits
from weighbridge.ledger.bill.recount import Recount
from weighbridge.ledger.bill.tally import Measured
from weighbridge.wire.usage import Usage


def letters(text: str) -> int:
    return len(text)


def word_count(text: str) -> int:
    return len(text.split())


def test_both_tokenizers_are_held_against_each_other_where_both_are_here() -> None:
    found = measured(tally(Usage(100, 10), price()), "ab cd", "abcd", other=letters, own=word_count)
    assert found == Measured(Decimal("2.5"), Decimal(4))


def test_the_other_alone_is_held_against_the_record() -> None:
    found = measured(tally(Usage(100, 10, reasoning=6), price()), "a" * 150, "abcdef", other=letters, own=None)
    assert found == Measured(Decimal("1.5"), Decimal("1.5"))


def test_an_empty_answer_goes_by_the_prompt_and_an_empty_prompt_by_nothing() -> None:
    assert measured(tally(Usage(4, 0), price()), "ab cd", "", other=letters, own=None) == Measured(
        Decimal("1.25"), Decimal("1.25")
    )
    assert measured(tally(Usage(4, 0), price()), "", "", other=letters, own=word_count) is None


@given(usages)
def test_what_is_taken_out_leaves_nothing(usage: Usage) -> None:
    one = tally(usage, price())
    recount = Recount(target(price()), ("model",), {"lab/here": Traits()})
    recount.add(one)
    recount.add(taken_out(one))
    assert recount.total.requests == 0
    assert {recount.total.recorded, *recount.total.there} == {Decimal(0)}


def test_an_entry_is_a_tally_of_its_own() -> None:
    usage = Usage(1000, 50, cached=400, written=100, reasoning=20)
    found = tally_of(entry(charge=charge("0.5", usage), project="p"))
    assert found is not None
    assert (found.fresh, found.cached, found.written, found.reasoning, found.untold) == (500, 400, 100, 20, 0)
    assert (found.cost, found.longest_whole, found.project, found.entries) == (Decimal("0.5"), 1050, "p", 1)
    assert tally_of(entry(charge=None)) is None
