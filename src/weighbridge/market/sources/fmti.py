"""The Foundation Model Transparency Index: a hundred indicators of thirteen companies, each met or not."""

from collections.abc import Iterator
from datetime import date
from typing import Final

from weighbridge.market.findings import Finding
from weighbridge.market.sources.csv_source import Cells, CsvSource
from weighbridge.market.sources.source import About
from weighbridge.market.tables import Openness, Row

_LINE: Final = "Source: Foundation Model Transparency Index (crfm.stanford.edu/fmti), as of {as_of}, CC BY 4.0."
_HOME: Final = "https://github.com/stanford-crfm/fmti"


def _scores(row: str, cells: Cells, as_of: date) -> Iterator[Row | Finding]:
    indicator = cells["Indicator"].strip()
    for company, found in cells.items():
        if company == "Indicator":
            continue
        if found not in ("0", "1"):
            said = f"{indicator}, {company}: {found!r} is neither 0 nor 1"
            yield Finding(kind="unreadable-row", subject=row, said=said)
            continue
        yield Openness(company, "fmti", indicator, found, None, FMTI.about.name, as_of)


def _indicator(row: str, cells: Cells, as_of: date) -> Iterator[Row | Finding]:
    domain = f"{cells['Domain']}: {cells['Subdomain']}"
    name, evidence = cells["Indicator"].strip(), cells["Definition"] or None
    yield Openness("indicator", "fmti", name, domain, evidence, FMTI_INDICATORS.about.name, as_of)


FMTI: Final = CsvSource(
    About(name="fmti", title="Foundation Model Transparency Index", home=_HOME, licence="CC-BY-4.0", line=_LINE),
    ("Indicator", "Anthropic", "OpenAI"),
    ("Indicator", "Anthropic", "OpenAI"),
    _scores,
)
FMTI_INDICATORS: Final = CsvSource(
    About(name="fmti-indicators", title="FMTI, its indicators", home=_HOME, licence="CC-BY-4.0", line=_LINE),
    ("Domain", "Subdomain", "Indicator"),
    ("Domain", "Subdomain", "Indicator", "Definition"),
    _indicator,
)
