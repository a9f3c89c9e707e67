"""What may be asked of the cache, and what may not."""

import pytest

from weighbridge.cache.wish import CacheWish, read_wish
from weighbridge.errors import BadRequest

GOOD: dict[str, CacheWish | None] = {
    "on": CacheWish(),
    " ON ": CacheWish(),
    "off": None,
    "refresh": CacheWish(mode="refresh"),
    "only-if-cached": CacheWish(mode="only-if-cached"),
    "max-age=0": CacheWish(max_age=0),
    "ttl=60": CacheWish(ttl=60),
    "max-age=600, ttl=3600": CacheWish(max_age=600, ttl=3600),
    "only-if-cached, max-age=5": CacheWish(mode="only-if-cached", max_age=5),
    "semantic=0.95": CacheWish(like=0.95),
    "semantic=1": CacheWish(like=1.0),
    "semantic=.8,refresh": CacheWish(mode="refresh", like=0.8),
}


@pytest.mark.parametrize("text", GOOD)
def test_what_may_be_asked_for(text: str) -> None:
    assert read_wish(text) == GOOD[text]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yes",
        "on, off",
        "off, ttl=5",
        "ttl",
        "ttl=",
        "ttl=0",
        "ttl=-1",
        "ttl=1.5",
        "ttl=31536001",
        "max-age=1e3",
        "semantic",
        "semantic=0.5",
        "semantic=2",
        "semantic=nan",
        "on=1",
        "on,,ttl=5",
    ],
)
def test_what_may_not(text: str) -> None:
    with pytest.raises(BadRequest, match="x-weighbridge-cache") as caught:
        read_wish(text)
    assert caught.value.param == "x-weighbridge-cache"


def test_what_the_header_leaves_open_is_as_the_key_has_it() -> None:
    usual = CacheWish(max_age=60, ttl=60)
    assert read_wish("on", usual) == usual
    assert read_wish("refresh", usual) == CacheWish("refresh", 60, 60)
    assert read_wish("ttl=5", usual) == CacheWish("on", 60, 5)
    assert read_wish("off", usual) is None
