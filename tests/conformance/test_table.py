"""The page of conformance says what the committed results say, and each of our misses has its reason."""

from pathlib import Path

import msgspec
import pytest

from conformance import reasons, results, suites, table
from conformance.results import Board, Case, Outcome

LATEST = results.load()


def outcome(*others: Case, suite: str = "one", passed: int = 1, not_run: str = "") -> Outcome:
    return Outcome(
        suite=suite,
        gateway="weighbridge",
        gateway_version="1",
        date="2026-11-22",
        versions={"thing": "2", "pytest": "9"},
        passed=passed,
        others=list(others),
        not_run=not_run,
    )


SUITE = suites.Suite(name="one", title="One", group="theirs", kind="pytest")


def test_the_page_shows_the_committed_results() -> None:
    text = table.PAGE.read_text("utf-8")
    shown = text.partition(table.BEGIN)[2].partition(table.END)[0]
    assert shown == f"\n\n{table.of_board(LATEST)}\n"


def test_every_miss_of_ours_has_a_reason() -> None:
    assert table.unexplained(LATEST, reasons.read()) == []


def test_every_reason_is_for_a_miss() -> None:
    ours = [each for each in LATEST.outcomes if each.gateway == table.OURS]
    for reason in reasons.read():
        assert any(reason.is_for(each.suite, case) for each in ours for case in each.failed), reason


def test_every_suite_has_an_outcome() -> None:
    assert {each.suite for each in LATEST.outcomes} == {each.name for each in suites.read()}


def test_a_miss_without_a_reason_is_shown_as_one() -> None:
    board = Board([outcome(Case("a::b[x]", "failed", "it broke"))])
    text = table.of_board(board, [SUITE], [])
    assert "| One | **1 of 2** | - | - | thing 2 |" in text
    assert f"| one | 1: `b` | {table.UNEXPLAINED} |" in text


def test_misses_of_one_reason_stand_together() -> None:
    cases = [Case(f"a::b[{each}]", "failed") for each in "xyz"]
    told = [reasons.Reason("one", "a::b[x]", "the first"), reasons.Reason("one", "a::*", "others")]
    text = table.of_board(Board([outcome(*cases)]), [SUITE], told)
    assert "| one | 1: `b` | the first |" in text
    assert "| one | 2: `b` | others |" in text


def test_what_was_skipped_is_no_part_of_the_total() -> None:
    board = Board([outcome(Case("a", "skipped", "no web"), Case("b", "skipped", "no web"), passed=3)])
    text = table.of_board(board, [SUITE], [])
    assert "| One | 3 of 3 |" in text
    assert "| one | weighbridge | 2 | no web |" in text


def test_a_suite_that_did_not_run_says_why() -> None:
    text = table.of_board(Board([outcome(passed=0, not_run="needs a checkout")]), [SUITE], [])
    assert "| One | - | - | - |" in text
    assert "| one | weighbridge | all | needs a checkout |" in text


def test_what_a_gateway_does_not_offer_stands_in_its_place() -> None:
    suite = msgspec.structs.replace(SUITE, not_offered={"portkey": "no such API"})
    text = table.of_board(Board([outcome()]), [suite], [])
    assert "| One | 1 of 1 | - | no such API |" in text


def test_a_new_outcome_replaces_the_earlier_one_and_leaves_the_others() -> None:
    board = Board([outcome(suite="other"), outcome(passed=1)])
    assert [each.passed for each in board.with_outcome(outcome(passed=7)).outcomes] == [7, 1]


def test_a_page_without_markers_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("no markers")
    with pytest.raises(ValueError, match="no line"):
        table.write(LATEST, page)
    assert page.read_text() == "no markers"


def test_results_come_back_as_they_were_saved(tmp_path: Path) -> None:
    results.save(LATEST, tmp_path / "copy.json")
    assert results.load(tmp_path / "copy.json") == LATEST
