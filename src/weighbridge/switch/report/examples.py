"""The examples that went worst: their texts where those are kept, else how to come by them."""

from typing import Final

from weighbridge.reports.foreign import visible
from weighbridge.reports.language import Tongue
from weighbridge.reports.page import folded, text
from weighbridge.switch.report.document import Route, Worst
from weighbridge.switch.report.language import percent
from weighbridge.switch.report.titles import reason

_LONGEST: Final = 2000
"""Characters of a text that are shown."""


def examples(route: Route, tongue: Tongue) -> str:
    """As HTML, folded: they may be private."""
    words = tongue.words
    if not route.rests.replays:
        return ""
    shown = "".join(_example(place, each, tongue) for place, each in enumerate(route.worst, start=1))
    return folded(words["worst"], shown or f"<p>{text(words['no_worst'])}</p>")


def _example(place: int, worst: Worst, tongue: Tongue) -> str:
    words = tongue.words
    lost = words["lost"].format(
        loss=percent(worst.loss, tongue), arm=tongue.name(worst.arm), grader=tongue.name(worst.grader)
    )
    said = words["grader_said"].format(why=reason(worst.why, tongue)) if worst.why else ""
    return (
        f"<h4>{text(words['example'].format(number=tongue.number(place)))}</h4><p>{text(lost)}. {text(said)}</p>"
        f"{_texts(worst, tongue)}{_receipts(worst, tongue)}"
    )


def _texts(worst: Worst, tongue: Tongue) -> str:
    words, texts = tongue.words, worst.texts
    if texts is None:
        return ""
    parts = [_quoted(words["asked"], texts.asked, tongue)]
    if texts.reference is not None:
        parts.append(_quoted(words["reference_said"], texts.reference, tongue))
    if texts.candidate is not None:
        parts.append(_quoted(words["candidate_said"].format(model=tongue.name(worst.arm)), texts.candidate, tongue))
    return "".join(parts)


def _quoted(said_by: str, said: str, tongue: Tongue) -> str:
    """Of any language, hence of its own direction."""
    cut = f' <span class="small">{text(tongue.words["shortened"])}</span>' if len(said) > _LONGEST else ""
    return (
        f'<p class="small">{text(said_by)}{cut}</p><blockquote dir="auto">{text(visible(said[:_LONGEST]))}</blockquote>'
    )


def _receipts(worst: Worst, tongue: Tongue) -> str:
    found = [each for each in (worst.reference_receipt, worst.receipt) if each is not None]
    if not found:
        return ""
    words = tongue.words
    listed = words["comma"].join(tongue.name(each) for each in found)
    if worst.texts is not None:
        return f'<p class="small">{text(words["receipt"])}: {text(listed)}</p>'
    commands = "".join(
        f'<li><code dir="ltr">weighbridge texts show {text(visible(each))}</code></li>' for each in found
    )
    return f'<p class="small">{text(words["show"])}:</p><ul class="small">{commands}</ul>'
