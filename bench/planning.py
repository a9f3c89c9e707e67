"""`python -m bench.planning`: what a plan costs, with 500 endpoints of one model and 5,000 in the catalogue.

In this process and by the CPU's clock: from a request that has been read to the first endpoint to ask. The requests
differ in length and session, a second of them has the health of the endpoints renewed, and each minute the prices.
"""

import argparse
import random
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec

from weighbridge.accounts.keys import Key
from weighbridge.catalog.model import Catalog, Endpoint, Model, Price, Rate
from weighbridge.gateway.planning import Planning
from weighbridge.ledger.cost import cost
from weighbridge.routing.health import Percentiles, Snapshot, State
from weighbridge.routing.planner import Planner
from weighbridge.wire.calls import ChatCall, read_chat
from weighbridge.wire.chat.surface import as_it_is
from weighbridge.wire.preferences import Preferences
from weighbridge.wire.surface import Asked

MANY, ALL = 500, 5_000
REQUESTS, A_SECOND = 20_000, 1_000
_START = datetime(2026, 11, 22, 12, tzinfo=UTC)
_KEY = Key("key-1", "bench", "1234", None, _START)
ASKED: Mapping[str, Preferences | None] = {
    "nothing asked of providers": None,
    "sort by price, max_price, 2 ignored": msgspec.convert(
        {"sort": "price", "max_price": {"prompt": 50}, "ignore": ["host-7", "host-8"]}, Preferences
    ),
    "quantizations": msgspec.convert({"quantizations": ["fp8"]}, Preferences),
}


def main() -> None:
    """Measure and print a line for each kind of request."""
    parser = argparse.ArgumentParser(prog="python -m bench.planning", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    for line in measured(given.rounds):
        print(line)


def measured(rounds: int, requests: int = REQUESTS) -> list[str]:
    """A line for each kind of request: medians over the rounds, in microseconds a plan."""
    lines = []
    for name, wanted in {**ASKED, "a model of one endpoint": None}.items():
        calls = _calls("lab/one" if "one endpoint" in name else "lab/many", random.Random(1))
        taken = [_round(calls, wanted, requests) for _ in range(rounds)]
        mean, warm, cold = (statistics.median(each) for each in zip(*taken, strict=True))
        lines.append(f"{name:36} {mean:7.1f} µs a plan over all  {warm:6.1f} remembered  {cold:8.1f} made anew")
    return lines


def _round(calls: Sequence[ChatCall], wanted: Preferences | None, requests: int) -> tuple[float, float, float]:
    """Mean over all requests, median, and the first request's, in microseconds."""
    catalog, draws = catalogue(), random.Random(2)
    now, clock = _START, 0.0
    snapshots = _snapshots(catalog)
    snapshot = snapshots(clock)
    planning = Planning(lambda: catalog, {"host-1"}, Planner(cost), lambda: snapshot)
    spent: list[float] = []
    for count in range(requests):
        if count % A_SECOND == 0:
            clock += 1.0
            snapshot = snapshots(clock)
        now += timedelta(seconds=1 / A_SECOND)
        call = draws.choice(calls)
        asked = Asked(call, b"", as_it_is(wants_usage=False), preferences=wanted)
        before = time.process_time_ns()
        next(iter(planning.plan(asked, _KEY, now)))
        spent.append((time.process_time_ns() - before) / 1000)
    return statistics.fmean(spent), statistics.median(spent), spent[0]


def catalogue() -> Catalog:
    """One model of 500 endpoints, one of a single one, and 450 of ten."""
    draws = random.Random(3)
    models = [_model("lab/many", MANY, draws), _model("lab/one", 1, draws)]
    models += [_model(f"lab/other-{number}", 10, draws) for number in range((ALL - MANY) // 10)]
    return Catalog({model.id: model for model in models})


def _model(name: str, size: int, draws: random.Random) -> Model:
    return Model(name, endpoints=tuple(_endpoint(name, number, draws) for number in range(size)))


def _endpoint(model: str, number: int, draws: random.Random) -> Endpoint:
    dollars = Decimal(draws.randint(10, 1000)) / 100
    price = Price(id=f"{number}", source="bench", input=Rate(dollars), output=Rate(3 * dollars))
    return Endpoint(f"host-{number}", model, model, (price,), quantisation=draws.choice(["fp8", "fp4", None]))


def _snapshots(catalog: Catalog) -> Callable[[float], Snapshot]:
    """Health as it changes: a twentieth of the endpoints is not well, others each second."""
    endpoints = [each.id for model in catalog.models.values() for each in model.endpoints]
    draws = random.Random(4)
    seen = Percentiles(0.2, 0.3, 0.5, 1.0)

    def at(clock: float) -> Snapshot:
        closed = set(draws.sample(endpoints, len(endpoints) // 20))
        states = {
            name: State(
                closed_until=clock + 30 if name in closed else None,
                why="breaker" if name in closed else None,
                latency=seen,
                bytes_per_token=draws.uniform(3, 5),
                completion=300.0,
                cached_share=draws.random(),
            )
            for name in endpoints
        }
        return Snapshot(states, clock, int(clock))

    return at


def _calls(model: str, draws: random.Random) -> list[ChatCall]:
    """Requests as long as chats and agents have them: from 100 bytes to 400 kB."""
    return [
        read_chat(
            msgspec.json.encode(
                {
                    "model": model,
                    "messages": [
                        {"role": "system", "content": "You are helpful."},
                        {"role": "user", "content": f"{number} " + "word " * int(10 ** draws.uniform(1.3, 4.9))},
                    ],
                }
            )
        )
        for number in range(200)
    ]


if __name__ == "__main__":
    main()
