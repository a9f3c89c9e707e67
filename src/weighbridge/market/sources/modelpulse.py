"""Model Pulse: monthly downloads of the Hugging Face Hub, worked out by others from daily counters.

They are sums of a month, not counters of a repository, so they have tables of their own. A month before March 2025
rests on the counter of thirty days rather than on differences: `exact` says which.
"""

from collections.abc import Iterator
from datetime import date
from typing import Final

from weighbridge.market.findings import Finding
from weighbridge.market.sources.csv_source import Cells, CsvSource
from weighbridge.market.sources.source import About
from weighbridge.market.tables import HubMonth, PublisherMonth, Row

_EXACT: Final = {"1": True, "True": True, "0": False, "False": False}
_SHARES: Final = ("share_top10", "share_top100", "share_top1000", "share_derivatives", "share_quantized")


def _about(name: str, title: str) -> About:
    return About(
        name=name,
        title=title,
        home="https://github.com/tardellirs/modelpulse",
        licence="Apache-2.0",
        line="Source: Model Pulse (github.com/tardellirs/modelpulse), from cfahlgren1/hub-stats, as of {as_of}.",
    )


def _publisher(row: str, cells: Cells, as_of: date) -> Iterator[Row | Finding]:
    share, downloads = _share(cells["share_of_text_generation"]), _count(cells["downloads"])
    source = MODELPULSE_PUBLISHERS.about.name
    yield PublisherMonth(
        cells["publisher"], _month(cells), "text-generation", downloads, share, _exact(cells), source, as_of
    )


def _hub(row: str, cells: Cells, as_of: date) -> Iterator[Row | Finding]:
    ten, hundred, thousand, derivatives, quantised = (_share(cells[each]) for each in _SHARES)
    downloads, active = _count(cells["downloads"]), _count(cells["active_models"])
    yield HubMonth(
        _month(cells), downloads, active, ten, hundred, thousand, derivatives, quantised, _exact(cells),
        MODELPULSE_HUB.about.name, as_of,
    )  # fmt: skip


def _month(cells: Cells) -> date:
    return date.fromisoformat(f"{cells['month']}-01")


def _exact(cells: Cells) -> bool:
    if cells["exact"] not in _EXACT:
        raise ValueError(f"exact is {cells['exact']!r}, not one of {', '.join(_EXACT)}")
    return _EXACT[cells["exact"]]


def _count(text: str) -> int:
    if (count := int(text)) < 0:
        raise ValueError(f"{count} is no count")
    return count


def _share(text: str) -> float:
    if not 0 <= (share := float(text)) <= 1:
        raise ValueError(f"{text!r} is no share of 1")
    return share


MODELPULSE_PUBLISHERS: Final = CsvSource(
    _about("modelpulse-publishers", "Model Pulse, text generation by publisher"),
    ("publisher", "share_of_text_generation"),
    ("month", "publisher", "downloads", "share_of_text_generation", "exact"),
    _publisher,
)
MODELPULSE_HUB: Final = CsvSource(
    _about("modelpulse-hub", "Model Pulse, the hub by month"),
    ("month", "active_models"),
    ("month", "downloads", "exact", "active_models", *_SHARES),
    _hub,
)
