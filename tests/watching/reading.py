"""Reads Prometheus' text formats as strictly as their specifications are."""

import re
from collections import defaultdict
from dataclasses import dataclass

_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*"'
_SAMPLE = re.compile(rf"({_NAME})(?:\{{({_LABEL}(?:,{_LABEL})*)\}})? (-?[0-9.]+(?:e[-+]?[0-9]+)?|\+Inf|NaN)")
_META = re.compile(rf"# (TYPE|HELP|UNIT) ({_NAME}) (.+)")
_SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}


@dataclass(frozen=True)
class Sample:
    """One line."""

    labels: dict[str, str]
    value: float


def read(text: str, *, is_open: bool = False) -> dict[str, list[Sample]]:
    """The samples by name. Raises AssertionError where a line or the order of lines is against the format."""
    assert text.endswith("\n")
    lines = text[:-1].split("\n")
    if is_open:
        assert lines.pop() == "# EOF"
    found: defaultdict[str, list[Sample]] = defaultdict(list)
    kinds: dict[str, str] = {}
    seen: set[str] = set()
    family = ""
    for line in lines:
        if meta := _META.fullmatch(line):
            what, name, rest = meta.groups()
            if what == "TYPE":
                assert name not in kinds, f"{name} is declared twice"
                kinds[name] = rest
                family = name
            assert name == family, f"{line}: within {family}"
            assert what != "UNIT" or name.endswith(f"_{rest}")
            continue
        sample = _SAMPLE.fullmatch(line)
        assert sample, line
        assert line.rpartition(" ")[0] not in seen, f"{line}: twice"
        seen.add(line.rpartition(" ")[0])
        name, labels, value = sample.groups()
        base = family.removesuffix("_total") if kinds[family] == "counter" and not is_open else family
        assert name in {base + suffix for suffix in _SUFFIXES[kinds[family]]}, f"{line}: of {family}"
        found[name].append(Sample(dict(_pair(each) for each in re.findall(_LABEL, labels or "")), float(value)))
    for name, kind in kinds.items():
        if kind == "histogram":
            _check(name, found)
    return found


def _pair(text: str) -> tuple[str, str]:
    name, _, quoted = text.partition("=")
    return name, re.sub(r"\\(.)", lambda match: {"n": "\n"}.get(match[1], match[1]), quoted[1:-1])


def _check(name: str, found: dict[str, list[Sample]]) -> None:
    """A histogram's buckets never fall, end with all there were, and are as many for each set of labels."""
    buckets: defaultdict[frozenset[tuple[str, str]], list[tuple[float, float]]] = defaultdict(list)
    for each in found[f"{name}_bucket"]:
        others = frozenset(pair for pair in each.labels.items() if pair[0] != "le")
        buckets[others].append((float(each.labels["le"]), each.value))
    counts = {frozenset(each.labels.items()): each.value for each in found[f"{name}_count"]}
    assert counts == {labels: values[-1][1] for labels, values in buckets.items()}
    assert counts.keys() == {frozenset(each.labels.items()) for each in found[f"{name}_sum"]}
    for values in buckets.values():
        assert values[-1][0] == float("inf")
        assert values == sorted(values)
        assert [count for _, count in values] == sorted(count for _, count in values)
