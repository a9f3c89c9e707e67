"""The ATOM Project's tracked models: which repositories it counts, whose they are, their sizes and days of release.

Each list is a source of its own, so that none overwrites what another says of a model. `tracked-models` is the list
of its charts: first-party weights of language models released since ChatGPT, without quantisations by others; the list
has grown, so a figure of it is of the list of a day.
"""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Final

from weighbridge.market.findings import Finding
from weighbridge.market.sources.csv_source import Cells, CsvSource
from weighbridge.market.sources.dating import day_said
from weighbridge.market.sources.source import About
from weighbridge.market.tables import Model, Organisation, Row

_LIST: Final = ("org", "model", "modelId")


def _about(name: str, title: str) -> About:
    return About(
        name=name,
        title=title,
        home="https://github.com/Interconnects-AI/tracked-models",
        licence="Apache-2.0",
        line="Source: The ATOM Project (github.com/Interconnects-AI/tracked-models), as of {as_of}.",
    )


def _listed(source: str, cells: Cells, as_of: date) -> Iterator[Row | Finding]:
    if not cells["modelId"] or not cells["org"]:
        raise ValueError("it names no model, or no organisation")
    yield Model(cells["modelId"], cells["org"], None, None, None, None, None, None, source, as_of)


def _charted(row: str, cells: Cells, as_of: date) -> Iterator[Row | Finding]:
    return _listed(TRACKED.about.name, cells, as_of)


def _extra(row: str, cells: Cells, as_of: date) -> Iterator[Row | Finding]:
    return _listed(TRACKED_EXTRA.about.name, cells, as_of)


def _region(row: str, cells: Cells, as_of: date) -> Iterator[Row | Finding]:
    if not cells["hf_org"] or not cells["region"]:
        raise ValueError("it names no organisation, or no region")
    place = None if cells["region"] == "unknown" else cells["region"]
    yield Organisation(cells["hf_org"], None, place, None, TRACKED_REGIONS.about.name, as_of)


def _sizes(row: str, cells: Cells, as_of: date) -> Iterator[Row | Finding]:
    total, active = _billions(cells["total_params_b"]), _billions(cells["active_params_b"])
    if active is not None and total is not None and active > total:
        raise ValueError(f"more parameters are active ({active}) than there are ({total})")
    yield Model(cells["model_id"], None, None, None, None, total, active, None, TRACKED_SIZES.about.name, as_of)


def _billions(text: str) -> int | None:
    return int(Decimal(text) * 10**9) if text else None


def _release(row: str, cells: Cells, as_of: date) -> Iterator[Row | Finding]:
    day, findings = day_said(cells["actual_release_date"], f"{row}, {cells['model_id']}", as_of)
    yield from findings
    if day is not None:
        yield Model(cells["model_id"], None, day, None, None, None, None, None, TRACKED_RELEASES.about.name, as_of)


TRACKED: Final = CsvSource(
    _about("tracked-models", "ATOM Project, models of its charts"), _LIST, _LIST, _charted, name_lacks="extra"
)
TRACKED_EXTRA: Final = CsvSource(
    _about("tracked-models-extra", "ATOM Project, further models"), _LIST, _LIST, _extra, name_has="extra"
)
TRACKED_REGIONS: Final = CsvSource(
    _about("tracked-models-regions", "ATOM Project, regions of organisations"),
    ("hf_org", "region"),
    ("hf_org", "region"),
    _region,
)
TRACKED_SIZES: Final = CsvSource(
    _about("tracked-models-sizes", "ATOM Project, parameters"),
    ("model_id", "total_params_b"),
    ("model_id", "total_params_b", "active_params_b"),
    _sizes,
)
TRACKED_RELEASES: Final = CsvSource(
    _about("tracked-models-releases", "ATOM Project, days of release"),
    ("model_id", "hf_created_at"),
    ("model_id", "hf_created_at", "actual_release_date"),
    _release,
)
TRACKED_MODELS: Final = (TRACKED, TRACKED_EXTRA, TRACKED_REGIONS, TRACKED_SIZES, TRACKED_RELEASES)
