"""`weighbridge up`: the gateway in the foreground, from an empty directory to the first answer."""

import asyncio
import os
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click

from weighbridge import config
from weighbridge.app import client_key, local_models, running
from weighbridge.app.connections import Connection, connections
from weighbridge.app.policies import policies_of
from weighbridge.app.running import Running
from weighbridge.app.sharing import check_shared
from weighbridge.app.texts import seals_of, users_of
from weighbridge.app.watching import check_telemetry
from weighbridge.app.worker import WorkerSpec
from weighbridge.cli import database, pull
from weighbridge.cli.client import Gateway
from weighbridge.cli.failure import Failure
from weighbridge.cli.listening import bound, bound_window, listen
from weighbridge.cli.options import config_option, examples
from weighbridge.cli.welcome import welcome
from weighbridge.cli.window import link, window_url
from weighbridge.config import Secret, Settings
from weighbridge.errors import ServingError
from weighbridge.providers.rows import read_rows
from weighbridge.serving import engines
from weighbridge.serving.engines import EngineSettings, LocalModel
from weighbridge.serving.process import Child
from weighbridge.serving.supervisor import Patience, Supervisor
from weighbridge.watching import logs
from weighbridge.web.spec import WindowSpec

_GRACE_SECONDS = 5.0
"""Beyond the time for open answers: to write the last entries."""


@click.command(
    "up",
    epilog=examples(
        "weighbridge up",
        "weighbridge up --port 8090 --workers 2",
        "DEEPSEEK_API_KEY=sk-… weighbridge up --no-local",
    ),
)
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on [8080]; 0 takes any free one.")
@click.option("--host", help="Address to listen on [127.0.0.1].")
@click.option("--workers", type=click.IntRange(min=1), help="Processes that serve requests [1].")
@click.option("--no-window", is_flag=True, help="Serve no pages for a browser.")
@click.option("--no-local", is_flag=True, help="Run no model on this machine; only providers answer.")
@config_option
def command(
    *,
    port: int | None,
    host: str | None,
    workers: int | None,
    no_window: bool,
    no_local: bool,
    config_file: Path | None,
) -> None:
    """Start the gateway and stay in the foreground; Ctrl-C or SIGTERM stops it once open answers have ended.

    The first run makes the data directory and a key, and fetches the local model.
    """
    flags = _given({"server.port": port, "server.host": host, "server.workers": workers})
    flags |= {name: False for name, is_off in (("local.enabled", no_local), ("window.enabled", no_window)) if is_off}
    settings = config.read(flags, file=config_file)
    providers = connections(settings, read_rows())
    policies_of(settings)  # a broken one is told here, before anything runs
    seals_of(settings), users_of(settings)  # and so are keys that are none
    check_telemetry(settings)
    check_shared(settings)
    database.make_home(settings.home)
    with (
        running.alone(settings.home),
        bound(settings.server.host, settings.server.port, settings.server.workers) as sockets,
        _window_socket(settings, sockets[0].getsockname()[1]) as beside,
        engines.socket_directory() as directory,
    ):
        url = running.local_url(settings.server.host, sockets[0].getsockname()[1])
        key = _prepare_database(settings)
        local = pull.local_models(settings)
        listen(sockets)
        children = _children(settings, flags, sockets, local, directory)
        window = None
        if beside is not None:
            listen([beside])
            window = window_url(settings, beside.getsockname()[1])
            children.append(_window(settings, flags, beside, url))
        with running.noted(settings.home, Running(url, os.getpid(), window)):
            code = asyncio.run(_run(settings, children, Gateway(url, Secret(key)), providers, window=window))
    sys.exit(code)


def _given(flags: Mapping[str, int | str | None]) -> dict[str, bool | int | str]:
    return {name: value for name, value in flags.items() if value is not None}


def _prepare_database(settings: Settings) -> str:
    """The database, made and migrated; the key of this machine's commands."""
    with database.opened(settings) as connection:
        return client_key.ensure(connection, settings.home, now=datetime.now(UTC))


def _children(
    settings: Settings,
    flags: dict[str, bool | int | str],
    sockets: Sequence[socket.socket],
    local: Sequence[LocalModel],
    directory: Path,
) -> list[Child]:
    """One engine for each local model, one worker for each socket."""
    upstreams = tuple(
        engines.upstream(each.model, directory, dimensions=each.dimensions, fim=each.fim) for each in local
    )
    running_engines = [
        engines.engine_child(each, where, _engine_settings(settings))
        for each, where in zip(local, upstreams, strict=True)
    ]
    workers = [
        Child(
            name=f"worker-{number}",
            argv=(sys.executable, "-m", "weighbridge.app"),
            role="worker",
            env={"OPENBLAS_NUM_THREADS": "1"},  # else the learned router takes the cores that other workers run on
            pass_fds=(each.fileno(),),
            stdin=WorkerSpec(each.fileno(), flags, settings.file, upstreams).encode(),
            vital=True,
            advice="weighbridge doctor",
        )
        for number, each in enumerate(sockets, start=1)
    ]
    return [*running_engines, *workers]


@contextmanager
def _window_socket(settings: Settings, gateway: int) -> Iterator[socket.socket | None]:
    """The window's socket; None where it is off or has no place to listen, which is told: the gateway goes without."""
    with ExitStack() as stack:
        found = None
        if settings.window.enabled:
            try:
                found = stack.enter_context(bound_window(settings.window.host, settings.window.port, gateway))
            except Failure as failure:
                why = failure.message.partition("\n")[0]
                click.echo(f"No window: {why}. Next: choose another window.port or window.host", err=True)
        yield found


def _window(settings: Settings, flags: dict[str, bool | int | str], listening: socket.socket, url: str) -> Child:
    """Its process: whatever becomes of it, the gateway goes on."""
    gateway = url.removesuffix("/v1")
    return Child(
        name="window",
        argv=(sys.executable, "-m", "weighbridge.web"),
        role="window",
        pass_fds=(listening.fileno(),),
        stdin=WindowSpec(listening.fileno(), gateway, flags, settings.file).encode(),
        advice="weighbridge doctor; window.enabled = false goes without it",
    )


def _engine_settings(settings: Settings) -> EngineSettings:
    local = settings.local
    return EngineSettings(
        threads=local.threads,
        slots=local.slots,
        context=local.context,
        prompt_cache_mib=local.cache_mib,
        idle_unload_seconds=local.idle_unload_seconds,
        memory_mib=local.memory_mib,
    )


async def _run(
    settings: Settings,
    children: Sequence[Child],
    gateway: Gateway,
    providers: Sequence[Connection],
    *,
    window: str | None,
) -> int:
    """Run until told to stop; the exit code."""
    supervisor = Supervisor(
        state_file=running.state_file(settings.home),
        logs=running.logs(settings.home),
        say=_say_json if settings.logging.format == "json" else lambda line: click.echo(line, err=True),
        patience=Patience(worker=settings.server.drain_seconds + _GRACE_SECONDS),
        worded=_worded if settings.logging.format == "json" else None,
    )
    async with asyncio.TaskGroup() as group:
        greeting = group.create_task(_greet(supervisor, settings, children, gateway, providers, window=window))
        code = await supervisor.run(children)
        greeting.cancel()
    return code


def _say_json(line: str) -> None:
    click.echo(_worded("weighbridge.up", line), err=True)


def _worded(name: str, line: str) -> str:
    return logs.said_by(name, line, datetime.now(UTC))


async def _greet(
    supervisor: Supervisor,
    settings: Settings,
    children: Sequence[Child],
    gateway: Gateway,
    providers: Sequence[Connection],
    *,
    window: str | None,
) -> None:
    """Say when the gateway answers and, once every child is ready, how to use it."""
    seen = window
    try:
        for child in children:
            if child.role == "worker":
                await supervisor.ready(child.name)
        if any(child.role == "engine" for child in children):
            click.echo(f"The gateway answers at {gateway.base_url}; loading the local model …")
        for child in children:
            if child.role != "window":
                await supervisor.ready(child.name)
            elif not await _is_ready(supervisor, child):
                seen = None
    except ServingError:
        return  # the supervisor has said so, with what to do
    offered = await asyncio.to_thread(gateway.models)
    first = [model for model in local_models.that_write(settings) if model in offered]
    click.echo(
        welcome(
            base_url=gateway.base_url,
            key=gateway.key.reveal(),
            models=[*first, *(model for model in offered if model not in first)],
            connections=providers,
            window=None if seen is None else await asyncio.to_thread(link, settings, seen),
        )
    )


async def _is_ready(supervisor: Supervisor, child: Child) -> bool:
    """Whether a child has come up that is not needed."""
    try:
        await supervisor.ready(child.name)
    except ServingError:
        return False
    return True
