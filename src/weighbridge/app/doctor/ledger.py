"""The database: whether it is whole, whether its sums are those of its entries, and which keys open the gateway."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from weighbridge import db
from weighbridge.accounts import keys
from weighbridge.accounts.keys import Key
from weighbridge.app.doctor.finding import N_, Finding, Hole, Many, ngettext
from weighbridge.app.place import place
from weighbridge.config import Settings
from weighbridge.ledger import rollups
from weighbridge.ledger.rollups import HOUR, Difference


def of_ledger(settings: Settings) -> Iterator[Finding]:
    """The database: whole, and opened by which keys. Reads all of it."""
    where = place(settings)
    holes = {"where": str(where)}
    if isinstance(where, Path) and not where.is_file():
        yield Finding("ledger", "missing", N_("%(where)s is not there yet"), holes, command="weighbridge up")
        return
    step = N_("restore it from a backup, or move it away")
    if isinstance(where, db.Server):
        step = N_("start the server, or mend database.url; docs/how-to/use-postgresql.md")
    try:
        with closing(db.connect(where)) as connection:
            amiss = _amiss(connection)
            if amiss is not None:
                yield Finding("ledger", "failed", amiss[0], {**holes, **amiss[1]}, advice=step)
                return
            entries = connection.execute("SELECT count(*) FROM entry").fetchone()[0]
            found = keys.listing(connection)
            differences = rollups.differences(connection)
    except db.Error as error:
        yield Finding("ledger", "failed", _FAULT, {**holes, "fault": str(error)}, advice=step)
        return
    yield Finding("ledger", "ok", N_("%(where)s, whole; %(entries)s entries"), {**holes, "entries": entries})
    yield _of_sums(differences)
    yield from _of_keys(found, settings, datetime.now(UTC))


_FAULT = "%(where)s: %(fault)s"


def _amiss(connection: db.Connection) -> tuple[str, dict[str, Hole]] | None:
    """What is wrong with the database, and what stands in that; None: it is whole."""
    if db.engine(connection) == "sqlite":
        said: str = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        return None if said == "ok" else (_FAULT, {"fault": said})
    if connection.execute("SELECT to_regclass('migration') IS NULL").fetchone()[0]:
        return N_("%(where)s: nothing is in it yet: weighbridge up makes its tables"), {}
    done: int = connection.execute("SELECT coalesce(max(step), 0) FROM migration").fetchone()[0]
    newest = max(db.shipped("postgresql"))
    if done == newest:
        return None
    said = N_("%(where)s: it is at step %(done)s of %(newest)s: weighbridge up brings it there")
    return said, {"done": done, "newest": newest}


def _of_sums(amiss: list[Difference]) -> Finding:
    """Whether the sums that are kept by the hour are those of the entries."""
    if not amiss:
        said = N_("those that are kept by the hour are those of the entries, to the last digit")
        return Finding("sums", "ok", said)
    first = amiss[0]
    holes: dict[str, Hole] = {
        "count": len(amiss),
        "hour": f"{db.moment(first.hour * HOUR):%Y-%m-%d %H:%M}",
        "told": ", ".join(f"{name} by {by:,}" for name, by in first.by.items()),
    }
    said = N_("those of %(count)s hours and kinds are not those of their entries; from %(hour)s on: %(told)s")
    step = N_("if `weighbridge ledger archive` was broken off, call it again")
    return Finding("sums", "failed", said, holes, advice=step)


def _of_keys(found: Sequence[Key], settings: Settings, now: datetime) -> Iterator[Finding]:
    active = [key for key in found if key.disabled is None and (key.expires is None or key.expires > now)]
    if active:
        counts = {"active": len(active), "all": len(found)}
        one, more = ngettext("%(active)s active of %(all)s", "%(active)s active of %(all)s")
        yield Finding("keys", "ok", one, counts, many=Many(text=more, count="active"))
    else:
        yield Finding("keys", "missing", N_("no active key"), command="weighbridge keys create NAME")
    for key in active:
        preset = key.defaults.preset
        if preset is not None and preset.lower() not in {name.lower() for name in settings.presets}:
            said = N_("the key %(name)s (%(key)s) names the preset %(preset)s, which is not in the settings")
            holes = {"name": repr(key.name), "key": key.id, "preset": repr(preset), "plain": preset}
            step = N_("add [presets.%(plain)s], or make another key")
            yield Finding("keys", "failed", said, holes, advice=step)
