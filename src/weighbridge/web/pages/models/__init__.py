"""/models: what there is to ask, at what price, on whose terms, and how to run it oneself."""

from typing import Final

from weighbridge.web.pages.models.listing import listing
from weighbridge.web.pages.models.one import one
from weighbridge.web.visit import Place

PLACES: Final = (Place("/models", listing), Place("/models/{id:path}", one))
