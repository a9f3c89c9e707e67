"""What a worker shares with those on other machines by a Valkey or Redis server: what breakers know, kept answers.

Where no server is set there is none of it.
"""

import asyncio
import base64
import contextlib
import hmac
import ipaddress
import logging
import secrets
import socket
import ssl
import time
import urllib.parse
from collections.abc import Collection, Sequence
from hashlib import blake2b
from pathlib import Path
from random import Random
from typing import Final

import msgspec

from weighbridge.app.connections import Connection, connections
from weighbridge.app.hearsay import Account, Gossip
from weighbridge.app.offer import LOCAL
from weighbridge.app.texts import seals_of
from weighbridge.cache import shared
from weighbridge.cache.cache import Cache
from weighbridge.cache.shared import Sealing, SharedAnswers
from weighbridge.config import ConfigError, Settings
from weighbridge.providers.rows import Row
from weighbridge.routing.health import Health
from weighbridge.shared.address import Address, address, tls
from weighbridge.shared.server import SharedServer
from weighbridge.shared.visit import visit
from weighbridge.texts.sealing import Seal
from weighbridge.watching.gauges import Shared

log = logging.getLogger(__name__)

_PURPOSE: Final = b"weighbridge shared answers 1"
_MARK: Final = b"weighbridge acct"
_MACHINE: Final = (Path("/proc/sys/kernel/random/boot_id"), Path("/etc/machine-id"))
_NETWORK: Final = Path("/proc/self/ns/net")


class Sharing:
    """For one worker. `run` in the background."""

    def __init__(self, settings: Settings, health: Health, rows: Sequence[Row], *, worker: str) -> None:
        """`health` goes by `time.perf_counter`. Raises ConfigError for a server that is none."""
        chosen = settings.shared
        where, context = place_of(settings)
        self.server = SharedServer(
            where,
            context,
            wait=chosen.wait_seconds,
            name=f"weighbridge-{worker}",
            prefix=chosen.prefix,
            chance=Random(secrets.randbits(64)),  # noqa: S311 - the jitter of waits is no secret
            seconds=time.perf_counter,
        )
        self.answers: SharedAnswers | None = None
        """None: they are not to be shared."""
        if chosen.answers and settings.cache.enabled:
            self.answers = SharedAnswers(
                self.server,
                prefix=chosen.prefix,
                wait=chosen.wait_seconds,
                most_bytes=chosen.max_answer_kib * 1024,
                sealing=_sealing(settings),
                now=time.time,
            )
        self.gossip: Gossip | None = None
        """None: each worker has but its own eyes."""
        if chosen.breakers:
            self.gossip = Gossip(
                self.server,
                health,
                _accounts(connections(settings, rows), _machine()),
                prefix=chosen.prefix,
                worker=worker,
                seconds=time.perf_counter,
            )
            self.gossip.start()
        self.cache: Cache | None = None
        """Whose answers are forgotten when another machine says so."""
        self._forget_channel = shared.forget_channel(chosen.prefix)
        self.server.heard, self.server.began = self._heard, self._began

    async def _began(self) -> None:
        await self.server.listen_to(self._forget_channel)
        if self.gossip is not None:
            await self.gossip.began()

    def _heard(self, channel: bytes, said: bytes) -> None:
        if channel == self._forget_channel:
            self._forget(said)
        elif self.gossip is not None:
            self.gossip.hear(channel, said)

    def _forget(self, said: bytes) -> None:
        try:
            what = msgspec.json.decode(said, type=shared.Forget)
        except msgspec.DecodeError as exc:
            log.warning("what is to be forgotten cannot be read: %s", exc)
            return
        if self.cache is not None:
            self.cache.forget(key=what.key, receipts=what.receipts)

    def seen(self) -> Shared:
        """How it is, and what has come of it."""
        answers, gossip = self.answers, self.gossip
        return Shared(
            fault=self.server.fault,
            hits=0 if answers is None else answers.hits,
            misses=0 if answers is None else answers.misses,
            failures=self.server.failures,
            lost=0 if answers is None else answers.lost,
            told=0 if gossip is None else gossip.told,
            heard=0 if gossip is None else gossip.heard,
        )

    async def run(self) -> None:
        """Until it is cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.server.keep())
            if self.answers is not None:
                group.create_task(self.answers.run())
            if self.gossip is not None:
                group.create_task(self.gossip.run())


def sharing_of(settings: Settings, health: Health, rows: Sequence[Row], *, worker: str) -> Sharing | None:
    """A worker's; None where no server is set. Raises ConfigError."""
    return None if settings.shared.url is None else Sharing(settings, health, rows, worker=worker)


def place_of(settings: Settings) -> tuple[Address, ssl.SSLContext | None]:
    """Where the server is that is set, and how it is known. Raises ConfigError."""
    chosen = settings.shared
    if chosen.url is None:
        raise ConfigError("shared.url: no server is set")
    try:
        where = address(chosen.url.reveal())
    except ValueError as error:
        raise ConfigError(f"shared.url: {error}") from error
    try:
        return where, tls(where, chosen.ca_file)
    except OSError as error:
        raise ConfigError(f"shared.ca_file: {chosen.ca_file} cannot be read: {error}") from error


def check_shared(settings: Settings) -> None:
    """Raise ConfigError for a server that is none, before a worker would."""
    if settings.shared.url is not None:
        place_of(settings)


async def forget_answers(
    settings: Settings, *, key: str | None = None, receipts: Collection[str] | None = None
) -> tuple[int, int]:
    """Delete the answers on the server, all or those of a key or of these entries, and tell all workers to do so.

    How many were deleted there, and how many workers were told. Raises Unavailable, and ConfigError.
    """
    prefix = settings.shared.prefix
    async with visit(*place_of(settings)) as ask:
        gone = await shared.forget(ask, prefix, key=key, receipts=receipts)
        return gone, await shared.tell_to_forget(ask, prefix, key=key, receipts=receipts)


def _sealing(settings: Settings) -> Sealing | None:
    """With a key for texts, what leaves the machine is sealed, by keys that are made of it for this alone."""
    written = settings.texts.key
    if written is None:
        return None
    seals_of(settings)  # what is wrong with it is told there
    key = base64.b64decode(written.reveal().strip())
    seal = Seal(base64.b64encode(hmac.digest(key, _PURPOSE, "sha256")).decode())
    naming = hmac.digest(key, _PURPOSE + b" names", "sha256")
    return Sealing(lambda id_: hmac.digest(naming, id_, "sha256"), seal.closed, seal.opened)


def _accounts(found: Sequence[Connection], machine: bytes) -> dict[str, Account]:
    """By provider: where it is, and as whom it is asked; `machine` is what loopback belongs to."""
    accounts = {
        each.id: Account(
            _mark(
                each.id.encode(),
                each.base_url.rstrip("/").encode(),
                b"" if each.key is None else each.key.reveal().encode(),
                machine if _is_here(each.base_url) else b"",
            ),
            is_keyed=each.key is not None,
        )
        for each in found
        if each.lack is None and each.base_url is not None
    }
    return accounts | {LOCAL: Account(_mark(LOCAL.encode(), machine), is_keyed=False)}


def _mark(*parts: bytes) -> str:
    hashed = blake2b(digest_size=12, person=_MARK)
    for part in parts:
        hashed.update(len(part).to_bytes(8))
        hashed.update(part)
    return hashed.hexdigest()


def _is_here(base_url: str) -> bool:
    """Whether the address means another server on each machine."""
    host = urllib.parse.urlsplit(base_url).hostname or "localhost"
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _machine() -> bytes:
    """What tells this machine, and the network that it is in, from all others."""
    parts = [socket.gethostname()]
    for path in _MACHINE:
        with contextlib.suppress(OSError):
            parts.append(path.read_text().strip())
    with contextlib.suppress(OSError):
        parts.append(str(_NETWORK.stat().st_ino))
    return "\n".join(parts).encode()
