"""The market: figures by subject, each with its definition, and the sources they rest on."""

from typing import Final

from weighbridge.web.pages.market import figure, files, listing, sources
from weighbridge.web.visit import Place

PLACES: Final = (
    Place("/market", listing.listing),
    Place("/market/sources", sources.sources),
    Place("/market/{name}", figure.one),
    Place("/market/{name}/figure.json", files.document),
    Place("/market/{name}/table.csv", files.table),
    Place("/market/{name}/chart.svg", files.drawing),
)
