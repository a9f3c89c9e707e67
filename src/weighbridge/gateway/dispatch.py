"""Try the endpoints of a plan in order until one of them answers."""

from collections.abc import Mapping, Sequence

import msgspec

from weighbridge.catalog.model import Endpoint
from weighbridge.errors import UpstreamError, WeighbridgeError
from weighbridge.gateway.tab import Tab
from weighbridge.providers.base import Answer, Provider
from weighbridge.routing.plan import Planned
from weighbridge.wire.chat.write import write_call
from weighbridge.wire.habits.fitting import fit_chat
from weighbridge.wire.habits.profile import Habits
from weighbridge.wire.habits.repair import repair_for
from weighbridge.wire.surface import Asked


async def first_answer(planned: Sequence[Planned], asked: Asked, tab: Tab, providers: Mapping[str, Provider]) -> Answer:
    """The answer of the first endpoint that gives one; the caller closes its body.

    Raises the last endpoint's error when none does, or at once one that no other endpoint would mend.
    """
    last: WeighbridgeError | None = None
    for one in planned:
        provider = providers[one[0].provider]
        native = asked.native
        if native is not None and native.task not in provider.natively:
            native = None
        if native is None and asked.untold is not None:
            last = last or asked.untold
            continue
        tab.trying(one)
        since = tab.elapsed()
        try:
            asked.repair, asked.passed = None, native
            habits = one[0].habits if asked.task == "chat" else None
            if native is not None:
                answer = await provider.ask(native.task, one[0], native.call, native.body)
            elif habits is None:
                answer = await provider.ask(asked.task, one[0], asked.call, asked.body)
            else:
                answer = await _ask(provider, one[0], asked, habits)
        except WeighbridgeError as exc:
            tab.failed(exc, since)
            if not exc.try_another:
                raise
            last = exc
        else:
            tab.answered(answer, since)
            return answer
    raise last or UpstreamError("no endpoint is able to serve this model")


async def _ask(provider: Provider, endpoint: Endpoint, asked: Asked, habits: Habits) -> Answer:
    """Ask a model with habits of its own in its own way, and see to it that its answer is put right."""
    if asked.fit is not None:
        body = asked.fit(habits)
    else:
        body = fit_chat(asked.body, habits) if asked.inner is None else write_call(asked.inner, habits)
    call = asked.call
    if body is not asked.body:
        call = msgspec.structs.replace(call, model_at=1 if body.startswith(b'{"model":') else -1)
    asked.repair = repair_for(habits, body)
    return await provider.ask(asked.task, endpoint, call, body)
