"""One model under the names that lists of usage have for it."""

import re
from functools import lru_cache
from typing import Final

_BETWEEN: Final = re.compile(r"[^a-z0-9]+")
_DATED: Final = re.compile(r"-(latest|\d{8}|20\d\d-\d\d-\d\d)$")


@lru_cache(4096)
def plain(name: str) -> str:
    """`openai/gpt-4.1-2025-04-14`, `GPT 4.1` and `gpt-4.1:free` are all `gpt-4-1`: no maker, no date, no variant."""
    bare = name.strip().lower().rpartition("/")[2].partition(":")[0]
    return _DATED.sub("", _BETWEEN.sub("-", bare).strip("-"))
