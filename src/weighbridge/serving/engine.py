"""The engine process: `python -m weighbridge.serving.engine`, with an EngineConfig as JSON on standard input.

Serves llama.cpp's OpenAI-compatible API on a Unix socket until it is ended. It holds no state worth saving, so
SIGTERM and the end of the supervisor end it at once.
"""

import resource
import signal
import sys

import xllamacpp

from weighbridge.serving import parent
from weighbridge.serving.engines import EngineConfig, processors

LOG_WARNINGS = 2  # the verbosity of llama.cpp: 1 errors, 2 warnings, 3 each request
LOG_REQUESTS = 3
BATCH = 512
"""Tokens of a prompt between two looks at other slots and cancellations (with 2048: every 30 s on two busy cores)."""
_SMALL_SHARE = 4
"""Of the processors, for a model so small that its threads wait for each other: on two busy ones, two threads took ten
times as long for a text as one."""


def main() -> None:
    """Load the model and serve it."""
    parent.end_with_parent(signal.SIGKILL)
    config = EngineConfig.decode(sys.stdin.buffer.read())
    if config.settings.memory_mib is not None:
        bound_memory(config.settings.memory_mib)
    config.upstream.socket.unlink(missing_ok=True)  # left by a run that was killed
    try:
        server = xllamacpp.Server(parameters(config))  # from now on its socket answers 503; once this returns, 200
    except RuntimeError:
        sys.exit(1)  # llama.cpp has said why, in a line of its own
    parent.say_ready()
    signal.pause()
    del server


def parameters(config: EngineConfig) -> xllamacpp.CommonParams:
    """The engine's settings in llama.cpp's words."""
    settings = config.settings
    context = settings.context if config.local.context is None else min(config.local.context, settings.context)
    params = xllamacpp.CommonParams()
    params.model.path = str(config.local.file)
    params.model_alias = {config.local.model}
    params.hostnames = [str(config.upstream.socket)]  # a name that ends in .sock is a Unix socket
    params.api_keys = [config.upstream.api_key]
    params.cpuparams.n_threads = settings.threads or processors()
    params.n_parallel = settings.slots
    params.n_ctx = settings.slots * context
    params.n_batch = BATCH
    if config.local.dimensions is not None:
        params.embedding = True
        params.cpuparams.n_threads = settings.threads or max(1, processors() // _SMALL_SHARE)
        params.n_batch = params.n_ubatch = context  # such a text is read at once or not at all
    params.kv_unified = False  # a slot has its own memory: a long conversation can't starve another
    params.fit_params = False  # else it tries a load first, and may take less context than it was told
    params.ctx_shift = False  # a prompt that does not fit is refused, never cut
    params.cache_ram_mib = settings.prompt_cache_mib
    params.sleep_idle_seconds = -1 if settings.idle_unload_seconds is None else settings.idle_unload_seconds
    params.use_jinja = True
    if config.local.template is not None:
        params.chat_template = config.local.template.read_text("utf-8")
    params.offline = True
    params.ui = False
    params.endpoint_slots = False
    params.cors_origins = ""
    params.verbosity = LOG_REQUESTS if settings.verbose else LOG_WARNINGS
    return params


def bound_memory(mib: int) -> None:
    """Limit private memory. A request for more fails inside llama.cpp, which ends the process: it is restarted."""
    limit = mib * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


if __name__ == "__main__":
    main()
