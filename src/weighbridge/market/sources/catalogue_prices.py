"""The prices that the project itself carries: the catalogue's prices.toml, each with where it was read.

They are what price lists lack, such as what a vendor asked before they began. The file's day is that of its newest
`since`, or of whoever brings it.
"""

import tomllib
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, Final

from weighbridge.market.findings import Finding
from weighbridge.market.sources.amounts import four
from weighbridge.market.sources.source import About, Payload, beginning
from weighbridge.market.tables import Price, Row

_RATES: Final = ("input", "output", "cache_read", "cache_write")


class CataloguePrices:
    """catalog/data/prices.toml."""

    about = About(
        name="catalogue-prices",
        title="Prices that Weighbridge carries",
        home="docs/catalogue.md",
        licence="Apache-2.0",
        line="Source: Weighbridge's catalogue, from vendors' documents, as of {as_of}.",
    )

    def recognise(self, path: Path) -> bool:
        start = beginning(path)
        return path.suffix == ".toml" and "[[price]]" in start and "upstream_model = " in start

    def as_of(self, payload: Payload) -> date:
        return payload.as_of or max((row["since"] for row in _rows(payload) if "since" in row), default=date.min)

    def read(self, payload: Payload, as_of: date) -> Iterator[Row | Finding]:
        for row in _rows(payload):
            subject = f"{row['provider']}/{row['upstream_model']}"
            tier = "base" if "hours" not in row else "hours=" + "-".join(f"{each:%H:%M}" for each in row["hours"])
            try:
                amounts = four(row.get(each) for each in _RATES)
            except ValueError as error:
                yield Finding(kind="unreadable-row", subject=subject, said=str(error))
                continue
            yield Price(
                row["upstream_model"], row["provider"], tier, row.get("since"), *amounts, self.about.name, as_of
            )


def _rows(payload: Payload) -> list[dict[str, Any]]:  # Any: TOML
    found: list[dict[str, Any]] = tomllib.loads(payload.path.read_text(encoding="utf-8"))["price"]
    return found


CATALOGUE_PRICES: Final = CataloguePrices()
