"""Try the endpoints of a plan in order until one of them answers."""

from collections.abc import Iterable, Mapping

import msgspec

from weighbridge.catalog.model import Endpoint, Model
from weighbridge.errors import UpstreamError, WeighbridgeError
from weighbridge.gateway.tab import Tab
from weighbridge.providers.base import Answer, Provider
from weighbridge.routing.candidate import Candidate
from weighbridge.wire.chat.write import write_call
from weighbridge.wire.habits.fitting import fit_chat
from weighbridge.wire.habits.profile import Habits
from weighbridge.wire.habits.repair import repair_for
from weighbridge.wire.surface import Asked, Native


async def first_answer(plan: Iterable[Candidate], asked: Asked, tab: Tab, providers: Mapping[str, Provider]) -> Answer:
    """The answer of the first endpoint that gives one; the caller closes its body.

    An error that no other endpoint would mend ends the search at this model; a fallback may still do.
    Raises the last endpoint's error when none answers.
    """
    last: WeighbridgeError | None = None
    asked_last: Model | None = None
    beyond: Model | None = None
    for one in plan:
        if one.model is beyond:
            continue
        provider = providers[one.endpoint.provider]
        native = asked.native
        if native is not None and native.task not in provider.natively:
            native = None
        if native is None and asked.untold is not None:
            last = last or asked.untold
            continue
        tab.trying(one)
        since = tab.elapsed()
        try:
            answer = await _ask(provider, one.endpoint, asked, native)
        except WeighbridgeError as exc:
            tab.failed(exc, since)
            if not exc.try_another:
                beyond = one.model
            if last is None or isinstance(exc, UpstreamError) or one.model is asked_last:
                last, asked_last = exc, one.model
        else:
            tab.answered(answer, since)
            return answer
    raise last or UpstreamError("no endpoint is able to serve this model")


async def _ask(provider: Provider, endpoint: Endpoint, asked: Asked, native: Native | None) -> Answer:
    """Ask one endpoint, in the client's own dialect where `native` is given."""
    asked.repair, asked.passed = None, native
    if native is not None:
        return await provider.ask(native.task, endpoint, native.call, native.body)
    habits = endpoint.habits if asked.task == "chat" else None
    if habits is None:
        return await provider.ask(asked.task, endpoint, asked.call, asked.body)
    return await _ask_fitted(provider, endpoint, asked, habits)


async def _ask_fitted(provider: Provider, endpoint: Endpoint, asked: Asked, habits: Habits) -> Answer:
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
