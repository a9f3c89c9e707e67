"""How entries name the client's own users: as the client does, by a keyed hash, or not at all.

An entry is never changed, so whoever is named in one stays there. A hash (HMAC-SHA-256, the key being the owner's)
still sums and limits by user, and says who it is only to those who have the key and a name to try.
"""

import hashlib
import hmac
import re
from typing import Final, Literal

Naming = Literal["plain", "hashed", "off"]

LONGEST: Final = 256
"""Characters of a user's name that are read: see wire.calls.Call.end_user."""
SHORTEST_KEY: Final = 16
_HASHED: Final = re.compile("h:[0-9a-f]{40}")
_MOST_AS_IT_IS: Final = 64
"""Of a message's `user_id`: a longer one goes on as its SHA-256 (see wire/messages/read.py)."""


class Users:
    """How they are named in one ledger."""

    def __init__(self, naming: Naming, key: str | None = None) -> None:
        """Raises ValueError where they are to be hashed and the key is missing or too short."""
        if naming == "hashed" and (key is None or len(key) < SHORTEST_KEY):
            raise ValueError(
                f"users are to be hashed: set ledger.users_key to a secret of {SHORTEST_KEY} characters or more"
            )
        self.naming = naming
        self._key = None if key is None else key.encode()

    def of_entry(self, user: str) -> str | None:
        """A user as an entry has it."""
        return None if self.naming == "off" else self.of_text(user)

    def of_text(self, user: str) -> str:
        """A user as what is kept beside the entries has it, so that it can be found and deleted."""
        return self._hashed(user, self._key) if self.naming == "hashed" and self._key is not None else user

    def of_budget(self, user: str) -> str:
        """A user as budgets have it: by the hash wherever there is a key for one, and names are not to be plain."""
        return user if self.naming == "plain" or self._key is None else self._hashed(user, self._key)

    def renamed(self, name: str) -> str:
        """A name that stands in the tables of budgets, as it is to stand there."""
        return name if _HASHED.fullmatch(name) else self.of_budget(name)

    def names(self, user: str) -> tuple[str, ...]:
        """All that a user may stand there as, whichever way it was named when that was written."""
        known, key = self.known_as(user), self._key
        return known if key is None else (*known, *(self._hashed(each, key) for each in known))

    @staticmethod
    def known_as(user: str) -> tuple[str, ...]:
        """What is read of a user's name, in each dialect."""
        if len(user) <= _MOST_AS_IT_IS:
            return (user,)
        return user[:LONGEST], hashlib.sha256(user.encode()).hexdigest()

    @staticmethod
    def _hashed(user: str, key: bytes) -> str:
        return "h:" + hmac.digest(key, user.encode(errors="surrogatepass"), "sha256").hex()[:40]
