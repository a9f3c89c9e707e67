"""The models we run ourselves, as a provider: one engine behind each."""

from collections.abc import Mapping, Sequence
from typing import Final

from weighbridge.catalog.model import Endpoint
from weighbridge.errors import BadRequest, ContextOverflow, EngineUnavailable, UpstreamUnreachable, WeighbridgeError
from weighbridge.providers.base import Answer
from weighbridge.providers.openai_compatible import Dialect, OpenAICompatible
from weighbridge.serving.engines import Upstream
from weighbridge.serving.likeness import ranked
from weighbridge.serving.refusals import engine_request
from weighbridge.transport.client import Origin, Patience, Pool
from weighbridge.transport.deadlines import Deadlines
from weighbridge.wire.calls import Call, Task
from weighbridge.wire.tasks.rerank import RerankCall

_SOON: Final = 2.0
"""Seconds in which a small model is loaded again."""
_NOT_ITS_KIND: Final = b"input is not supported"
"""llama.cpp's words for pictures and sounds to a model that reads text; it says 500 to them."""
_TOO_LONG: Final = b"is too large to process"
"""llama.cpp's words for a text that does not fit a model for embeddings; it says 500 to that too."""


class LocalEngines:
    """Sends each call to the engine of its model. An engine that is not there is loading, or coming back."""

    natively: frozenset[Task] = frozenset()

    def __init__(self, upstreams: Sequence[Upstream], *, patience: Patience, deadlines: Deadlines) -> None:
        self._engines: Mapping[str, tuple[Upstream, OpenAICompatible]] = {
            upstream.model: (upstream, _engine(upstream, patience, deadlines)) for upstream in upstreams
        }

    async def ask(self, task: Task, endpoint: Endpoint, call: Call, body: bytes, headers: bytes = b"") -> Answer:
        """See Provider.ask; raises EngineUnavailable while the engine loads or restarts.

        Raises BadRequest for what llama.cpp would pass over or count wrong.
        """
        found = self._engines.get(endpoint.upstream_model)
        if found is None:
            raise EngineUnavailable(
                f"no engine runs {endpoint.model!r}; `weighbridge pull {endpoint.model}`, then restart"
            )
        upstream, engine = found
        call, body = engine_request(upstream, task, call, body)
        try:
            if isinstance(call, RerankCall):
                return await ranked(engine, endpoint, call)
            return await engine.ask(task, endpoint, call, body, headers)
        except UpstreamUnreachable as exc:
            raise _not_yet(exc.message) from exc

    def close(self) -> None:
        """Close the connections that rest."""
        for _, engine in self._engines.values():
            engine.close()


class _Engine(OpenAICompatible):
    """One engine; its refusals mean what llama.cpp means by them."""

    def refusal(self, status: int, headers: dict[bytes, bytes], text: bytes, task: Task = "chat") -> WeighbridgeError:
        """See OpenAICompatible.refusal."""
        refused = super().refusal(status, headers, text, task)
        if status == 503:
            return _not_yet(refused.message)
        if status >= 500 and _NOT_ITS_KIND in text:
            return BadRequest(f"messages: {refused.message}", param="messages")
        if status >= 500 and _TOO_LONG in text:
            return ContextOverflow(refused.message, param="input")
        return refused


def _not_yet(why: str) -> EngineUnavailable:
    return EngineUnavailable(f"the engine is loading or restarting ({why}); try again", retry_after=_SOON)


def _engine(upstream: Upstream, patience: Patience, deadlines: Deadlines) -> _Engine:
    origin = Origin(name=f"the local engine of {upstream.model}", socket=str(upstream.socket))
    return _Engine(
        Pool(origin, patience=patience, deadlines=deadlines),
        Dialect(base_path="/v1", key=upstream.api_key, key_place="the engine's own key", counted_by="engine"),
    )
