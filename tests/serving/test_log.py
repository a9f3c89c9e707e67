from datetime import UTC, datetime
from pathlib import Path

from weighbridge.serving.log import BoundedLog

WHEN = datetime(2026, 11, 22, tzinfo=UTC)


def test_a_log_keeps_the_newest_lines_in_two_files_of_limited_size(tmp_path: Path) -> None:
    log = BoundedLog(tmp_path / "logs" / "e.log", limit=1000)
    for number in range(1000):
        log.write(f"line {number}", WHEN)
    log.close()
    kept = "".join(
        path.read_text() for path in (tmp_path / "logs" / "e.log.1", tmp_path / "logs" / "e.log") if path.exists()
    )
    assert "2026-11-22T00:00:00.000+00:00 line 999\n" in kept
    assert len(kept) < 2100
    assert len(list((tmp_path / "logs").iterdir())) <= 2


def test_a_log_that_cannot_be_written_loses_lines_and_raises_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    log = BoundedLog(tmp_path / "file" / "e.log")
    log.write("lost", WHEN)
    log.close()
