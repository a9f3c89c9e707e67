"""Whether a gateway runs on the data directory and answers, and how its processes are."""

import http.client
from collections.abc import Iterator

from weighbridge.app import running
from weighbridge.app.doctor import asking
from weighbridge.app.doctor.finding import N_, Finding, Hole, Many, Word, ngettext
from weighbridge.config import Settings
from weighbridge.serving import state
from weighbridge.serving.state import ChildState

_SECONDS = 3.0
_WORDS = {
    "starting": N_("starting"),
    "ready": N_("ready"),
    "waiting": N_("waiting"),
    "stopping": N_("stopping"),
    "stopped": N_("stopped"),
}


def of_gateway(settings: Settings) -> Iterator[Finding]:
    """The gateway first, then each of its processes."""
    found = running.find(settings.home)
    if found is None:
        yield Finding("gateway", "missing", N_("none runs on this data directory"), command="weighbridge up")
        return
    yield _of_answer(found.base_url)
    supervisor = state.read_state(running.state_file(settings.home))
    for name, child in (supervisor.children if supervisor and supervisor.running() else {}).items():
        if name == "window" and found.window is not None and child.condition == "ready" and not child.restarts:
            yield _of_window(found.window, f"{running.logs(settings.home) / f'{name}.log'}", settings)
        else:
            yield _of_process(name, child, f"{running.logs(settings.home) / f'{name}.log'}")


def _of_answer(base_url: str) -> Finding:
    root = base_url.rstrip("/").removesuffix("/v1")
    step = N_("stop it and run: weighbridge up")
    try:
        status = asking.ask(root, "/healthz", seconds=_SECONDS)
    except (OSError, http.client.HTTPException) as error:
        said, holes = N_("no gateway answers at %(address)s (%(fault)s)"), {"address": root, "fault": str(error)}
        return Finding("gateway", "failed", said, holes, advice=step)
    if status >= 400:
        said, holes = N_("%(address)s answers with status %(status)s"), {"address": root, "status": str(status)}
        return Finding("gateway", "failed", said, holes, advice=step)
    return Finding("gateway", "ok", N_("answers at %(address)s"), {"address": base_url})


def _of_window(address: str, log: str, settings: Settings) -> Finding:
    """By itself where it is reached without a proxy; what lies between is not ours to look at."""
    try:
        status = 200 if settings.window.public_url else asking.ask(address, "/healthz", seconds=_SECONDS)
    except (OSError, http.client.HTTPException) as error:
        said, holes = N_("no window answers at %(address)s (%(fault)s)"), {"address": address, "fault": str(error)}
        return Finding("window", "failed", said, {**holes, "log": log}, advice=N_("read %(log)s"))
    if status >= 400:
        said, holes = N_("%(address)s answers with status %(status)s"), {"address": address, "status": str(status)}
        return Finding("window", "failed", said, {**holes, "log": log}, advice=N_("read %(log)s"))
    return Finding(
        "window", "ok", N_("is at %(address)s; weighbridge window prints a link into it"), {"address": address}
    )


def _of_process(name: str, child: ChildState, log: str) -> Finding:
    well = child.condition in {"ready", "starting"} and not child.crash_loop
    holes: dict[str, Hole] = {"condition": Word(_WORDS[child.condition]), "log": log}
    said, many = "%(condition)s", None
    if child.restarts:
        said, more = ngettext(
            "%(condition)s; %(restarts)s restarts, the last because it %(exit)s",
            "%(condition)s; %(restarts)s restarts, the last because it %(exit)s",
        )
        many = Many(text=more, count="restarts")
        holes |= {"restarts": child.restarts, "exit": f"{child.last_exit}"}
    step = None if well else N_("read %(log)s")
    return Finding("process", "ok" if well else "failed", said, holes, name, advice=step, many=many)
