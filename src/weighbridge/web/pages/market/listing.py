"""All figures, by subject, and which of them can be worked out here."""

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from typing import Final, Literal, get_args

from starlette.responses import Response

from weighbridge.ledger.tabular import PackageMissing
from weighbridge.market.document import ListedFigure, figure_list
from weighbridge.market.recipes.recipe import recipes
from weighbridge.market.report import saying
from weighbridge.market.report.language import Language
from weighbridge.market.report.saying import Said
from weighbridge.web.pages.market.asked import language_of
from weighbridge.web.pages.market.subjects import SUBJECTS, subject
from weighbridge.web.visit import Visit

Data = Literal["all", "some", "none"]
_ORDER: Final[tuple[Data, ...]] = get_args(Data)


@dataclass(frozen=True, slots=True)
class Line:
    """One figure."""

    name: str
    title: Said
    sources: tuple[str, ...]
    data: Data
    """Whether all that it rests on is here, or some, or nothing."""


@dataclass(frozen=True, slots=True)
class Group:
    """The figures of one subject."""

    code: str
    title: str
    lines: tuple[Line, ...]


async def listing(visit: Visit) -> Response:
    """GET /market"""
    looked_for, only_here = visit.query("q").strip(), visit.query("here") == "on"
    lacking = await lacking_here(visit)
    listed = await asyncio.to_thread(figure_list, visit.parts.market.figures.store)
    language = language_of(visit.tongue)
    meant = [each for each in listed.data if _is_meant(each, looked_for, language)]
    groups = _grouped([each for each in meant if _is_ready(each) or not only_here], visit, language)
    ready = sum(_is_ready(each) for each in listed.data)
    visit.parts.market.prepare()  # one of them will be opened next
    return visit.page(
        "market/listing.html",
        groups=groups,
        q=looked_for,
        only_here=only_here,
        all=len(listed.data),
        ready=ready,
        lacking=lacking,
    )


async def lacking_here(visit: Visit) -> str | None:
    """What is to be installed before any figure can be worked out; None: nothing. Takes in what is installed here."""
    try:
        await asyncio.to_thread(visit.parts.market.take_in)
    except PackageMissing as error:
        return str(error)
    return None


def _grouped(listed: list[ListedFigure], visit: Visit, language: Language) -> list[Group]:
    by: defaultdict[str, list[Line]] = defaultdict(list)
    for each in listed:
        wanted = recipes()[each.name]
        by[subject(wanted)].append(
            Line(each.name, saying.title(each.name, wanted, language), tuple(each.sources), _data(each))
        )
    groups = [
        Group(code, visit.tongue.gettext(title), tuple(sorted(by[code], key=lambda line: _ORDER.index(line.data))))
        for code, title in SUBJECTS.items()
        if code in by
    ]
    return sorted(groups, key=lambda group: group.lines[0].data == "none")


def _data(each: ListedFigure) -> Data:
    if not each.missing:
        return "all"
    return "some" if _is_ready(each) else "none"


def _is_ready(each: ListedFigure) -> bool:
    return len(each.missing) < len(each.sources)


def _is_meant(each: ListedFigure, looked_for: str, language: Language) -> bool:
    """Whether all the words stand in what is said of it, in English or in the visitor's language."""
    said = language.figures.get(each.name)
    own = "" if said is None else f"{said.title} {said.definition}"
    text = f"{each.name} {each.title} {each.definition} {' '.join(each.sources)} {own}".casefold()
    return all(word in text for word in looked_for.casefold().split())
