"""The first page: today and this month, what it would cost elsewhere, what wants a look, and the first steps."""

from typing import Final

from weighbridge.web.pages.today.page import page
from weighbridge.web.visit import Place

PLACES: Final = (Place("/", page, may="usage.read"),)
