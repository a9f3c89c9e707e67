"""A session's requests go to one endpoint, whichever worker takes them: workers that share nothing but the settings."""

from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from tests.behaviour.worker import Process, process
from tests.gateway.house import House
from tests.gateway.test_failover import MODEL, serves
from tests.gateway.upstream import Upstream

HOSTS = ("a", "b", "c")


@asynccontextmanager
async def two_workers(tmp_path: Path) -> AsyncIterator[tuple[Process, Process]]:
    """Two processes with the same settings, in front of the same three hosts at one price."""
    async with AsyncExitStack() as stack:
        toml = ""
        for name in HOSTS:
            host = Upstream(models=())
            await host.listen()
            stack.push_async_callback(host.close)
            toml += serves(name, host.port, "1")
        first = await stack.enter_async_context(process(tmp_path / "home", toml))
        yield first, await stack.enter_async_context(process(tmp_path / "home", toml))


async def _asked(gateway: House, words: str, session: str | None = None, turns: int = 1) -> str:
    """The provider that answered a conversation of so many turns."""
    messages = [{"role": "user", "content": words}]
    for _ in range(turns - 1):
        messages += [{"role": "assistant", "content": "Hello."}, {"role": "user", "content": "Go on."}]
    headers = "" if session is None else f"x-weighbridge-session: {session}\r\n"
    answer = await gateway.ask({"model": MODEL, "messages": messages}, headers=headers)
    assert answer.status == 200
    found = await gateway.get(f"/v1/receipts/{answer.receipt}")
    return str(found.document["provider"])


async def test_a_session_stays_at_one_endpoint_in_all_workers(tmp_path: Path) -> None:
    seen: defaultdict[str, set[str]] = defaultdict(set)
    async with two_workers(tmp_path) as workers:
        for number in range(24):
            for turn, worker in enumerate((*workers, *workers)):
                seen[f"s{number}"].add(await _asked(worker, f"words of turn {turn}", f"s{number}"))
    assert all(len(providers) == 1 for providers in seen.values())
    assert set.union(*seen.values()) == set(HOSTS)


async def test_a_conversation_stays_at_one_endpoint_in_all_workers(tmp_path: Path) -> None:
    seen: defaultdict[str, set[str]] = defaultdict(set)
    async with two_workers(tmp_path) as workers:
        for number in range(24):
            for turns, worker in enumerate((*workers, *workers), start=1):
                seen[f"c{number}"].add(await _asked(worker, f"conversation {number}", turns=turns))
    moved = [providers for providers in seen.values() if len(providers) > 1]
    assert not moved
    assert set.union(*seen.values()) == set(HOSTS)
