"""/doctor: what is found, as it comes in, in each language; for those who see the whole gateway."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from tests.web.house import Browser, Page, window
from weighbridge.app.doctor.finding import Finding, Hole, Many, Word
from weighbridge.app.doctor.looking import Progress
from weighbridge.web.pages.doctor import looked, shown
from weighbridge.web.tongue import tongues

ENGLISH, ARABIC = tongues()["en"], tongues()["ar"]
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


async def over(browser: Browser) -> Page:
    for _ in range(200):
        page = await browser.get("/doctor")
        if "data-again" not in page.text:
            return page
    raise AssertionError("still looking")


async def test_an_installation_is_looked_at_and_looked_at_again(tmp_path: Path) -> None:
    async with window(tmp_path / "home", "local.enabled = false\n") as made:
        assert made.parts.doctor.last() is None
        page = await over(made.browser)
        for part in (
            "Ledger",
            "whole; 400 entries",
            "Gateway",
            "weighbridge up",
            "What helps most now",
            "What is well",
        ):
            assert part in page.text, part
        first = made.parts.doctor.last()
        sent = await made.browser.post("/doctor", of="/doctor")
        assert (sent.status, sent.location) == (303, "/doctor")
        assert "whole; 400 entries" in (await over(made.browser)).text
        again = made.parts.doctor.last()
        assert first is not None
        assert again is not None
        assert again.begun > first.begun


@pytest.mark.parametrize(("role", "scope"), [("admin", {"organisation": "acme"}), ("member", {"project": "p"})])
async def test_who_sees_a_part_of_the_gateway_sees_no_paths(tmp_path: Path, role: str, scope: dict[str, str]) -> None:
    async with window(tmp_path / "home", seeded=False) as made:
        visitor = await made.signed_in(made.admin(role, **scope))
        page = await visitor.get("/doctor")
        assert page.status == 403
        assert f"{tmp_path}" not in page.text
        assert made.parts.doctor.last() is None


def test_a_finding_is_said_in_each_language_with_its_numbers() -> None:
    many = Many(text="%(names)s: %(rules)s rules, %(hash)s", count="rules")
    holes: dict[str, Hole] = {"names": "eu", "rules": 3, "hash": "abc"}
    found = Finding("policy", "ok", "%(names)s: %(rules)s rule, %(hash)s", holes, many=many)
    assert shown(found, ENGLISH).text == '<bdi dir="ltr">eu</bdi>: 3 rules, <bdi dir="ltr">abc</bdi>'
    assert "٣" in shown(found, ARABIC).text
    assert shown(found, ARABIC).title != "Policy"


def test_every_kind_of_hole_is_written_and_what_is_hostile_stays_text() -> None:
    text = "%(word)s %(day)s %(free)s %(name)s"
    holes: dict[str, Hole] = {"word": Word("ready"), "day": date(2026, 11, 22), "free": 1.25, "name": "<b>x</b>"}
    said = shown(Finding("process", "ok", text, holes, "worker-1"), ENGLISH)
    assert said.text.startswith("ready 22 November 2026 1.2 ")
    assert "<b>" not in said.text
    assert said.title == 'Process <bdi dir="ltr">worker-1</bdi>'


def test_what_is_long_is_folded_and_sentences_begin_with_a_capital() -> None:
    found = Finding("keys", "missing", "no active key: %(all)s", {"all": "x" * 500}, advice="make %(all)s")
    said = shown(found, ENGLISH)
    assert (said.text, said.folded, said.advice) == ("No active key: …", "x" * 500, "Make …")


def test_the_worst_comes_first_and_the_next_step_is_its() -> None:
    found = [
        Finding("program", "ok", "a"),
        Finding("disk", "note", "b", advice="make room"),
        Finding("keys", "missing", "c", command="weighbridge keys create NAME"),
        Finding("ledger", "failed", "d", advice="restore it"),
    ]
    page = looked(Progress(NOW, ["program"], found, []), ENGLISH)
    assert [each.text for each in page.unwell] == ["D", "C", "B"]
    assert [each.text for each in page.well] == ["A"]
    assert page.next_step is not None
    assert page.next_step.advice == "Restore it"
    assert [count for _, _, count in page.counts] == [1, 1, 1, 1]
    waiting = looked(Progress(NOW, ["program", "ledger"], [], ["ledger"]), ENGLISH)
    assert (list(waiting.waiting), waiting.next_step) == (["the ledger"], None)
