"""Price lists: exact amounts, each tier and day, and what is wrong with them told."""

from datetime import date
from pathlib import Path

import msgspec
import pytest

from tests.market.conftest import NOW, real
from tests.market.sources.reading import DAY, counted, read
from weighbridge.market.store import Store
from weighbridge.market.sync import take_installed
from weighbridge.market.tables import Alias, Model, Price, Row

API = """{"shop": {"id": "shop", "env": ["KEY"], "npm": "x", "doc": "y", "models": {
  "m-1": {"release_date": "1970-01-01", "open_weights": true, "base_model": "lab/m-1",
    "weights": [{"url": "https://huggingface.co/lab/M-1"}],
    "cost": {"input": 0.14, "output": 2.5e-1, "cached_input": 0.07, "tiers": [
      {"tier": {"type": "context", "size": 200000}, "input": 0.3, "output": 100}]}},
  "m-2": {"release_date": "2026-01", "open_weights": false, "cost": {"input": -1, "output": 1}}}},
"other": {"models": {"resold/M-1:free": {"release_date": "2025-01-20", "open_weights": false}}}, "broken": {"id": 1}}"""


def prices(rows: list[Row]) -> list[tuple[object, ...]]:
    return [row[:-2] for row in rows if isinstance(row, Price)]


def test_models_dev_is_read_by_provider_and_contradictory_flags_are_unknown(tmp_path: Path) -> None:
    rows, findings = read(tmp_path / "api.json", API)
    assert prices(rows) == [
        ("m-1", "shop", "base", None, "0.14", "0.25", None, None),
        ("m-1", "shop", "prompt>200000", None, "0.3", "100", None, None),
    ]
    models = {row.model: row for row in rows if isinstance(row, Model)}
    assert models["shop/m-1"].open_weights is None
    assert models["other/resold/M-1:free"].open_weights is None
    assert models["shop/m-2"].open_weights is False
    assert models["shop/m-1"].released is None
    assert models["shop/m-2"].released == date(2026, 1, 1)
    assert [row[:3] for row in rows if isinstance(row, Alias)] == [
        ("shop/m-1", "models.dev", "lab/m-1"),
        ("shop/m-1", "huggingface", "lab/M-1"),
    ]
    assert [(each.kind, each.subject) for each in findings] == [
        ("changed-schema", "broken"),
        ("contradictory-flags", "open_weights"),
        ("contradictory-flags", "m-1"),
        ("misspelt-key", "shop/m-1"),
        ("impossible-date", "shop/m-1"),
        ("unreadable-row", "shop/m-2, base"),
        ("imprecise-date", "shop/m-2"),
    ]


def test_a_text_that_is_cut_off_is_found_and_nothing_of_it_read(tmp_path: Path) -> None:
    rows, findings = read(tmp_path / "api.json", API[:-200])
    assert not rows
    assert [each.kind for each in findings] == ["truncated-file"]


def test_a_file_that_does_not_say_its_day_has_that_of_its_last_change(tmp_path: Path) -> None:
    rows, findings = read(tmp_path / "models.json", '{"lab/m": {"open_weights": true, "limit": {}, '
                          '"release_date": "2025-01-20", "modalities": {"input": ["text"], "output": ["text"]}}}',
                          as_of=None)  # fmt: skip
    assert [each.kind for each in findings] == ["undated"]
    assert [row[:8] for row in rows] == [("lab/m", None, date(2025, 1, 20), True, None, None, None, "text->text")]


def test_captured_prices_hold_from_the_day_of_the_capture_and_a_copy_is_told(tmp_path: Path) -> None:
    history = {
        "built": "2026-10-01",
        "source": "https://web.archive.org/web/*/openrouter.ai/api/v1/models",
        "snapshots": [
            {"date": "2025-01-17", "prices": {"lab/m": [0.14, 0.28], "lab/n": [-1.0, 1.0]}},
            {"date": "2025-01-18", "prices": {"lab/m": [0.14, 0.28], "lab/n": [-1.0, 1.0]}},
        ],
    }
    rows, findings = read(tmp_path / "h.json", msgspec.json.encode(history), as_of=None)
    assert prices(rows) == [("lab/m", "openrouter", "base", date(2025, 1, 17), "0.14", "0.28", None, None)]
    assert rows[0].as_of == date(2026, 10, 1)
    assert [(each.kind, each.subject) for each in findings] == [
        ("unreadable-row", "lab/n on 2025-01-17"),
        ("duplicate-snapshot", "2025-01-18"),
    ]


def test_dated_prices_have_their_tiers_and_an_end_of_sale(tmp_path: Path) -> None:
    first = {
        "rates": {"input": 2.0, "output": 8.0, "tiers": [{"above": 256000, "input": 4, "output": 9}]},
        "start": None,
    }
    second = {"rates": {"input": 1.0, "output": 8.0}, "start": "2026-09-17T00:42:36Z"}
    third = {"rates": {"input": 0.5, "output": 8.0}, "start": "2026-09-17T12:00:00Z"}
    gone = {"rates": None, "start": "2026-10-01T00:00:00Z"}
    held = {
        "aliases": {"models": {}},
        "schema": 1,
        "updated_at": "2026-10-26T18:46:35Z",
        "prices": {"lab": {"m": {"standard": [first, second, third, gone]}}},
    }
    rows, findings = read(tmp_path / "p.json", msgspec.json.encode(held), as_of=None)
    day = date(2026, 9, 17)
    assert prices(rows) == [
        ("m", "lab", "base", None, "2", "8", None, None),
        ("m", "lab", "prompt>256000", None, "4", "9", None, None),
        ("m", "lab", "base", day, "0.5", "8", None, None),
        ("m", "lab", "base", date(2026, 10, 1), None, None, None, None),
    ]
    assert [each.kind for each in findings] == ["duplicate-row"]
    assert rows[0].as_of == date(2026, 10, 26)
    rows, findings = read(tmp_path / "q.json", msgspec.json.encode({**held, "schema": 2}))
    assert (rows, [each.kind for each in findings]) == ([], ["changed-schema"])


def test_prices_of_one_token_become_those_of_a_million_without_rounding(tmp_path: Path) -> None:
    text = """{"sample_spec": {"litellm_provider": "one of", "mode": "one of"},
      "shop/m": {"litellm_provider": "shop", "mode": "chat", "input_cost_per_token": 1.4e-07,
        "output_cost_per_token": 2.8e-07, "input_cost_per_token_batches": 7e-08,
        "input_cost_per_token_above_200k_tokens_priority": 1e-06},
      "nameless": {"mode": "chat", "input_cost_per_token": 1},
      "odd": {"litellm_provider": "shop", "mode": "chat", "input_cost_per_token": "many"}}"""
    rows, findings = read(tmp_path / "l.json", text)
    assert prices(rows) == [
        ("shop/m", "shop", "base", None, "0.14", "0.28", None, None),
        ("shop/m", "shop", "batches", None, "0.07", None, None, None),
        ("shop/m", "shop", "priority,prompt>200000", None, "1", None, None, None),
    ]
    assert [(each.kind, each.subject) for each in findings] == [
        ("unreadable-row", "nameless"),
        ("unreadable-row", "odd, base"),
    ]


def test_a_fresh_install_has_real_prices_without_a_network(store: Store) -> None:
    taken, _ = take_installed(store, now=NOW)
    assert taken.kept is not None
    assert taken.kept.rows["price"] > 2000
    assert taken.kept.line.startswith("Source: genai-prices")
    assert all(each.before for each in take_installed(store, now=NOW))


@pytest.mark.parametrize(
    ("name", "rows", "findings"),
    [
        (
            "models_dev_api_like_2026-07-02.json",
            {"model": 5276, "price": 5088, "alias": 1906},
            {"contradictory-flags": 232, "imprecise-date": 168, "misspelt-key": 21, "impossible-date": 5},
        ),
        ("models_dev_models_2026-07-02.json", {"model": 231, "alias": 83}, {"imprecise-date": 8}),
        ("model_prices_0.0.5_snapshot.json", {"price": 1820}, {"duplicate-row": 16}),
        ("litellm_model_prices_and_context_window_backup.json", {"price": 5043}, {}),
        ("openrouter_price_history_wayback_radar.json", {"price": 8120}, {}),
    ],
)
def test_the_real_lists(name: str, rows: dict[str, int], findings: dict[str, int]) -> None:
    assert counted(*read(real(f"prices/{name}"), as_of=DAY)) == (rows, findings)


def test_contradictory_flags_are_counted_by_two_rules() -> None:
    """By ours; and by the one that gives 219 of 1,665, found by trying, as whoever told that says none."""
    _, findings = read(real("prices/models_dev_api_like_2026-07-02.json"), as_of=DAY)
    (counted_up,) = [each.said for each in findings if each.subject == "open_weights"]
    assert counted_up == "231 of 1,856 names; 219 of 1,665 without their days, -preview and precisions too"
