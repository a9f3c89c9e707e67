"""Budgets and limits at the gateway: what is refused, in which words, and what is settled."""

import asyncio
import json
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from tests.gateway.conftest import near
from tests.gateway.house import ASKED, Answer, Gateway, house
from tests.gateway.upstream import ANSWER, EVENTS, Call, Upstream, plainly
from weighbridge import db
from weighbridge.db import microseconds
from weighbridge.ledger.budgets import table
from weighbridge.ledger.budgets.bound import TEMPLATE
from weighbridge.ledger.budgets.budget import Budget, Period, Scope, Unit, window
from weighbridge.ledger.budgets.uses import uses as uses_of
from weighbridge.ledger.cost import SMALLEST

FULL = {**ASKED, "max_tokens": 10}
COST = 7_940_000
"""Of an answer, in 1e-12 dollars: 8 plain, 4 cached and 5 written tokens at 0.27, 0.07 and 1.10 dollars a million."""
MOST = (len(json.dumps(FULL)) + TEMPLATE) * 270_000 + 10 * 1_100_000
"""That one can come to."""


def budget(unit: Unit, period: Period, amount: int, scope: Scope = "all", name: str = "", **more: object) -> Budget:
    """One as it is set."""
    made = Budget("", scope, name, unit, period, amount, datetime.now(UTC))
    return msgspec.structs.replace(made, **more)


async def put(here: Gateway, *budgets: Budget) -> list[Budget]:
    """Set budgets, and wait until the worker goes by them."""
    with closing(db.connect(here.ledger)) as connection:
        kept = [table.put(connection, each) for each in budgets]
    async with asyncio.timeout(5):
        while not set(kept) <= set(here.worker.budgets):  # noqa: ASYNC110 - a database sends no word
            await asyncio.sleep(0.02)
    return kept


def used(here: Gateway, budget: Budget) -> dict[str, int]:
    """What is used of it in this period, by subject."""
    begins = window(budget.period, microseconds(datetime.now(UTC))).begins
    with closing(db.connect(here.ledger)) as connection:
        return {use.claim.subject: use.used for use in uses_of(connection, {budget.id: begins})}


def fault(answer: Answer) -> tuple[int, object, str]:
    """Status, code and message."""
    return answer.status, answer.error["code"], str(answer.error["message"])


async def test_what_an_answer_cost_is_used_of_each_budget_that_binds_it_to_the_last_digit(gateway: Gateway) -> None:
    levels: list[tuple[Scope, str]] = [("all", ""), ("key", "*"), ("user", "ann"), ("tag", "night")]
    made = await put(gateway, *(budget("usd", "month", 10**12, scope, name) for scope, name in levels))
    answer = await gateway.ask({**FULL, "user": "ann"}, headers="x-weighbridge-tags: night\r\n")
    assert answer.status == 200
    entry = await gateway.entry()
    assert entry.charge is not None
    assert (entry.user, entry.charge.cost) == ("ann", COST * SMALLEST)
    assert [used(gateway, each) for each in made] == [{"": COST}, {entry.key: COST}, {"ann": COST}, {"night": COST}]
    await gateway.ask({**FULL, "user": "bob"})
    assert [used(gateway, each) for each in made] == [
        {"": 2 * COST},
        {entry.key: 2 * COST},
        {"ann": COST},
        {"night": COST},
    ]


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_request_that_may_cost_more_than_is_left_is_refused_before_it_goes_out(
    gateway: Gateway, upstream: Upstream, streamed: bool
) -> None:
    most = MOST + (len(json.dumps({"stream": True})) * 270_000 if streamed else 0)
    (made,) = await put(gateway, budget("usd", "month", most + COST))
    asked = {**FULL, "stream": True} if streamed else FULL
    assert (await gateway.ask(asked)).status == 200
    assert (await gateway.ask(asked)).status == 200, "what was held for the first is free again, but for its cost"
    status, code, said = fault(await gateway.ask(asked))
    assert (status, code) == (402, "budget_spent")
    assert "for the whole gateway" in said
    assert f"{(most - COST) * SMALLEST:f}".rstrip("0") in said, "what is left"
    assert "renews on" in said
    assert len(upstream.calls) == 2
    assert used(gateway, made) == {"": 2 * COST}
    refused = gateway.entries()[-1]
    assert (refused.status, refused.error, refused.charge) == (402, "budget_spent", None)


async def test_one_larger_than_the_whole_budget_is_told_to_ask_for_less(gateway: Gateway) -> None:
    await put(gateway, budget("usd", "day", MOST - 1))
    answer = await gateway.ask(FULL)
    assert fault(answer)[:2] == (402, "budget_spent")
    assert answer.error["param"] == "max_tokens"
    assert (await gateway.ask({**FULL, "max_tokens": 9})).status == 200


TURNS = [{"role": "user", "content": "Hello"}]
DIALECTS: list[tuple[str, dict[str, object], str]] = [
    ("/v1/chat/completions", {"messages": TURNS}, "max_tokens"),
    ("/v1/chat/completions", {"messages": TURNS, "stream": True}, "max_completion_tokens"),
    ("/v1/messages", {"messages": TURNS}, "max_tokens"),
    ("/v1/responses", {"input": "Hello", "store": False}, "max_output_tokens"),
]


@pytest.mark.parametrize(("target", "said", "field"), DIALECTS)
async def test_a_shorter_answer_is_asked_for_where_the_budget_says_so(
    gateway: Gateway, upstream: Upstream, target: str, said: dict[str, object], field: str
) -> None:
    (made,) = await put(gateway, budget("usd", "total", 3_000 * 1_100_000, shorten_to=100))
    answer = await gateway.ask({"model": "near/tiny", field: 100_000, **said}, target=target)
    assert answer.status == 200, answer.body
    (call,) = upstream.calls
    asked = json.loads(call.body)
    limit = asked.get("max_completion_tokens", asked.get("max_tokens"))
    assert answer.headers["x-weighbridge-max-tokens"] == str(limit)
    held = limit * 1_100_000 + (len(call.body) + TEMPLATE) * 270_000
    assert made.amount - 100 * 270_000 < held < made.amount + 100 * 270_000, "about all that is left"
    assert used(gateway, made) == {"": COST}


async def test_the_shorter_answer_has_a_least_length_and_is_as_long_as_what_is_left_covers(
    gateway: Gateway, upstream: Upstream
) -> None:
    short = len(json.dumps(FULL)) + TEMPLATE + 7
    (made,) = await put(gateway, budget("tokens", "total", short, shorten_to=5))
    answer = await gateway.ask(FULL)
    assert (answer.status, answer.headers["x-weighbridge-max-tokens"]) == (200, "7")
    assert json.loads(upstream.calls[0].body)["max_tokens"] == 7
    await put(gateway, msgspec.structs.replace(made, amount=short + 17 - 3))
    assert fault(await gateway.ask(FULL))[:2] == (402, "budget_spent")
    assert len(upstream.calls) == 1
    await put(gateway, msgspec.structs.replace(made, amount=short + 17 + 3))
    await asyncio.sleep(0.3)  # nobody asks again within a moment of what could not be had
    assert "x-weighbridge-max-tokens" not in (await gateway.ask(FULL)).headers


async def test_where_one_of_two_budgets_wants_no_shorter_answers_it_refuses(gateway: Gateway) -> None:
    short = len(json.dumps(FULL)) + TEMPLATE + 7
    await put(gateway, budget("tokens", "total", short, shorten_to=5), budget("tokens", "day", short - 2))
    assert fault(await gateway.ask(FULL))[:2] == (402, "budget_spent")
    assert (await gateway.ask({**FULL, "max_tokens": 5})).status == 200


async def test_several_answers_share_what_is_left(gateway: Gateway, upstream: Upstream) -> None:
    body = {**FULL, "n": 3}
    await put(gateway, budget("tokens", "total", len(json.dumps(body)) + TEMPLATE + 20, shorten_to=5))
    assert (await gateway.ask(body)).headers["x-weighbridge-max-tokens"] == "6"
    assert json.loads(upstream.calls[0].body)["max_tokens"] == 6


async def test_what_is_held_for_requests_under_way_is_not_spent_and_may_be_waited_for(
    gateway: Gateway, upstream: Upstream
) -> None:
    (made,) = await put(gateway, budget("usd", "total", 2 * MOST))
    go = asyncio.Event()

    async def script(call: Call) -> None:
        await go.wait()
        await call.answer()

    upstream.script = script
    under_way = [asyncio.create_task(gateway.ask(FULL)) for _ in range(2)]
    while len(upstream.calls) < 2:  # noqa: ASYNC110 - the upstream sends no word
        await asyncio.sleep(0.01)
    refused = await gateway.ask(FULL)
    assert fault(refused)[:2] == (429, "limit_reached")
    assert "under way" in fault(refused)[2]
    assert "retry-after" in refused.headers
    go.set()
    assert [(await each).status for each in under_way] == [200, 200]
    assert used(gateway, made) == {"": 2 * COST}
    await asyncio.sleep(0.3)  # nobody asks again within a moment of what could not be had
    assert (await gateway.ask(FULL)).status == 200


async def test_requests_of_a_minute_and_at_once_are_limited(gateway: Gateway, upstream: Upstream) -> None:
    await put(gateway, budget("requests", "at once", 1, "key", "*"))
    go = asyncio.Event()

    async def script(call: Call) -> None:
        await go.wait()
        await call.answer()

    upstream.script = script
    first = asyncio.create_task(gateway.ask())
    while not upstream.calls:  # noqa: ASYNC110 - the upstream sends no word
        await asyncio.sleep(0.01)
    refused = await gateway.ask()
    assert (*fault(refused)[:2], refused.headers["retry-after"]) == (429, "limit_reached", "1")
    assert "at once" in fault(refused)[2]
    go.set()
    assert (await first).status == 200
    upstream.script = plainly
    await asyncio.sleep(0.3)
    assert (await gateway.ask()).status == 200
    await put(gateway, budget("requests", "minute", 1))
    statuses = [await gateway.ask() for _ in range(3)]
    assert statuses[-1].status == 429
    assert 0 < int(statuses[-1].headers["retry-after"]) <= 61
    assert "a minute" in fault(statuses[-1])[2]


async def test_tokens_are_bound_by_what_is_read_and_what_may_be_written(gateway: Gateway) -> None:
    (made,) = await put(gateway, budget("tokens", "day", len(json.dumps(FULL)) + TEMPLATE + 10))
    assert (await gateway.ask(FULL)).status == 200
    assert used(gateway, made) == {"": 17}
    status, code, said = fault(await gateway.ask(FULL))
    assert (status, code) == (402, "budget_spent")
    assert "tokens" in said


async def test_each_user_has_a_budget_to_himself(gateway: Gateway) -> None:
    (made,) = await put(gateway, budget("requests", "day", 1, "user", "*"))
    statuses = [(await gateway.ask({**ASKED, "user": user})).status for user in ("ann", "ann", "bob", "bob")]
    assert statuses == [200, 402, 200, 402]
    assert (await gateway.ask(ASKED)).status == 200, "who names no user is bound by none"
    assert used(gateway, made) == {"ann": 1, "bob": 1}


async def test_in_every_dialect_the_user_is_known(gateway: Gateway) -> None:
    await put(gateway, budget("requests", "day", 100, "user", "*"))
    messages = {**FULL, "metadata": {"user_id": "cy"}}
    assert (await gateway.ask(messages, target="/v1/messages")).status == 200
    responses = {"model": "near/tiny", "input": "Say hello.", "user": "di"}
    assert (await gateway.ask(responses, target="/v1/responses")).status == 200
    assert (await gateway.ask({**FULL, "safety_identifier": "ed"})).status == 200
    assert [entry.user for entry in gateway.entries()] == ["cy", "di", "ed"]


async def test_in_messages_a_spent_budget_is_a_billing_error(gateway: Gateway) -> None:
    await put(gateway, budget("usd", "day", 1))
    answer = await gateway.ask(FULL, target="/v1/messages")
    assert answer.status == 402
    assert answer.error["type"] == "billing_error"


async def test_a_client_that_leaves_and_an_endpoint_that_fails_free_what_was_held(
    gateway: Gateway, upstream: Upstream
) -> None:
    (made,) = await put(gateway, budget("usd", "day", MOST * 2))
    begun = asyncio.Event()

    async def cut(call: Call) -> None:
        await call.start()
        await call.events(EVENTS[:2])
        begun.set()
        await call.left()

    upstream.script = cut
    client = await gateway.send({**FULL, "stream": True})
    await begun.wait()
    await client.head()
    client.leave()
    left = await gateway.entry()
    assert (left.ending, left.charge is not None and left.charge.counted_by) == ("client_left", "estimate")
    assert left.charge is not None
    assert left.charge.cost is not None
    assert used(gateway, made) == {"": int(left.charge.cost / SMALLEST)}

    async def fail(call: Call) -> None:
        await call.answer({"error": {"message": "no"}}, status=500)

    upstream.script = fail
    assert (await gateway.ask(FULL)).status == 502
    upstream.script = plainly
    assert (await gateway.ask(FULL)).status == 200
    assert used(gateway, made) == {"": int(left.charge.cost / SMALLEST) + COST}


async def test_without_a_known_price_or_length_nothing_can_be_held(tmp_path: Path, upstream: Upstream) -> None:
    toml = f'[providers.near]\nbase_url = "http://127.0.0.1:{upstream.port}/v1"\n'
    async with house(tmp_path / "home", toml) as here:
        (soft,) = await put(here, budget("usd", "day", 1, hard=False))
        assert (await here.ask(ASKED)).status == 200, "one that only tells refuses nothing"
        assert used(here, soft) == {}
        await put(here, budget("usd", "day", 10**12))
        status, code, said = fault(await here.ask(FULL))
        assert (status, code) == (402, "budget_spent")
        assert "near/tiny" in said
        assert "price is not known" in said


async def test_an_answer_of_no_known_length_needs_a_limit(gateway: Gateway) -> None:
    await put(gateway, budget("usd", "day", 10**12))
    answer = await gateway.ask(ASKED)
    assert fault(answer)[:2] == (402, "budget_spent")
    assert answer.error["param"] == "max_tokens"
    assert (await gateway.ask(FULL)).status == 200


async def test_many_at_once_never_use_more_than_there_is_and_leave_less_than_one(
    gateway: Gateway, upstream: Upstream
) -> None:
    amount = MOST + 60 * COST
    (made,) = await put(gateway, budget("usd", "total", amount))

    async def ask_until_spent() -> int:
        good = 0
        while (answer := await gateway.ask(FULL)).status != 402:
            good += answer.status == 200
            await asyncio.sleep(0 if answer.status == 200 else 0.05)
        return good

    good = sum(await asyncio.gather(*(ask_until_spent() for _ in range(16))))
    assert used(gateway, made) == {"": good * COST}
    assert amount - MOST < good * COST <= amount


async def test_the_plan_has_to_be_covered_at_its_dearest_endpoint(tmp_path: Path, upstream: Upstream) -> None:
    toml = near(upstream) + near(upstream, name="dear").replace('"1.10"', '"110"')
    async with house(tmp_path / "home", toml) as here:
        dearest = (len(json.dumps(FULL)) + TEMPLATE + 60) * 270_000 + 10 * 110_000_000
        (made,) = await put(here, budget("usd", "day", dearest // 2))
        both = {**FULL, "models": ["dear/tiny"]}
        assert (await here.ask(both)).status == 402
        assert (await here.ask(FULL)).status == 200
        assert used(here, made) == {"": COST}


async def test_a_second_endpoint_that_goes_on_is_held_for_as_well(tmp_path: Path, upstream: Upstream) -> None:
    async def broken(call: Call) -> None:
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9999\r\n\r\n"
        await call.send(head + json.dumps(ANSWER).encode()[:60])
        await asyncio.sleep(0.1)  # a reset takes with it what was not read
        call.die()

    upstream.script = broken
    toml = near(upstream) + near(upstream, name="other")
    async with house(tmp_path / "home", toml) as here:
        await put(here, budget("usd", "day", MOST + MOST // 2))
        answer = await here.ask({**FULL, "models": ["other/tiny"]})
        assert fault(answer)[:2] == (402, "budget_spent")
        assert len(upstream.calls) == 1
        entry = here.entries()[0]
        assert entry.charge is not None, "what the first did is paid"
        assert Decimal(0) < (entry.charge.cost or 0)


async def test_a_budget_that_is_removed_or_raised_counts_within_a_second(gateway: Gateway) -> None:
    (made,) = await put(gateway, budget("usd", "day", 1))
    assert (await gateway.ask(FULL)).status == 402
    (raised,) = await put(gateway, budget("usd", "day", 10**12))
    assert raised.id == made.id
    assert (await gateway.ask(FULL)).status == 200
    with closing(db.connect(gateway.ledger)) as connection:
        assert table.remove(connection, made.id, now=datetime.now(UTC))
    async with asyncio.timeout(5):
        while gateway.worker.budgets:  # noqa: ASYNC110 - a database sends no word
            await asyncio.sleep(0.02)
    assert (await gateway.ask(ASKED)).status == 200


async def test_what_cannot_be_noted_is_not_sent_and_costs_nothing(
    gateway: Gateway, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: int, offset: int, size: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr("weighbridge.ledger.journal.os.posix_fallocate", full)
        broken.setattr("weighbridge.ledger.journal._SMALLEST", 2**20)  # no slot of the file is so large
        broken.setattr("weighbridge.ledger.journal._ROOM", -1)
        assert (await gateway.ask(FULL)).status == 503
    assert upstream.calls == []
    entry = await gateway.entry()
    assert (entry.status, entry.error, entry.charge) == (503, "ledger_unavailable", None)
    assert (await gateway.ask(FULL)).status == 200
