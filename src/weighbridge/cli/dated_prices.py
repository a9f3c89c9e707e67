"""The catalogue of the settings for what others have counted: every provider's prices, by date and by any name."""

from datetime import UTC, datetime

from weighbridge.app.offer import offered
from weighbridge.catalog.dated import DatedPrices
from weighbridge.catalog.load import every_provider
from weighbridge.config import Settings
from weighbridge.providers.rows import read_rows


def dated_prices(settings: Settings) -> DatedPrices:
    """Takes half a second, for the price lists. Raises CatalogError and ConfigError."""
    rows = {row.id: row.price_provider for row in read_rows()}
    catalog = offered(settings, tuple(sorted({*every_provider(), *rows})), (), datetime.now(UTC))
    return DatedPrices(catalog, rows)
