"""Reports of pytest, of Node's test runner and of Open Responses, as cases."""

from pathlib import Path

from conformance import reports
from conformance.results import Case

PYTEST = """<?xml version="1.0" encoding="utf-8"?>
<testsuites><testsuite name="pytest" tests="4">
<testcase classname="tests.test_it.TestOne" name="test_a[strict]" time="0.1" />
<testcase classname="tests.test_it" name="test_b"><failure message="assert 1 == 2&#10;more">long</failure></testcase>
<testcase classname="tests.test_it" name="test_c"><error message="failed at 127.0.0.1:4711">long</error></testcase>
<testcase classname="tests.test_it" name="test_d"><skipped type="pytest.skip" message="no web">x</skipped></testcase>
</testsuite></testsuites>"""

NODE = """<?xml version="1.0" encoding="utf-8"?>
<testsuites>
  <testsuite name="outer" tests="1">
    <testcase name="outer: one" time="0.01" classname="test"/>
  </testsuite>
  <testcase name="two" time="0.01" classname="test" failure="no">
    <failure type="testCodeFailure" message="expected &amp;quot;a&amp;quot;">
[stack]
    </failure>
  </testcase>
</testsuites>"""


def test_pytest(tmp_path: Path) -> None:
    (tmp_path / "report.xml").write_text(PYTEST)
    assert reports.junit(tmp_path / "report.xml") == [
        Case("tests.test_it.TestOne::test_a[strict]", "passed"),
        Case("tests.test_it::test_b", "failed", "assert 1 == 2"),
        Case("tests.test_it::test_c", "failed", "failed at GATEWAY"),
        Case("tests.test_it::test_d", "skipped", "no web"),
    ]


def test_node(tmp_path: Path) -> None:
    (tmp_path / "report.xml").write_text(NODE)
    assert reports.junit(tmp_path / "report.xml") == [
        Case("outer: one", "passed"),
        Case("two", "failed", 'expected "a"'),
    ]


def test_open_responses_after_whatever_the_tool_says_first() -> None:
    text = b'$ bun run\n{"summary": {}, "results": [{"id": "a", "status": "passed", "errors": []},'
    text += b' {"id": "b", "status": "failed", "errors": ["x: Required", "y"], "response": {"any": 1}}]}'
    assert reports.open_responses(text) == [Case("a", "passed"), Case("b", "failed", "x: Required; y")]


def test_what_differs_from_run_to_run_is_left_out() -> None:
    said = reports.first_line(
        "\n  <object at 0x7f00aa11> read /tmp/conformance-ab12cd/work/file on 127.0.0.1:5000\nmore"
    )
    assert said == "<object at 0x…> read …/work/file on GATEWAY"
    assert len(reports.first_line("x" * 1000)) == 200
