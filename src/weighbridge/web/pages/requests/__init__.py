"""Requests: looked for in the ledger, and one of them in all that is known of it."""

from typing import Final

from weighbridge.web.pages.requests import listing, one
from weighbridge.web.visit import Place

PLACES: Final = (
    Place("/requests", listing.listing, may="usage.read"),
    Place("/requests/{id}", one.one, may="usage.read"),
    Place("/requests/{id}/text", one.text, "POST", may="text.read"),
)
