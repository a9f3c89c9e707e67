"""The single writer of a process: entries are committed in groups, and nobody's last byte leaves before.

The event loop hands the writer's thread whatever has gathered while the thread committed the group before:
at rest a group is one entry, under load it grows by itself.

When a group cannot be written (disk full, file gone) its entries stay in memory and are tried again every
second. Their waiting answers fail, and the gateway takes no new requests meanwhile, so what is in memory is
bounded by what was under way. A reserve file beside the database is given up first, so that on a full disk
these still have room; until it can be made again, nothing new is taken.
"""

import asyncio
import contextlib
import logging
import queue
import sys
import threading
from collections.abc import Callable
from typing import Final

import msgspec

from weighbridge import db
from weighbridge.db import Durability, Place, Server
from weighbridge.errors import LedgerUnavailable, WeighbridgeError
from weighbridge.ledger.entry import Entry
from weighbridge.ledger.file import LedgerFile
from weighbridge.ledger.outcome import Outcome
from weighbridge.ledger.server import LedgerServer

log = logging.getLogger(__name__)

_RETRY_SECONDS: Final = 1.0
_LAST_SECONDS: Final = 5.0
_NEWS: Final = {
    False: (logging.ERROR, "the ledger cannot be written: %s; ledger.when_unwritable says what becomes of requests"),
    True: (logging.WARNING, "the ledger can be written again%.0s"),
}
_Waiting = tuple[Entry, asyncio.Future[None]]


class Writer:
    """Open it on the loop that uses it; `record` from that loop only."""

    def __init__(self, place: Place, *, durability: Durability = "process", reserve_bytes: int = 0) -> None:
        self.written: Callable[[str], None] = _untold
        """Is told the id of each entry that is written, on the loop."""
        self.keep: Callable[[Entry], bool] = _not_kept
        """Is handed each entry that cannot be written now; whether it is somewhere that outlives the process."""
        self.spools = 0
        """How many entries may wait in memory, and in what `keep` has, while answers go on; 0: none goes on."""
        self._place = place
        self._durability = durability
        self._reserve_bytes = reserve_bytes
        self._groups: queue.SimpleQueue[list[Entry] | None] = queue.SimpleQueue()
        self._gathered: list[_Waiting] = []
        self._writing: list[_Waiting] | None = None
        self._scheduled = False
        self._emptied = asyncio.Event()
        self._thread: threading.Thread | None = None
        self.fault: str | None = None
        """Why the ledger cannot be written just now; None when all is well."""
        self.commits = self.committed = 0
        """Groups that were written, and their entries."""

    def open(self) -> None:
        """Start the thread. Raises LedgerUnavailable when the file cannot be opened."""
        self._loop = asyncio.get_running_loop()
        try:
            self._ledger = self._opened()
        except (db.Error, OSError) as exc:
            raise LedgerUnavailable(f"the ledger {str(self._place)!r} cannot be opened: {exc}") from exc
        self._thread = threading.Thread(target=self._work, name="ledger", daemon=True)
        self._thread.start()

    @property
    def backlog(self) -> int:
        """Entries that are not written yet."""
        return len(self._gathered) + len(self._writing or ())

    def _opened(self) -> LedgerFile | LedgerServer:
        if isinstance(self._place, Server):
            return LedgerServer(self._place, durability=self._durability)
        return LedgerFile(self._place, durability=self._durability, reserve_bytes=self._reserve_bytes)

    def check(self) -> None:
        """Raise LedgerUnavailable while nothing can be written, before a request spends anything."""
        if self.fault is not None and self.backlog >= self.spools:
            raise _unavailable(self.fault)

    def record(self, entry: Entry) -> asyncio.Future[None]:
        """Write an entry; the future is done when it is committed.

        It fails with LedgerUnavailable when it cannot be written now; the entry is kept and tried again,
        then as one whose answer was not delivered. With `spools` it is done as soon as `keep` has it.
        """
        done: asyncio.Future[None] = self._loop.create_future()
        if self.fault is not None and self.backlog < self.spools and self.keep(entry):
            done.set_result(None)
        self._gathered.append((entry, done))
        if not self._scheduled and self._writing is None:
            self._scheduled = True
            self._loop.call_soon(self._hand_over)
        return done

    async def close(self) -> None:
        """Write what is left and stop. What cannot be written goes to standard error, not into the void.

        Where it was never opened there is nothing to do.
        """
        if self._thread is None:
            return
        self._emptied.clear()
        if self._gathered or self._writing is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LAST_SECONDS):
                    await self._emptied.wait()
        self._groups.put(None)
        await asyncio.to_thread(self._thread.join)
        self._ledger.close()
        for entry, done in (*(self._writing or ()), *self._gathered):
            _print(entry)
            _fail(done, _unavailable(self.fault or "the gateway is stopping"))
        self._writing, self._gathered = None, []

    # on the loop

    def _hand_over(self) -> None:
        self._scheduled = False
        if self._writing is None:
            self._writing, self._gathered = self._gathered, []
            self._groups.put([entry for entry, _ in self._writing])

    def _done(self, outcome: Outcome) -> None:
        fault = outcome.fault
        if fault != self.fault:
            log.log(*_NEWS[fault is None], fault)
        self.fault = fault
        group, self._writing = self._writing or [], None
        if outcome.kept or outcome.refused:
            group = self._sort_out(group, outcome)
        self.commits += bool(group)
        self.committed += len(group)
        for entry, done in group:
            self.written(entry.id)
            if not done.done():
                done.set_result(None)
        if fault is not None:
            self._scheduled = True
            self._loop.call_later(_RETRY_SECONDS, self._hand_over)
        elif self._gathered:
            self._scheduled = True
            self._loop.call_soon(self._hand_over)  # at the end of this turn, which may gather more
        else:
            self._emptied.set()

    def _sort_out(self, group: list[_Waiting], outcome: Outcome) -> list[_Waiting]:
        """Those of the group that are written. The others' answers fail; what is kept goes before what has gathered."""
        written: list[_Waiting] = []
        kept: list[_Waiting] = []
        for entry, done in group:
            if entry.id in outcome.kept:
                kept.append((self._held_back(entry, done, outcome.fault or ""), done))
            elif (why := outcome.refused.get(entry.id)) is not None:
                _print(entry)
                _fail(done, WeighbridgeError(f"the ledger does not take the entry {entry.id}: {why}"))
            else:
                written.append((entry, done))
        self._gathered = kept + self._gathered
        return written

    def _held_back(self, entry: Entry, done: "asyncio.Future[None]", fault: str) -> Entry:
        """An entry that cannot be written now, as it is kept: where answers may not go on, that of one that failed."""
        if self.backlog < self.spools and self.keep(entry):
            if not done.done():
                done.set_result(None)
            return entry
        entry = _undelivered(entry, done, fault)
        self.keep(entry)
        return entry

    # in the thread

    def _work(self) -> None:
        while (group := self._groups.get()) is not None:
            outcome = self._ledger.commit(group)
            with contextlib.suppress(RuntimeError):  # the loop has gone
                self._loop.call_soon_threadsafe(self._done, outcome)
            self._ledger.tidy()


def _untold(id_: str) -> None:
    pass


def _not_kept(entry: Entry) -> bool:
    return False


def _undelivered(entry: Entry, done: "asyncio.Future[None]", fault: str) -> Entry:
    """The entry of an answer that now cannot leave, and its sender told so."""
    if done.done():
        return entry
    _fail(done, _unavailable(fault))
    if entry.ending != "complete":
        return entry
    return msgspec.structs.replace(
        entry, ending="stopped", status=LedgerUnavailable.status, error=LedgerUnavailable.code
    )


def _fail(done: "asyncio.Future[None]", error: WeighbridgeError) -> None:
    if not done.done():
        done.set_exception(error)
        done.exception()  # looked at: nobody may wait for the entry of a client that left


def _print(entry: Entry) -> None:
    """To standard error, so that it is somewhere."""
    try:
        text = msgspec.json.encode(entry).decode()
    except UnicodeError:
        text = repr(entry)
    with contextlib.suppress(OSError, ValueError):  # that file may be on the full disk, or closed
        sys.stderr.write(f"unwritten ledger entry: {text}\n")


def _unavailable(fault: str) -> LedgerUnavailable:
    return LedgerUnavailable(
        f"the ledger cannot be written ({fault}): free space or mend the database; the gateway goes on by itself then",
        retry_after=_RETRY_SECONDS,
    )
