"""What decides where chance may: a number for each request, the same for all requests of a session."""

from hashlib import blake2b


def seed_of(session: bytes) -> int:
    """The seed of a session, or of a conversation by how it begins: the same in every worker, on every machine."""
    return int.from_bytes(blake2b(session, digest_size=8).digest())
