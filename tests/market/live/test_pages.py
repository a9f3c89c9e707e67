"""Pages of sources' APIs: limits are waited out, what broke off goes on, and another form is refused."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from huggingface_hub import HfApi

from tests.market.live.server import BUSY, DAY, DOWN, Reply, fetching, never, row, serving
from tests.market.sources.reading import counted, read
from weighbridge.errors import MarketError
from weighbridge.market.live.fetching import fetch

HUB = row("hub").path
FIRST = (
    b'[{"id": "lab/m", "author": "lab", "downloads": 3, "downloadsAllTime": 9, '
    b'"createdAt": "2025-01-20T09:00:00.000Z", "tags": ["license:mit"], "safetensors": {"total": 8}}]'
)
SECOND = b'[{"id": "shop/q", "downloads": 1, "tags": ["base_model:quantized:lab/m"]},\n{"id": 1}]'
LINK = {"Link": '<{host}/api/models?cursor=2>; rel="next"', "RateLimit": '"api";r=0;t=7'}
PAGES = {HUB: [Reply(FIRST, headers=LINK)], "/api/models?cursor=2": [Reply(SECOND)]}


def test_all_pages_become_one_payload_and_the_limit_is_waited_out(tmp_path: Path) -> None:
    waits: list[float] = []
    with serving({**PAGES, "/api/models?cursor=2": [BUSY, DOWN, Reply(SECOND, cut=9), Reply(SECOND)]}) as server:
        payload = fetch("hub", fetching(server, tmp_path, waits.append), key="secret")
        assert waits == [7.0, 55.0, 4.0, 8.0]
        assert {headers["authorization"] for _, headers in server.asked} == {"Bearer secret"}
        assert counted(*read(payload.path, as_of=None)) == (
            {"downloads": 2, "model": 2, "edge": 1},
            {"unreadable-row": 1},
        )
        asked = len(server.asked)
        assert fetch("hub", fetching(server, tmp_path, waits.append)) == payload
        assert len(server.asked) == asked


def test_a_fetch_that_was_cut_off_goes_on_where_it_stopped(tmp_path: Path) -> None:
    def stop(seconds: float) -> None:
        if seconds > 10:
            raise KeyboardInterrupt

    with serving({**PAGES, "/api/models?cursor=2": [BUSY, Reply(SECOND)]}) as server:
        with pytest.raises(KeyboardInterrupt):
            fetch("hub", fetching(server, tmp_path, stop))
        assert not list(tmp_path.glob("*.jsonl"))
        payload = fetch("hub", fetching(server, tmp_path, stop))
        assert server.paths().count(HUB) == 1
    assert payload.path.read_bytes().count(b"\n") == 3
    assert [path.name for path in tmp_path.iterdir()] == ["hub-api_2026-11-22.jsonl"]


def test_the_hub_is_asked_what_its_library_asks(tmp_path: Path) -> None:
    expand = ["author", "createdAt", "downloads", "downloadsAllTime", "gated", "pipeline_tag", "safetensors", "tags"]
    one = b'[{"id": "lab/m", "downloads": 3}]'
    library = HUB.replace("limit=1000&", "")
    with serving({HUB: [Reply(one)], library: [Reply(one)]}) as server:
        listed = list(HfApi(server.url).list_models(expand=expand, sort="created_at", token=False))  # type: ignore[arg-type]
        payload = fetch("hub", fetching(server, tmp_path, never))
        theirs, ours = (parse_qs(urlsplit(path).query) for path in server.paths())
    assert ours == {**theirs, "limit": ["1000"]}
    assert [each.id for each in listed] == [msgspec.json.decode(payload.path.read_bytes())["id"]]


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (BUSY, "429; wait, and run it again: it goes on"),
        (DOWN, "answered 503"),
        (Reply(status=401), "401; give it a key, in HF_TOKEN"),
        (Reply(status=302, headers={"Location": "http://192.0.2.1/api"}), "sends elsewhere"),
        (Reply(FIRST, headers={"Link": '<http://192.0.2.1/api>; rel="next"'}), "nothing is asked there"),
        (Reply(b"[", cut=0), "breaks off"),
        (Reply(b'{"error": "schema"}'), "gave no list"),
        (Reply(b"[{"), "gave no list"),
    ],
)
def test_what_cannot_be_had_is_said_and_what_there_is_stays(reply: Reply, said: str, tmp_path: Path) -> None:
    with serving({HUB: [reply]}) as server, pytest.raises(MarketError, match=said):
        fetch("hub", fetching(server, tmp_path, lambda seconds: None))
    assert not list(tmp_path.glob("*.jsonl"))


@pytest.mark.parametrize(
    ("headers", "least", "most"),
    [
        ({"Retry-After": "9"}, 9, 9),
        ({"Retry-After": "in five minutes"}, 200, 300),
        ({"Retry-After": "Mon, 01 Jan 2024 00:00:00 GMT"}, 15, 15),
        ({"Retry-After": "99999"}, 900, 900),
        ({}, 15, 15),
    ],
)
def test_a_limit_is_waited_out_as_long_as_it_says(
    headers: dict[str, str], least: float, most: float, tmp_path: Path
) -> None:
    if headers.get("Retry-After") == "in five minutes":  # from when the test runs
        headers = {"Retry-After": format_datetime(datetime.now(UTC) + timedelta(minutes=5), usegmt=True)}
    waits: list[float] = []
    with serving({HUB: [Reply(status=429, headers=headers), Reply(b"[]")]}) as server:
        fetch("hub", fetching(server, tmp_path, waits.append))
    assert least <= waits[0] <= most


def test_an_empty_page_is_no_page_of_another_form(tmp_path: Path) -> None:
    with serving({HUB: [Reply(b"[]")]}) as server:
        assert fetch("hub", fetching(server, tmp_path, never)).path.read_bytes() == b""


def test_pages_by_offset_are_kept_with_what_was_asked(tmp_path: Path) -> None:
    path = "/api/v1/datasets/session-cost?limit=2&turn_range={}&offset={}"
    full, short, none = b'{"data": [1,\n2]}', b'{"data": [3]}', b'{"data": []}'
    replies = {path.format("1-turn", 0): [Reply(full)], path.format("1-turn", 2): [BUSY, Reply(short)]}
    rest = {path.format(each, 0): [Reply(none)] for each in row("openrouter-sessions").over[1:]}
    changed = {"step": 2, "path": path.replace("{}", "{over}", 1).replace("{}", "{offset}")}
    with serving({**replies, **rest}) as server:
        payload = fetch("openrouter-sessions", fetching(server, tmp_path, lambda s: None, changed=changed), key="k")
    lines = [msgspec.json.decode(line) for line in payload.path.read_bytes().splitlines()]
    assert [line["answer"]["data"] for line in lines] == [[1, 2], [3], [], [], []]
    assert lines[1]["asked"] == path.format("1-turn", 2)


def test_pages_by_number_end_where_they_say_so(tmp_path: Path) -> None:
    path = row("artificial-analysis").path
    more = b'{"pagination": {"has_more": true}, "data": [1]}'
    last = b'{"meta": {"pagination": {"has_more": false}}, "data": [2]}'
    with serving({path.replace("{page}", "1"): [Reply(more)], path.replace("{page}", "2"): [Reply(last)]}) as server:
        payload = fetch("artificial-analysis", fetching(server, tmp_path, never), key="mine")
        assert {headers["x-api-key"] for _, headers in server.asked} == {"mine"}
        assert not any("authorization" in headers for _, headers in server.asked)
    assert payload.path.read_bytes().count(b"\n") == 2


def test_each_model_of_a_list_is_asked_for(tmp_path: Path) -> None:
    listed = b'{"data": [{"id": "lab/m:free"}, {"id": "openrouter/auto"}, {"name": "?"}, {"id": "shop/q"}]}'
    each = {f"/api/v1/models/{name}/endpoints": [Reply(b'{"data": {}}')] for name in ("lab/m:free", "shop/q")}
    with serving({"/api/v1/models": [Reply(listed)], **each}) as server:
        payload = fetch("openrouter-endpoints", fetching(server, tmp_path, never))
        assert server.paths() == ["/api/v1/models", *each]
    assert payload.path.read_bytes().count(b'"asked"') == 2


def test_a_source_for_those_with_a_key_is_not_asked_without(tmp_path: Path) -> None:
    with serving({}) as server:
        with pytest.raises(MarketError, match="OPENROUTER_API_KEY"):
            fetch("openrouter-rankings", fetching(server, tmp_path, never))
        with pytest.raises(MarketError, match="no earlier days"):
            fetch("models.dev", fetching(server, tmp_path, never), day=DAY)
        assert not server.asked
