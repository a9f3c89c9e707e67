"""The rules by which cheaper models answer."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from weighbridge import db
from weighbridge.app.doctor.finding import N_, Finding, Many, ngettext
from weighbridge.app.place import place
from weighbridge.app.switching import Rules
from weighbridge.config import Settings

_SOON: Final = timedelta(days=7)
_WHERE: Final = "weighbridge switch status"


def of_switch(settings: Settings) -> Iterator[Finding]:
    """Whether what is in force can be gone by here, and until when. Says nothing where nothing ever was."""
    where = place(settings)
    if isinstance(where, Path) and not where.is_file():
        return
    now = datetime.now(UTC)
    try:
        with closing(db.connect(where)) as connection:
            rules = Rules(connection, settings.switch.shadow_rate)
            held = [each.rule for each in rules.changed() or [] if each.rule.state in ("proven", "stepped_back")]
    except db.Error:
        return  # the ledger's own finding says it, and a database of an older release has no rules
    if not rules.rows:
        return
    for certificate, why in rules.faults.items():
        said = N_("nothing is routed by the certificate %(certificate)s: %(why)s")
        yield Finding("switch", "failed", said, {"certificate": certificate, "why": why}, command=_WHERE)
    good = [each for each in held if each.certificate not in rules.faults and each.expires > now]
    counts = {"good": len(good), "all": len(rules.rows)}
    if not settings.switch.enabled:
        off, more = ngettext(
            "%(good)s rules are in force, and switch.enabled is off",
            "%(good)s rules are in force, and switch.enabled is off",
        )
        many = Many(text=more, count="good")
        yield Finding("switch", "note", off, counts, advice=N_("turn it on"), many=many)
        return
    one, more = ngettext(
        "%(good)s routes are answered by what is proven, of %(all)s that were",
        "%(good)s routes are answered by what is proven, of %(all)s that were",
    )
    yield Finding("switch", "ok", one, counts, many=Many(text=more, count="good"))
    for each in good:
        promise = rules.promises.get(each.certificate)
        if promise is not None and promise.blindness:
            holes = {"route": each.route, "text": promise.blindness}
            yield Finding("switch", "note", "%(route)s: %(text)s", holes, advice=N_("run it again now and then"))
        if each.expires < now + _SOON:
            said, step = (
                N_("the certificate of %(route)s runs out on %(day)s"),
                N_("weighbridge switch plan, and run it again"),
            )
            yield Finding("switch", "note", said, {"route": each.route, "day": each.expires.date()}, advice=step)
