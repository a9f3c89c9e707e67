"""Plans told: in a header of an answer that asks for it, or whole by POST /v1/route/explain, which asks nobody."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import msgspec

from weighbridge.gateway.planning import Planning
from weighbridge.routing.explain import Explanation, Out, Step, Trace, explain
from weighbridge.transport.message import Reply

PLAN: Final = b"x-weighbridge-plan"
_LONGEST: Final = 6 * 1024
"""Bytes of the header: clients take 8 KB of headers, all together, and more."""
_OF_THE_ORDER: Final = 0.7
"""The part of it that those who are asked may take, where others are not."""


@contextmanager
def traced(planning: Planning, reply: Reply) -> Iterator[Trace]:
    """A trace of the plan that is made in the block; whatever comes of the request, the answer's head tells of it."""
    trace = Trace()
    try:
        yield trace
    finally:
        said = explain(trace, planning.planner)
        if said is not None:
            reply.also = (*reply.also, (PLAN, brief(said)))


def brief(said: Explanation) -> bytes:
    """The explanation in short, as JSON in ASCII, with counts of what is left out."""
    head = {
        "models": said.models[:10],
        "seed": said.seed,
        "seed_from": said.seed_from,
        "at": said.at,
        "policy": said.policy,
        "catalog": said.catalog,
    }
    room = _LONGEST - len(_json({**head, "order": [], "excluded": [], "left_out": {"order": 0, "excluded": 0}})) - 20
    outs = [_json(_out(each)) for each in said.excluded]
    steps = [_json(_step(each)) for each in said.order]
    wanted = sum(map(len, outs)) + len(outs)
    order, used = _fitting(steps, max(int(room * _OF_THE_ORDER), room - wanted))
    excluded, _ = _fitting(outs, room - used)
    left = {"order": len(steps) - len(order), "excluded": len(outs) - len(excluded)}
    told = {name: value for name, value in head.items() if value is not None}
    text = _json(told)[:-1] + ',"order":[' + ",".join(order) + '],"excluded":[' + ",".join(excluded) + "]"
    return (text + (f',"left_out":{_json(left)}' if any(left.values()) else "") + "}").encode()


def _fitting(items: list[str], room: int) -> tuple[list[str], int]:
    """As many of the first as there is room for, with commas between them, and how much they take."""
    used = 0
    for count, item in enumerate(items):
        if used + len(item) + 1 > room:
            return items[:count], used
        used += len(item) + 1
    return items, used


def _step(step: Step) -> Mapping[str, object]:
    health = step.health
    told = {
        "endpoint": step.endpoint,
        "model": step.model,
        "cost": step.cost,
        "price": None if step.price is None else step.price.id,
        "share": step.share,
        "closed_seconds": None if health is None else health.closed_seconds,
        "latency": None if health is None or health.latency is None else round(health.latency.p50, 3),
        "throughput": None if health is None or health.throughput is None else round(health.throughput.p50, 1),
    }
    return {name: value for name, value in told.items() if value is not None}


def _out(out: Out) -> Mapping[str, object]:
    return {"endpoint": out.endpoint, "rule": out.rule, "why": out.why[:200]}


_NOT_ASCII: Final = re.compile(r"[^\x00-\x7f]")


def _json(value: object) -> str:
    """JSON in ASCII, as a header wants it."""
    return _NOT_ASCII.sub(_escaped, msgspec.json.encode(value).decode())


def _escaped(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
