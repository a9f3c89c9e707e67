"""/policies/edit: write the policy file; tried on the catalogue and on past requests before it is applied."""

import asyncio
import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from starlette.responses import Response

from weighbridge.app import policy_file
from weighbridge.app.live import live
from weighbridge.app.policies import policies_of
from weighbridge.app.policy_history import version_of
from weighbridge.app.trying import Counts, Difference, Rehearsal, counted, difference, is_here, rehearsed, verdicts
from weighbridge.db import Connection
from weighbridge.errors import BadRequest, Conflict, Forbidden, PolicyError
from weighbridge.ledger.sent import sent
from weighbridge.routing.policy.changes import Changed, changes
from weighbridge.routing.policy.facts import Facts
from weighbridge.routing.policy.law import Policies
from weighbridge.routing.policy.rules import Who
from weighbridge.web.filled import Filled
from weighbridge.web.pages.policies import drafting
from weighbridge.web.pages.policies.overview import CLASSES, READY, told
from weighbridge.web.pages.policies.reasons import Reason, reason
from weighbridge.web.seeing import keys_seen
from weighbridge.web.tongue import N_, Tongue
from weighbridge.web.visit import Visit

SPANS: Final = {"1": N_("the last day"), "7": N_("the last week"), "30": N_("the last month"), "": N_("all time")}
"""Of the past that a policy is tried on, by days."""
_SHOWN: Final = 30
"""Lines of a list."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What a text would do."""

    stamp: str
    """Of the text: what is applied is what was tried."""
    policies: Policies | None
    changed: list[Changed]
    every: Counts
    here: Counts
    difference: Difference
    past: Rehearsal
    before: Policies | None
    """Those that are set now."""

    @property
    def refused(self) -> int:
        """Past requests that it would have refused where they were answered."""
        return sum(each.entries for each in self.past.refused)


def stamp_of(text: str) -> str:
    """What tells a text from others."""
    return hashlib.sha256(text.encode()).hexdigest()


async def asked(visit: Visit) -> Response:
    """The file as it is, or what is begun from it: tried at once where something was chosen."""
    _require(visit)
    found = policy_file.find(visit.parts.settings)
    forbid, ready, version = (visit.query(name) for name in ("forbid", "ready", "version"))
    text, chosen = found.text, bool(forbid or ready or version)
    if forbid:
        chosen_class = next((each for each in CLASSES if each == forbid), None)
        if chosen_class is None:
            raise BadRequest(f"there is no class of licences {forbid[:100]!r}", param="forbid")
        text = drafting.forbidding(text, chosen_class)
    elif ready:
        try:
            text = drafting.with_ready(text, ready)
        except PolicyError as error:
            raise BadRequest(error.message, param="ready") from error
    elif version:
        number = int(version) if version.isascii() and version.isdecimal() and len(version) < 19 else 0
        of_then = await visit.read(lambda connection: version_of(connection, number))
        if of_then is None or of_then.file is None:
            raise BadRequest("of this version there is no text: it was not written here", param="version")
        text = of_then.file
    filled = Filled(visit.tongue.gettext, text=text or "", stamp=found.stamp, days="30")
    return await _page(visit, filled, await _tried(visit, filled) if chosen else None)


async def put(visit: Visit) -> Response:
    """Try the text; or apply it, where it is the very text that was tried."""
    _require(visit)
    filled = Filled.of(visit)
    text = filled.values["text"] = policy_file.tidy(filled["text"])
    if filled["do"] == "lift":
        text = filled.values["text"] = policy_file.NOTHING
    if filled["do"] != "apply" or filled["tried"] != stamp_of(text):
        trial = await _tried(visit, filled)
        return await _page(visit, filled, trial, 422 if filled.errors else 200)
    settings = visit.parts.settings
    try:
        await visit.do(
            lambda connection, caller: policy_file.put(
                connection, settings, text, stamp=filled["stamp"], by=caller.by, now=caller.now
            )
        )
    except PolicyError as error:
        filled.refused(error)
        return await _page(visit, filled, None, 422)
    except Conflict as error:
        filled.refused(error)
        filled.values["stamp"] = policy_file.find(settings).stamp
        return await _page(visit, filled, await _tried(visit, filled), 409)
    return visit.back("/policies", visit.tongue.gettext("The policy is applied. The gateway obeys it within a second."))


def _require(visit: Visit) -> None:
    """Raises Forbidden for all but owners of the whole gateway."""
    if not visit.sees_all("policy.set"):
        raise Forbidden("the policy file is an owner's to write")


async def _tried(visit: Visit, filled: Filled) -> Trial | None:
    """What the text would do; None, and said at the form, where it is no policy."""
    text, days = filled["text"], filled["days"] if filled["days"] in SPANS else "30"
    settings, catalog = visit.parts.settings, visit.parts.catalog()
    try:
        after = await asyncio.to_thread(policy_file.tried, settings, text)
    except PolicyError as error:
        filled.refused(error)
        filled.errors["text"] = filled.errors.pop("")
        return None
    since = visit.now - timedelta(days=int(days)) if days else None
    who = _who(filled)

    def work(connection: Connection) -> Trial:
        before = _set_now(visit)
        was, is_ = verdicts(before, catalog, who), verdicts(after, catalog, who)
        here = live(settings)
        names = {key.id: key.name for key in keys_seen(connection, visit.admin).values()}
        return Trial(
            stamp=stamp_of(text),
            policies=after,
            changed=changes(before, after),
            every=counted(is_),
            here=counted([each for each in is_ if is_here(each, here)]),
            difference=difference(was, is_, here),
            past=rehearsed(after, sent(connection, since), catalog, names),
            before=before,
        )

    return await visit.read(work)


def _set_now(visit: Visit) -> Policies | None:
    try:
        return policies_of(visit.parts.settings)
    except PolicyError:
        return None


def _who(filled: Filled) -> Who:
    """Who is supposed to ask; the key's own tags are the request's as well."""
    tags = tuple(sorted({each.lower() for each in filled.words("tags")}))
    return Who("", "", filled.optional("organisation"), filled.optional("project"), tags, tags)


async def _page(visit: Visit, filled: Filled, trial: Trial | None, status: int = 200) -> Response:
    return visit.page(
        "policies/edit.html",
        status,
        form=filled,
        trial=trial,
        policies=None if trial is None else told(visit, trial.policies),
        spans=SPANS,
        ready=READY,
        classes=CLASSES,
        path=str(visit.parts.settings.policy_path),
        most=_SHOWN,
        why=None if trial is None else _Reasons(visit.tongue, trial),
    )


@dataclass(frozen=True, slots=True)
class _Reasons:
    """Reasons in words, for the lines that a page shows."""

    tongue: Tongue
    trial: Trial

    def after(self, rule: str, facts: Facts) -> Reason:
        """Why it would be kept out."""
        return reason(self.tongue, self.trial.policies, rule, facts)

    def now(self, rule: str, facts: Facts) -> Reason:
        """Why it is."""
        return reason(self.tongue, self.trial.before, rule, facts)
