"""The models we run ourselves, as a provider: one engine behind each."""

from collections.abc import Mapping, Sequence
from typing import Final

from weighbridge.catalog.model import Endpoint
from weighbridge.errors import EngineUnavailable, UpstreamError, UpstreamTimeout
from weighbridge.providers.base import Answer
from weighbridge.providers.openai_compatible import Dialect, OpenAICompatible
from weighbridge.serving.engines import Upstream
from weighbridge.transport.client import Origin, Patience, Pool
from weighbridge.transport.deadlines import Deadlines
from weighbridge.wire.openai import ChatCall

_SOON: Final = 2.0
"""Seconds in which a small model is loaded again."""


class LocalEngines:
    """Sends each call to the engine of its model. An engine that is not there is loading, or coming back."""

    def __init__(self, upstreams: Sequence[Upstream], *, patience: Patience, deadlines: Deadlines) -> None:
        self._engines: Mapping[str, OpenAICompatible] = {
            upstream.model: _engine(upstream, patience, deadlines) for upstream in upstreams
        }

    async def chat(self, endpoint: Endpoint, call: ChatCall, body: bytes) -> Answer:
        """See Provider.chat; raises EngineUnavailable while the engine loads or restarts."""
        engine = self._engines.get(endpoint.upstream_model)
        if engine is None:
            raise EngineUnavailable(
                f"no engine runs {endpoint.model!r}; `weighbridge pull {endpoint.model}`, then restart"
            )
        try:
            return await engine.chat(endpoint, call, body)
        except UpstreamTimeout:
            raise
        except UpstreamError as exc:
            raise EngineUnavailable(
                f"the engine of {endpoint.model!r} is loading or restarting ({exc.message}); try again",
                retry_after=_SOON,
            ) from exc


def _engine(upstream: Upstream, patience: Patience, deadlines: Deadlines) -> OpenAICompatible:
    origin = Origin(name=f"the local engine of {upstream.model}", socket=str(upstream.socket))
    return OpenAICompatible(
        Pool(origin, patience=patience, deadlines=deadlines),
        Dialect(base_path="/v1", key=upstream.api_key, key_place="the engine's own key", counted_by="engine"),
    )
