"""A figure's chart with what it says, for a page or for a file of its own."""

from weighbridge.market.recipes.figure import Figure
from weighbridge.market.recipes.recipe import recipe
from weighbridge.market.report.chart import chart, pictured
from weighbridge.market.report.language import Language
from weighbridge.market.report.saying import result, title


def picture(each: Figure, language: Language, *, alone: bool = True) -> str | None:
    """The SVG; one that is alone names its sources in itself. None where there is nothing to draw."""
    said = result(each.measured.values, language)
    described = f"{said}. {' '.join(each.attribution)}" if alone else said
    heading = title(each.name, recipe(each.name), language).text
    return chart(pictured(each, language), heading, described, language, alone=alone)
