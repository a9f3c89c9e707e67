"""The report: all figures on one page of HTML that needs nothing else, in one language."""

from collections.abc import Callable, Mapping, Sequence

from weighbridge.errors import MarketError
from weighbridge.market.recipes.figure import Figure, figure
from weighbridge.market.recipes.measures.measure import Cell, Value
from weighbridge.market.recipes.recipe import recipe, recipes
from weighbridge.market.report.language import Language
from weighbridge.market.report.picture import picture
from weighbridge.market.report.saying import (
    Said,
    again,
    alternative,
    cited,
    definition,
    is_day,
    not_reproduced,
    shown,
    title,
)
from weighbridge.market.store import Store
from weighbridge.reports.drawing import STYLE
from weighbridge.reports.page import cell, folded, foreign, head, wide
from weighbridge.reports.page import page as whole
from weighbridge.reports.page import text as _e


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
    return whole(
        language,
        title=words["title"],
        style=STYLE,
        body=f"<header><h1>{_e(words['title'])}</h1><p>{_e(words['lead'])}</p>{made}</header>"
        f'<nav aria-labelledby="contents"><h2 id="contents">{_e(words["contents"])}</h2><ol>{links}</ol></nav>'
        f"<main>{body}{_missing(why, language)}</main>",
    )


def _figure(each: Figure, language: Language) -> str:
    words = language.words
    parts = [
        f'<h2 id="{each.name}-title">{_title(each, language)}</h2>',
        f'<dl class="values">{"".join(_value(value, language) for value in each.measured.values)}</dl>',
        _definition(each, language),
        _drawing(each, language),
    ]
    reason = not_reproduced(each, language)
    if reason is not None:
        parts.append(f'<p class="note"><strong>{_e(words["not_reproduced"])}.</strong> {_html(reason, language)}</p>')
    if each.measured.unmatched is not None:
        parts.append(f"<p>{_e(words['unmatched'].format(share=language.share(each.measured.unmatched)))}</p>")
    parts += [_table(each, language), _sensitivity(each, language), _inputs(each, language), _cite(each, language)]
    return f'<article id="{each.name}" aria-labelledby="{each.name}-title">{"".join(parts)}</article>'


def _value(value: Value, language: Language) -> str:
    return f"<div><dt>{_e(language.term(value.name))}</dt><dd>{_e(language.value(value))}</dd></div>"


def _definition(each: Figure, language: Language) -> str:
    said = _html(definition(each, language), language)
    return f"<p><strong>{_e(language.words['definition'])}.</strong> {said}</p>"


def _drawing(each: Figure, language: Language) -> str:
    drawing = picture(each, language, alone=False)
    return "" if drawing is None else f"<figure>{drawing}</figure>"


def _table(each: Figure, language: Language) -> str:
    columns, seen = each.measured.columns, shown(each.measured)
    heads = "".join(
        head(language.term(column), number=right) for column, right in zip(columns, seen.numeric, strict=True)
    )
    lines = "".join(f"<tr>{_cells(row, columns, seen.numeric, language)}</tr>" for row in seen.rows)
    note = ""
    if len(seen.rows) < seen.all:
        word = language.words["last_rows" if seen.last else "first_rows"]
        counted = {
            "shown": language.number(len(seen.rows)),
            "all": language.number(seen.all),
            "name": language.name(each.name),
        }
        note = f"<p class=small>{_e(word.format(**counted))}</p>"
    return folded(language.words["table"], f"{wide(heads, lines)}{note}", opened=len(seen.rows) <= 8)


def _cells(row: Sequence[Cell], columns: Sequence[str], numeric: Sequence[bool], language: Language) -> str:
    return "".join(
        cell(language.cell(one, column), "n" if right else "d" if is_day(one) else "")
        for one, column, right in zip(row, columns, numeric, strict=True)
    )


def _sensitivity(each: Figure, language: Language) -> str:
    words = language.words
    if not each.sensitivity:
        return f"<h3>{_e(words['sensitivity'])}</h3><p>{_e(words['no_other'])}</p>"
    names = "".join(head(language.term(value.name), number=True) for value in each.measured.values)
    own = f'<tr><th scope="row">{_e(words["as_defined"])}</th>{_results(each.measured.values, language)}</tr>'
    others = "".join(
        f'<tr><th scope="row">{_html(alternative(each, other, language), language)}</th>'
        f"{_results(other.values, language)}</tr>"
        for other in each.sensitivity
    )
    heads = head(words["by"]) + names
    return f"<h3>{_e(words['sensitivity'])}</h3>{wide(heads, own + others)}"


def _results(values: Sequence[Value], language: Language) -> str:
    return "".join(cell(language.value(value), "n") for value in values)


def _inputs(each: Figure, language: Language) -> str:
    words = language.words
    heads = "".join(head(words[name]) for name in ("file", "source", "as_of", "sha"))
    lines = "".join(
        f'<tr><td><bdi dir="ltr">{_e(one.name)}</bdi></td><td><bdi dir="ltr">{_e(one.source)}</bdi></td>'
        f'<td>{_e(language.dated(one.as_of))}</td><td><code dir="ltr">{one.sha256}</code></td></tr>'
        for one in each.inputs
    )
    return folded(words["inputs"], wide(heads, lines))


def _cite(each: Figure, language: Language) -> str:
    words = language.words
    lines = "".join(f'<li dir="ltr" lang="en">{_e(each_line)}</li>' for each_line in each.attribution)
    see = "".join(
        f'<li><bdi dir="ltr"><a href="{_e(url)}" rel="noreferrer">{_e(url)}</a></bdi></li>' for url in each.references
    )
    return (
        f'<h3>{_e(words["cite"])}</h3><p class="cite">{_e(cited(each, language))}</p>'
        f'<p class="small">{_e(words["again"])}: <code dir="ltr">{_e(again(each))}</code></p>'
        f'<h3>{_e(words["attribution"])}</h3><ul class="small">{lines}</ul>'
        + (f'<h3>{_e(words["references"])}</h3><ul class="small">{see}</ul>' if see else "")
    )


def _missing(why: Mapping[str, str], language: Language) -> str:
    words = language.words
    if not why:
        return f"<section><h2>{_e(words['missing'])}</h2><p>{_e(words['none_missing'])}</p></section>"
    heads = head(words["missing_figure"]) + head(words["why"])
    lines = "".join(
        f'<tr><th scope="row"><bdi dir="ltr">{_e(name)}</bdi></th><td>{foreign(reason, language)}</td></tr>'
        for name, reason in why.items()
    )
    return f"<section><h2>{_e(words['missing'])}</h2>{wide(heads, lines)}</section>"


def _title(each: Figure, language: Language) -> str:
    return _html(title(each.name, recipe(each.name), language), language)


def _html(said: Said, language: Language) -> str:
    return foreign(said.text, language) if said.foreign else _e(said.text)
