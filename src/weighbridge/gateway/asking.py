"""Ask one endpoint, in the way of its provider and its model."""

import asyncio
from collections.abc import Coroutine

import msgspec

from weighbridge.catalog.model import Endpoint
from weighbridge.gateway.admission import Place, held
from weighbridge.providers.base import Answer, Provider
from weighbridge.wire.chat.write import write_call
from weighbridge.wire.habits.fitting import fit_chat
from weighbridge.wire.habits.profile import Habits
from weighbridge.wire.habits.repair import repair_for
from weighbridge.wire.surface import Asked, Native


def in_background(asking: Coroutine[None, None, Answer], place: Place | None) -> "asyncio.Task[Answer]":
    """The same, going on by itself; the place, if any, is given back with the answer."""
    if place is None:
        return asyncio.create_task(asking)
    task = asyncio.create_task(held(place, asking))
    # a task that is cancelled before its first step runs nothing of its own
    task.add_done_callback(lambda done: place.leave() if done.cancelled() else None)
    return task


def native_at(provider: Provider, asked: Asked) -> Native | None:
    """The request in the client's own dialect, if the provider speaks it."""
    native = asked.native
    return native if native is not None and native.task in provider.natively else None


def ask(provider: Provider, endpoint: Endpoint, asked: Asked, native: Native | None) -> Coroutine[None, None, Answer]:
    """Ask one endpoint, in the client's own dialect where `native` is given."""
    varied = asked.varied
    if varied is not None and varied.model == endpoint.model:
        native = None
    asked.repair, asked.passed = None, native
    headers = b"" if asked.traced is None else asked.traced(endpoint.provider, endpoint.upstream_model)
    if native is not None:
        return provider.ask(native.task, endpoint, native.call, native.body, headers)
    habits = endpoint.habits if asked.task == "chat" else None
    if habits is None and asked.begun is None and varied is None:
        return provider.ask(asked.task, endpoint, asked.call, asked.body, headers)
    return _ask_fitted(provider, endpoint, asked, habits, headers)


async def _ask_fitted(
    provider: Provider, endpoint: Endpoint, asked: Asked, habits: Habits | None, headers: bytes
) -> Answer:
    """Ask a model with habits of its own in its own way, and see to it that its answer is put right."""
    call, said, varied = asked.call, asked.body, asked.varied
    if varied is not None and varied.model == endpoint.model:
        call, said = varied.call, varied.body
        body = said if habits is None else fit_chat(said, habits)
    elif habits is None:
        body = said
    elif asked.fit is not None:
        body = asked.fit(habits)
    else:
        body = fit_chat(said, habits) if asked.inner is None else write_call(asked.inner, habits)
    if body is not said:
        call = msgspec.structs.replace(call, model_at=1 if body.startswith(b'{"model":') else -1)
    asked.repair = repair_for(habits, body)
    if asked.begun is not None:
        call, body = asked.begun(endpoint.id, body)
    return await provider.ask(asked.task, endpoint, call, body, headers)
