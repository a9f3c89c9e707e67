"""Try the endpoints of a plan in order until one of them answers."""

from collections.abc import Mapping, Sequence

from weighbridge.errors import UpstreamError, WeighbridgeError
from weighbridge.gateway.tab import Tab
from weighbridge.providers.base import Answer, Provider
from weighbridge.routing.plan import Planned
from weighbridge.wire.surface import Asked


async def first_answer(planned: Sequence[Planned], asked: Asked, tab: Tab, providers: Mapping[str, Provider]) -> Answer:
    """The answer of the first endpoint that gives one; the caller closes its body.

    Raises the last endpoint's error when none does, or at once one that no other endpoint would mend.
    """
    last: WeighbridgeError | None = None
    for one in planned:
        tab.trying(one)
        since = tab.elapsed()
        try:
            answer = await providers[one[0].provider].ask(asked.task, one[0], asked.call, asked.body)
        except WeighbridgeError as exc:
            tab.failed(exc, since)
            if not exc.try_another:
                raise
            last = exc
        else:
            tab.answered(answer, since)
            return answer
    raise last or UpstreamError("no endpoint is able to serve this model")
