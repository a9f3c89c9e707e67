"""Plans told: in a header of an answer that asks for it, or whole by POST /v1/route/explain, which asks nobody."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal, get_args

import msgspec

from weighbridge.accounts.keys import Key
from weighbridge.errors import BadRequest, NoEndpoint, PolicyRefused
from weighbridge.gateway import answers
from weighbridge.gateway.default_model import DefaultModel
from weighbridge.gateway.planning import Planning
from weighbridge.gateway.presets import Reading, add_wishes
from weighbridge.gateway.switching import Switch
from weighbridge.gateway.wishes import heard, wishes_in
from weighbridge.routing.explain import Explanation, Out, Step, Trace, explain
from weighbridge.transport.message import Reply, Request
from weighbridge.wire.chat.surface import CHAT
from weighbridge.wire.messages.surface import MESSAGES
from weighbridge.wire.openrouter.surface import OpenRouterSurface
from weighbridge.wire.responses.read import Earlier
from weighbridge.wire.responses.surface import ResponsesSurface
from weighbridge.wire.surface import Surface
from weighbridge.wire.tasks.completions import COMPLETIONS
from weighbridge.wire.tasks.embeddings import EMBEDDINGS
from weighbridge.wire.tasks.rerank import RERANK

PLAN: Final = b"x-weighbridge-plan"
_LONGEST: Final = 6 * 1024
"""Bytes of the header: clients take 8 KB of headers, all together, and more."""
_MODELS: Final = 10
_LONGEST_NAME: Final = 60
"""Characters of a model's id, each of which may be six bytes: clients choose what those that no list has are called."""
_LONGEST_POLICY: Final = 300
"""Bytes of it for the policy's hash and the numbers of the rules that apply, which may be thousands."""
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
        "models": [id_[:_LONGEST_NAME] for id_ in said.models[:_MODELS]],
        "seed": said.seed,
        "seed_from": said.seed_from,
        "at": said.at,
        "policy": None if said.policy is None else said.policy[:_LONGEST_POLICY],
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


Dialect = Literal["chat", "completions", "embeddings", "rerank", "messages", "responses", "openrouter"]
"""In which a request to be explained may be."""
DIALECTS: Final[tuple[Dialect, ...]] = get_args(Dialect)


def surface_of(dialect: Dialect) -> Surface:
    """Its surface, for one request that gets no answer."""
    if dialect == "openrouter":
        return OpenRouterSurface()
    if dialect == "responses":
        return ResponsesSurface("resp_explained", lambda: 0, Earlier(), may_store=False)
    return _SURFACES[dialect]


_SURFACES: Final[Mapping[Dialect, Surface]] = {
    "chat": CHAT,
    "completions": COMPLETIONS,
    "embeddings": EMBEDDINGS,
    "rerank": RERANK,
    "messages": MESSAGES,
}


class ExplainQuery(msgspec.Struct):
    """The query of a request for an explanation."""

    dialect: Dialect = "chat"
    """In which the body is."""


@dataclass(frozen=True, slots=True)
class Explain:
    """Explains a request as it would be planned now: asks nobody, costs nothing, and leaves no entry."""

    open: Callable[[Request, datetime], Key]
    planning: Planning
    now: Callable[[], datetime]
    default_model: DefaultModel | None = None
    switch: Switch = field(default_factory=Switch)

    async def __call__(self, request: Request, reply: Reply) -> None:
        """Answer one request. Raises Unauthorized, and what the request itself would before it is planned.

        Where nobody may answer, the explanation says so: the error is in it.
        """
        now = self.now()
        key = self.open(request, now)
        asked = request.query.get("dialect", "chat")
        dialect = next((each for each in DIALECTS if each == asked), None)
        if dialect is None:
            raise BadRequest(f"dialect: take one of {', '.join(DIALECTS)}", param="dialect")
        answers.document(reply, self.explained(request, key, now, dialect))

    def explained(self, request: Request, key: Key, now: datetime, dialect: Dialect = "chat") -> Explanation:
        """The plan of the request that has this body and these headers. Raises what the handler does."""
        planning, text = self.planning, dialect not in ("embeddings", "rerank")
        default = self.default_model if text else None
        reading = Reading(planning.names, planning.catalog(), key, surface_of(dialect), default)
        read, preset = reading.read(request.body)
        wishes = heard(read, wishes_in(request))
        own = read.preferences
        wishes = add_wishes(read, wishes, preset, key)
        trace = Trace()
        switching = self.switch.current
        decision = None if switching is None else switching.decided(read, key, wishes, request, now)
        if decision is not None:
            decision.apply(read)
            trace.switched = decision.explained
        try:
            planning.plan(read, key, now, by_client=read.preferences is own, wishes=wishes, trace=trace)
        except (NoEndpoint, PolicyRefused):
            if trace.asking is None:
                raise
        said = explain(trace, planning.planner)
        if said is None:
            raise NoEndpoint("nothing was planned", param="model")
        return said
