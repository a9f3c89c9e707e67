"""Whether providers can be reached, asked of all at once."""

import http.client
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from weighbridge.app.connections import Connection, connections
from weighbridge.app.doctor import asking
from weighbridge.app.doctor.finding import N_, Condition, Finding, Hole, Word
from weighbridge.config import Settings
from weighbridge.providers.rows import read_rows

_CONNECT_SECONDS = 3.0
_ANSWER_SECONDS = 10.0


def of_providers(settings: Settings, *, probe: bool) -> Iterator[Finding]:
    """Those that can be called: connected to, and with `probe` asked for their models with their key.

    Raises ConfigError for a provider that the settings do not describe well enough.
    """
    found = connections(settings, read_rows())
    called = [each for each in found if each.lack is None and each.base_url is not None]
    with ThreadPoolExecutor(max_workers=16) as pool:
        yield from pool.map(lambda each: _finding(settings, each, probe=probe), called)
    yield from _of_others(found)


def _of_others(found: Sequence[Connection]) -> Iterator[Finding]:
    missing = [_variable(each) for each in found if each.lack in {"key", "base URL"}]
    if missing:
        said = N_("%(count)s are not set up; a variable each: %(variables)s")
        holes: dict[str, Hole] = {"count": len(missing), "variables": ", ".join(missing)}
        yield Finding("providers", "note", said, holes, advice=N_("set one, then: weighbridge up"))


def _finding(settings: Settings, connection: Connection, *, probe: bool) -> Finding:
    url = connection.base_url or ""
    key = settings.provider_key(connection.id, connection.row.key_env)
    holes: dict[str, Hole] = {
        "url": url,
        "key": Word(N_("key set") if key else N_("no key")),
        "variable": _variable(connection),
    }

    def told(condition: Condition, text: str, advice: str | None = None, **more: Hole) -> Finding:
        return Finding("provider", condition, text, {**holes, **more}, connection.id, advice=advice)

    status = None
    try:
        if probe:
            status = asking.ask(url, "/models", seconds=_ANSWER_SECONDS, key=key)
        else:
            asking.connect(url, seconds=_CONNECT_SECONDS)
    except (OSError, http.client.HTTPException) as error:
        said = N_("%(url)s, %(key)s; cannot be reached: %(fault)s")
        return told("failed", said, N_("check the network and the base URL"), fault=str(error))
    if status in {401, 403}:
        return told(
            "failed", N_("%(url)s, %(key)s; refused with %(status)s"), N_("check %(variable)s"), status=f"{status}"
        )
    if status is not None and status >= 400:
        return told("note", N_("%(url)s, %(key)s; its list of models answers %(status)s"), status=f"{status}")
    return told("ok", N_("%(url)s, %(key)s; answers") if status else N_("%(url)s, %(key)s; reachable"))


def _variable(connection: Connection) -> str:
    own = f"providers.{connection.id}.base_url"
    if connection.lack == "base URL":
        return connection.row.base_url_env or own
    return next(iter(connection.row.key_env), own)
