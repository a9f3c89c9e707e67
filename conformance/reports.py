"""Suites' own reports, read into cases."""

import html
import re
from pathlib import Path
from xml.etree import ElementTree

import msgspec

from conformance.results import Case, Ending

_LONGEST = 200
"""Characters of a reason that are kept."""


def junit(path: Path) -> list[Case]:
    """The cases of a JUnit XML file, as pytest and Node write it. Raises ParseError."""
    return [_case(each) for each in ElementTree.parse(path).getroot().iter("testcase")]


class _Result(msgspec.Struct):
    id: str
    status: Ending
    errors: list[str] = []


class _Report(msgspec.Struct):
    results: list[_Result]


def open_responses(text: bytes) -> list[Case]:
    """The cases of the Open Responses compliance tests' JSON. Raises msgspec.DecodeError."""
    report = msgspec.json.decode(text[text.index(b"{") :], type=_Report)
    return [Case(each.id, each.status, first_line("; ".join(each.errors))) for each in report.results]


def first_line(text: str) -> str:
    """The first line that says something, without addresses, times and keys that differ from run to run."""
    line = next((line.strip() for line in html.unescape(text).splitlines() if line.strip()), "")
    line = re.sub(r"127\.0\.0\.1:\d+", "GATEWAY", line)
    line = re.sub(r"0x[0-9a-f]{6,}", "0x…", line)
    line = re.sub(r"/(?:\S+/)?conformance-\w+/", "…/", line)
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def _case(element: ElementTree.Element) -> Case:
    # Node repeats the name where pytest has the module and class.
    within, name = element.get("classname", ""), element.get("name", "")
    identity = name if within in ("", "test", name) else f"{within}::{name}"
    for tag in ("failure", "error"):
        if (found := element.find(tag)) is not None:
            return Case(identity, "failed", first_line(found.get("message") or found.text or ""))
    if (found := element.find("skipped")) is not None:
        return Case(identity, "skipped", first_line(found.get("message") or found.text or ""))
    return Case(identity, "passed")
