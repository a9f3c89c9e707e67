"""Replicas of the gateway on one PostgreSQL server, a crowd at them, and one killed every so often: is all exact?

Each replica is what a machine of its own would be: `weighbridge up` with a home, a journal and a port of its own. All
that they share is the database. What the provider counted is then held against the ledger, request by request:

- what the provider counted is one entry: with the very tokens and cost that its answer stated, or, where the replica
  died before it had read that answer, with the most that it can have cost (`counted_by` is `bound`, `error` is
  `worker_died`);
- what a client was told is one entry, and a whole answer is one that says `complete`; where the link to the database
  breaks between a commit and its word of it, the entry may say so of one whose client was told 503 (`untold`);
- nothing is there that nobody asked for, or twice;
- the budget was used by the sum of all entries, to the last digit, and no further than it goes.
"""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import uvloop

from bench.candidates import CONFIG
from bench.counting import counted, stated
from bench.crowd import BROKEN, Address, Crowd
from bench.process import free_port, running, tree, wait_for
from bench.receipts import Answer
from tests.engines import Cluster, binaries
from weighbridge import db
from weighbridge.accounts import keys
from weighbridge.db import Connection, Server
from weighbridge.ledger.budgets import table
from weighbridge.ledger.budgets.bound import TEMPLATE
from weighbridge.ledger.budgets.budget import Budget

CLIENTS: Final = 256
MOST_LEFT: Final = 0.001
"""Of the budget, when it is spent."""
_ANSWER: Final = 100
"""Tokens that an answer may have."""
_PROMPT: Final = "Request NUMBER. " + "My parcel was sent on Monday and has not come. " * 30
_NAMED: Final = 8
"""Of each kind of difference so many are named."""
_TURNED_AWAY: Final = 503
"""At the door, while the ledger can't be written: that leaves no entry, and nothing goes out."""
_STARTS: Final = 60.0


@dataclass(slots=True)
class Replica:
    """One `weighbridge up`, which can be killed and started again at its port."""

    name: str
    home: Path
    port: int
    server: Server
    upstream: str
    process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it, and wait until it answers. Raises RuntimeError where it does not."""
        self.home.mkdir(exist_ok=True)
        config = self.home / "weighbridge.toml"
        config.write_text(CONFIG.format(upstream=self.upstream))
        inherited = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
        own = {
            "HOME": str(self.home),
            "WEIGHBRIDGE_HOME": str(self.home),
            "WEIGHBRIDGE_DATABASE_URL": self.server.url,
        }
        with (self.home / "said").open("ab") as said:
            self.process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "weighbridge", "up", "--no-local", "--workers", "1"),
                *("--port", str(self.port), "--config", str(config)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                env={**inherited, **own},
                start_new_session=True,
            )
        async with asyncio.timeout(_STARTS):
            while not await self.answers():
                if self.process.returncode is not None:
                    raise RuntimeError(f"{self.name} did not start: {(self.home / 'said').read_text()[-1500:]}")
                await asyncio.sleep(0.05)

    async def kill(self) -> None:
        """End the whole of it, without a word."""
        assert self.process is not None
        every = tree(self.process.pid)
        for pid in every:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        await self.process.wait()
        while any(_lives(pid) for pid in every):  # noqa: ASYNC110 - they are not our children, and hold the port
            await asyncio.sleep(0.01)

    async def stop(self) -> int:
        """End it in order; its exit code."""
        assert self.process is not None
        self.process.terminate()
        return await self.process.wait()

    async def answers(self) -> bool:
        """Whether it takes requests."""
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            writer.write(b"GET /healthz HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n\r\n")
            head = await reader.readline()
            writer.close()
        except OSError:
            return False
        return head.startswith(b"HTTP/1.1 200")


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@dataclass(frozen=True, slots=True)
class Row:
    """An entry, as far as it is looked at here."""

    id: str
    number: int
    ending: str
    status: int
    error: str | None
    counted_by: str | None
    tokens: tuple[int | None, int | None, int | None]
    """Prompt, completion, cached."""
    cost: int


@dataclass(slots=True)
class Findings:
    """What came of it. `differences` are by kind; each names the requests."""

    differences: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    exact: int = 0
    bound: int = 0
    """Settled by their bound, and the provider had counted them."""
    unseen: int = 0
    """Settled by their bound, and the provider had not: noted, and killed before they went out."""
    unentered: int = 0
    """Broken off or turned away with no entry, and the provider had not counted them."""
    refused: int = 0
    untold: int = 0
    """Told 503, and yet written as whole: the link broke between the commit and the database's word of it."""

    def note(self, kind: str, what: object) -> None:
        """A difference."""
        self.differences[kind].append(str(what))

    def print(self) -> None:
        """All of it, with the first of each kind of difference."""
        for kind, which in sorted(self.differences.items()):
            more = f" and {len(which) - _NAMED:,} more" if len(which) > _NAMED else ""
            print(f"DIFFERENCE  {kind}: {', '.join(which[:_NAMED])}{more}")


def bound(body: bytes) -> int:
    """The most that a request can cost, in 1e-12 US dollars: a token for each byte, and an answer of full length."""
    return (len(body) + TEMPLATE) * 270_000 + _ANSWER * 1_100_000


def compare(times: bytes, statuses: Sequence[int], rows: Sequence[Row], asked: bytes) -> Findings:
    """Hold what the provider counted and what clients were told against the ledger, request by request.

    `times` and `statuses` are by number; `asked` is the body of all, with `%(number)d` where the number goes.
    """
    found = Findings()
    by_number: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        by_number[row.number].append(row)
    for number in set(by_number) - set(range(len(statuses))):
        found.note("entries that nobody asked for", [row.id for row in by_number[number]])
    for number, status in enumerate(statuses):
        came = times[number] if number < len(times) else 0
        mine = by_number.get(number, [])
        if len(mine) > 1:
            found.note("requests with several entries", (number, [row.id for row in mine]))
        elif came > 1:
            found.note("requests that the provider got several times", number)
        elif mine:
            _hold(found, came, status, mine[0], bound(asked % {b"number": number}))
        elif came:
            found.note("requests that the provider counted and the ledger has not", number)
        elif status in (BROKEN, _TURNED_AWAY):
            found.unentered += 1
        else:
            found.note(f"requests answered with {status} that the ledger has not", number)
    return found


def _hold(found: Findings, came: int, status: int, row: Row, most: int) -> None:
    """One request with one entry."""
    number = row.number
    if row.counted_by == "bound":
        found.bound += came
        found.unseen += not came
        if (row.error, row.cost) != ("worker_died", most) or status != BROKEN:
            found.note("entries settled by a bound as they should not be", (number, status, row))
    elif not came:
        found.refused += 1
        if row.cost or status == 200 or status not in (BROKEN, row.status):
            found.note("entries of what the provider has not counted", (number, status, row))
    else:
        found.exact += 1
        says = stated(number)
        if (*row.tokens, row.cost) != (says.prompt, says.completion, says.cached, says.cost):
            found.note("entries that say another count than the provider", (number, row, says))
        elif (status, row.status, row.ending) == (_TURNED_AWAY, 200, "complete"):
            found.untold += 1
        elif status not in (BROKEN, row.status) or (status == 200 and row.ending != "complete"):
            found.note("entries that end otherwise than the client was told", (number, status, row))


def spent(connection: Connection) -> tuple[int, int, int]:
    """Of the one budget: used by those that are gone, used by those at work, and what these have in advance."""
    used: int = connection.execute("SELECT coalesce(sum(used), 0) FROM budget_use").fetchone()[0]
    at_work, granted = connection.execute(
        "SELECT coalesce(sum(used), 0), coalesce(sum(granted), 0) FROM lease"
    ).fetchone()
    return int(used), int(at_work), int(granted)


def entries(connection: Connection) -> list[Row]:
    """All of the ledger."""
    sql = (
        "SELECT id, end_user, ending, status, error, counted_by, prompt_tokens, completion_tokens, cached_tokens,"
        " coalesce(cost, 0) FROM receipt"
    )
    return [
        Row(id_, int(number), ending, status, error, counted_by, (prompt, completion, cached), int(cost))
        for id_, number, ending, status, error, counted_by, prompt, completion, cached, cost in connection.execute(sql)
    ]


@contextmanager
def database(folder: Path) -> Iterator[Server]:
    """An empty, migrated database of a server of its own, which keeps what it is told as servers do."""
    programs = binaries()
    if programs is None:
        sys.exit("PostgreSQL is not installed (Debian: apt install postgresql), then run again")
    folder.mkdir()
    folder.parent.chmod(0o755)  # the server is another user's where this is root's
    cluster = Cluster(programs, folder, options="-c shared_buffers=256MB -c max_wal_size=4GB")
    try:
        yield cluster.new()
    finally:
        cluster.stop("immediate")


@asynccontextmanager
async def replicas(count: int, folder: Path, server: Server, upstream: str) -> AsyncIterator[list[Replica]]:
    """So many that answer; killed at the end where they were not stopped."""
    made: list[Replica] = []
    try:
        for number in range(1, count + 1):
            name = f"replica-{number}"
            made.append(Replica(name, folder / name, _lasting_port(), server, upstream))
            await made[-1].start()
        yield made
    finally:
        for each in made:
            if each.process is not None and each.process.returncode is None:
                await each.kill()


def _lasting_port() -> int:
    """A free one that no client's end of a connection is given, so that it is there for who is started again."""
    for port in range(20_011, 32_000, 97):
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no port is free")


async def kill_in_turn(made: Sequence[Replica], every: float, deaths: list[str]) -> None:
    """One after the other, every so many seconds, and each is started again at once; until it is cancelled."""
    began, turn = time.monotonic(), 0
    while True:
        turn += 1
        await asyncio.sleep(max(0.0, began + turn * every - time.monotonic()))
        one = made[(turn - 1) % len(made)]
        await one.kill()
        deaths.append(one.name)
        await one.start()


async def _tell(crowd: Crowd, began: float, deaths: Sequence[str]) -> None:
    while True:
        await asyncio.sleep(10)
        sent = len(crowd.statuses)
        print(f"{sent:12,} sent  {time.monotonic() - began:6.1f} s  {len(deaths)} kills", flush=True)


def body() -> bytes:
    """What each request says; `%(number)d` is where its number goes."""
    asked = {
        "model": "bench/mock-model",
        "max_tokens": _ANSWER,
        "messages": [{"role": "user", "content": _PROMPT}],
        "user": "NUMBER",
    }
    return json.dumps(asked).encode().replace(b"%", b"%%").replace(b"NUMBER", b"%(number)d")


@dataclass(frozen=True, slots=True)
class Run:
    """What was asked, told and counted."""

    amount: int
    crowd: Crowd
    times: bytes
    deaths: list[str]
    seconds: float
    codes: list[int]
    """How the replicas ended when they were asked to."""


async def _run(folder: Path, server: Server, upstream: str, *, requests: int, count: int, kill: float) -> Run:
    amount = sum(stated(number).cost for number in range(requests)) // 2
    with closing(db.connect(server)) as connection:
        now = datetime.now(UTC)
        key = keys.create(connection, name="bench", now=now)[1]
        table.put(connection, Budget("", "all", "", "usd", "total", amount, now))
    deaths: list[str] = []
    async with replicas(count, folder, server, upstream) as made:
        addresses: list[Address] = [("127.0.0.1", each.port) for each in made]
        crowd = Crowd(addresses, key, body(), requests)
        began = time.monotonic()
        beside = [asyncio.create_task(_tell(crowd, began, deaths))]
        killing = asyncio.create_task(kill_in_turn(made, kill, deaths)) if kill else None
        await crowd.ask(CLIENTS)
        seconds = time.monotonic() - began
        if killing is not None:
            beside.append(killing)
        for task in beside:
            task.cancel()
        told = await asyncio.gather(*beside, return_exceptions=True)
        for fault in told:
            if isinstance(fault, Exception):
                raise fault
        for each in made:  # the end may have found one that was not started again
            if not await each.answers():
                await each.kill()
                await each.start()
        codes = [await each.stop() for each in made]
    host, _, port = upstream.rpartition(":")
    return Run(amount, crowd, await counted(host, int(port)), deaths, seconds, codes)


def exact(scratch: Path, requests: int, count: int, kill: float) -> bool:
    """Send the requests to so many replicas, and say what came of it; whether everything is as it must be."""
    upstream = f"127.0.0.1:{free_port()}"
    log = scratch / "counting.log"
    counting = [sys.executable, "-m", "bench.counting", upstream]
    with database(scratch / "postgresql") as server, running(counting, cpu=None, log=log) as provider:
        wait_for(f"http://{upstream}/v1/models", provider, log)
        done = uvloop.run(_run(scratch, server, upstream, requests=requests, count=count, kill=kill))
        with closing(db.connect(server)) as connection:
            return _report(done, entries(connection), *spent(connection))


def _report(done: Run, rows: Sequence[Row], used: int, at_work: int, granted: int) -> bool:
    found = compare(done.times, done.crowd.statuses, rows, done.crowd.body)
    ledger = sum(row.cost for row in rows)
    seen = [number for number, times in enumerate(done.times) if times]
    stated_ = [stated(number) for number in seen]
    by_bound = [row for row in rows if row.counted_by == "bound"]
    left = done.amount - used
    if used != ledger:
        found.note("sums of budget and ledger", f"{used:,} and {ledger:,}")
    if at_work or granted:
        found.note("leases that nobody has any more", f"used {at_work:,}, granted {granted:,}")
    if any(done.codes):
        found.note("replicas that did not end well", done.codes)
    sum_of = _sums(seen, stated_, by_bound)
    exact_rows = [row for row in rows if row.counted_by not in (None, "bound")]
    said = tuple(sum(row.tokens[each] or 0 for row in exact_rows) for each in range(3))
    if said != sum_of:
        found.note("sums of tokens, the ledger's and the provider's", f"{said} and {sum_of}")
    statuses = done.crowd.statuses
    told = ", ".join(f"{times:,} x {code}" for code, times in done.crowd.codes.most_common())
    print(f"sent       {len(statuses):,} in {done.seconds:.0f} s, {len(done.deaths)} kills: answered "
          f"{_times(statuses, 200):,}, broken off {_times(statuses, BROKEN):,}, {told}")  # fmt: skip
    print(f"provider   counted {sum(done.times):,} requests")
    print(f"ledger     {len(rows):,} entries: {found.exact:,} as the provider stated, {found.bound:,} settled by their "
          f"bound, {found.unseen:,} likewise that never went out, {found.refused:,} that cost nothing")  # fmt: skip
    print(f"           {found.unentered:,} requests broke off unread or were turned away, and are in neither")
    print(f"tokens     {said} prompt, completion, cached: the ledger's and the provider's" if said == sum_of else "")
    print(f"budget     {done.amount:>24,} x 1e-12 USD")
    print(f"used       {used:>24,}   ledger {ledger:,}")
    print(f"overshoot  {max(0, -left):>24,}   left {left:,}, {left / done.amount:.4%}")
    found.print()
    return not found.differences and not found.untold and 0 <= left < done.amount * MOST_LEFT


def _sums(seen: Sequence[int], says: Sequence[Answer], by_bound: Sequence[Row]) -> tuple[int, ...]:
    """Prompt, completion and cached tokens of all that the provider counted, less what was settled by a bound."""
    unread = {row.number for row in by_bound}
    known = [answer for number, answer in zip(seen, says, strict=True) if number not in unread]
    return tuple(sum(each) for each in zip(*((a.prompt, a.completion, a.cached) for a in known), strict=True))


def _times(statuses: Sequence[int], status: int) -> int:
    return sum(1 for each in statuses if each == status)
