"""What a supervisor or a fetch says, line by line, and waiting for a line."""

import asyncio
from collections.abc import Callable


class Told:
    def __init__(self) -> None:
        self.lines: list[str] = []
        self._more = asyncio.Event()

    def __call__(self, line: str) -> None:
        self.lines.append(line)
        self._more.set()

    def all_with(self, part: str) -> list[str]:
        return [line for line in self.lines if part in line]

    async def hear(self, part: str, times: int = 1) -> str:
        """The last of so many lines with that text in it, as soon as they are there."""
        await self.until(lambda: len(self.all_with(part)) >= times)
        return self.all_with(part)[times - 1]

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not true():
                self._more.clear()
                await self._more.wait()
