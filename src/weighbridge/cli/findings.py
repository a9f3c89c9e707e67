"""What `doctor` finds: each part of an installation looked at, none of it changed."""

import os
import platform
import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from weighbridge import db
from weighbridge.accounts import keys
from weighbridge.app.place import place
from weighbridge.app.policies import policies_of
from weighbridge.cli import client, pull, running
from weighbridge.cli.failure import Failure
from weighbridge.cli.live import meanings
from weighbridge.config import ConfigError, Settings
from weighbridge.config.reference import unknown_variables
from weighbridge.errors import PolicyError, UnknownModel
from weighbridge.ledger import rollups
from weighbridge.ledger.rollups import HOUR, Difference
from weighbridge.serving import state
from weighbridge.serving.weights import present, weights_of

Condition = Literal["ok", "note", "missing", "failed"]
"""`missing` is not there yet, `failed` should work and does not."""

_GIB = 2**30


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at, and what to do about it where something is."""

    about: str
    condition: Condition
    said: str
    next_step: str | None = None


def of_program(settings: Settings) -> Iterator[Finding]:
    """Versions, and where the settings come from."""
    yield Finding("program", "ok", f"weighbridge {version('weighbridge')} on Python {platform.python_version()}")
    yield Finding("settings", "ok", str(settings.file) if settings.file else "defaults and environment; no file")
    if settings.file is not None and settings.file.stat().st_mode & 0o077 and _holds_a_key(settings):
        yield Finding("settings", "note", "the file holds a key and others may read it", f"chmod 600 {settings.file}")
    for name in unknown_variables(settings.secrets.names()):
        yield Finding("settings", "note", f"the variable {name} is none of ours", "see the settings' reference page")


def of_data(settings: Settings) -> Iterator[Finding]:
    """The data directory and the room on its disk."""
    home = settings.home
    if not home.is_dir():
        yield Finding("data", "missing", f"{home} is not there yet", "weighbridge up")
        return
    if not os.access(home, os.W_OK | os.X_OK):
        yield Finding("data", "failed", f"{home} cannot be written", "mend its owner, or set WEIGHBRIDGE_HOME")
        return
    yield Finding("data", "ok", str(home))
    if home.stat().st_mode & 0o077:
        yield Finding("data", "note", "others on this machine may read the data directory", f"chmod 700 {home}")
    free = shutil.disk_usage(home).free
    said = f"{free / _GIB:.1f} GiB free"
    yield Finding("disk", "ok", said) if free > _GIB else Finding("disk", "note", said, "make room on the disk")


def of_ledger(settings: Settings) -> Iterator[Finding]:
    """The database: whole, and opened by which keys."""
    where = place(settings)
    if isinstance(where, Path) and not where.is_file():
        yield Finding("ledger", "missing", f"{where} is not there yet", "weighbridge up")
        return
    step = "restore it from a backup, or move it away"
    if isinstance(where, db.Server):
        step = "start the server, or mend database.url; docs/how-to/use-postgresql.md"
    try:
        with closing(db.connect(where)) as connection:
            said = _looked_at(connection)
            if said != "ok":
                yield Finding("ledger", "failed", f"{where}: {said}", step)
                return
            entries = connection.execute("SELECT count(*) FROM entry").fetchone()[0]
            found = keys.listing(connection)
            amiss = rollups.differences(connection)
    except db.Error as error:
        yield Finding("ledger", "failed", f"{where}: {error}", step)
        return
    yield Finding("ledger", "ok", f"{where}, whole; {entries:,} entries")
    yield _of_sums(amiss)
    now = datetime.now(UTC)
    active = [key for key in found if key.disabled is None and (key.expires is None or key.expires > now)]
    if active:
        yield Finding("keys", "ok", f"{len(active)} active of {len(found)}")
    else:
        yield Finding("keys", "missing", "no active key", "weighbridge keys create NAME")
    for key in active:
        preset = key.defaults.preset
        if preset is not None and preset.lower() not in {name.lower() for name in settings.presets}:
            said = f"the key {key.name!r} ({key.id}) names the preset {preset!r}, which is not in the settings"
            yield Finding("keys", "failed", said, f"add [presets.{preset}], or make another key")


def _of_sums(amiss: list[Difference]) -> Finding:
    """Whether the sums that are kept by the hour are those of the entries."""
    if not amiss:
        return Finding("sums", "ok", "those that are kept by the hour are those of the entries, to the last digit")
    first = amiss[0]
    hour = f"{db.moment(first.hour * HOUR):%Y-%m-%d %H:%M}"
    told = ", ".join(f"{name} by {by:,}" for name, by in first.by.items())
    said = f"those of {len(amiss)} hours and kinds are not those of their entries; from {hour} on: {told}"
    return Finding("sums", "failed", said, "if `weighbridge ledger archive` was broken off, call it again")


def _looked_at(connection: db.Connection) -> str:
    """`ok`, or what is wrong with the database."""
    if db.engine(connection) == "sqlite":
        said: str = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        return said
    if connection.execute("SELECT to_regclass('migration') IS NULL").fetchone()[0]:
        return "nothing is in it yet: weighbridge up makes its tables"
    done: int = connection.execute("SELECT coalesce(max(step), 0) FROM migration").fetchone()[0]
    newest = max(db.shipped("postgresql"))
    return "ok" if done == newest else f"it is at step {done} of {newest}: weighbridge up brings it there"


def of_policy(settings: Settings) -> Iterator[Finding]:
    """The policy of the settings: whether it can be read, and is the one that runs."""
    if settings.policy.file is None and not settings.policy.ready:
        return
    try:
        policies = policies_of(settings)
    except PolicyError as error:
        step = "mend it; a gateway that runs keeps the one before, and none starts with it"
        yield Finding("policy", "failed", error.message, step)
        return
    if policies is not None:
        names = ", ".join(each.name for each in policies.policies)
        rules = sum(len(each.rules) for each in policies.policies)
        yield Finding("policy", "ok", f"{names}: {rules} {'rule' if rules == 1 else 'rules'}, {policies.hash[:12]}")


def of_models(settings: Settings) -> Iterator[Finding]:
    """The models we run ourselves: their files, whole and verified."""
    if not settings.local.enabled:
        yield Finding("local models", "note", "none is to run: local.enabled is false")
        return
    for model in dict.fromkeys(settings.local.models):
        try:
            weights = weights_of(model)
        except UnknownModel as error:
            yield Finding("local models", "failed", error.message, "mend local.models in the settings")
            continue
        path = present(weights, pull.models_directory(settings))
        if path is None:
            size = f"{weights.bytes / 1e6:.0f} MB"
            yield Finding("local models", "missing", f"{model} ({size}) is not here", f"weighbridge pull {model}")
        else:
            yield Finding("local models", "ok", f"{model}, verified: {path}")


def of_names(settings: Settings) -> Iterator[Finding]:
    """The aliases and presets: whether they mean something with the providers that are set up."""
    if not settings.aliases and not settings.presets:
        return
    try:
        found = list(meanings(settings, datetime.now(UTC)))
    except ConfigError as error:
        yield Finding("names", "failed", str(error), "mend it; no gateway starts with it")
        return
    own = [each for each in found if each.kind != "latest"]
    for each in own:
        if each.fault is not None:
            # a provider's own list may have it, which is read when a gateway runs
            yield Finding("names", "note", f"the {each.kind} {each.name!r} means nothing now: {each.fault}")
    yield Finding("names", "ok", f"{len(own)} aliases and presets")


def of_gateway(settings: Settings) -> Iterator[Finding]:
    """Whether a gateway runs on this data directory and answers, and how its processes are."""
    found = running.find(settings.home)
    if found is None:
        yield Finding("gateway", "missing", "none runs on this data directory", "weighbridge up")
        return
    try:
        client.health(found.base_url)
    except Failure as error:
        yield Finding("gateway", "failed", error.message, "stop it and run: weighbridge up")
    else:
        yield Finding("gateway", "ok", f"answers at {found.base_url}")
    supervisor = state.read_state(running.state_file(settings.home))
    for name, child in (supervisor.children if supervisor and supervisor.running() else {}).items():
        past = f"; {child.restarts} restarts, the last because it {child.last_exit}" if child.restarts else ""
        well = child.condition in {"ready", "starting"} and not child.crash_loop
        log = running.logs(settings.home) / f"{name}.log"
        yield Finding(name, "ok" if well else "failed", child.condition + past, None if well else f"read {log}")


def _holds_a_key(settings: Settings) -> bool:
    return any(each.api_key is not None for each in settings.providers.values())
