"""Metrics as Prometheus reads them: its own text format, 0.0.4, and OpenMetrics 1.0.

https://prometheus.io/docs/instrumenting/exposition_formats/ and
https://prometheus.io/docs/specs/om/open_metrics_spec/
"""

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import accumulate
from typing import Final

from weighbridge.watching.families import Distribution, Family, Series

PLAIN: Final = "text/plain; version=0.0.4; charset=utf-8"
OPEN_METRICS: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"
_ESCAPED: Final = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


def kind_for(accept: str) -> str:
    """The content type for what a client accepts, by its `Accept` header: OpenMetrics where it is liked no less."""
    liked = {"openmetrics": 0.0, "plain": 0.0}
    for choice in accept.lower().split(","):
        name, *parameters = (part.strip() for part in choice.split(";"))
        weight = next((_weight(each[2:]) for each in parameters if each.startswith("q=")), 1.0)
        if name == "application/openmetrics-text":
            liked["openmetrics"] = max(liked["openmetrics"], weight)
        elif name in ("text/plain", "text/*"):
            liked["plain"] = max(liked["plain"], weight)
    return OPEN_METRICS if liked["openmetrics"] and liked["openmetrics"] >= liked["plain"] else PLAIN


def _weight(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def written(found: Iterable[tuple[Family, Sequence[Series]]], kind: str) -> bytes:
    """The families in the format of this content type."""
    is_open = kind == OPEN_METRICS
    lines = [line for family, series in found if series for line in _family(family, series, is_open=is_open)]
    if is_open:
        lines.append("# EOF")
    return ("\n".join(lines) + "\n").encode()


def _family(family: Family, series: Sequence[Series], *, is_open: bool) -> Iterator[str]:
    sampled = f"{family.name}_total" if family.kind == "counter" else family.name
    declared = family.name if is_open else sampled
    yield f"# TYPE {declared} {family.kind}"
    if is_open and family.unit:
        yield f"# UNIT {declared} {family.unit}"
    yield f"# HELP {declared} {family.meaning.translate(_ESCAPED)}"
    for labels, value in series:
        pairs = [
            f'{name}="{label.translate(_ESCAPED)}"' for name, label in zip(family.labels, labels, strict=True) if label
        ]
        if isinstance(value, Distribution):
            yield from _distribution(sampled, pairs, value)
        else:
            yield f"{sampled}{_in_braces(pairs)} {_number(value)}"


def _distribution(name: str, pairs: Sequence[str], value: Distribution) -> Iterator[str]:
    counts = list(accumulate(value.buckets))
    for bound, count in zip((*(repr(float(each)) for each in value.bounds), "+Inf"), counts, strict=True):
        pair = f'le="{bound}"'
        yield f"{name}_bucket{_in_braces([*pairs, pair])} {count}"
    yield f"{name}_sum{_in_braces(pairs)} {_number(value.sum)}"
    yield f"{name}_count{_in_braces(pairs)} {counts[-1]}"


def _in_braces(pairs: Sequence[str]) -> str:
    return f"{{{','.join(pairs)}}}" if pairs else ""


def _number(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
