"""The report of a plan, with the texts of its worst examples where those are kept."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec

from weighbridge.app.switch.setting import Setting, cases, kept_answers
from weighbridge.app.unable import Unable
from weighbridge.errors import TextsUnavailable
from weighbridge.ledger.tagged import spent_on
from weighbridge.switch.case import Case
from weighbridge.switch.cases import Unusable
from weighbridge.switch.planned import Plan
from weighbridge.switch.report.document import Report
from weighbridge.switch.report.worst import with_texts
from weighbridge.switch.sources import Ref, Source


def reported(at: Setting, plan: Plan, *, texts: bool = True) -> Report:
    """As it stands; `texts`: with those of the examples that went worst. Raises Unable."""
    try:
        from weighbridge.switch.report import filling  # noqa: PLC0415 - numpy is an extra
    except ImportError as error:
        raise Unable(f"intervals take numpy ({error})", next_step="pip install 'weighbridge[switch]'") from error
    try:
        made = filling.report(
            at.connection,
            plan,
            spent=spent_on(at.connection, plan.tag, plan.at),
            rate=at.settings.switch.shadow_rate,
            now=at.now,
        )
    except msgspec.MsgspecError as error:
        raise Unable(f"what is stored of {plan.id} is of another release: {error}") from error
    if not texts or not any(route.worst for route in made.routes):
        return made
    with kept_cases(at, plan) as kept, kept_answers(at) as answered:
        return filling.with_worst(made, lambda worst: with_texts(worst, kept, answered))


@contextmanager
def kept_cases(at: Setting, plan: Plan) -> Iterator[Callable[[str], Case | None]]:
    """Cases by their ids, where their texts are still there and can be read."""
    refs = {ref.case: ref for route in plan.routes for ref in route.cases}
    try:
        with cases(at, plan.source, plan.reference) as source:
            yield lambda id_: _case(source, refs, id_)
    except Unable:
        yield lambda id_: None


def _case(source: Source, refs: dict[str, Ref], id_: str) -> Case | None:
    try:
        return source.again(refs[id_])
    except (Unusable, TextsUnavailable, OSError):
        return None
