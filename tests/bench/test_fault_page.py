"""The page of a run: everything it promised, said to be kept or not."""

from pathlib import Path

import msgspec
import pytest

from bench.faults import page, results
from bench.faults.results import Run


@pytest.fixture
def run() -> Run:
    """The last recorded one."""
    return results.load()


def test_the_page_is_of_the_recorded_run(run: Run) -> None:
    assert page.of_run(run) in page.PAGE.read_text("utf-8"), "run `python -m bench.faults` and commit both"


def test_the_recorded_run_keeps_what_was_promised(run: Run) -> None:
    assert [what for what, _, _, kept in page.promises(run) if not kept] == []
    assert run.drawn.reckoning.requests == 100_000


def test_a_run_comes_back_as_it_was_saved(run: Run, tmp_path: Path) -> None:
    results.save(run, tmp_path / "run.json")
    assert results.load(tmp_path / "run.json") == run


LOSS = {"lost": 1, "double": 1, "answered": 0, "wrong": ["one"], "unpaid": ["one"]}


@pytest.mark.parametrize("field", LOSS)
def test_a_promise_that_is_not_kept_is_shown(run: Run, field: str) -> None:
    reckoning = msgspec.structs.replace(run.drawn.reckoning, **{field: LOSS[field]})
    broken = msgspec.structs.replace(run, drawn=msgspec.structs.replace(run.drawn, reckoning=reckoning))
    assert [kept for _, _, _, kept in page.promises(broken)].count(False) == 1
    assert "**no**" in page.of_promises(broken)


def test_a_page_without_markers_is_refused(run: Run, tmp_path: Path) -> None:
    other = tmp_path / "page.md"
    other.write_text("# Faults\n")
    with pytest.raises(ValueError, match="has no line"):
        page.write(run, other)
