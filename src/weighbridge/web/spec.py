"""What the window's process is told by the one that starts it."""

from pathlib import Path

import msgspec


class WindowSpec(msgspec.Struct, frozen=True):
    """See the module."""

    listen_fd: int
    """A bound, listening socket."""
    gateway: str
    """Where the gateway answers, such as http://127.0.0.1:8080."""
    flags: dict[str, bool | int | str]
    """Settings given on the command line, as `config.read` takes them."""
    config_file: Path | None = None

    def encode(self) -> bytes:
        """As JSON."""
        return msgspec.json.encode(self, enc_hook=str)

    @classmethod
    def decode(cls, text: bytes) -> "WindowSpec":
        """The reverse of `encode`."""
        return msgspec.json.decode(text, type=cls, dec_hook=lambda kind, given: Path(given) if kind is Path else given)
