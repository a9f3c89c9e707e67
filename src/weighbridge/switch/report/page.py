"""The report as one page of HTML: in short, then each route."""

from typing import Final

from weighbridge.reports.drawing import STYLE
from weighbridge.reports.language import Tongue
from weighbridge.reports.page import cell, head, text, wide
from weighbridge.reports.page import page as whole
from weighbridge.switch.report.document import Report, Route
from weighbridge.switch.report.language import percent
from weighbridge.switch.report.route import section
from weighbridge.switch.report.sentences import bound
from weighbridge.switch.report.titles import title

_MEANS: Final = ("about_loss", "about_harm", "about_saving", "mean_1", "mean_2", "mean_3", "mean_4")
_OPEN: Final = frozenset({"running", "undecided"})
OWN_STYLE: Final = (
    ".verdict{border-inline-start:5px solid var(--soft);background:var(--card);padding:.8rem 1rem;margin:0 0 1rem;"
    "font-size:1.1rem;line-height:1.5}.verdict.proven{border-color:#2f7d4f}.verdict.no{border-color:#b7471a}"
    ".badge{white-space:nowrap;font-weight:600}.badge.proven{color:#226b41}.badge.no{color:#a03a10}"
    "@media(prefers-color-scheme:dark){.verdict.proven{border-color:#7fcf9d}.verdict.no{border-color:#f0a27e}"
    ".badge.proven{color:#7fcf9d}.badge.no{color:#f0a27e}}"
    "blockquote{margin:.4rem 0 1rem;padding:.6rem .9rem;background:var(--card);border:1px solid var(--line);"
    "border-radius:.5rem;white-space:pre-wrap;overflow-wrap:anywhere;font:.875rem/1.5 ui-monospace,'Noto Sans Mono',"
    "monospace;text-align:start}h2 .id{white-space:nowrap;font-size:.875rem;font-weight:400;color:var(--soft)}"
    "dl.facts{display:grid;grid-template-columns:minmax(10rem,auto) 1fr;gap:.3rem 1rem;font-size:.9375rem}"
    "dl.facts dt{color:var(--soft)}dl.facts dd{margin:0;overflow-wrap:anywhere}tr.chosen td{font-weight:600}"
    "@media(max-width:30rem){dl.facts{grid-template-columns:1fr;gap:0}dl.facts dd{margin-block-end:.5rem}}"
)


def page(report: Report, tongue: Tongue) -> str:
    """The whole page."""
    heading = tongue.words["title"].format(reference=tongue.name(report.reference))
    body = (
        f"<header><h1>{text(heading)}</h1><p>{text(tongue.words['lead'])}</p>{_made(report, tongue)}</header>"
        f"<main>{_short(report, tongue)}{''.join(section(each, report, tongue) for each in report.routes)}"
        f"{_means(tongue)}</main>"
    )
    return whole(tongue, title=heading, body=body, style=STYLE + OWN_STYLE)


def _made(report: Report, tongue: Tongue) -> str:
    words = tongue.words
    made = words["made"].format(
        made=tongue.dated(report.made.date()),
        plan=tongue.name(report.plan),
        planned=tongue.dated(report.planned.date()),
    )
    cost = words["spent_all"].format(spent=tongue.dollars(report.spent), replays=tongue.counted("more", report.replays))
    return f'<p class="small">{text(made)} {text(cost)}</p>'


def _short(report: Report, tongue: Tongue) -> str:
    words = tongue.words
    if not report.routes:
        return f"<section><p>{text(words['no_routes'])}</p></section>"
    proven = sum(each.proven for each in report.routes)
    said = tongue.counted("certified", proven, all=tongue.number(len(report.routes)))
    heads = (
        head(words["route"])
        + head(words["verdict"])
        + "".join(head(words[name], number=True) for name in ("loss", "saving", "moved"))
    )
    rows = "".join(_row(each, tongue) for each in report.routes)
    return (
        f'<section aria-labelledby="routes"><h2 id="routes">{text(words["routes"])}</h2><p>{text(said)}</p>'
        f"{wide(heads, rows)}</section>"
    )


def _row(route: Route, tongue: Tongue) -> str:
    words, routed = tongue.words, route.routed
    kind = "certified" if route.proven else "open" if route.why in _OPEN else "not_certified"
    mark = {"certified": "✓", "open": "…", "not_certified": "✗"}[kind]
    hue = {"certified": " proven", "open": "", "not_certified": " no"}[kind]
    saving = None if routed is None or routed.saving is None else routed.saving.value
    return (
        f'<tr><th scope="row"><a href="#{text(route.id)}">{text(title(route.about, tongue))}</a></th>'
        f'<td><span class="badge{hue}"><span aria-hidden="true">{mark} </span>{text(words[kind])}</span></td>'
        f"{cell(bound(route, tongue), 'n')}{cell(percent(saving, tongue), 'n')}"
        f"{cell(percent(None if routed is None else routed.moved, tongue), 'n')}</tr>"
    )


def _means(tongue: Tongue) -> str:
    words = tongue.words
    lines = "".join(f"<li>{text(words[name])}</li>" for name in _MEANS)
    return f"<section><h2>{text(words['means'])}</h2><ul>{lines}</ul></section>"
