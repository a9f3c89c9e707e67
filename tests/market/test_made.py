"""What a sync makes of parts gives the same rows, counters and differences as the rows themselves."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from weighbridge.market.engine import Engine
from weighbridge.market.made import make
from weighbridge.market.parts import Part, Parts, overlapping
from weighbridge.market.store import Kept, Store, beside
from weighbridge.market.tables import Downloads

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
    sha256 = f"{(number * 7) % 10}" * 64
    writing = store.writing(sha256)
    for model, after, count in rows:
        writing.add(
            Downloads(f"{model}/m", FIRST + timedelta(days=after), None, count, source, FIRST + timedelta(days=as_of))
        )
    parts = writing.finish()
    store.keep(
        Kept(
            sha256=sha256,
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
    )


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
            with Engine() as engine:
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
