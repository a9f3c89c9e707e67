"""Which requests are alike: the fingerprint of a route."""

import hashlib
from collections.abc import Sequence
from typing import Final

ANY_KEY: Final = ""
"""In place of a key's id: the route of requests whose key nobody knows, and which holds whichever asks."""
APP: Final = b"x-title"
"""The header by which applications name themselves: https://openrouter.ai/docs/app-attribution"""


def fingerprint(key_id: str, system: str, tools: Sequence[str], format: str, app: str = "") -> str:  # noqa: A002
    """The route of requests of this key, with these instructions, tools (in any order), format and application.

    `system` and `format` are a Look's: see routing.quality.look.
    """
    parts = (key_id, hashlib.sha256(system.encode(errors="surrogatepass")).hexdigest(), *sorted(tools), format, app)
    told = "".join(f"{len(part)}:{part}" for part in parts)  # with their lengths, so that none runs into the next
    return "rt-" + hashlib.sha256(told.encode(errors="surrogatepass")).hexdigest()[:12]
