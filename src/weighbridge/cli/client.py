"""A small client of the gateway, for commands. The request path has its own (weighbridge.transport)."""

import http.client
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import msgspec

from weighbridge.app import client_key, running
from weighbridge.cli.failure import Failure
from weighbridge.config import Secret, Settings
from weighbridge.wire import reported, sse

_PATIENCE_SECONDS = 600.0  # a local model may think long before its first token


class _Model(msgspec.Struct):
    id: str


class _Models(msgspec.Struct):
    data: list[_Model]


class NoGateway(Failure):
    """Nobody answers there, or there is no key to ask with."""


@dataclass(frozen=True, slots=True)
class Gateway:
    """Where a gateway is, and the key that opens it."""

    base_url: str
    key: Secret

    def models(self) -> list[str]:
        """The ids it offers. Raises Failure."""
        return [each.id for each in msgspec.json.decode(self.get("/models"), type=_Models).data]

    def get(self, path: str) -> bytes:
        """The body of a good answer. Raises Failure."""
        with _exchange("GET", self.base_url + path, key=self.key, seconds=10.0) as response:
            return response.read()

    def post(
        self, path: str, body: bytes, headers: Mapping[str, str] | None = None
    ) -> AbstractContextManager[http.client.HTTPResponse]:
        """A good answer whose body has not been read. Entering it raises Failure."""
        return _exchange(
            "POST", self.base_url + path, key=self.key, body=body, headers=headers, seconds=_PATIENCE_SECONDS
        )


def find(settings: Settings, *, base_url: str | None = None, key: str | None = None) -> Gateway:
    """The gateway to talk to: what is named, else what the environment names, else the one of this data directory.

    Raises Failure when there is no key for it.
    """
    url = base_url or _from_environment(settings, "WEIGHBRIDGE_BASE_URL") or _own_url(settings)
    found = key or _from_environment(settings, "WEIGHBRIDGE_API_KEY") or client_key.read(settings.home)
    if found is None:
        raise NoGateway(
            f"no key: there is none in {client_key.path(settings.home)} nor in WEIGHBRIDGE_API_KEY",
            next_step="weighbridge up (its first run makes one), or pass --key",
        )
    return Gateway(url.rstrip("/"), Secret(found))


def own_key(settings: Settings) -> Secret | None:
    """The key that commands ask with; None: there is none."""
    try:
        return find(settings).key
    except NoGateway:
        return None


def health(base_url: str) -> None:
    """Raises Failure unless a gateway answers there."""
    root = base_url.rstrip("/").removesuffix("/v1")
    with _exchange("GET", root + "/healthz", seconds=3.0):
        pass


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


@contextmanager
def _exchange(
    method: str,
    address: str,
    *,
    seconds: float,
    key: Secret | None = None,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Iterator[http.client.HTTPResponse]:
    url = urlsplit(address)
    kind: type[http.client.HTTPConnection] = (
        http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    )
    sent = {**(headers or {}), "Content-Type": "application/json", "Connection": "close"}
    if key is not None:
        sent["Authorization"] = f"Bearer {key.reveal()}"
    with closing(kind(url.hostname or "", url.port, timeout=seconds)) as connection:
        try:
            connection.request(method, f"{url.path}?{url.query}" if url.query else url.path, body, sent)
            response = connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            raise NoGateway(
                f"no gateway answers at {url.scheme}://{url.netloc} ({error})", next_step="weighbridge up"
            ) from error
        with response:
            if response.status >= 400:
                raise _refused(response)
            yield response


def _refused(response: http.client.HTTPResponse) -> Failure:
    said = reported.fault_in(response.read()) or response.reason
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
