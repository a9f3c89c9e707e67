"""An answer of another model than the one that was asked reaches its client, and its entry says so."""

import json

import pytest

from tests.gateway.house import ASKED, House
from tests.gateway.upstream import ANSWER, EVENTS, Call, Upstream

MESSAGES = {**ASKED, "max_tokens": 9}
REQUESTS = {
    "chat, whole": ("/v1/chat/completions", ASKED),
    "chat, streamed": ("/v1/chat/completions", {**ASKED, "stream": True}),
    "messages, whole": ("/v1/messages", MESSAGES),
    "messages, streamed": ("/v1/messages", {**MESSAGES, "stream": True}),
    "responses, whole": ("/v1/responses", {"model": "near/tiny", "input": "Say hello."}),
    "responses, streamed": ("/v1/responses", {"model": "near/tiny", "input": "Say hello.", "stream": True}),
}


def named(model: str) -> str:
    """A name as it stands in JSON."""
    return json.dumps(model)


@pytest.mark.parametrize("case", REQUESTS)
@pytest.mark.parametrize(("model", "noted"), [("other-7b", "other-7b"), ("lab/Tiny-2026-01-31", None), ("tiny", None)])
async def test_the_entry_names_another_model_that_answered(
    gateway: House, upstream: Upstream, case: str, model: str, noted: str | None
) -> None:
    async def script(call: Call) -> None:
        if json.loads(call.body).get("stream"):
            await call.stream(
                [each.replace(b'"model": "tiny"', b'"model": ' + named(model).encode()) for each in EVENTS]
            )
        else:
            await call.answer({**ANSWER, "model": model})

    upstream.script = script
    target, body = REQUESTS[case]
    answer = await gateway.ask(body, target=target)
    entry = await gateway.entry()
    assert answer.status == 200
    assert entry.ending == "complete"
    assert [(one.error, one.answered_as) for one in entry.attempts] == [(None, noted)]
    receipt = (await gateway.get(f"/v1/receipts/{entry.id}")).document
    attempts = receipt["attempts"]
    assert isinstance(attempts, list)
    assert attempts[0]["answered_as"] == noted


async def test_a_part_of_an_answer_keeps_the_name_it_gave(gateway: House, upstream: Upstream) -> None:
    async def script(call: Call) -> None:
        await call.start()
        await call.events([each.replace(b'"tiny"', b'"other-7b"') for each in EVENTS[:2]])
        call.die()

    upstream.script = script
    await gateway.ask({**ASKED, "stream": True})
    entry = await gateway.entry()
    assert [(one.error, one.answered_as) for one in entry.attempts] == [("upstream_error", "other-7b")]
