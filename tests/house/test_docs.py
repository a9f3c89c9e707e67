"""The documentation knows everything a user can set, call, run into or type."""

import re
from pathlib import Path

import pytest

from tools.reference import commands, error_classes, pages
from weighbridge.config.reference import described
from weighbridge.gateway.outline import outline
from weighbridge.routing.policy.conditions import CONDITIONS
from weighbridge.routing.policy.readymade import ready_made

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_reference_is_up_to_date() -> None:
    stale = [name for name, text in pages().items() if (REFERENCE / name).read_text("utf-8") != text]
    assert stale == [], "run `make docs` and commit what it writes"


def test_every_setting_is_in_the_reference() -> None:
    page = (REFERENCE / "settings.md").read_text("utf-8")
    assert [item.key for item in described() if f"| `{item.key}` |" not in page] == []


def test_every_error_is_in_the_reference() -> None:
    page = (REFERENCE / "errors.md").read_text("utf-8")
    assert [each.code for each in error_classes() if f"| `{each.code}` |" not in page] == []


def test_every_condition_and_ready_made_policy_is_explained() -> None:
    page = (ROOT / "docs" / "policy.md").read_text("utf-8")
    assert [name for name in (*CONDITIONS, *ready_made()) if f"| `{name}` |" not in page] == []


def test_every_route_is_in_the_reference() -> None:
    page = (REFERENCE / "routes.md").read_text("utf-8")
    assert [r.path for r in outline() if f"| {r.method} | `{r.path}` |" not in page] == []


def test_every_command_is_in_the_reference() -> None:
    page = (REFERENCE / "cli.md").read_text("utf-8")
    assert [each.command_path for each in commands() if f"\n## {each.command_path}\n" not in page] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", page.read_text("utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []
