"""Chat with any model, or two beside each other, and see what each answer cost and why it went where it went."""

from typing import Final

from weighbridge.web.pages.playground.handlers import answer, page, stream, tell
from weighbridge.web.visit import Place

PLACES: Final = (
    Place("/playground", page),
    Place("/playground", answer, "POST"),
    Place("/playground/stream", stream, "POST"),
    Place("/playground/told", tell, "POST"),
)
