"""A ledger with a switch in it at every stage: planned, replayed, proven, in force, watched and stepped back."""

import asyncio
import json
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from weighbridge import db
from weighbridge.app.place import place
from weighbridge.app.switch.drafting import Draft, drafted
from weighbridge.app.switch.setting import setting
from weighbridge.audit_log import Actor
from weighbridge.config import Settings
from weighbridge.db import Connection, transaction
from weighbridge.routing.quality.rule import Arm
from weighbridge.switch import applying, replayed, store
from weighbridge.switch.books import Books
from weighbridge.switch.candidates import Wanted
from weighbridge.switch.case import Grade
from weighbridge.switch.certifying import Court
from weighbridge.switch.planned import FromFile, Plan, PlannedRoute, encode
from weighbridge.switch.replayed import Replayed
from weighbridge.switch.sources import Lines
from weighbridge.switch.store import REFERENCE, PlanRow, ReplayRow, ShadowRow

MODELS: Final = """
[local]
enabled = false
[providers.near]
base_url = "http://127.0.0.1:9/v1"
models = [
    {id = "big", model = "near/big", input = 10, output = 30},
    {id = "small", model = "near/small", input = 1, output = 3},
]
"""
"""Settings: a dear model and a cheap one, at prices that are told."""
ANN: Final = Actor("cli:ann")
_CASES: Final = 160


def lines(count: int = _CASES, *, tools: bool = False) -> bytes:
    """Requests with what is expected, of one route: sums, or sums with a tool."""
    more: dict[str, object] = {}
    if tools:
        more = {"tools": [{"type": "function", "function": {"name": "look_up_order"}}]}
    return b"".join(
        json.dumps(
            {
                "request": {"messages": [{"role": "user", "content": f"What is {n} plus 1?"}], **more},
                "expected": n + 1,
                "answer": str(n + 1),
            }
        ).encode()
        + b"\n"
        for n in range(count)
    )


def plan(connection: Connection, settings: Settings, file: Path) -> Plan:
    """A plan of what is in the file, stored."""
    at = setting(settings, connection, None)
    asked = Draft(
        reference="near/big",
        source=FromFile(str(file)),
        wanted=Wanted(to=(Arm("near/small"),)),
        epsilon=0.05,
        delta=0.05,
    )
    made = drafted(at, asked).plan
    store.add_plan(connection, PlanRow(made.id, made.at, encode(made)))
    return made


def replay(connection: Connection, made: Plan, *, lossy: bool = False, grader: str = "numeric/1") -> None:
    """Have all of a plan replayed, without asking anybody; `lossy`: every other answer is worse."""
    for route in made.routes:
        rows = [
            ReplayRow(made.id, ref.case, arm, made.at, replayed.encode(_row(number, arm, grader, lossy=lossy)))
            for number, ref in enumerate(route.cases)
            for arm in (REFERENCE, *(each.arm.id for each in route.arms))
        ]
        store.put_replays(connection, rows)


def _row(number: int, arm: str, grader: str, *, lossy: bool) -> Replayed:
    if arm == REFERENCE:
        return Replayed(
            state="done", prompt_tokens=20, completion_tokens=10, cost="0.0005", seconds=1.2, receipt=f"wbr-r{number}"
        )
    loss = float(lossy and number % 2)
    why = "against what is expected"
    return Replayed(
        state="done", prompt_tokens=20, completion_tokens=9, cost="0.00005", seconds=0.4, receipt=f"wbr-{number}",
        grade=Grade(grader, loss, 1.0, 1.0 - loss, why=why), live=grader != "tests/1",
    )  # fmt: skip


def judge(connection: Connection, settings: Settings, made: Plan, now: datetime) -> None:
    """Speak about every route of it."""
    at = setting(settings, connection, None)

    async def each(route: PlannedRoute) -> None:
        books = Books(connection, made, lambda: now)
        assert isinstance(made.source, FromFile)
        source = Lines(Path(made.source.path), reference=made.reference, model=lambda name: name)
        court = Court(
            plan=made, source=source, books=books, catalog=at.catalog, forbids=at.forbids, policy=None, truth={}
        )
        await court.judge(route, await books.rows(), now)

    for route in made.routes:
        asyncio.run(each(route))


def apply(connection: Connection, made: Plan, now: datetime) -> None:
    """Have what it has proven in force."""
    steps = applying.steps(connection, made.id, only=(), epsilon=None, unasked=lambda route, model: None, now=now)
    with transaction(connection):
        applying.applied(connection, steps, by=ANN, now=now)


def watch(connection: Connection, count: int, now: datetime) -> None:
    """So many calls of each rule were watched; every tenth was worse."""
    for rule in store.rules(connection):
        store.add_shadows(
            connection,
            [
                ShadowRow(
                    certificate=rule.certificate, receipt=f"wbr-s{number}", at=now + timedelta(seconds=number),
                    shadow_receipt=f"wbr-t{number}", propensity=0.03, tau=rule.tau, arm="near/small", predicted=0.01,
                    loss=float(number % 10 == 0), harm=number % 10 == 0,
                )
                for number in range(count)
            ],
        )  # fmt: skip


def filled(settings: Settings, folder: Path, now: datetime) -> dict[str, str]:
    """Everything, on a connection of its own: for a thread, as verdicts are spoken in a loop of their own."""
    with closing(db.connect(place(settings))) as connection:
        return everything(connection, settings, folder, now)


def everything(connection: Connection, settings: Settings, folder: Path, now: datetime) -> dict[str, str]:
    """Plans by what became of them: proven, blind, lossy, planned."""
    found: dict[str, str] = {}
    for kind, tools in (("proven", False), ("blind", True)):
        file = folder / f"{kind}.jsonl"
        file.write_bytes(lines(tools=tools))
        made = plan(connection, settings, file)
        replay(connection, made, grader="tests/1" if kind == "blind" else "numeric/1")
        judge(connection, settings, made, now)
        apply(connection, made, now)
        found[kind] = made.id
    watch(connection, 40, now)
    for kind in ("lossy", "planned"):
        file = folder / f"{kind}.jsonl"
        file.write_bytes(lines(120))
        made = plan(connection, settings, file)
        if kind == "lossy":
            replay(connection, made, lossy=True)
            judge(connection, settings, made, now)
        found[kind] = made.id
    return found
