"""What a provider's own name for a model means, and what it cost there on a day: for usage that others have counted."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from weighbridge.catalog.load import with_discovered
from weighbridge.catalog.model import Catalog, Endpoint, Price

_DATED: Final = re.compile(r"[-@](\d{8}|\d{4}-\d\d-\d\d|latest)$")
_VARIANT: Final = re.compile(r"\[[^\]]*\]$")
"""What Claude Code writes behind a model whose context is longer: `[1m]`."""


class DatedPrices:
    """A catalogue that learns the names it is asked for. `lists` has the providers' ids in genai-prices."""

    def __init__(self, catalog: Catalog, lists: Mapping[str, str | None]) -> None:
        self._catalog = catalog
        self._lists = lists
        self._known: dict[tuple[str, str], Endpoint] = {}
        self._rows: dict[str, Price] = {}

    def model(self, name: str, provider: str | None = None) -> str:
        """The catalogue's id of a model of that name; the name itself, after its provider, where it has none."""
        for each in _spellings(name):
            found = self._catalog.find(each)
            if found is not None:
                return found.id
        return name if provider is None or "/" in name else f"{provider}/{name}"

    def price(self, provider: str, name: str, at: datetime) -> Price | None:
        """The row in force at that time (aware); None where no list has one. Raises CatalogError."""
        for each in _spellings(name):
            price = self._endpoint(provider, each).price_at(at)
            if price is not None:
                return price
        return None

    def row(self, price_id: str) -> Price | None:
        """The row of this id, where the catalogue has it now."""
        if not self._rows:
            endpoints = (each for model in self._catalog.models.values() for each in model.endpoints)
            self._rows = {price.id: price for endpoint in endpoints for price in endpoint.prices}
        return self._rows.get(price_id)

    def _endpoint(self, provider: str, name: str) -> Endpoint:
        known = self._known.get((provider, name))
        if known is None:
            catalog = with_discovered(self._catalog, provider, [name], price_provider=self._lists.get(provider))
            endpoints = (each for model in catalog.models.values() for each in model.endpoints)
            known = next(each for each in endpoints if (each.provider, each.upstream_model) == (provider, name))
            self._known[provider, name] = known
        return known


def _spellings(name: str) -> list[str]:
    """As it is, and without what stands for a variant or a date behind it."""
    bare = _VARIANT.sub("", name)
    return list(dict.fromkeys((name, bare, _DATED.sub("", bare))))
