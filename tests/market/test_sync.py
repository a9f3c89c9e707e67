"""Files are recognised, kept raw and read once; what is wrong with them is told."""

import os
from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.market.conftest import NOW, WEEK, taken
from weighbridge.errors import MarketError
from weighbridge.market.made import make
from weighbridge.market.recipes.figure import figure
from weighbridge.market.store import Store
from weighbridge.market.sync import take

DAY = {"window": "2026-08-10"}


def test_the_same_bytes_are_taken_once(store: Store, tmp_path: Path) -> None:
    (first,) = taken(store, tmp_path / "a.csv", WEEK)
    (second,) = taken(store, tmp_path / "b.csv", WEEK)
    assert first.kept is not None
    assert first.kept.rows == {"usage": 5}
    assert not first.before
    assert second.before
    assert second.kept == first.kept
    assert (store.directory / "raw" / first.kept.sha256).read_text() == WEEK


def test_a_newer_file_restates_and_the_older_stays(store: Store, tmp_path: Path) -> None:
    taken(store, tmp_path / "a.csv", WEEK)
    taken(store, tmp_path / "b.csv", WEEK.replace(",500", ",700") + "2026-08-11,other,1\n")
    assert figure(store, "top-20", DAY).value("tokens") == 1200
    assert len(store.payloads()) == 2


def test_an_import_that_was_cut_off_does_not_count(store: Store, tmp_path: Path) -> None:
    (first,) = taken(store, tmp_path / "a.csv", WEEK)
    assert first.kept is not None
    (store.directory / "payloads" / f"{first.kept.sha256}.json").unlink()
    with pytest.raises(MarketError, match="none is here"):
        figure(store, "top-20", DAY)
    assert not taken(store, tmp_path / "a.csv")[0].before
    assert figure(store, "top-20", DAY).value("tokens") == 1000


def test_rows_that_cannot_be_read_and_days_that_are_missing_are_found(store: Store, tmp_path: Path) -> None:
    text = WEEK + "2026-08-12,other,many\n2026-08-12,other,-1\n2026-08-12,other,1\n"
    (only,) = taken(store, tmp_path / "a.csv", text)
    assert only.kept is not None
    found = [(each.kind, each.subject) for each in only.kept.findings]
    assert found == [
        ("unreadable-row", "row 7"),
        ("unreadable-row", "row 8"),
        ("gap", "2026-08-11"),
        ("unknown-organisation", "nobody"),
    ]
    assert only.kept.as_of == date(2026, 8, 12)


def test_a_file_of_no_source_is_refused_by_name_and_passed_over_in_a_directory(store: Store, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / "a.csv"
    path.write_text("date,model_permaslug,tokens\n")
    with pytest.raises(MarketError, match="columns of no source"):
        taken(store, path)
    assert [each.kept for each in taken(store, path.parent)] == [None]


def test_a_board_that_does_not_say_its_day_is_refused(store: Store, tmp_path: Path) -> None:
    head = "rank,rank_stylectrl,model,arena_score,95_pct_ci,votes,organization,license\n"
    with pytest.raises(MarketError, match="--as-of"):
        taken(store, tmp_path / "board.csv", head)


def test_publishers_of_no_reviewed_row_and_old_names_are_told(store: Store, tmp_path: Path) -> None:
    rows = "".join(f"new-{number},m,new-{number}/m\n" for number in range(25))
    text = "org,model,modelId\nTHUDM,glm,THUDM/glm\nzai-org,glm,zai-org/glm\nnew-0,n,new-0/n\n" + rows
    (only,) = taken(store, tmp_path / "models_2025-12-30.csv", text)
    assert only.kept is not None
    found = [(each.kind, each.subject, each.said) for each in only.kept.findings]
    assert found[0] == ("renamed-organisation", "THUDM", "1 rows; it goes by 'zai-org' now")
    assert found[1] == ("unknown-organisation", "new-0", "2 of 28 rows")
    assert found[-1] == ("unknown-organisation", "5 more", "5 of 28 rows")


def test_rows_whose_parts_are_gone_are_read_again_from_the_raw_payload(store: Store, tmp_path: Path) -> None:
    (first,) = taken(store, tmp_path / "a.csv", WEEK)
    assert first.kept is not None
    for part in first.kept.parts:
        (store.directory / "tables" / part).unlink()
    with pytest.raises(MarketError, match="sync reads it again"):
        figure(store, "top-20", DAY)
    taken(store, tmp_path / "a.csv")
    assert figure(store, "top-20", DAY).value("tokens") == 1000
    assert store.payloads() == [first.kept]
    (store.directory / "tables" / first.kept.parts[0]).unlink()
    (store.directory / "raw" / first.kept.sha256).unlink()
    with pytest.raises(MarketError, match="delete payloads"):
        taken(store, tmp_path / "a.csv")


def test_a_new_payload_is_held_against_merged_rows(store: Store, tmp_path: Path) -> None:
    taken(store, tmp_path / "a.csv", WEEK)
    (tmp_path / "b.csv").write_text(WEEK.replace(",500", ",700"))
    list(take(store, tmp_path / "b.csv", now=NOW + timedelta(hours=1)))
    (merged, *_) = make(store.parts("usage", store.payloads()), now=NOW, least=0)
    os.utime(merged, (0, 0))
    make(store.parts("usage", store.payloads()), now=NOW, least=0)
    assert not list((store.directory / "tables" / "usage").rglob("*.parquet"))
    (tmp_path / "c.csv").write_text(WEEK.replace(",500", ",900"))
    (only,) = take(store, tmp_path / "c.csv", now=NOW + timedelta(hours=2))
    assert only.kept is not None
    assert [each.kind for each in only.kept.findings] == ["unknown-organisation", "restated"]
    assert figure(store, "top-20", DAY).value("tokens") == 1400
