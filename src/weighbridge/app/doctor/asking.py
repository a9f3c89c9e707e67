"""Asking a server that may be away, from a thread: whether it can be connected to, and with which status it answers."""

import http.client
import socket
from contextlib import closing
from urllib.parse import urlsplit

from weighbridge.config import Secret


def connect(url: str, *, seconds: float) -> None:
    """Raises OSError where nobody listens there."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    socket.create_connection((parts.hostname or "", port), timeout=seconds).close()


def ask(url: str, path: str, *, seconds: float, key: Secret | None = None) -> int:
    """The status of what is at a path below a URL. Raises OSError and http.client.HTTPException."""
    parts = urlsplit(url)
    kind: type[http.client.HTTPConnection] = (
        http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    )
    headers = {"Authorization": f"Bearer {key.reveal()}"} if key else {}
    with closing(kind(parts.hostname or "", parts.port, timeout=seconds)) as connection:
        connection.request("GET", parts.path.rstrip("/") + path, headers=headers)
        with connection.getresponse() as response:
            return response.status
