"""What a sync makes of parts gives the same rows, counters and differences as the rows themselves."""

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weighbridge.market.engine import Engine
from weighbridge.market.made import make
from weighbridge.market.parts import Part, Parts, overlapping
from weighbridge.market.store import Kept, Store, Writing, beside
from weighbridge.market.tables import Downloads, Price

FIRST = date(2026, 1, 30)
NOW = datetime(2026, 11, 22, tzinfo=UTC)
Reading = tuple[str, int, int | None]
"""A model, a day after the first, and its counter."""
readings = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(0, 40), st.none() | st.integers(0, 100)),
    max_size=12,
    unique_by=lambda each: each[:2],
)
payloads = st.lists(st.tuples(readings, st.integers(0, 2), st.sampled_from(["hub", "else"])), min_size=1, max_size=5)


def keep(store: Store, number: int, given: tuple[list[Reading], int, str]) -> None:
    """A payload; the later the number, the later it was taken."""
    rows, as_of, source = given
    writing = store.writing(sha256_of(number))
    for model, after, count in rows:
        writing.add(
            Downloads(f"{model}/m", FIRST + timedelta(days=after), None, count, source, FIRST + timedelta(days=as_of))
        )
    parts = writing.finish()
    store.keep(kept(number, source, writing, parts))


def kept(number: int, source: str, writing: Writing, parts: tuple[str, ...]) -> Kept:
    return Kept(
        sha256=sha256_of(number),
        size=1,
        name="a",
        source=source,
        as_of=FIRST,
        taken=NOW + timedelta(seconds=number),
        licence="",
        line="",
        rows=writing.rows,
        findings=(),
        parts=parts,
        days=writing.days,
    )


def sha256_of(number: int) -> str:
    return f"{(number * 7) % 10}" * 64


def in_force(given: list[tuple[list[Reading], int, str]]) -> dict[tuple[str, str, date], int | None]:
    """By hand."""
    newest: dict[tuple[str, str, date], tuple[int, int | None]] = {}
    for rows, as_of, source in given:
        for model, after, count in rows:
            key = (source, f"{model}/m", FIRST + timedelta(days=after))
            if key not in newest or as_of >= newest[key][0]:
                newest[key] = (as_of, count)
    return {key: count for key, (_, count) in newest.items()}


def stood(rows: dict[tuple[str, str, date], int | None], last: date) -> dict[tuple[str, str], tuple[date, int, int]]:
    """By hand: the newest counter and what it gained."""
    found: dict[tuple[str, str], tuple[date, int, int]] = {}
    for source, model, day in sorted(rows):
        count = rows[source, model, day]
        if count is not None and day <= last:
            _, before, gained = found.get((source, model), (day, count, 0))
            found[source, model] = (day, count, gained + max(0, count - before))
    return found


def newest_within(
    rows: dict[tuple[str, str, date], int | None], spans: dict[str, tuple[date, date]]
) -> set[tuple[str, int]]:
    """By hand: the counters of each model's newest day in its span, by whichever source."""
    within = [
        (model, day, count)
        for (_, model, day), count in rows.items()
        if count is not None and model in spans and spans[model][0] <= day <= spans[model][1]
    ]
    return {(model, count) for model, day, count in within if day == max(d for m, d, _ in within if m == model)}


def added_up(rows: dict[tuple[str, str, date], int | None]) -> dict[tuple[str, str, str], tuple[int, int]]:
    """By hand: what each publisher's counters grew by in each month, and where they stood at its end."""
    found: dict[tuple[str, str, str], tuple[int, int]] = {}
    before: dict[tuple[str, str], tuple[date, int, int]] = {}
    for month, end in (("2026-01", date(2026, 1, 31)), ("2026-02", date(2026, 2, 28)), ("2026-03", date(2026, 3, 31))):
        after = stood(rows, end)
        for (source, model), (_, in_all, gained) in after.items():
            if any(of == source and f"{day:%Y-%m}" == month for of, _, day in rows):
                grown = gained - (before[source, model][2] if (source, model) in before else 0)
                found[source, month, model[0]] = (in_all, grown)
        before = after
    return found


def sums(rows: list[dict[str, Any]]) -> dict[tuple[str, str, str], tuple[int, int]]:  # Any: cells
    return {(row["source"], row["month"], row["publisher"]): (row["in_all"], row["gained"]) for row in rows}


@settings(max_examples=12, deadline=None)
@given(payloads, st.integers(1, 5), st.integers(0, 41), st.integers(0, 41))
def test_what_is_made_gives_what_the_rows_give(
    taken: list[tuple[list[Reading], int, str]], made_after: int, after: int, until: int
) -> None:
    since, last = FIRST + timedelta(days=min(after, until)), FIRST + timedelta(days=until)
    rows = in_force(taken)
    with TemporaryDirectory() as directory:
        store = Store(Path(directory))
        for number, each in enumerate(taken):
            keep(store, number, each)
            if number + 1 == made_after:  # what comes after is read beside what was made, or makes it stale
                make(store.parts("downloads", store.payloads()), now=NOW, least=0)
        for again in range(2):
            if again:
                make(store.parts("downloads", store.payloads()), now=NOW, least=0)
            with Engine(store.spill) as engine:
                table = engine.table("downloads", store.parts("downloads", store.payloads()))
                found = engine.rows(table)
                assert {(row["source"], row["model"], row["day"]): row["in_all"] for row in found} == rows
                assert len(found) == len(rows)
                standing = engine.rows(engine.standing(last))
                assert {(row["source"], row["model"]): (row["day"], row["in_all"]) for row in standing} == {
                    key: (day, in_all) for key, (day, in_all, _) in stood(rows, last).items()
                }
                grown = engine.rows(engine.gained(since, last))
                was = stood(rows, since)
                assert all(row["gained"] >= 0 for row in grown)
                assert {(row["source"], row["model"]): row["gained"] for row in grown} == {
                    key: all_in_all - (was[key][2] if key in was else 0)
                    for key, (_, _, all_in_all) in stood(rows, last).items()
                }
                spans = dict.fromkeys(("a/m", "b/m"), (since, last))
                near = {row["model"]: row["in_all"] for row in engine.rows(engine.within(spans))}
                assert near.items() <= newest_within(rows, spans)
                assert near.keys() == {model for model, _ in newest_within(rows, spans)}
                months = engine.rows(engine.publisher_months())
                assert all(row["gained"] >= 0 for row in months)
                assert sums(months) == added_up(rows)


def test_only_payloads_with_days_in_common_are_searched() -> None:
    def part(payload: str, first: int, last: int) -> Part:
        return Part(
            Path(f"{payload}{first}"), "hub", "2026-01", payload, 0, (date(2026, 1, first), date(2026, 1, last))
        )

    alone, own = part("a", 1, 1), part("a", 1, 2)
    assert overlapping([alone, own, part("b", 3, 3)]) == []
    late = part("b", 2, 3)
    assert overlapping([late, alone, own]) == [[alone, own, late]]
    month = Parts("downloads", (alone, own, part("b", 3, 3)), Path("nowhere"))
    assert month.split() == ([alone.path, own.path, Path("b3")], [])


def test_what_an_import_left_that_was_cut_off_is_swept(tmp_path: Path) -> None:
    store = Store(tmp_path)
    keep(store, 0, ([("a", 1, 5)], 0, "hub"))
    litter = store.writing("f" * 64)
    litter.add(Downloads("a/m", FIRST, None, 1, "hub", FIRST))
    (left,) = litter.finish()
    assert store.sweep(datetime.now(UTC)) == []  # it may be under way
    later = datetime.now(UTC) + timedelta(days=2)
    assert store.sweep(later) == [tmp_path / "tables" / left]
    assert store.sweep(later) == []
    assert len(store.parts("downloads", store.payloads()).parts) == 1


def test_small_parts_are_left_as_they_are_and_old_files_go_after_an_hour(tmp_path: Path) -> None:
    store = Store(tmp_path)
    keep(store, 0, ([("a", 1, 5)], 0, "hub"))
    assert make(store.parts("downloads", store.payloads()), now=datetime.now(UTC)) == []
    before = make(store.parts("downloads", store.payloads()), now=datetime.now(UTC), least=0)
    assert [file.parts[-4] for file in before] == ["standing", "publishers"]
    keep(store, 1, ([("a", 1, 7)], 1, "hub"))
    after = make(store.parts("downloads", store.payloads()), now=datetime.now(UTC), least=0)
    assert all(file.exists() for file in [*before, *after])
    make(store.parts("downloads", store.payloads()), now=datetime.now(UTC) + timedelta(hours=2), least=0)
    assert [file.exists() for file in before] == [False, False]
    assert all(file.exists() for file in after)


PAST = datetime(2026, 11, 22, tzinfo=UTC).timestamp()


def overlapped(store: Store, *, later: int = 0) -> list[tuple[str, date, int | None]]:
    """Two payloads of one week, taken in and merged two hours before; parts are taken away `later` seconds on."""
    for number, count in enumerate((5, 7)):
        keep(store, number, ([("a", 3, count), ("b", 4, 9)], number, "hub"))
    (merged, *_) = make(store.parts("downloads", store.payloads()), now=NOW, least=0)
    os.utime(merged, (PAST, PAST))
    make(store.parts("downloads", store.payloads()), now=NOW + timedelta(seconds=later), least=0)
    return counters(store)


def counters(store: Store) -> list[tuple[str, date, int | None]]:
    with Engine(store.spill) as engine:
        rows = engine.rows(engine.table("downloads", store.parts("downloads", store.payloads())))
    return sorted((row["model"], row["day"], row["in_all"]) for row in rows)


def parts_there(store: Store) -> int:
    return len(list((store.directory / "tables").rglob("*.parquet")))


def test_parts_of_a_merged_month_go_once_nobody_reads_them(tmp_path: Path) -> None:
    early, late = Store(tmp_path / "early"), Store(tmp_path / "late")
    assert overlapped(early) == overlapped(late, later=3700)
    assert (parts_there(early), parts_there(late)) == (2, 0)
    keep(late, 2, ([("a", 3, 8)], 2, "hub"))  # what comes after restates what is merged
    assert counters(late)[0][2] == 8
    assert [each.name for each in make(late.parts("downloads", late.payloads()), now=NOW, least=0)]
    assert counters(late)[0][2] == 8
    middle = FIRST + timedelta(days=3)
    with Engine(late.spill) as engine:
        engine.table("downloads", late.parts("downloads", late.payloads()))
        (standing,) = engine.rows(engine.standing(middle))
    assert (standing["day"], standing["in_all"]) == (middle, 8)


@pytest.mark.parametrize("killed_after", [0, 1])
def test_killed_while_parts_go_nothing_is_lost_and_the_next_sync_goes_on(
    killed_after: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, unlink, gone = Store(tmp_path), Path.unlink, 0

    def killed(path: Path, missing_ok: bool = False) -> None:
        nonlocal gone
        if gone == killed_after:
            raise KeyboardInterrupt
        gone += 1
        unlink(path, missing_ok=missing_ok)

    expected = overlapped(Store(tmp_path / "whole"))
    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", killed)
        with pytest.raises(KeyboardInterrupt):
            overlapped(store, later=3700)
    assert parts_there(store) == 2 - killed_after
    assert counters(store) == expected
    assert not store.parts("downloads", store.payloads()).gone()
    make(store.parts("downloads", store.payloads()), now=NOW + timedelta(hours=2), least=0)
    assert (parts_there(store), counters(store)) == (0, expected)


def test_many_small_parts_of_the_same_days_are_merged_too(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for number in range(33):
        writing = store.writing(f"{number:064}")
        writing.add(Downloads("a/m", FIRST, None, number, "hub", FIRST))
        taken = kept(number, "hub", writing, writing.finish())
        store.keep(msgspec.structs.replace(taken, sha256=f"{number:064}"))
        made = make(store.parts("downloads", store.payloads()), now=NOW)
        assert bool(made) == (number == 32)
    assert counters(store) == [("a/m", FIRST, 32)]


def test_prices_that_are_no_longer_in_force_stay(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for number in range(2):
        writing = store.writing(sha256_of(number))
        writing.add(Price("m", "p", "base", FIRST, f"{number}", "1", None, None, "list", FIRST))
        store.keep(kept(number, "list", writing, writing.finish()))
    make(store.parts("price", store.payloads()), now=NOW, least=0)
    make(store.parts("price", store.payloads()), now=datetime.now(UTC) + timedelta(days=1), least=0)
    assert parts_there(store) == 2


def test_a_new_day_is_held_against_its_neighbours_only(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for number, after in enumerate((0, 7, 14, 28, 35, 42)):
        keep(store, number, ([("a", after, 5)], after, "hub"))
    keep(store, 6, ([("a", 21, 5)], 21, "else"))
    new = {"downloads/source=hub/month=2026-02/new.parquet": (FIRST + timedelta(days=21), FIRST + timedelta(days=21))}
    kept = store.payloads()
    days = {part: span[0] for each in kept for part, span in each.days.items()}
    found = {(days[part] - FIRST).days for part in beside(kept, "hub", new)}
    assert found == {7, 14, 28, 35}
