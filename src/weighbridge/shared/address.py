"""Where the shared server is, and as whom we come."""

import ssl
import urllib.parse
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_PORT: Final = 6379
_PLAIN: Final = ("valkey", "redis")
_TLS: Final = ("valkeys", "rediss")
EXPECTED: Final = (
    "valkey://user:password@host:6379/0, redis://…, with TLS valkeys://… or rediss://…, or unix:///path/to/socket?db=0"
)


@dataclass(frozen=True, slots=True)
class Address:
    """A server and one of its numbered databases. The password does not show in it."""

    host: str
    port: int
    database: int
    socket: Path | None = None
    is_tls: bool = False
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        if self.socket is not None:
            return f"{self.socket}, database {self.database}"
        return f"{self.host}:{self.port}/{self.database}"


def address(url: str) -> Address:
    """From a URL. Raises ValueError, which does not quote it."""
    try:
        parts = urllib.parse.urlsplit(url)
        port = parts.port or _PORT
    except ValueError:
        raise ValueError(f"expected {EXPECTED}") from None
    scheme = parts.scheme.lower()
    asked = urllib.parse.parse_qs(parts.query)
    is_socket = scheme == "unix"
    (said,) = asked.pop("db", None) or [parts.path.strip("/") if not is_socket else ""]
    is_one = is_socket or (scheme in (*_PLAIN, *_TLS) and parts.hostname)
    if not is_one or asked or parts.fragment or (said and not (said.isascii() and said.isdecimal())):
        raise ValueError(f"expected {EXPECTED}")
    if is_socket and not parts.path:
        raise ValueError(f"expected {EXPECTED}")
    return Address(
        host=parts.hostname or "",
        port=port,
        database=int(said or 0),
        socket=Path(urllib.parse.unquote(parts.path)) if is_socket else None,
        is_tls=scheme in _TLS,
        user=None if not parts.username else urllib.parse.unquote(parts.username),
        password=None if parts.password is None else urllib.parse.unquote(parts.password),
    )


def tls(where: Address, ca_file: Path | None) -> ssl.SSLContext | None:
    """What its certificate is checked by; None where there is no TLS. Raises OSError for a file that is none."""
    return ssl.create_default_context(cafile=ca_file) if where.is_tls else None
