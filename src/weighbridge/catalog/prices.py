"""Price lists: the rows of the installed `genai-prices` as our `Price` values.

Importing this module imports that package and its data (about 0.5 s and 30 MB), so `load.py` does it only when an
endpoint with a price list is asked for. What a row charges beyond prompt, cached and output tokens (web searches, audio
and so on) is not in a `Price`.
"""

from datetime import UTC, date, datetime, time
from decimal import Decimal
from importlib.metadata import version

from genai_prices import types
from genai_prices.data import providers
from genai_prices.data_snapshot import DataSnapshot

from weighbridge.catalog.model import Price, Rate, price_id
from weighbridge.errors import CatalogError

_COUNTED_ELSEWHERE = ("output_reasoning_mtok", "output_citation_mtok")
"""Output tokens at a rate of their own: a `Price` cannot say it, so such a model's price is unknown to us."""


class PriceLists:
    """The bundled snapshot of genai-prices, searched by its own match clauses."""

    def __init__(self) -> None:
        # Not get_snapshot(): that one may be replaced, process-wide, by the package's own updater.
        self._snapshot = DataSnapshot(providers=providers, from_auto_update=False)
        self._source = f"genai-prices {version('genai-prices')}"

    def prices(self, provider: str, upstream_model: str) -> tuple[Price, ...]:
        """The rows of `upstream_model` in the list of `provider` (genai-prices' id), in the list's order.

        Empty if the list lacks the model or does not price both its prompt and its output in tokens.
        Raises CatalogError if there is no such list.
        """
        try:
            found = self._snapshot.find_provider(None, provider, None)
        except LookupError as error:
            raise CatalogError(f"{self._source} has no price list {provider!r}") from error
        model = found.find_model(upstream_model, all_providers=self._snapshot.providers)
        if model is None:
            return ()
        rows = model.prices if isinstance(model.prices, list) else [types.ConditionalPrice(None, prices=model.prices)]
        prices = [_price(f"genai-prices:{found.id}/{model.id}", self._source, row) for row in rows]
        known = tuple(price for price in prices if price is not None)
        return known if len(known) == len(prices) else ()


def _price(name: str, source: str, row: types.ConditionalPrice) -> Price | None:
    listed = row.prices
    input_, output = _rate(listed.input_mtok), _rate(listed.output_mtok)
    if input_ is None or output is None or any(getattr(listed, key) is not None for key in _COUNTED_ELSEWHERE):
        return None
    since, hours = _since(row), _hours(row)
    return Price(
        id=price_id(name, since, hours),
        source=source,
        input=input_,
        output=output,
        cache_read=_rate(listed.cache_read_mtok),
        cache_write=_rate(listed.cache_write_mtok),
        per_request=_per_request(listed),
        since=since,
        hours=hours,
    )


def _rate(listed: Decimal | types.TieredPrices | None) -> Rate | None:
    if isinstance(listed, types.TieredPrices):
        return Rate(listed.base, tuple((tier.start, tier.price) for tier in listed.tiers))
    return None if listed is None else Rate(listed)


def _per_request(listed: types.ModelPrice) -> Decimal:
    thousand = listed.requests_kcount
    if isinstance(thousand, types.TieredPrices):
        thousand = thousand.base
    return Decimal(0) if thousand is None else thousand / 1000


def _since(row: types.ConditionalPrice) -> date | None:
    return row.constraint.start_date if isinstance(row.constraint, types.StartDateConstraint) else None


def _hours(row: types.ConditionalPrice) -> tuple[time, time] | None:
    if not isinstance(row.constraint, types.TimeOfDateConstraint):
        return None
    return _utc(row.constraint.start_time), _utc(row.constraint.end_time)


def _utc(listed: time) -> time:
    """genai-prices: a time without a zone is UTC."""
    if listed.tzinfo is None:
        return listed.replace(tzinfo=UTC)
    return datetime.combine(date(1970, 1, 1), listed).astimezone(UTC).timetz()
