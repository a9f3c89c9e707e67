"""Candidates out of the catalogue: who may be tried on a route, and why others may not."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from weighbridge.catalog.model import Catalog, Endpoint, Licence, Model, Price, Rate
from weighbridge.ledger.bill.tally import Tally
from weighbridge.routing.quality.look import look
from weighbridge.routing.quality.rule import Arm
from weighbridge.switch.candidates import Wanted, arm_of, candidates
from weighbridge.switch.planned import Refused
from weighbridge.switch.routes import Route, Sampled
from weighbridge.switch.sources import Ref

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
FREE = Licence("Apache-2.0", "Apache", "permissive", "s")
BOUND = Licence("LicenseRef-x", "Bound", "restricted", "s")


def model(name: str, price: str | None, *, released: date | None = None, **other: object) -> Model:
    prices = () if price is None else (Price(name, "list", Rate(Decimal(price)), Rate(Decimal(price))),)
    usual: dict[str, object] = {
        "open_weights": True,
        "licence": FREE,
        "endpoints": (Endpoint("near", name, name, prices),),
        "released": released,
    }
    return Model(name, **(usual | other))  # type: ignore[arg-type] # whatever a model has


REFERENCE = model("big/closed", "10", open_weights=False, licence=None)


def catalog(*models: Model) -> Catalog:
    return Catalog({each.id: each for each in (REFERENCE, *models)})


def route(**other: object) -> Route:
    body = json.dumps({"model": "big/closed", "messages": [{"role": "user", "content": "Hi"}], **other}).encode()
    made = Route("rt-1", "key-1", look(body), "")
    tally = Tally(at=NOW, model="big/closed", prompt=1000, completion=100)
    made.heap.append((0, 0, Sampled(Ref("wbr-1"), tally, answered=True, judged=False)))
    return made


def chosen(
    offers: Catalog, wanted: Wanted, of: Route | None = None, forbidden: str = "!"
) -> tuple[list[str], list[Refused]]:
    good, refused = candidates(
        of or route(),
        REFERENCE,
        offers,
        wanted,
        forbids=lambda model, endpoint: "rule 'eu' keeps it out" if forbidden in model.id else None,
        now=NOW,
    )
    return [each.arm.id for each in good], refused


@pytest.mark.parametrize(
    ("told", "arm"),
    [
        ("qwen/qwen3", Arm("qwen/qwen3")),
        ("qwen/qwen3@low", Arm("qwen/qwen3", "low")),
        ("qwen/qwen3@low#512", Arm("qwen/qwen3", "low", 512)),
        ("qwen/qwen3#9", Arm("qwen/qwen3", None, 9)),
        ("a/b:free", Arm("a/b:free")),
    ],
)
def test_an_arm_is_read_as_it_is_written(told: str, arm: Arm) -> None:
    assert arm_of(told) == arm
    assert arm_of(arm.id) == arm


@pytest.mark.parametrize("told", ["", "@low", "a/b#0", "a/b#many", "a/b@low@high", "a/b@LOW"])
def test_what_is_no_arm_says_how_one_is_written(told: str) -> None:
    with pytest.raises(ValueError, match="write lab/model"):
        arm_of(told)


def test_proposed_is_the_newest_of_each_price_class_that_is_cheaper() -> None:
    offers = catalog(
        model("a/dear", "9", released=date(2026, 9, 1)),
        *(model(f"a/high-{number}", "5", released=date(2026, number, 1)) for number in (1, 2)),
        *(model(f"a/mid-{number}", "2", released=date(2026, number, 1)) for number in (4, 3)),
        *(model(f"a/low-{number}", "0.1", released=date(2026, number, 1)) for number in (5, 6)),
        model("a/later", "0.1", released=date(2027, 1, 1)),
        model("a/unpriced", None),
        model("a/nowhere", "1", endpoints=()),
    )
    assert chosen(offers, Wanted()) == (["a/high-2", "a/mid-4", "a/low-6"], [])
    assert chosen(offers, Wanted(most=1)) == (["a/low-6"], [])


def test_proposals_keep_to_what_is_wished() -> None:
    offers = catalog(
        model("a/free", "1"), model("a/bound", "2", licence=BOUND), model("a/closed", "3", open_weights=False)
    )
    assert chosen(offers, Wanted())[0] == ["a/closed", "a/bound", "a/free"]
    assert chosen(offers, Wanted(open_weights=True))[0] == ["a/bound", "a/free"]
    assert chosen(offers, Wanted(licence="permissive"))[0] == ["a/closed", "a/free"]
    assert chosen(offers, Wanted(open_weights=True, licence="permissive"))[0] == ["a/free"]
    assert chosen(offers, Wanted(max_price=Decimal(2)))[0] == ["a/bound", "a/free"]


def test_what_the_policy_keeps_out_is_told_with_its_rule() -> None:
    offers = catalog(model("a/good", "1"), model("cn/bad", "1"))
    assert chosen(offers, Wanted(), forbidden="cn/") == (
        ["a/good"],
        [Refused("cn/bad", "policy: rule 'eu' keeps it out")],
    )


def test_of_several_endpoints_those_that_may_be_asked_are_tried_cheapest_first() -> None:
    both = model("a/both", "1")
    dear = Endpoint("far", "both", "a/both", (Price("p", "list", Rate(Decimal(4)), Rate(Decimal(4))),))
    both = replace(both, endpoints=(dear, *both.endpoints))

    def provider(allowed: tuple[str, ...]) -> list[str]:
        found, _ = candidates(
            route(), REFERENCE, catalog(both), Wanted(to=(Arm("a/both"),)), now=NOW,
            forbids=lambda model, endpoint: None if endpoint.provider in allowed else "no",
        )  # fmt: skip
        return [endpoint.provider for each in found for endpoint, _ in each.endpoints]

    assert provider(("near", "far")) == ["near", "far"]
    assert provider(("far",)) == ["far"]
    assert provider(()) == []


NAMED = [
    ("who/knows", {}, "there is no such model"),
    ("a/nowhere", {}, "nobody serves it here"),
    ("a/unpriced", {}, "is not known: set its price"),
    ("cn/bad", {}, "policy: rule 'eu'"),
    ("a/mute", {}, "does not write text"),
    ("a/handless", {"tools": [{"type": "function", "function": {"name": "look"}}]}, "takes no tools"),
]


@pytest.mark.parametrize(("name", "asked", "why"), NAMED)
def test_what_was_named_and_cannot_be_tried_says_why(name: str, asked: dict[str, object], why: str) -> None:
    offers = catalog(
        model("a/nowhere", "1", endpoints=()),
        model("a/unpriced", None),
        model("cn/bad", "1"),
        model("a/mute", "1", output_modalities=("image",)),
        model("a/handless", "1", tools=False),
    )
    good, (refused,) = chosen(offers, Wanted(to=(Arm(name),)), route(**asked), forbidden="cn/")
    assert good == []
    assert refused.model == name
    assert why in refused.why


def test_what_was_named_is_tried_though_it_is_dearer_and_with_its_effort() -> None:
    offers = catalog(model("a/dear", "90"))
    assert chosen(offers, Wanted(to=(Arm("A/Dear", "low"),), max_price=Decimal(1))) == (["a/dear@low"], [])


def test_pictures_and_long_prompts_need_a_model_that_takes_them() -> None:
    offers = catalog(model("a/blind", "1", input_modalities=("text",)), model("a/short", "1", context=100))
    seeing, long = route(), route()
    seeing.images, long.longest = True, 101
    assert chosen(offers, Wanted(), seeing)[0] == ["a/short"]
    assert chosen(offers, Wanted(), long)[0] == ["a/blind"]
