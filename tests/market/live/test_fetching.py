"""Days of archives, other addresses for hosts, and that every row of the addresses can be asked."""

from datetime import date
from pathlib import Path

import pytest

from tests.market.live.server import Reply, fetching, never, row, serving
from weighbridge.errors import MarketError
from weighbridge.market.live.address import addresses
from weighbridge.market.live.fetching import fetch
from weighbridge.market.sources.known import source_named

LISTING = b'[{"type": "directory", "path": "models/2026-09-23"}, {"path": "models/2026-09-30"}, {"path": "README.md"}]'
WEEK = "/datasets/hfmlsoc/hub_weekly_snapshots/resolve/main/models/{}/models.parquet"


def test_the_newest_day_of_an_archive_or_the_one_that_is_asked_for(tmp_path: Path) -> None:
    listing = row("hub-weeks").listing or ""
    files = {WEEK.format(day): [Reply(day.encode())] for day in ("2026-09-23", "2026-09-30")}
    second = {"/more": [Reply(b'[{"path": "models/2024-07-29"}]')]}
    replies = {listing: [Reply(LISTING, headers={"Link": '<{host}/more>; rel="next"'})], **second, **files}
    with serving(replies) as server:
        run = fetching(server, tmp_path, never)
        newest = fetch("hub-weeks", run)
        assert (newest.as_of, newest.name) == (date(2026, 9, 30), "hub-weekly-models_2026-09-30.parquet")
        assert fetch("hub-weeks", run, day=date(2026, 9, 23)).path.read_bytes() == b"2026-09-23"
        with pytest.raises(MarketError, match="has no 2026-09-24; nearest are 2026-09-23, 2026-09-30"):
            fetch("hub-weeks", run, day=date(2026, 9, 24))


@pytest.mark.parametrize(("body", "said"), [(b"[]", "has no day"), (b'{"error": 1}', "another form")])
def test_a_listing_of_another_form_is_said(body: bytes, said: str, tmp_path: Path) -> None:
    with serving({row("hub-weeks").listing or "": [Reply(body)]}) as server, pytest.raises(MarketError, match=said):
        fetch("hub-weeks", fetching(server, tmp_path, never))


def test_days_before_are_asked_for_where_a_row_says_so(tmp_path: Path) -> None:
    path = "/api/v1/datasets/rankings-daily?start_date=2025-11-22&end_date=2026-11-22"
    with serving({path: [Reply(b"{}")]}) as server:
        assert fetch("openrouter-rankings", fetching(server, tmp_path, never), key="k").path.exists()
    earlier = path.replace("2025-11-22", "2024-11-20").replace("2026-11-22", "2025-11-20")
    with serving({earlier: [Reply(b"{}")]}) as server:
        run = fetching(server, tmp_path, never)
        assert (
            fetch("openrouter-rankings", run, key="k", day=date(2025, 11, 20)).name == "rankings-daily_2025-11-20.json"
        )


@pytest.mark.parametrize(
    ("given", "said"),
    [("hub", "NAME=URL"), ("hub=ftp://x", "NAME=URL"), ("hub=https://a@x", "NAME=URL"), ("hup=https://x", "no host")],
)
def test_another_address_must_be_one_of_a_host_that_there_is(given: str, said: str) -> None:
    with pytest.raises(MarketError, match=said):
        addresses([given])


def test_every_row_names_where_its_form_is_documented_and_a_payload_with_its_day() -> None:
    known = addresses(["hub=https://mirror.example.org/"])
    assert known.hosts["hub"].url == "https://mirror.example.org"
    for name, live in known.sources.items():
        assert live.documented, name
        assert "{day}" in live.file
        assert live.path.startswith("/")
        assert source_named(live.gives or name).about.name
