"""What does not fit into memory lies in the market's own directory, and is gone when the question is answered."""

from pathlib import Path

import pytest

from weighbridge.market.connection import connected


def test_what_does_not_fit_is_put_beside_the_data_and_taken_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, spill = tmp_path / "here", tmp_path / "it's market" / "spill"
    here.mkdir()
    monkeypatch.chdir(here)
    with connected(spill, "24MB") as connection:
        connection.execute("SET threads = 1")
        connection.execute("CREATE TABLE one AS SELECT hash(range) AS a, range AS b FROM range(3000000)")
        assert any(file.suffix == ".tmp" for file in spill.rglob("*"))
    assert list(spill.iterdir()) == []
    assert list(here.iterdir()) == []


def test_each_connection_has_a_directory_of_its_own(tmp_path: Path) -> None:
    with connected(tmp_path) as one, connected(tmp_path) as other:
        places = [each.execute("SELECT current_setting('temp_directory')").fetchall()[0][0] for each in (one, other)]
    assert places[0] != places[1]
    assert all(Path(place).parent == tmp_path for place in places)
