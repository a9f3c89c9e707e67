"""The market of a process that serves it for long: what is slow is done once, and while nobody waits for it."""

import threading
from pathlib import Path

import pytest

from weighbridge.app.market import MarketHere
from weighbridge.config import Settings
from weighbridge.ledger.tabular import PackageMissing
from weighbridge.market import engine


def test_what_figures_take_is_loaded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = []
    done = threading.Event()

    def prepare() -> None:
        loaded.append(threading.current_thread())
        done.set()

    monkeypatch.setattr(engine, "prepare", prepare)
    market = MarketHere(Settings(home=tmp_path))
    market.prepare()
    market.prepare()
    assert done.wait(10)
    assert len(loaded) == 1
    assert loaded[0] is not threading.current_thread()


def test_where_it_is_not_installed_nothing_is_loaded_and_nothing_breaks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = threading.Event()
    failed: list[object] = []

    def prepare() -> None:
        tried.set()
        raise PackageMissing("pip install 'weighbridge[analysis]'")

    monkeypatch.setattr(engine, "prepare", prepare)
    monkeypatch.setattr(threading, "excepthook", failed.append)
    MarketHere(Settings(home=tmp_path)).prepare()
    assert tried.wait(10)
    for thread in threading.enumerate():
        if thread.name == "market":
            thread.join(10)
    assert not failed
