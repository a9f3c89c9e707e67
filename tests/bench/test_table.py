"""The page of benchmarks says what the committed results say."""

from pathlib import Path

import pytest

from bench import results, table

LATEST = results.FOLDER / "latest.json"


def test_the_page_shows_the_committed_results() -> None:
    text = table.PAGE.read_text("utf-8")
    shown = text.partition(table.BEGIN)[2].partition(table.END)[0]
    assert shown == f"\n\n{table.of_run(results.load(LATEST))}\n"


def test_what_stands_around_the_markers_stays(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{table.BEGIN}\nold\n{table.END}\nafter\n")
    table.write(results.load(LATEST), page)
    text = page.read_text("utf-8")
    assert text.startswith(f"before\n{table.BEGIN}\n\nTaken ")
    assert text.endswith(f"{table.END}\nafter\n")
    assert "old" not in text


def test_a_page_without_markers_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("no markers")
    with pytest.raises(ValueError, match="no line"):
        table.write(results.load(LATEST), page)
    assert page.read_text() == "no markers"


def test_results_come_back_as_they_were_saved(tmp_path: Path) -> None:
    run = results.load(LATEST)
    results.save(run, tmp_path / "copy.json")
    assert results.load(tmp_path / "copy.json") == run
