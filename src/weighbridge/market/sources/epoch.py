"""Epoch AI: training runs, what they are estimated to have cost, chips, and benchmarks of open and closed models.

Costs are those of the final run. Countries of one organisation may be several, and those of a system made by several
organisations cannot be told apart: each stays as the file has it, and is found.
"""

from collections.abc import Iterator
from datetime import date
from typing import Final

from weighbridge.market.findings import Finding
from weighbridge.market.sources.amounts import number, whole
from weighbridge.market.sources.csv_source import Cells, CsvSource
from weighbridge.market.sources.dating import day_said
from weighbridge.market.sources.source import About
from weighbridge.market.tables import ChipPrice, Model, Openness, Organisation, Rating, Row, Training

_FIRST_SYSTEM: Final = date(1940, 1, 1)
_COST: Final = "Training compute cost (2023 USD)"
_COUNTRY: Final = "Country (of organization)"
_COSTS: Final = {
    "Cloud_Cost": "cloud",
    "Hardware_Acquisition_Cost": "acquisition",
    "Hardware_Capex_Energy_Cost": "capex+energy",
}
_HOURS: Final = {
    "Price per chip-hour (on-demand)": "on-demand",
    "Price per chip-hour (1-year CUD)": "1-year",
    "Price per chip-hour (3-year CUD)": "3-year",
    "Price (hardware purchase)": "purchase",
}
_BOARDS: Final = (
    "BBH", "GPQA", "MMLU", "HELM MMLU", "SEAL Coding", "SEAL Instruction Following", "SEAL Math", "LMSys Elo",
)  # fmt: skip


def _about(name: str, title: str) -> About:
    return About(
        name=name,
        title=title,
        home="https://epoch.ai/data",
        licence="CC-BY-4.0",
        line="Source: Epoch AI (epoch.ai/data), as of {as_of}, CC BY 4.0.",
    )


def _system(row: str, cells: Cells, as_of: date) -> Iterator[Row | Finding]:
    source, model = EPOCH_SYSTEMS.about.name, cells["Model"].strip()
    if not model:
        raise ValueError("it names no model")
    day, findings = day_said(cells["Publication date"], f"{row}, {model}", as_of, earliest=_FIRST_SYSTEM)
    yield from findings
    maker, access = cells["Organization"] or None, cells["Model accessibility"]
    params = whole(cells["Parameters"])
    weights = access.startswith("Open weights") if access else None
    yield Model(model, maker, day, weights, None, params, None, cells["Domain"] or None, source, as_of)
    if access:
        yield Openness(model, "epoch-accessibility", "weights", access, cells["Link"] or None, source, as_of)
    chips, hours, cost = (
        whole(cells["Hardware quantity"]),
        number(cells["Training chip-hours"]),
        number(cells[_COST]),
    )
    if cells["Training hardware"] or chips or hours or cost:
        method = None if cost is None else "as listed"
        chip = cells["Training hardware"] or None
        yield Training(model, maker, day, chip, chips, hours, cost, method, source, as_of)
    yield from _maker(row, cells, source, as_of)


def _maker(row: str, cells: Cells, source: str, as_of: date) -> Iterator[Row | Finding]:
    maker, places = cells["Organization"].strip(), list(dict.fromkeys(cells[_COUNTRY].split(",")))
    if "," in maker or not maker:
        return
    if len(places) > 1:
        yield Finding(kind="several-countries", subject=f"{row}, {maker}", said=", ".join(places))
    kind = cells["Organization categorization"] or None
    yield Organisation(maker, None, cells[_COUNTRY] or None, kind, source, as_of)


def _cost(row: str, cells: Cells, as_of: date) -> Iterator[Row | Finding]:
    for column, method in _COSTS.items():
        if (cost := number(cells[column])) is not None:
            yield Training(cells["Model"], None, None, None, None, None, cost, method, EPOCH_COSTS.about.name, as_of)


def _updated(row: str, cells: Cells, as_of: date) -> Iterator[Row | Finding]:
    cost = number(cells["Cost"])
    source = EPOCH_UPDATED.about.name
    yield Training(cells["Model"], None, None, None, None, None, cost, "as listed", source, as_of)


def _hour(row: str, cells: Cells, as_of: date) -> Iterator[Row | Finding]:
    day, findings = day_said(cells["Price date"], f"{row}, {cells['Hardware model']}", as_of, earliest=date(2000, 1, 1))
    yield from findings
    for column, terms in _HOURS.items():
        if day is not None and (dollars := number(cells[column])) is not None:
            vendor, source = cells["Vendor"] or None, EPOCH_CHIP_PRICES.about.name
            yield ChipPrice(cells["Hardware model"], day, vendor, terms, dollars, source, as_of)


def _chip(row: str, cells: Cells, as_of: date) -> Iterator[Row | Finding]:
    chip = cells["Hardware name"]
    day, findings = day_said(cells["Release date"], f"{row}, {chip}", as_of, earliest=date(2000, 1, 1))
    yield from findings
    dollars = number(cells["Release price (USD)"])
    if day is not None and dollars is not None:
        yield ChipPrice(chip, day, cells["Manufacturer"] or None, "release", dollars, EPOCH_CHIPS.about.name, as_of)


def _score(row: str, cells: Cells, as_of: date) -> Iterator[Row | Finding]:
    day, findings = day_said(cells["Date"], f"{row}, {cells['System']}", as_of)
    yield from findings
    for board in _BOARDS if day is not None else ():
        if day is not None and (rating := number(cells[board])) is not None:
            access, source = cells["Open/Closed"] or None, EPOCH_BENCHMARKS.about.name
            yield Rating(cells["System"], board, day, None, access, None, None, rating, None, source, as_of)


EPOCH_SYSTEMS: Final = CsvSource(
    _about("epoch-systems", "Epoch AI, all ML systems"),
    ("Model", "Notability criteria", "Training compute (FLOP)"),
    (
        "Model", "Domain", "Organization", "Publication date", "Link", "Parameters", "Training hardware",
        "Hardware quantity", "Training chip-hours", _COST, "Model accessibility", _COUNTRY,
        "Organization categorization",
    ),
    _system,
)  # fmt: skip
EPOCH_COSTS: Final = CsvSource(
    _about("epoch-costs", "Epoch AI, costs of training"), ("Model", "Cloud_Cost"), ("Model", *_COSTS), _cost
)
EPOCH_UPDATED: Final = CsvSource(
    _about("epoch-costs-updated", "Epoch AI, costs of training, updated"),
    ("Model", "Cost"),
    ("Model", "Cost"),
    _updated,
)
EPOCH_CHIP_PRICES: Final = CsvSource(
    _about("epoch-chip-prices", "Epoch AI, prices of chips"),
    ("Hardware model", "Price date"),
    ("Hardware model", "Price date", "Vendor", *_HOURS),
    _hour,
)
EPOCH_CHIPS: Final = CsvSource(
    _about("epoch-chips", "Epoch AI, chips"),
    ("Hardware name", "TDP (W)"),
    ("Hardware name", "Manufacturer", "Release date", "Release price (USD)"),
    _chip,
)
EPOCH_BENCHMARKS: Final = CsvSource(
    _about("epoch-benchmarks", "Epoch AI, benchmarks of open and closed models"),
    ("System", "Open/Closed"),
    ("System", "Open/Closed", "Date", *_BOARDS),
    _score,
)
EPOCH: Final = (EPOCH_SYSTEMS, EPOCH_COSTS, EPOCH_UPDATED, EPOCH_CHIP_PRICES, EPOCH_CHIPS, EPOCH_BENCHMARKS)
