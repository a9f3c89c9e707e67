"""One large file: what broke off goes on by `Range`, and another file by now is not put to the old one's beginning."""

from pathlib import Path

import pytest

from tests.market.live.server import BUSY, DOWN, Reply, fetching, never, row, serving
from weighbridge.errors import MarketError
from weighbridge.market.live.fetching import fetch

PATH = row("hub-stats").path
WHOLE = bytes(range(256)) * 4_000
FILE = Reply(WHOLE, headers={"ETag": '"one"'}, ranges=True)


def cut(after: int, reply: Reply = FILE) -> Reply:
    """The same, broken off."""
    return Reply(reply.body, reply.status, reply.headers, after, reply.ranges)


def test_a_file_that_breaks_off_goes_on_within_one_run(tmp_path: Path) -> None:
    at: list[int] = []
    replies = [BUSY, cut(300_000), DOWN, cut(400_000), FILE]
    with serving({PATH: replies}) as server:
        run = fetching(server, tmp_path, lambda seconds: None, progress=lambda done, of: at.append(done))
        payload = fetch("hub-stats", run, key="secret")
        ranges = [headers.get("range") for _, headers in server.asked]
    assert payload.path.read_bytes() == WHOLE
    assert ranges == [None, None, "bytes=300000-", "bytes=300000-", "bytes=700000-"]
    assert at == sorted(at)
    assert at[-1] == len(WHOLE)
    assert [path.name for path in tmp_path.iterdir()] == ["hub-stats-models_2026-11-22.parquet"]


def test_it_goes_on_in_another_run(tmp_path: Path) -> None:
    def stop(seconds: float) -> None:
        raise KeyboardInterrupt

    with serving({PATH: [cut(500_000), FILE]}) as server:
        with pytest.raises(KeyboardInterrupt):
            fetch("hub-stats", fetching(server, tmp_path, stop))
        assert not list(tmp_path.glob("*.parquet"))
        payload = fetch("hub-stats", fetching(server, tmp_path, stop))
        assert server.asked[-1][1]["range"] == "bytes=500000-"
    assert payload.path.read_bytes() == WHOLE


@pytest.mark.parametrize(
    "now",
    [
        Reply(WHOLE[::-1], headers={"ETag": '"two"'}, ranges=True),
        Reply(b"shorter", headers={"ETag": '"one"'}, ranges=True),
        Reply(WHOLE),
    ],
)
def test_another_file_by_now_begins_anew(now: Reply, tmp_path: Path) -> None:
    with serving({PATH: [cut(500_000), now]}) as server:
        payload = fetch("hub-stats", fetching(server, tmp_path, lambda seconds: None))
    assert payload.path.read_bytes() == now.body


def test_without_a_way_to_know_it_again_it_begins_anew(tmp_path: Path) -> None:
    weak = Reply(WHOLE, headers={"ETag": 'W/"one"'}, ranges=True)
    with serving({PATH: [cut(500_000, weak), weak]}) as server:
        fetch("hub-stats", fetching(server, tmp_path, lambda seconds: None))
        assert [headers.get("range") for _, headers in server.asked] == [None, None]


def test_it_is_followed_to_where_its_row_says_files_lie_and_without_the_key(tmp_path: Path) -> None:
    with serving({"/file": [FILE]}) as server:
        port = server.url.rpartition(":")[2]
        server.replies[PATH] = [Reply(status=302, headers={"Location": f"http://localhost:{port}/file"})]
        run = fetching(server, tmp_path, never)
        with pytest.raises(MarketError, match="sends elsewhere"):
            fetch("hub-stats", run, key="secret")
        run = fetching(server, tmp_path, never, passes_to=("localhost",))
        assert fetch("hub-stats", run, key="secret").path.read_bytes() == WHOLE
        assert [headers.get("authorization") for _, headers in server.asked[-2:]] == ["Bearer secret", None]


def test_one_that_never_comes_is_said_so_and_what_is_here_is_kept(tmp_path: Path) -> None:
    nothing = Reply(WHOLE, headers={"ETag": '"one"'}, cut=0, ranges=True)
    with serving({PATH: [cut(400_000), nothing]}) as server, pytest.raises(MarketError, match="what is here is kept"):
        fetch("hub-stats", fetching(server, tmp_path, lambda seconds: None))
    assert next(tmp_path.glob("*.unfinished")).stat().st_size == 400_000
