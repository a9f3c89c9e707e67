"""The walk through the code names files and functions as they are."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "life-of-a-request.md").read_text("utf-8")
NAMED = sorted(set(re.findall(r"`([\w/]+\.py): (\w+)`", PAGE)))


@pytest.mark.parametrize(("file", "name"), NAMED, ids=lambda part: str(part))
def test_a_name_of_the_walk_is_in_its_file(file: str, name: str) -> None:
    text = (ROOT / "src" / "weighbridge" / file).read_text("utf-8")
    assert re.search(rf"^\s*(?:async )?(?:def|class) {name}\b", text, re.MULTILINE)


def test_the_walk_names_every_step() -> None:
    assert len(NAMED) > 15
