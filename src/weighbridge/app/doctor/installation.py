"""The program, its settings, its data directory, its policy, its local models and its names."""

import os
import platform
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version

from weighbridge.app import local_models
from weighbridge.app.doctor.finding import N_, PLAIN, Finding, Hole, Many, ngettext
from weighbridge.app.live import meanings
from weighbridge.app.policies import policies_of
from weighbridge.config import ConfigError, Settings
from weighbridge.config.reference import unknown_variables
from weighbridge.errors import PolicyError, UnknownModel
from weighbridge.serving import parent
from weighbridge.serving.weights import present, weights_of

_GIB = 2**30


def of_program(settings: Settings) -> Iterator[Finding]:
    """Versions, and where the settings come from."""
    holes = {"version": version("weighbridge"), "python": platform.python_version()}
    yield Finding("program", "ok", N_("weighbridge %(version)s on Python %(python)s"), holes)
    if settings.file is None:
        yield Finding("settings", "ok", N_("defaults and environment; no file"))
    else:
        yield Finding("settings", "ok", PLAIN, {"text": str(settings.file)})
        if settings.file.stat().st_mode & 0o077 and _holds_a_key(settings):
            said = N_("the file holds a key and others may read it")
            yield Finding("settings", "note", said, command=f"chmod 600 {settings.file}")
    for name in unknown_variables(settings.secrets.names() - parent.BETWEEN_US):
        said, step = N_("the variable %(variable)s is none of ours"), N_("see the settings' reference page")
        yield Finding("settings", "note", said, {"variable": name}, advice=step)


def of_data(settings: Settings) -> Iterator[Finding]:
    """The data directory and the room on its disk."""
    home = settings.home
    holes = {"home": str(home)}
    if not home.is_dir():
        yield Finding("data", "missing", N_("%(home)s is not there yet"), holes, command="weighbridge up")
        return
    if not os.access(home, os.W_OK | os.X_OK):
        step = N_("mend its owner, or set WEIGHBRIDGE_HOME")
        yield Finding("data", "failed", N_("%(home)s cannot be written"), holes, advice=step)
        return
    yield Finding("data", "ok", PLAIN, {"text": str(home)})
    if home.stat().st_mode & 0o077:
        said = N_("others on this machine may read the data directory")
        yield Finding("data", "note", said, command=f"chmod 700 {home}")
    free = shutil.disk_usage(home).free
    said, room = N_("%(free)s GiB free"), {"free": free / _GIB}
    if free > _GIB:
        yield Finding("disk", "ok", said, room)
    else:
        yield Finding("disk", "note", said, room, advice=N_("make room on the disk"))


def of_policy(settings: Settings) -> Iterator[Finding]:
    """The policy of the settings: whether it can be read, and is the one that runs."""
    try:
        policies = policies_of(settings)
    except PolicyError as error:
        step = N_("mend it; a gateway that runs keeps the one before, and none starts with it")
        yield Finding("policy", "failed", PLAIN, {"text": error.message}, advice=step)
        return
    if policies is not None:
        holes: dict[str, Hole] = {
            "names": ", ".join(each.name for each in policies.policies),
            "rules": sum(len(each.rules) for each in policies.policies),
            "hash": policies.hash[:12],
        }
        one, more = ngettext("%(names)s: %(rules)s rule, %(hash)s", "%(names)s: %(rules)s rules, %(hash)s")
        yield Finding("policy", "ok", one, holes, many=Many(text=more, count="rules"))


def of_models(settings: Settings) -> Iterator[Finding]:
    """The models we run ourselves: their files, whole and verified."""
    if not settings.local.enabled:
        yield Finding("local models", "note", N_("none is to run: local.enabled is false"))
        return
    for model in dict.fromkeys(settings.local.models):
        try:
            weights = weights_of(model)
        except UnknownModel as error:
            step = N_("mend local.models in the settings")
            yield Finding("local models", "failed", PLAIN, {"text": error.message}, advice=step)
            continue
        path = present(weights, local_models.models_directory(settings))
        if path is None:
            missing: dict[str, Hole] = {"model": model, "size": round(weights.bytes / 1e6)}
            command = f"weighbridge pull {model}"
            yield Finding(
                "local models", "missing", N_("%(model)s (%(size)s MB) is not here"), missing, command=command
            )
        else:
            yield Finding(
                "local models", "ok", N_("%(model)s, verified: %(path)s"), {"model": model, "path": str(path)}
            )


def of_names(settings: Settings) -> Iterator[Finding]:
    """The aliases and presets: whether they mean something with the providers that are set up."""
    if not settings.aliases and not settings.presets:
        return
    try:
        found = list(meanings(settings, datetime.now(UTC)))
    except ConfigError as error:
        yield Finding("names", "failed", PLAIN, {"text": str(error)}, advice=N_("mend it; no gateway starts with it"))
        return
    own = [each for each in found if each.kind != "latest"]
    for each in own:
        if each.fault is not None:
            # a provider's own list may have it, which is read when a gateway runs
            said = _ALIAS if each.kind == "alias" else _PRESET
            yield Finding("names", "note", said, {"name": repr(each.name), "fault": each.fault})
    yield Finding("names", "ok", N_("%(names)s aliases and presets"), {"names": len(own)})


_ALIAS = N_("the alias %(name)s means nothing now: %(fault)s")
_PRESET = N_("the preset %(name)s means nothing now: %(fault)s")


def _holds_a_key(settings: Settings) -> bool:
    return any(each.api_key is not None for each in settings.providers.values())
