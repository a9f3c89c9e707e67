import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.routing.quality.fingerprint import ANY_KEY, fingerprint

USUAL: dict[str, Any] = {
    "key_id": "key-1",
    "system": "Be brief.",
    "tools": ("a", "b"),
    "format": "text",
    "app": "",
}


def test_a_route_has_a_short_name_that_stays() -> None:
    assert fingerprint(**USUAL) == "rt-4ad971186655"  # rules that are in force go by it


@pytest.mark.parametrize(
    "other",
    [
        {"key_id": "key-2"},
        {"key_id": ANY_KEY},
        {"system": "Be long."},
        {"tools": ("a",)},
        {"tools": ("ab",)},
        {"format": "json_object"},
        {"app": "Desk"},
        {"format": "tex", "app": "t"},
    ],
)
def test_requests_that_differ_in_one_of_these_are_not_alike(other: dict[str, Any]) -> None:
    assert fingerprint(**{**USUAL, **other}) != fingerprint(**USUAL)


@given(st.permutations(["a", "b", "c"]))
def test_the_order_of_tools_does_not_matter(tools: list[str]) -> None:
    assert fingerprint(**{**USUAL, "tools": tools}) == fingerprint(**{**USUAL, "tools": ("a", "b", "c")})


@given(st.text())
def test_any_text_has_a_route(text: str) -> None:
    assert re.fullmatch(r"rt-[0-9a-f]{12}", fingerprint("", text + "\ud800", (text,), "text", text))
