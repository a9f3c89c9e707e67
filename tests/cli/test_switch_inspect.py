"""`weighbridge switch inspect`: a log in as requests, and what was weighed out as logs that are read again."""

import json
import stat
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from tests.cli.conftest import Shell
from tests.cli.test_switch import planned, requests
from tests.cli.test_switch_report import ARM, NOW, home, replays
from weighbridge.db import microseconds
from weighbridge.switch.graders import inspect_log
from weighbridge.texts.sealing import Seals
from weighbridge.texts.store import TextStore
from weighbridge.texts.text import Text

__all__ = ["home"]
RECORDED = Path(__file__).parents[1] / "switch" / "graders" / "inspect-0.3.285.json"


def test_a_log_s_samples_are_planned(home: Shell) -> None:
    made = home.home.parent / "made.jsonl"
    said = home.good("switch", "inspect", "import", str(RECORDED), "-o", str(made))
    assert "Wrote 2 requests" in said
    found = planned(home, "--to", ARM, "--requests", str(made), "--yes")
    assert (sum(route["requests"] for route in found["routes"]), found["skipped"]) == (2, [])


@pytest.mark.parametrize("text", ["{", '{"version": 1, "eval": {}}'])
def test_what_is_no_log_is_named(home: Shell, text: str) -> None:
    log = home.home.parent / "log.json"
    log.write_text(text)
    said = home.fails(1, ["switch", "inspect", "import", str(log), "-o", str(home.home.parent / "made.jsonl")])
    assert "log.json" in said
    assert "inspect log convert" in said


def test_what_was_weighed_is_written_where_its_texts_are_kept(home: Shell) -> None:
    lines = [{"request": {"messages": [{"role": "user", "content": each}]}, "expected": each} for each in ("a", "b")]
    plan = planned(home, "--to", ARM, "--requests", requests(home, *lines), "--yes")["plan"]
    route = replays(home, plan, 1.0, 0.0)
    folder = home.home.parent / "logs"
    assert "--keep-answers" in home.fails(1, ["switch", "inspect", "export", "-o", str(folder)])
    answers = {
        receipt: Text(receipt, NOW, "key-1", "chat", ARM, b"{}", json.dumps(_answer(said)).encode())
        for receipt, said in (("wbr-1", "right"), ("wbr-2", "wrong"))
    }
    with closing(TextStore(home.home / "texts.db")) as texts:
        until = microseconds(NOW + timedelta(days=9))
        texts.keep([Seals().closed(text, until) for text in answers.values()])
    assert "2 cases" in home.good("switch", "inspect", "export", plan, "-o", str(folder))
    (made,) = folder.iterdir()
    assert made.name.startswith(route)
    reference, candidate = ((made / f"{side}.json").read_bytes() for side in ("reference", "candidate"))
    grades = inspect_log.grades(reference, candidate, inspect_log.SCORER)
    assert sorted(grade.loss for grade in grades.values()) == [0.0, 1.0]
    assert {sample["output"]["completion"] for sample in json.loads(candidate)["samples"]} == {"wrong"}
    assert stat.S_IMODE((made / "reference.json").stat().st_mode) == 0o600


def _answer(said: str) -> dict[str, object]:
    return {"choices": [{"message": {"role": "assistant", "content": said}, "finish_reason": "stop"}]}
