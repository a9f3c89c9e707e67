"""Draws docs/pictures/plan.svg: one plan, as `routing` makes it from the values below.

`python -m tools.plan_picture` writes it; with `--check` it compares and fails where the picture is out of date.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from xml.sax.saxutils import escape

import msgspec

from weighbridge.catalog.model import Endpoint, Model, Price, Rate
from weighbridge.ledger.cost import cost
from weighbridge.routing.asking import Asking
from weighbridge.routing.candidate import Candidate, Excluded
from weighbridge.routing.health import Snapshot, State
from weighbridge.routing.planner import Plan, Planner
from weighbridge.wire.preferences import Preferences

FILE = Path(__file__).parents[1] / "docs" / "pictures" / "plan.svg"
_WHEN = datetime(2026, 11, 22, 12, tzinfo=UTC)
_WANTED = {"ignore": ["host-e"], "max_price": {"completion": 3}}
_HOSTS = (
    ("host-a", "0.30", "1.20", State(cached_share=0.5)),
    ("host-b", "0.40", "1.60", None),
    ("host-c", "0.60", "2.40", None),
    ("host-d", "0.25", "1.00", State(closed_until=130.0, why="breaker")),
    ("host-e", "0.20", "0.80", None),
    ("host-f", "0.90", "3.60", None),
)
_SEED, _DRAWS = 7, 10_000
_ROW, _WIDTH = 46, 860
_STYLE = (
    "text{font:14px system-ui,sans-serif;fill:#1c2733}.small{font-size:12px;fill:#52616f}"
    ".mono{font-family:ui-monospace,monospace}.out text{fill:#7a8793}.box{fill:#f3f6f9;stroke:#c9d3dc}"
    ".bar{fill:#2f6f9f}.first{stroke:#2f6f9f;stroke-width:2}"
)


def main() -> None:
    """Write the picture, or say that it is out of date and exit with 1."""
    text = drawing()
    if "--check" not in sys.argv[1:]:
        FILE.parent.mkdir(exist_ok=True)
        FILE.write_text(text, "utf-8")
    elif not FILE.exists() or FILE.read_text("utf-8") != text:
        sys.exit("docs/pictures/plan.svg is out of date: run `make docs` and commit what it writes")


def drawing() -> str:
    """The picture, from a plan that is made now."""
    planner, asking = Planner(cost), asked()
    snapshot = Snapshot({f"{name}/m": state for name, *_, state in _HOSTS if state is not None}, 100.0, 1)
    plan = planner.plan(asking, snapshot, _SEED)
    firsts = Counter(next(iter(planner.plan(asking, snapshot, seed))).endpoint.id for seed in range(_DRAWS))
    rows = list(_rows(plan, firsts))
    height = 96 + _ROW * len(rows)
    body = "\n".join(rows)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" '
        f'role="img" aria-label="A plan: who is asked first, who next, and who is not asked and why">\n'
        f"<style>{_STYLE}</style>\n{_head()}\n{body}\n</svg>\n"
    )


def asked() -> Asking:
    """A request of 12,000 bytes for a model that six hosts serve."""
    model = Model("lab/model", endpoints=tuple(_endpoint(*host[:3]) for host in _HOSTS))
    return Asking((model,), _WHEN, msgspec.convert(_WANTED, Preferences), 12_000, 1_000)


def _endpoint(provider: str, input_: str, output: str) -> Endpoint:
    read = Rate(Decimal(input_) / 10)
    price = Price(provider, "example", Rate(Decimal(input_)), Rate(Decimal(output)), cache_read=read)
    return Endpoint(provider, "m", "lab/model", (price,))


def _head() -> str:
    wanted = escape(msgspec.json.encode({"provider": _WANTED}).decode())
    return (
        f'<text x="16" y="26">lab/model, 12 kB to read, ≤ 1,000 tokens, '
        f'<tspan class="mono">{wanted}</tspan></text>\n'
        '<text class="small" x="16" y="58">asked</text><text class="small" x="90" y="58">endpoint</text>'
        '<text class="small" x="220" y="58">this request costs</text><text class="small" x="370" y="58">drawn first'
        '</text><text class="small" x="550" y="58">because</text>'
    )


def _rows(plan: Plan, firsts: Counter[str]) -> Iterator[str]:
    place = 0
    for place, one in enumerate(plan, start=1):
        closed = one.state is not None and one.state.closed_until is not None
        why = "not well (breaker): asked last" if closed else _why(one)
        yield _row(place - 1, f"{place}.", one, firsts[one.endpoint.id] / _DRAWS, why)
    for number, out in enumerate(plan.excluded):
        yield _row(place + number, "-", out, None, f"{out.rule}: {out.why}")


def _why(one: Candidate) -> str:
    half = one.state is not None and one.state.cached_share is not None
    return "half its prompts came from its cache lately" if half else "by 1/cost²"


def _row(at: int, place: str, one: Candidate | Excluded, share: float | None, why: str) -> str:
    y = 72 + at * _ROW
    price = f"${one.cost.normalize():f}" if isinstance(one, Candidate) and one.cost is not None else ""
    bar = "" if share is None else f'<rect class="bar" x="370" y="{y + 12}" width="{130 * share:.1f}" height="14"/>'
    percent = (
        "" if share is None else f'<text class="small" x="{376 + 130 * share:.1f}" y="{y + 24}">{share:.0%}</text>'
    )
    first = " first" if place == "1." else ""
    why_x = 550 if share is not None else 220
    return (
        f'<g class="{"out" if share is None else "in"}"><rect class="box{first}" x="8" y="{y}" width="{_WIDTH - 16}" '
        f'height="{_ROW - 8}" rx="6"/><text x="20" y="{y + 24}">{place}</text><text x="90" y="{y + 24}" class="mono">'
        f'{escape(one.endpoint.provider)}</text><text x="220" y="{y + 24}">{price}</text>{bar}{percent}'
        f'<text class="small" x="{why_x}" y="{y + 24}">{escape(why)}</text></g>'
    )


if __name__ == "__main__":
    main()
