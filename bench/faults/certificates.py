"""Certificates that nobody should take for good, and the authority that the gateway trusts meanwhile."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme


@dataclass(frozen=True, slots=True)
class Certificates:
    """PEM files. `authority` issued two of the others, for 127.0.0.1 long ago and for another host."""

    authority: Path
    expired: Path
    other_host: Path
    self_signed: Path

    @classmethod
    def made(cls, folder: Path) -> "Certificates":
        """New ones, in a folder."""
        folder.mkdir(exist_ok=True)
        trusted, stranger = trustme.CA(), trustme.CA()
        files = cls(*(folder / f"{name}.pem" for name in ("authority", "expired", "other-host", "self-signed")))
        trusted.cert_pem.write_to_path(str(files.authority))
        yesterday = datetime.now(UTC) - timedelta(days=1)
        expired = trusted.issue_cert("127.0.0.1", not_before=yesterday - timedelta(days=1), not_after=yesterday)
        expired.private_key_and_cert_chain_pem.write_to_path(str(files.expired))
        other = trusted.issue_cert("elsewhere.example")
        other.private_key_and_cert_chain_pem.write_to_path(str(files.other_host))
        stranger.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(files.self_signed))
        return files
