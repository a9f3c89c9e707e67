"""The report: all figures on one page of HTML that needs nothing else, in one language."""

from collections.abc import Callable, Mapping, Sequence
from html import escape
from importlib.resources import files
from shlex import quote
from typing import Final

from weighbridge.errors import MarketError
from weighbridge.market.document import chosen
from weighbridge.market.recipes.figure import Figure, Sensitivity, figure
from weighbridge.market.recipes.measures.measure import Cell, Value
from weighbridge.market.recipes.recipe import recipe, recipes
from weighbridge.market.report.chart import chart, drawn, pictured, style
from weighbridge.market.report.language import FigureTexts, Language, read_day
from weighbridge.market.store import Store

_MOST_ROWS: Final = 25
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""Whatever slips into the page, a browser fetches nothing and runs nothing."""


def worked_out(
    store: Store, progress: Callable[[int, int], None] = lambda done, of: None
) -> tuple[list[Figure], dict[str, str]]:
    """All figures there is data for, and by name why there are no others. Raises PackageMissing."""
    found: list[Figure] = []
    why: dict[str, str] = {}
    for done, name in enumerate(recipes(), start=1):
        try:
            each = figure(store, name)
        except MarketError as error:
            why[name] = str(error)
        else:
            if all(value.value is None for value in each.measured.values):
                why[name] = f"its inputs have no row for {each.choices.window or 'these choices'}"
            else:
                found.append(each)
        progress(done, len(recipes()))
    return found, why


def page(figures: Sequence[Figure], why: Mapping[str, str], language: Language) -> str:
    """The page as HTML."""
    words = language.words
    links = "".join(f'<li><a href="#{each.name}">{_title(each, language)}</a></li>' for each in figures)
    newest = max((each.as_of for each in figures), default=None)
    made = "" if newest is None else f"<p>{_e(words['made'].format(as_of=language.dated(newest)))}</p>"
    body = "".join(_figure(each, language) for each in figures) or f"<p>{_e(words['nothing'])}</p>"
    sheet = (files("weighbridge.market.report") / "page.css").read_text(encoding="utf-8")
    return (
        f'<!doctype html><html lang="{language.code}" dir="{language.direction}"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{_e(words['title'])}</title><style>{sheet}{style()}</style></head><body><header>"
        f"<h1>{_e(words['title'])}</h1><p>{_e(words['lead'])}</p>{made}</header>"
        f'<nav aria-labelledby="contents"><h2 id="contents">{_e(words["contents"])}</h2><ol>{links}</ol></nav>'
        f"<main>{body}{_missing(why, language)}</main></body></html>\n"
    )


def _figure(each: Figure, language: Language) -> str:
    words = language.words
    parts = [
        f'<h2 id="{each.name}-title">{_title(each, language)}</h2>',
        f'<dl class="values">{"".join(_value(value, language) for value in each.measured.values)}</dl>',
        _definition(each, language),
        _drawing(each, language),
    ]
    reason = _said(each, language).not_reproduced if _texts(each, language) else each.not_reproduced
    if each.not_reproduced is not None:
        shown = _foreign(each.not_reproduced, language) if reason is None else _e(reason)
        parts.append(f'<p class="note"><strong>{_e(words["not_reproduced"])}.</strong> {shown}</p>')
    if each.measured.unmatched is not None:
        parts.append(f"<p>{_e(words['unmatched'].format(share=language.share(each.measured.unmatched)))}</p>")
    parts += [_table(each, language), _sensitivity(each, language), _inputs(each, language), _cite(each, language)]
    return f'<article id="{each.name}" aria-labelledby="{each.name}-title">{"".join(parts)}</article>'


def _value(value: Value, language: Language) -> str:
    return f"<div><dt>{_e(language.term(value.name))}</dt><dd>{_e(language.value(value))}</dd></div>"


def _definition(each: Figure, language: Language) -> str:
    said = _texts(each, language)
    pattern = recipe(each.name).definition if said is None else said.definition
    if said is None and language.code != "en":
        shown = _foreign(each.definition, language)
    else:
        shown = _e(language.definition(pattern, each.choices))
    return f"<p><strong>{_e(language.words['definition'])}.</strong> {shown}</p>"


def _drawing(each: Figure, language: Language) -> str:
    said = language.words["separator"].join(
        f"{language.term(value.name)} {language.value(value)}" for value in each.measured.values
    )
    title = (_texts(each, language) or each).title
    drawing = chart(pictured(each, language), title, said, language, alone=False)
    return "" if drawing is None else f"<figure>{drawing}</figure>"


def _table(each: Figure, language: Language) -> str:
    columns, rows = each.measured.columns, each.measured.rows
    what = drawn(each.measured)
    over_days = what is not None and what.days
    shown = rows[-_MOST_ROWS:] if over_days else rows[:_MOST_ROWS]
    numeric = [all(not isinstance(row[place], str) for row in shown) for place in range(len(columns))]
    heads = "".join(
        f'<th scope="col"{_end(right)}>{_e(language.term(column))}</th>'
        for column, right in zip(columns, numeric, strict=True)
    )
    lines = "".join(f"<tr>{_cells(row, columns, numeric, language)}</tr>" for row in shown)
    note = ""
    if len(shown) < len(rows):
        word = language.words["last_rows" if over_days else "first_rows"]
        counted = {
            "shown": language.number(len(shown)),
            "all": language.number(len(rows)),
            "name": language.name(each.name),
        }
        note = f"<p class=small>{_e(word.format(**counted))}</p>"
    return _folded(language.words["table"], f"{_wide(heads, lines)}{note}", opened=len(shown) <= 8)


def _cells(row: Sequence[Cell], columns: Sequence[str], numeric: Sequence[bool], language: Language) -> str:
    return "".join(
        f"<td{_end(right) or (' class=d' if read_day(cell) else '')}>{_e(language.cell(cell, column))}</td>"
        for cell, column, right in zip(row, columns, numeric, strict=True)
    )


def _sensitivity(each: Figure, language: Language) -> str:
    words = language.words
    if not each.sensitivity:
        return f"<h3>{_e(words['sensitivity'])}</h3><p>{_e(words['no_other'])}</p>"
    names = "".join(f'<th scope="col" class="n">{_e(language.term(value.name))}</th>' for value in each.measured.values)
    own = f'<tr><th scope="row">{_e(words["as_defined"])}</th>{_results(each.measured.values, language)}</tr>'
    others = "".join(
        f'<tr><th scope="row">{_alternative(each, other, language)}</th>{_results(other.values, language)}</tr>'
        for other in each.sensitivity
    )
    heads = f'<th scope="col">{_e(words["by"])}</th>{names}'
    return f"<h3>{_e(words['sensitivity'])}</h3>{_wide(heads, own + others)}"


def _results(values: Sequence[Value], language: Language) -> str:
    return "".join(f'<td class="n">{_e(language.value(value))}</td>' for value in values)


def _alternative(each: Figure, other: Sensitivity, language: Language) -> str:
    said = _texts(each, language)
    if said is not None and other.title in said.alternatives:
        return _e(said.alternatives[other.title])
    return _foreign(other.title, language)


def _inputs(each: Figure, language: Language) -> str:
    words = language.words
    heads = "".join(f'<th scope="col">{_e(words[name])}</th>' for name in ("file", "source", "as_of", "sha"))
    lines = "".join(
        f'<tr><td><bdi dir="ltr">{_e(one.name)}</bdi></td><td><bdi dir="ltr">{_e(one.source)}</bdi></td>'
        f'<td>{_e(language.dated(one.as_of))}</td><td><code dir="ltr">{one.sha256}</code></td></tr>'
        for one in each.inputs
    )
    return _folded(words["inputs"], _wide(heads, lines))


def _cite(each: Figure, language: Language) -> str:
    words = language.words
    result = language.words["separator"].join(
        f"{language.term(value.name)} {language.value(value)}" for value in each.measured.values
    )
    window = "" if each.choices.window is None else f"{language.window(each.choices.window)}, "
    line = words["cite_as"].format(
        title=(_texts(each, language) or each).title,
        result=result,
        name=language.name(each.name),
        window=window,
        as_of=language.dated(each.as_of),
        hashes=language.name(", ".join(one.sha256[:12] for one in each.inputs)),
        attribution=language.name(" ".join(each.attribution)),
    )
    lines = "".join(f'<li dir="ltr" lang="en">{_e(each_line)}</li>' for each_line in each.attribution)
    see = "".join(
        f'<li><bdi dir="ltr"><a href="{_e(url)}" rel="noreferrer">{_e(url)}</a></bdi></li>' for url in each.references
    )
    again = f"weighbridge market figure {each.name}" + "".join(
        f" --set {quote(f'{name}={value}')}" for name, value in chosen(each.choices).items()
    )
    return (
        f'<h3>{_e(words["cite"])}</h3><p class="cite">{_e(line)}</p>'
        f'<p class="small">{_e(words["again"])}: <code dir="ltr">{_e(again)}</code></p>'
        f'<h3>{_e(words["attribution"])}</h3><ul class="small">{lines}</ul>'
        + (f'<h3>{_e(words["references"])}</h3><ul class="small">{see}</ul>' if see else "")
    )


def _missing(why: Mapping[str, str], language: Language) -> str:
    words = language.words
    if not why:
        return f"<section><h2>{_e(words['missing'])}</h2><p>{_e(words['none_missing'])}</p></section>"
    heads = f'<th scope="col">{_e(words["missing_figure"])}</th><th scope="col">{_e(words["why"])}</th>'
    lines = "".join(
        f'<tr><th scope="row"><bdi dir="ltr">{_e(name)}</bdi></th><td>{_foreign(reason, language)}</td></tr>'
        for name, reason in why.items()
    )
    return f"<section><h2>{_e(words['missing'])}</h2>{_wide(heads, lines)}</section>"


def _texts(each: Figure, language: Language) -> FigureTexts | None:
    return language.figures.get(each.name)


def _said(each: Figure, language: Language) -> FigureTexts:
    return language.figures[each.name]


def _title(each: Figure, language: Language) -> str:
    said = _texts(each, language)
    return _foreign(each.title, language) if said is None else _e(said.title)


def _foreign(english: str, language: Language) -> str:
    """Text that there is in English only."""
    said = _e(" ".join(english.split()))
    return said if language.code == "en" else f'<span lang="en" dir="ltr">{said}</span>'


def _folded(summary: str, inner: str, *, opened: bool = False) -> str:
    return f"<details{' open' if opened else ''}><summary>{_e(summary)}</summary>{inner}</details>"


def _wide(heads: str, lines: str) -> str:
    """A table that scrolls by itself where the screen is narrow, by keys too."""
    return f'<div class="wide" tabindex="0"><table><thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table></div>'


def _end(right: bool) -> str:
    return ' class="n"' if right else ""


def _e(text: str) -> str:
    return escape(text)
