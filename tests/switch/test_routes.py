"""Cases fall into routes, of each a random sample is drawn, and what they took comes from the ledger if it knows."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec

from tests.ledger.made_up import charge, entry
from weighbridge.ledger.entry import Entry
from weighbridge.switch.case import Answer, Case
from weighbridge.switch.cases import Skipped, of_request
from weighbridge.switch.routes import UNKNOWN_ANSWER, Route, grouped
from weighbridge.switch.sources import Found, Ref

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
REFERENCE = "near/tiny"


def found(
    number: int,
    *,
    system: str = "",
    key: str = "key-1",
    answer: Answer | None = None,
    at: datetime | None = NOW,
    app: str = "",
    **other: object,
) -> Found:
    messages = [{"role": "system", "content": system}, {"role": "user", "content": f"What is {number}?"}]
    body = json.dumps({"model": REFERENCE, "messages": messages, **other}).encode()
    case = of_request(body, f"wbr-{number}", key=key, at=at, app=app)
    return Found(msgspec.structs.replace(case, reference=answer), Ref(case.id), key, app)


def routes(*what: Found | Skipped, most: int = 100, seed: str = "plan-1", **entries: Entry) -> list[Route]:
    made, _ = grouped(
        what,
        seed=seed,
        most=most,
        entry=lambda receipt: entries.get(receipt.replace("-", "_")),
        judged=lambda case: case.expected is None,
        reference=REFERENCE,
    )
    return list(made.values())


def test_requests_that_are_alike_are_one_route() -> None:
    tool = [{"type": "function", "function": {"name": "look"}}]
    made = routes(
        found(1), found(2), found(3, system="Other."), found(4, key="key-2"), found(5, tools=tool),
        found(6, response_format={"type": "json_object"}), found(7, app="Desk"),
    )  # fmt: skip
    assert [each.requests for each in made] == [2, 1, 1, 1, 1, 1]
    said = [each.about({"key-1": "ci"}) for each in made]
    assert [each.key for each in said] == ["ci", "ci", "key-2", "ci", "ci", "ci"]
    assert (said[3].tools, said[4].format, said[5].app) == (("look",), "json_object", "Desk")
    assert [len(each.instructions) for each in said] == [0, 4, 0, 0, 0, 0]
    assert "Other" not in str(said[1])


def test_a_sample_is_the_same_for_the_same_seed_whatever_the_order_and_no_larger_than_is_wanted() -> None:
    many = [found(number) for number in range(200)]
    (first,), (again,), (other,) = (
        routes(*many, most=20),
        routes(*reversed(many), most=20),
        routes(*many, most=20, seed="plan-2"),
    )
    drawn = [each.ref.case for each in first.sample]
    assert len(drawn) == len(set(drawn)) == 20
    assert drawn == [each.ref.case for each in again.sample]
    assert set(drawn) != {each.ref.case for each in other.sample}
    assert first.requests == 200
    (whole,) = routes(*many, most=1000)
    assert [each.ref.case for each in whole.sample][:20] == drawn, "more of a sample begins with the same"


def test_what_a_case_took_is_what_the_ledger_says() -> None:
    recorded = entry(id="wbr-1", at=NOW, asked_model=REFERENCE, model=REFERENCE, charge=charge("0.25"))
    (route,) = routes(found(1), found(2), wbr_1=recorded)
    assert (route.cost, route.recorded, route.requests) == (Decimal("0.25"), 1, 2)
    tallies = {each.ref.case: each.tally for each in route.sample}
    assert recorded.charge is not None
    assert tallies["wbr-1"].prompt == recorded.charge.usage.prompt
    assert tallies["wbr-2"].counted_by == "estimate"
    assert tallies["wbr-2"].completion == UNKNOWN_ANSWER


def test_what_the_ledger_does_not_know_is_said_by_the_answer_or_worked_out() -> None:
    told = Answer("x" * 40, prompt_tokens=7, completion_tokens=5)
    (route,) = routes(
        found(1, answer=told), found(2, answer=Answer("x" * 40)), found(3, max_tokens=9), most=3
    )  # fmt: skip
    tallies = {each.ref.case: each.tally for each in route.sample}
    assert (tallies["wbr-1"].prompt, tallies["wbr-1"].completion) == (7, 5)
    assert tallies["wbr-2"].completion == 10
    assert tallies["wbr-3"].completion == 9
    assert sum(each.answered for each in route.sample) == 2


def test_requests_a_day_are_over_the_days_they_came_on() -> None:
    (route,) = routes(*(found(number, at=NOW + timedelta(hours=6 * number)) for number in range(9)))
    assert route.a_day == 9 / 2
    (short,) = routes(found(1), found(2))
    assert short.a_day == 2
    (timeless,) = routes(found(1, at=None))
    assert timeless.a_day is None


def test_what_is_no_case_comes_back_with_its_reason() -> None:
    bad = Skipped("line 3", "it is no request")

    def each() -> Iterator[Found | Skipped]:
        yield found(1)
        yield bad

    made, skipped = grouped(each(), seed="s", most=5, entry=lambda receipt: None, judged=_never, reference=REFERENCE)
    assert (len(made), skipped) == (1, [bad])


def _never(case: Case) -> bool:
    return False
