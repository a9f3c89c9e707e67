"""The window's process: what `up` tells it comes in, pages go out."""

import asyncio
import contextlib
import logging
import socket
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import uvicorn

from weighbridge import config
from weighbridge.app import client_key, offer
from weighbridge.app.market import MarketHere
from weighbridge.app.place import place
from weighbridge.app.switch.under_way import Runs
from weighbridge.catalog.model import Catalog
from weighbridge.config import Secret, Settings
from weighbridge.errors import WeighbridgeError
from weighbridge.serving import parent
from weighbridge.watching import logs
from weighbridge.web import rendering
from weighbridge.web.asking import Asking
from weighbridge.web.parts import Database, Parts
from weighbridge.web.spec import WindowSpec
from weighbridge.web.window import build

_LOOK_SECONDS: Final = 600.0
"""Between two readings of the catalogue: prices begin and end by the day."""
_PROXIES: Final = "127.0.0.1,::1,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fc00::/7"
"""Where there is a `window.public_url`: whose word is taken for where a visitor comes from."""
_END_SECONDS: Final = 5


class _Server(uvicorn.Server):
    """Says when it serves, and lets those go who only listen, so that it can end."""

    def __init__(self, serving: uvicorn.Config, leave: Callable[[], None]) -> None:
        super().__init__(serving)
        self._leave = leave

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """See uvicorn.Server."""
        await super().startup(sockets)
        parent.say_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """See uvicorn.Server."""
        self._leave()
        await super().shutdown(sockets)


def main() -> None:
    """The process."""
    parent.end_with_parent()
    spec = WindowSpec.decode(sys.stdin.buffer.read())
    settings = config.read(spec.flags, file=spec.config_file)
    logs.begin(settings.logging.format, settings.logging.level)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)  # that it begins and ends is said by `up`
    asyncio.run(_serve(settings, spec.gateway, socket.socket(fileno=spec.listen_fd)))


async def _serve(settings: Settings, gateway: str, listening: socket.socket) -> None:
    shelf = _Shelf(settings)
    key = client_key.read(settings.home)
    app = build(
        Parts(
            settings=settings,
            database=Database(place(settings)),
            gateway=Asking(gateway),
            key=None if key is None else Secret(key),
            catalog=lambda: shelf.catalog,
            ever=lambda: shelf.ever,
            market=MarketHere(settings),
            runs=Runs(settings),
            now=lambda: datetime.now(UTC),
            public_url=settings.window.public_url,
        )
    )
    serving = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="on",
        ws="none",
        server_header=False,
        proxy_headers=settings.window.public_url is not None,
        forwarded_allow_ips=_PROXIES,
        timeout_graceful_shutdown=_END_SECONDS,
    )
    looking = asyncio.create_task(shelf.look())
    preparing = asyncio.create_task(asyncio.to_thread(rendering.prepare))
    try:
        await _Server(serving, app.state.live.end).serve(sockets=[listening])
    finally:
        looking.cancel()
        await preparing


class _Shelf:
    """The catalogue as of a moment ago."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.catalog, self.ever = self._read()

    async def look(self) -> None:
        """Read it anew now and then, until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            with contextlib.suppress(WeighbridgeError):  # the one that was read before stays
                self.catalog, self.ever = await asyncio.to_thread(self._read)

    def _read(self) -> tuple[Catalog, Catalog]:
        return offer.whole(self._settings, datetime.now(UTC)), offer.whole(self._settings, None)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
