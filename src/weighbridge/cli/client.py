"""A small client of the gateway, for commands. The request path has its own (weighbridge.transport)."""

import http.client
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from weighbridge.cli import running
from weighbridge.cli.failure import Failure
from weighbridge.config import Secret, Settings
from weighbridge.wire import openai, sse

_PATIENCE_SECONDS = 600.0  # a local model may think long before its first token


@dataclass(frozen=True, slots=True)
class Gateway:
    """Where a gateway is, and the key that opens it."""

    base_url: str
    key: Secret

    def get(self, path: str, *, seconds: float = 10.0) -> bytes:
        """The body of a good answer. Raises Failure."""
        response = self._send("GET", path, None, seconds)
        with response:
            return response.read()

    def post(self, path: str, body: bytes) -> http.client.HTTPResponse:
        """A good answer whose body has not been read; close it. Raises Failure."""
        return self._send("POST", path, body, _PATIENCE_SECONDS)

    def _send(self, method: str, path: str, body: bytes | None, seconds: float) -> http.client.HTTPResponse:
        url = urlsplit(self.base_url)
        over_tls = url.scheme == "https"
        kind: type[http.client.HTTPConnection] = http.client.HTTPSConnection if over_tls else http.client.HTTPConnection
        connection = kind(url.hostname or "", url.port, timeout=seconds)
        headers = {
            "Authorization": f"Bearer {self.key.reveal()}",
            "Content-Type": "application/json",
            "Connection": "close",
        }
        try:
            connection.request(method, url.path.rstrip("/") + path, body, headers)
            response = connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise Failure(f"no gateway answers at {self.base_url} ({error})", next_step="weighbridge up") from error
        if response.status >= 400:
            with response:
                raise _refused(response)
        return response


def find(settings: Settings, *, base_url: str | None = None, key: str | None = None) -> Gateway:
    """The gateway to talk to: what is named, else what the environment names, else the one of this data directory.

    Raises Failure when there is no key for it.
    """
    url = base_url or _from_environment(settings, "WEIGHBRIDGE_BASE_URL") or _own_url(settings)
    found = key or _from_environment(settings, "WEIGHBRIDGE_API_KEY") or read_client_key(settings.home)
    if found is None:
        raise Failure(
            f"no key: there is none in {client_key_path(settings.home)} nor in WEIGHBRIDGE_API_KEY",
            next_step="weighbridge up (its first run makes one), or pass --key",
        )
    return Gateway(url.rstrip("/"), Secret(found))


def client_key_path(home: Path) -> Path:
    """Where the commands' own copy of their key is; the database has its hash only."""
    return home / "client-key"


def read_client_key(home: Path) -> str | None:
    """The commands' own key, or None."""
    try:
        return client_key_path(home).read_text("ascii").strip() or None
    except FileNotFoundError:
        return None


def documents(response: http.client.HTTPResponse) -> Iterator[bytes]:
    """The JSON documents of an event stream as they arrive, without the final [DONE]. Raises Failure if it breaks."""
    splitter = sse.Splitter()
    try:
        while piece := response.read1(65536):
            for event in sse.events(splitter.feed(piece)):
                document = sse.document(event)
                if document == b"[DONE]":
                    return
                if document:
                    yield document
    except (OSError, http.client.HTTPException) as error:
        raise Failure(f"the answer broke off: {error}") from error
    raise Failure("the answer broke off before its end", next_step="weighbridge doctor")


def _refused(response: http.client.HTTPResponse) -> Failure:
    said = openai.fault_in(response.read()) or response.reason
    if response.status == 401:
        return Failure(said, next_step="weighbridge keys list; pass a good key with --key or WEIGHBRIDGE_API_KEY")
    wait = response.headers.get("Retry-After")
    return Failure(said, next_step=f"try again in {wait} s" if wait else None)


def _from_environment(settings: Settings, name: str) -> str | None:
    value = settings.secrets.get(name)
    return None if value is None else value.reveal()


def _own_url(settings: Settings) -> str:
    found = running.find(settings.home)
    return found.base_url if found else running.local_url(settings.server.host, settings.server.port)
