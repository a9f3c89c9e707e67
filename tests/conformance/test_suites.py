"""The list of suites, and what a suite is told."""

import re
from pathlib import Path

import pytest

from conformance import install, suites
from conformance.gateways import GATEWAYS
from conformance.suites import Suite, Told

ALL = suites.read()


@pytest.mark.parametrize("suite", ALL, ids=lambda suite: suite.name)
def test_what_a_suite_needs_is_pinned_and_there(suite: Suite) -> None:
    assert all(re.fullmatch(r"[\w.\[\],-]+==[\w.]+", each) for each in suite.python)
    assert all(re.fullmatch(r"(@[\w-]+/)?[\w.-]+@[\w.]+", each) for each in suite.npm)
    if suite.source is None:
        assert all((suites.SCENARIOS / each).is_file() for each in suite.files)
    else:
        assert re.fullmatch(r"[0-9a-f]{40}", suite.source.commit)
    assert bool(suite.run) == (suite.kind == "agent")


def test_what_is_not_offered_is_said_of_gateways_that_there_are() -> None:
    assert {gateway for suite in ALL for gateway in suite.not_offered} <= GATEWAYS.keys() - {"weighbridge"}


def test_names_are_names_of_one() -> None:
    assert len({suite.name for suite in ALL}) == len(ALL)


def test_places_are_filled(tmp_path: Path) -> None:
    told = Told(root="http://h:1", key="k", model="m", home=tmp_path, work=tmp_path, task="do {model}")
    assert told.fill("{base} {root} {key} {model}") == "http://h:1/v1 http://h:1 k m"
    suite = Suite(name="x", title="X", group="ours", kind="pytest", env={"A": "{base}"})
    assert told.environment(suite)["A"] == "http://h:1/v1"
    assert told.environment(suite)["CONFORMANCE_KEY"] == "k"


def test_versions_are_read_from_the_pins() -> None:
    suite = Suite(
        name="x", title="X", group="ours", kind="node", python=["a[b,c]==1.2"], npm=["@s/n@3.4"], files=[], run=[]
    )
    assert install.versions(suite) == {"a": "1.2", "@s/n": "3.4"}
