"""What an engine's answers mean to a client: whose fault it was, and whether to come again."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.gateway.upstream import Call
from tests.gateway.upstream import Upstream as Scripted
from weighbridge.catalog.model import Endpoint
from weighbridge.errors import BadRequest, ContextOverflow, EngineUnavailable, UpstreamError, WeighbridgeError
from weighbridge.serving.engines import Upstream, socket_directory
from weighbridge.serving.provider import LocalEngines
from weighbridge.transport.client import Patience
from weighbridge.transport.deadlines import Deadlines
from weighbridge.wire.calls import read_chat

MODEL = "lab/tiny"
ENDPOINT = Endpoint("local", MODEL, MODEL)
NO_PICTURES = "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj"


def body(more: str = "") -> bytes:
    return f'{{"model": "{MODEL}", "messages": [{{"role": "user", "content": "Say hi."}}]{more}}}'.encode()


async def ask(engines: LocalEngines, sent: bytes) -> None:
    answer = await engines.ask("chat", ENDPOINT, read_chat(sent), sent)
    answer.body.close()


@pytest.fixture
async def where() -> AsyncIterator[Upstream]:
    with socket_directory() as directory:
        yield Upstream(MODEL, directory / "engine.sock", "secret")


@pytest.fixture
async def engines(where: Upstream) -> LocalEngines:
    return LocalEngines((where,), patience=Patience(), deadlines=Deadlines(asyncio.get_running_loop()))


@pytest.mark.parametrize(
    ("status", "said", "error", "param"),
    [
        (400, "the request exceeds the available context size: exceed_context_size_error", ContextOverflow, "messages"),
        (500, NO_PICTURES, BadRequest, "messages"),
        (500, "audio input is not supported", BadRequest, "messages"),
        (500, "failed to allocate", UpstreamError, None),
        (503, "Loading model", EngineUnavailable, None),
    ],
)
async def test_an_engines_refusal_is_the_error_of_whoever_can_mend_it(
    where: Upstream, engines: LocalEngines, *, status: int, said: str, error: type[WeighbridgeError], param: str | None
) -> None:
    async def script(call: Call) -> None:
        await call.answer({"error": {"message": said, "code": status}}, status)

    engine = Scripted(script)
    engine._tasks = set()
    async with await asyncio.start_unix_server(engine._serve, where.socket):
        with pytest.raises(WeighbridgeError) as refused:
            await ask(engines, body())
        await engine_closed(engine)
    assert (type(refused.value), refused.value.param) == (error, param)
    assert (refused.value.retry_after is not None) == (error is EngineUnavailable)


async def engine_closed(engine: Scripted) -> None:
    for task in engine._tasks:
        task.cancel()
    await asyncio.gather(*engine._tasks, return_exceptions=True)


async def test_an_engine_that_does_not_listen_yet_is_to_be_asked_again(engines: LocalEngines) -> None:
    with pytest.raises(EngineUnavailable) as refused:
        await ask(engines, body())
    assert refused.value.retry_after


@pytest.mark.parametrize("stream", ["", ', "stream": true'])
async def test_more_than_one_choice_is_refused_as_their_tokens_are_not_counted(
    engines: LocalEngines, stream: str
) -> None:
    with pytest.raises(BadRequest, match="one choice") as refused:
        await ask(engines, body(', "n": 2' + stream))
    assert refused.value.param == "n"


async def test_one_choice_asked_for_by_number_goes_to_the_engine(engines: LocalEngines) -> None:
    with pytest.raises(EngineUnavailable):
        await ask(engines, body(', "n": 1'))
