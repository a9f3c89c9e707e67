"""The text of a policy as it is begun: the file's own, with a rule more, or a version that was in force before."""

from weighbridge.app.policy_file import NOTHING
from weighbridge.catalog.model import LicenceClass
from weighbridge.routing.policy.readymade import ready_text

_FORBIDDEN = '[[deny]]\nname = "no {name} licences"\nwhen.licence.class = "{name}"\n'


def forbidding(text: str | None, licence_class: LicenceClass) -> str:
    """The text, with a rule more that keeps a class of licences out."""
    return _with(text, _FORBIDDEN.format(name=licence_class))


def with_ready(text: str | None, name: str) -> str:
    """The text, with the rules of a ready-made policy. Raises PolicyError where there is none of this name."""
    return _with(text, ready_text(name))


def _with(text: str | None, rule: str) -> str:
    """Rules are tables of their own, so that one more may stand at the end."""
    if rule in (text or ""):
        return text or ""
    kept = "" if text is None or text.strip() == NOTHING.strip() else text.rstrip() + "\n\n"
    return kept + rule
