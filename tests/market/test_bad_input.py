"""Whatever is wrong with what a source gives is detected, kept raw and reported, and makes no figure of its own."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from tests.market.conftest import NOW, WEEK
from weighbridge.errors import MarketError
from weighbridge.market.engine import Engine
from weighbridge.market.findings import Kind
from weighbridge.market.store import Store
from weighbridge.market.sync import take


def table(cells: Mapping[str, Sequence[object]]) -> bytes:
    file = io.BytesIO()
    parquet.write_table(pyarrow.table({name: each for name, each in cells.items() if each}), file)
    return file.getvalue()


def hub(counters: Mapping[str, int], **changed: Sequence[object]) -> bytes:
    """A snapshot of the hub: by model what was downloaded in all."""
    cells: dict[str, Sequence[object]] = {
        "id": list(counters),
        "downloads": [count // 10 for count in counters.values()],
        "downloadsAllTime": list(counters.values()),
        "createdAt": [datetime(2025, 1, 20)] * len(counters),  # noqa: DTZ001 - as the hub's files have it
        "pipeline_tag": [None] * len(counters),
        "tags": [["license:mit"]] * len(counters),
        **changed,
    }
    return table(cells)


FIRST, SECOND = {"a/x": 100, "b/y": 50}, {"a/x": 110, "b/y": 55}
DAYS = ("models_2026-09-01.parquet", "models_2026-09-02.parquet", "models_2026-09-03.parquet")
API = """{"one": {"env": [], "npm": "", "doc": "", "models": {"m": {"release_date": "1970-01-01", "open_weights": true,
"cost": {"input": 1, "output": 2, "cached_input": 1}}}},
"two": {"models": {"lab/M:free": {"release_date": "2026-01-20", "open_weights": false}}}}"""
CAPTURED = """{"built": "2026-10-01", "source": "openrouter.ai/api/v1/models", "snapshots": [
{"date": "2026-09-02", "prices": {"lab/m": [0.1, 2]}}]}"""
LITELLM = """{"openrouter/lab/m": {"litellm_provider": "openrouter", "mode": "chat", "input_cost_per_token": 4e-06,
"output_cost_per_token": 2e-06}}"""
STUDY = table({
    "model": ["lab/m"], "author": ["lab"], "time": ["2025-02-26"], "downloadsAllTime": [10],
    "org_country": [["CN", "US"]], "org_country_single": ["CN"],
})  # fmt: skip


@dataclass(frozen=True)
class Case:
    """Files in the order of taking; what the last one must be found to be."""

    kind: Kind
    files: Mapping[str, bytes | str]
    read: Mapping[str, int] = field(default_factory=dict)
    """Of the last one, rows by table; of those not named none may be there."""


CASES = (
    Case("counter-backwards", {DAYS[0]: hub(FIRST), DAYS[1]: hub({"a/x": 90, "b/y": 55})},
         {"downloads": 2, "model": 2}),
    Case("gap", {DAYS[0]: hub(FIRST), DAYS[1]: hub(SECOND), "models_2026-09-05.parquet": hub({"a/x": 130, "b/y": 66})},
         {"downloads": 2, "model": 2}),
    Case("gap", {"rankings.csv": WEEK + "2026-08-12,other,1\n"}, {"usage": 6}),
    Case("duplicate-snapshot", {DAYS[0]: hub(FIRST), DAYS[1]: hub(FIRST, downloads=[11, 6])},
         {"downloads": 2, "model": 2}),
    Case("renamed-organisation", {"models_2026-09-01.csv": "org,model,modelId\nTHUDM,glm,THUDM/glm\n"}, {"model": 1}),
    Case("deleted-organisation", {DAYS[0]: hub(FIRST), DAYS[1]: hub({"a/x": 110})}, {"downloads": 1, "model": 1}),
    Case("contradictory-flags", {"api_2026-09-01.json": API}, {"price": 1, "model": 2}),
    Case("misspelt-key", {"api_2026-09-01.json": API}, {"price": 1, "model": 2}),
    Case("impossible-date", {"api_2026-09-01.json": API}, {"price": 1, "model": 2}),
    Case("impossible-date", {DAYS[0]: hub(FIRST, createdAt=[datetime(1970, 1, 1), None])},  # noqa: DTZ001 - as above
         {"downloads": 2, "model": 2}),
    Case("contradictory-prices", {"history.json": CAPTURED, "litellm_2026-10-02.json": LITELLM}, {"price": 1}),
    Case("several-countries", {"all_2025-08-31.parquet": STUDY}, {"downloads": 1}),
    Case("truncated-file", {DAYS[0]: hub(FIRST)[:-20]}),
    Case("changed-schema", {DAYS[0]: hub(FIRST, id=[], repo=["a/x", "b/y"])}),
    Case("restated", {"a.csv": WEEK, "b.csv": WEEK.replace(",500", ",700")}, {"usage": 5}),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.kind)
def test_bad_input_is_detected_kept_raw_and_reported(case: Case, store: Store, tmp_path: Path) -> None:
    for name, content in case.files.items():
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    path, *before = reversed([tmp_path / name for name in case.files])
    for each in reversed(before):
        list(take(store, each, now=NOW))
    (only,) = take(store, path, now=NOW)
    assert only.kept is not None
    assert case.kind in [each.kind for each in only.kept.findings]
    assert all(each.subject and each.said for each in only.kept.findings)
    assert store.payload(only.kept.sha256) == only.kept
    assert store.raw(only.kept.sha256).read_bytes() == path.read_bytes()
    assert {table: rows for table, rows in only.kept.rows.items() if rows} == {**case.read, **_beside(only.kept.rows)}
    with Engine(store.spill) as engine:
        engine.table("downloads", store.parts("downloads", store.payloads()))
        assert all(row["gained"] >= 0 for row in engine.rows(engine.publisher_months()))


def _beside(rows: Mapping[str, int]) -> dict[str, int]:
    """What else a source says of itself, and is not the case's."""
    return {table: count for table, count in rows.items() if table in ("alias", "openness", "organisation", "training")}


def test_a_table_whose_columns_are_no_longer_known_is_refused_and_says_so(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "rankings.csv"
    path.write_text(WEEK.replace("total_tokens", "tokens"))
    with pytest.raises(MarketError, match=r"rankings\.csv.* columns of no source"):
        list(take(store, path, now=NOW))
    assert path.exists()
    assert store.payloads() == []
