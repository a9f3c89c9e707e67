"""A look at everything: each check aside, what has been found so far, and a check that breaks."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime

from weighbridge.app.doctor.checks import Check, helps_most
from weighbridge.app.doctor.finding import Finding
from weighbridge.app.doctor.looking import Looking, Progress
from weighbridge.config import ConfigError

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def over(looking: Looking) -> Progress:
    for thread in threading.enumerate():
        if thread.name.startswith("doctor-"):
            thread.join(10)
    last = looking.last()
    assert last is not None
    return last


def test_findings_come_in_as_they_are_made_in_the_order_of_the_checks() -> None:
    go_on = threading.Event()

    def slow() -> Iterator[Finding]:
        go_on.wait(10)
        yield Finding("data", "ok", "there")

    def quick() -> Iterator[Finding]:
        yield Finding("gateway", "missing", "none", command="weighbridge up")

    made = [Check("data", slow), Check("gateway", quick)]
    looking = Looking(lambda probe: made, lambda: NOW)
    assert looking.last() is None
    begun = looking.begin()
    assert (begun.begun, list(begun.parts), begun.is_over) == (NOW, ["data", "gateway"], False)
    for thread in threading.enumerate():
        if thread.name == "doctor-gateway":
            thread.join(10)
    meanwhile = looking.begin()  # goes on, and begins nothing
    assert ([each.about for each in meanwhile.found], list(meanwhile.waiting)) == (["gateway"], ["data"])
    go_on.set()
    last = over(looking)
    assert ([each.about for each in last.found], last.is_over) == (["data", "gateway"], True)
    most = helps_most(last.found)
    assert most is not None
    assert most.next_step == "weighbridge up"


def test_a_check_that_breaks_is_a_finding_and_the_others_are_made() -> None:
    def odd() -> Iterator[Finding]:
        raise ConfigError("providers.depseek: it needs a base_url")

    def broken() -> Iterator[Finding]:
        raise ZeroDivisionError

    made = [Check("providers", odd), Check("shared", broken), Check("program", lambda: [Finding("program", "ok", "x")])]
    looking = Looking(lambda probe: made, lambda: NOW)
    looking.begin()
    found = over(looking).found
    assert [(each.about, each.condition) for each in found] == [
        ("settings", "failed"), ("program", "failed"), ("program", "ok"),
    ]  # fmt: skip
    assert found[0].said == "providers.depseek: it needs a base_url"
    assert "'shared'" in found[1].said or "shared" in found[1].said


def test_a_finding_fills_its_texts_in() -> None:
    found = Finding(
        "ledger", "note", "%(rows)s rows, %(free)s GiB", {"rows": 12_345, "free": 1.25}, advice="drop %(rows)s"
    )
    assert (found.said, found.next_step, found.title) == ("12,345 rows, 1.2 GiB", "drop 12,345", "ledger")
    assert Finding("provider", "ok", "100 % well", name="acme").title == "provider acme"
