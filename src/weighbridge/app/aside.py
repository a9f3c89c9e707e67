"""Values that take long to work out: each in a thread of its own, kept, and worked out anew when it has grown old.

Whoever asks is given what is kept, and waits at most so long where nothing is.
"""

import asyncio
import contextlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

V = TypeVar("V")


class Aside(Generic[V]):
    """By key. For one event loop. The threads are daemons: a process that stops does not wait for them."""

    def __init__(
        self, fresh: float, *, most: int = 64, at_once: int = 2, seconds: Callable[[], float] = time.monotonic
    ) -> None:
        """A value is `fresh` for so many seconds; `most` are kept, and `at_once` worked out at a time."""
        self._fresh, self._most, self._seconds = fresh, most, seconds
        self._room = threading.BoundedSemaphore(at_once)
        self._kept: OrderedDict[Hashable, tuple[V, float]] = OrderedDict()
        self._under_way: dict[Hashable, asyncio.Future[V]] = {}

    async def get(self, key: Hashable, work: Callable[[], V], *, wait: float) -> V | None:
        """What is kept, be it old while a new one is worked out; None where there is none within `wait` seconds.

        Raises what the work raises, where nothing is kept.
        """
        kept = self._kept.get(key)
        if kept is not None:
            self._kept.move_to_end(key)
            if self._seconds() - kept[1] < self._fresh:
                return kept[0]
        found = self._under_way.get(key)
        if found is None:
            found = self._begin(key, work)
        if kept is not None:
            return kept[0]
        done, _ = await asyncio.wait({found}, timeout=wait)
        return found.result() if done else None

    def _begin(self, key: Hashable, work: Callable[[], V]) -> asyncio.Future[V]:
        loop = asyncio.get_running_loop()
        found = self._under_way[key] = loop.create_future()
        found.add_done_callback(lambda future: self._ended(key, future))

        def run() -> None:
            with self._room, contextlib.suppress(RuntimeError):  # the loop may be closed: nobody waits any more
                try:
                    value = work()
                except Exception as exc:  # noqa: BLE001 - handed to whoever waits
                    loop.call_soon_threadsafe(_fail, found, exc)
                else:
                    loop.call_soon_threadsafe(_succeed, found, value)

        threading.Thread(target=run, daemon=True, name="aside").start()
        return found

    def _ended(self, key: Hashable, future: "asyncio.Future[V]") -> None:
        self._under_way.pop(key, None)
        if future.cancelled() or future.exception() is not None:
            return
        self._kept[key] = future.result(), self._seconds()
        self._kept.move_to_end(key)
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)


def _fail(future: "asyncio.Future[V]", exc: Exception) -> None:
    if not future.done():
        future.set_exception(exc)


def _succeed(future: "asyncio.Future[V]", value: V) -> None:
    if not future.done():
        future.set_result(value)
