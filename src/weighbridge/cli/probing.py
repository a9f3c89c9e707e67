"""Whether providers can be reached, asked of all at once."""

import http.client
import socket
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from urllib.parse import urlsplit

from weighbridge.app.connections import Connection
from weighbridge.cli.findings import Finding
from weighbridge.config import Secret, Settings

_CONNECT_SECONDS = 3.0
_ANSWER_SECONDS = 10.0


def of_providers(settings: Settings, found: Sequence[Connection], *, ask: bool) -> Iterator[Finding]:
    """Those that can be called: connected to, and with `ask` asked for their models with their key."""
    called = [each for each in found if each.lack is None and each.base_url is not None]
    with ThreadPoolExecutor(max_workers=16) as pool:
        yield from pool.map(lambda each: _finding(settings, each, ask=ask), called)
    missing = [_variable(each) for each in found if each.lack in {"key", "base URL"}]
    if missing:
        said = f"{len(missing)} are not set up; a variable each: {', '.join(missing)}"
        yield Finding("providers", "note", said, "set one, then: weighbridge up")


def _finding(settings: Settings, connection: Connection, *, ask: bool) -> Finding:
    about = f"provider {connection.id}"
    url = connection.base_url or ""
    key = settings.provider_key(connection.id, connection.row.key_env)
    said = f"{url}, {'key set' if key else 'no key'}"
    try:
        status = _ask(url, key) if ask else None
        if not ask:
            _connect(url)
    except (OSError, http.client.HTTPException) as error:
        return Finding(about, "failed", f"{said}; cannot be reached: {error}", "check the network and the base URL")
    if status in {401, 403}:
        return Finding(about, "failed", f"{said}; refused with {status}", f"check {_variable(connection)}")
    if status is not None and status >= 400:
        return Finding(about, "note", f"{said}; its list of models answers {status}")
    return Finding(about, "ok", f"{said}; {'answers' if status else 'reachable'}")


def _connect(url: str) -> None:
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    socket.create_connection((parts.hostname or "", port), timeout=_CONNECT_SECONDS).close()


def _ask(url: str, key: Secret | None) -> int:
    parts = urlsplit(url)
    kind: type[http.client.HTTPConnection] = (
        http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    )
    headers = {"Authorization": f"Bearer {key.reveal()}"} if key else {}
    with closing(kind(parts.hostname or "", parts.port, timeout=_ANSWER_SECONDS)) as connection:
        connection.request("GET", parts.path.rstrip("/") + "/models", headers=headers)
        with connection.getresponse() as response:
            return response.status


def _variable(connection: Connection) -> str:
    own = f"providers.{connection.id}.base_url"
    if connection.lack == "base URL":
        return connection.row.base_url_env or own
    return next(iter(connection.row.key_env), own)
