"""Policies: who may serve whose requests; written, tried before they are applied, and kept with their history."""

from typing import Final

from weighbridge.web.pages.policies import editing, history, overview, why
from weighbridge.web.visit import Place

PLACES: Final = (
    Place("/policies", overview.overview, may="policy.read"),
    Place("/policies/edit", editing.asked, may="policy.set"),
    Place("/policies/edit", editing.put, "POST", may="policy.set"),
    Place("/policies/why", why.why, may="policy.read"),
    Place("/policies/history", history.listing, may="policy.read"),
)
