"""The fields of a key: what is typed, read into what the admin API takes."""

from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Final, get_args

import msgspec
from msgspec import UNSET

from weighbridge.accounts.defaults import NO_DEFAULTS, Defaults
from weighbridge.accounts.keys import LONGEST_TAG, Key
from weighbridge.gateway.admin.shapes import KeepsText, KeyChange, KeyCreation
from weighbridge.web.filled import Filled
from weighbridge.wire.preferences import Preferences, Priority

PRIORITIES: Final[Sequence[Priority]] = get_args(Priority)
FIELDS: Final = {
    "name": "name",
    "models": "models",
    "expires": "expires",
    "organisation": "organisation",
    "project": "project",
    "tags": "tags",
    "member": "member",
    "keeps_text": "keep-days",
    "defaults": "provider",
}
"""By what an error calls them."""


def creation(filled: Filled) -> KeyCreation | None:
    """The key of a form; None where `filled` has errors now."""
    name, keeps, defaults = filled.text("name", required=True), _keeps(filled), _defaults(filled)
    member = filled.optional("member")
    wanted = KeyCreation(
        name=name,
        models=_models(filled),
        expires=filled.moment("expires"),
        store=filled.checked("store"),
        keeps_text=keeps,
        organisation=filled.optional("organisation"),
        project=filled.optional("project"),
        tags=_tags(filled),
        defaults=defaults,
        member=member,
    )
    return None if filled.errors else wanted


def change(filled: Filled, key: Key) -> KeyChange | None:
    """What a key is to be; None where `filled` has errors now."""
    made = creation(filled)
    if made is None:
        return None
    same = filled["expires"] == begun(key)["expires"]  # to the minute, and it may have passed
    return KeyChange(
        name=made.name,
        models=made.models,
        expires=UNSET if same else made.expires,
        store=made.store,
        keeps_text=made.keeps_text,
        organisation=made.organisation,
        project=made.project,
        tags=made.tags,
        defaults=made.defaults,
    )


def begun(key: Key) -> Mapping[str, str]:
    """What stands in the form of a key that is there."""
    defaults, keeps = key.defaults, key.keeps
    provider = "" if defaults.provider is None else msgspec.json.format(msgspec.json.encode(defaults.provider)).decode()
    return {
        "name": key.name,
        "models": "\n".join(key.models or ()),
        "expires": "" if key.expires is None else f"{key.expires.astimezone(UTC):%Y-%m-%dT%H:%M}",
        "store": "on" if key.store else "",
        "keep": "on" if keeps is not None else "",
        "keep-days": str(keeps.days) if keeps is not None else "30",
        "keep-inputs": "on" if keeps is not None and keeps.inputs else "",
        "organisation": key.labels.organisation or "",
        "project": key.labels.project or "",
        "tags": ", ".join(key.labels.tags),
        "preset": defaults.preset or "",
        "priority": defaults.priority or "",
        "most-priority": defaults.most_priority or "",
        "cache": "" if defaults.cache is None else str(defaults.cache),
        "provider": provider,
    }


def _models(filled: Filled) -> list[str] | None:
    found = filled.words("models")
    if any(len(each) > 200 for each in found):
        filled.wrong("models", filled.say("A name is at most %(most)s characters.") % {"most": 200})
    return found or None


def _tags(filled: Filled) -> list[str]:
    found = filled.words("tags")
    for each in found:
        if len(each) > LONGEST_TAG or not each.isascii() or not each.isprintable():
            said = filled.say("A tag is at most %(most)s letters, digits and signs of ASCII.")
            filled.wrong("tags", said % {"most": LONGEST_TAG})
    return found


def _keeps(filled: Filled) -> KeepsText | None:
    if not filled.checked("keep"):
        return None
    days = filled.whole("keep-days", 1, 36_500)
    return KeepsText(30 if days is None else days, filled.checked("keep-inputs"))


def _defaults(filled: Filled) -> Defaults | None:
    made = Defaults(
        preset=filled.optional("preset"),
        priority=_priority(filled, "priority"),
        most_priority=_priority(filled, "most-priority"),
        cache=filled.whole("cache", 1, 10**9),
        provider=_provider(filled),
    )
    return None if made == NO_DEFAULTS else made


def _priority(filled: Filled, name: str) -> Priority | None:
    chosen = filled.choice(name, PRIORITIES)
    return next((each for each in PRIORITIES if each == chosen), None)


def _provider(filled: Filled) -> Preferences | None:
    text = filled["provider"].strip()
    if not text:
        return None
    try:
        return msgspec.json.decode(text, type=Preferences)
    except msgspec.ValidationError as error:
        filled.wrong("provider", filled.say("These are no preferences."), error)
    except msgspec.DecodeError as error:
        filled.wrong("provider", filled.say("This is not valid JSON."), error)
    return None
