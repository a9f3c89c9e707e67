"""The bundled set is what its generator makes, and every expected answer in it is right by the grader of its case."""

import random
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tools.switch_sample import ROUTES, files
from tools.switch_sample.code import written
from weighbridge.switch.case import Answer, Case, Expected
from weighbridge.switch.graders.ladder import grade, graders

DATA = Path(str(resources.files("weighbridge.switch"))) / "data"


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    request: dict[str, Any]
    expected: Expected
    grader: str | None = None


def _lines(route: str) -> list[_Line]:
    return [msgspec.json.decode(line, type=_Line) for line in (DATA / f"{route}.jsonl").read_bytes().splitlines()]


def test_files_are_what_the_generator_makes() -> None:
    there = {file.name: file.read_bytes() for file in DATA.iterdir()}
    assert there == files(), "run `python -m tools.switch_sample` and commit what it writes"


@pytest.mark.parametrize("route", ROUTES)
def test_requests_of_a_route_are_alike_and_all_different(route: str) -> None:
    lines = _lines(route)
    assert len(lines) >= 150
    assert len({line.request["messages"][0]["content"] for line in lines}) == 1
    assert len({line.request["messages"][1]["content"] for line in lines}) == len(lines)
    assert len({msgspec.json.encode(line.request.get("response_format")) for line in lines}) == 1
    assert all("model" not in line.request for line in lines)


def test_routes_are_told_apart_by_their_system_prompts() -> None:
    assert len({_lines(route)[0].request["messages"][0]["content"] for route in ROUTES}) == len(ROUTES)


@pytest.mark.parametrize(
    ("route", "grader"), [("arithmetic", "numeric/1"), ("extraction", "json/1"), ("extraction-in-arabic", "json/1")]
)
def test_expected_answers_are_right_and_others_wrong(route: str, grader: str) -> None:
    for line in _lines(route):
        case = Case("line-1", "rt-1", msgspec.json.encode(line.request), expected=line.expected)
        found = grade(case, Answer(line.expected.value), Answer('{"customer": "nobody"}'), graders=graders())
        assert found is not None
        assert (found.grader, found.reference, found.candidate) == (grader, 1, 0)


def test_solutions_pass_their_tests_and_doing_nothing_does_not() -> None:
    tasks = written(random.Random(1), ROUTES["code"][1])
    for task in tasks:
        name = task.solution.removeprefix("def ").partition("(")[0]
        exec(task.solution + task.tests, {})
        with pytest.raises(AssertionError):
            exec(f"def {name}(*given): return None\n{task.tests}", {})
    assert len(tasks) == ROUTES["code"][1]


@pytest.mark.parametrize("route", ["extraction", "extraction-in-arabic"])
def test_notes_hold_what_is_expected_of_them(route: str) -> None:
    for line in _lines(route):
        note = line.request["messages"][1]["content"]
        assert all(str(value) in note for value in msgspec.json.decode(line.expected.value).values())
