"""The dashboard asks for metrics and labels that there are, in PromQL that is valid, of a Prometheus to be chosen."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from tests.watching.test_meter import CASES, Counted
from tools.reference import error_classes
from weighbridge.ledger.entry import Entry
from weighbridge.watching import exposition
from weighbridge.watching.board import take
from weighbridge.watching.families import FAMILIES, SINGLE
from weighbridge.watching.meter import MEANING, Meter

TEXT = (files("weighbridge.watching") / "grafana.json").read_text("utf-8")
DASHBOARD: dict[str, Any] = json.loads(TEXT)
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
QUERIES = [(panel["title"], target["expr"]) for panel in PANELS for target in panel["targets"]]
VARIABLES = {each["name"]: each for each in DASHBOARD["templating"]["list"]}
PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "watch-it.md").read_text("utf-8")
(RULES,) = re.findall(r"```yaml\n(groups:\n.*?)```", PAGE, re.DOTALL)
FROM_PROMETHEUS = {"instance", "job", "le"}
"""Labels that Prometheus puts there, or that buckets have."""
_METRIC = re.compile(r"\b((?:weighbridge|gen_ai)_[a-z_]+)(?:\{([^}]*)\})?")
_BY = re.compile(r"\b(?:by|without) \(([^)]*)\)")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Counted:
    """Metrics of requests of every kind, and of all that is counted beside them."""
    folder = tmp_path_factory.mktemp("boards")
    counted = Counted(Meter(take(folder, MEANING), lambda model: model.startswith("near/t")), folder)
    for case in CASES:
        entries: Any = case.values[0]
        for entry in entries:
            assert isinstance(entry, Entry)
            counted.meter.observe(entry, "chat")
    for name, family in SINGLE.items():
        labels = [f"some {label}" for label in family.labels]
        if family.kind == "gauge":
            counted.meter.set(name, *labels, to=1)
        else:
            counted.meter.count(name, *labels)
    return counted


def metrics_in(query: str) -> Iterator[tuple[str, set[str]]]:
    """Each metric of a query with the labels that it is chosen by."""
    for name, matchers in _METRIC.findall(query.partition("label_values(")[2] or query):
        if name not in {"gen_ai_provider_name", "gen_ai_request_model", "gen_ai_token_type", "gen_ai_operation_name"}:
            yield name, set(re.findall(r"([a-z_]+)[!=]~?=?\"", matchers))


@pytest.mark.parametrize(("title", "query"), QUERIES)
def test_panel_asks_for_what_is_told(title: str, query: str, told: Counted) -> None:
    samples = told.samples()
    asked = list(metrics_in(query))
    assert asked, "a panel that asks for nothing of ours"
    for name, labels in asked:
        assert name in samples, f"{title}: there is no {name}"
        there = set().union(*(sample.labels for sample in samples[name])) | FROM_PROMETHEUS
        assert labels <= there, f"{title}: {name} has no {labels - there}"
        grouped = {label.strip() for group in _BY.findall(query) for label in group.split(",")}
        assert grouped <= there, f"{title}: {name} has no {grouped - there}"
    assert set(re.findall(r"\$\{?(\w+)", query)) <= VARIABLES.keys() | {"__rate_interval", "__range"}


def test_alerts_of_the_page_ask_for_what_is_told(told: Counted) -> None:
    samples = told.samples()
    asked = list(metrics_in(RULES))
    assert len(asked) > 5
    for name, labels in asked:
        assert name in samples, name
        assert labels <= set().union(*(sample.labels for sample in samples[name])) | FROM_PROMETHEUS, name
    codes = {each.code for each in error_classes()}
    assert set(re.findall(r'error="(\w+)"', RULES)) <= codes


def test_counters_are_asked_for_their_rate_and_gauges_are_not() -> None:
    kinds = {f"{each.name}_total" if each.kind == "counter" else each.name: each.kind for each in FAMILIES}
    for title, query in QUERIES:
        for name, _ in metrics_in(query):
            is_rated = re.search(rf"(?:rate|increase)\({name}\b", query) is not None
            assert is_rated == (kinds.get(name) != "gauge"), title


def test_every_metric_is_on_the_dashboard() -> None:
    asked = {name for _, query in QUERIES for name, _ in metrics_in(query)}
    shown = {re.sub(r"_(bucket|sum|count|total)$", "", name) for name in asked}
    assert {family.name for family in FAMILIES} - shown == set()


def test_every_variable_is_used_and_asks_for_what_is_told(told: Counted) -> None:
    samples = told.samples()
    for name, variable in VARIABLES.items():
        assert TEXT.count(f"${name}") + TEXT.count(f"${{{name}}}") > 0, name
        if name == "datasource":
            assert variable["type"] == "datasource"
            continue
        ((metric, _),) = metrics_in(variable["query"]["query"])
        label = variable["query"]["query"].rpartition(",")[2].strip(" )")
        assert label in set().union(*(sample.labels for sample in samples[metric])) | FROM_PROMETHEUS


def test_no_data_source_is_fixed() -> None:
    for panel in PANELS:
        for place in (panel, *panel["targets"]):
            assert place["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


def test_panels_have_ids_of_their_own_and_do_not_overlap() -> None:
    everything = DASHBOARD["panels"]
    assert len({panel["id"] for panel in everything}) == len(everything)
    taken: set[tuple[int, int]] = set()
    for panel in everything:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert at["x"] + at["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells


PROMTOOL = shutil.which("promtool")


@pytest.mark.skipif(PROMTOOL is None, reason="needs promtool (Debian's package prometheus)")
def test_prometheus_own_tool_finds_nothing_amiss(tmp_path: Path, told: Counted) -> None:
    assert PROMTOOL is not None
    known = {"$__rate_interval": "5m", "$__range": "6h"}
    plain = [re.sub(r"\$__\w+", lambda found: known[found[0]], query) for _, query in QUERIES]
    rules = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(plain)]
    file = tmp_path / "rules.json"  # which is YAML as well
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    checked = subprocess.run([PROMTOOL, "check", "rules", file], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"{len(rules)} rules found" in checked.stdout
    alerts = tmp_path / "alerts.yaml"
    alerts.write_text(RULES)
    checked = subprocess.run([PROMTOOL, "check", "rules", alerts], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    linted = subprocess.run(
        [PROMTOOL, "check", "metrics"], input=told.text(exposition.PLAIN), capture_output=True, text=True, check=False
    )
    assert linted.returncode == 0, linted.stdout + linted.stderr
