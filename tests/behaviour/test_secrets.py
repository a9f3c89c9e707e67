"""Prompts, answers and keys leave no trace: not in what a worker says, not in a byte of any file it keeps."""

import base64
import hashlib
from pathlib import Path

from tests.behaviour.worker import Process, process
from tests.gateway.conftest import near
from tests.gateway.house import Answer
from tests.gateway.upstream import ANSWER, EVENTS, Call, Upstream, chunk

PROMPT = "marker-of-the-prompt-7f3a"
ANSWERED = "marker-of-the-answer-91cc"
THEIRS = "sk-marker-of-the-providers-key-52d0"
STRANGER = "wb-marker-of-a-strangers-key-e8b1"
MESSAGES = [{"role": "user", "content": PROMPT}]


async def _misbehave(call: Call) -> None:
    """Whatever was asked for, with everything quoted that should not be."""
    quoted = {"error": {"message": f"you said {PROMPT}, with {THEIRS}, and I say {ANSWERED}"}}
    wanted = next((word for word in _FAULTS if word.encode() in call.body), "whole")
    if wanted == "stream":
        await call.stream([chunk({"content": ANSWERED}), *EVENTS])
    elif wanted == "event":
        await call.stream([chunk({"content": ANSWERED}), b"data: " + str(quoted).replace("'", '"').encode() + b"\n\n"])
    elif wanted == "reset":
        await call.start()
        await call.events([chunk({"content": ANSWERED})])
        call.die()
    elif wanted == "whole":
        choice = {"index": 0, "message": {"role": "assistant", "content": ANSWERED}, "finish_reason": "stop"}
        await call.answer({**ANSWER, "choices": [choice]}, headers=f"x-request-id: req-{call.headers['host']}\r\n")
    else:
        await call.answer(quoted, int(wanted))


_FAULTS = ("stream", "event", "reset", "200", "400", "401", "404", "429", "500")


async def _requests(gateway: Process) -> list[Answer]:
    """Good ones and bad ones, each with the marker in its prompt."""
    good = {"model": "near/tiny", "messages": MESSAGES}
    streamed = [{**good, "stream": True, "user": word} for word in ("stream", "event", "reset")]
    faulty = [{**good, "user": status} for status in ("200", "400", "401", "404", "429", "500")]
    unread = [{**good, "n": PROMPT}, {**good, "messages": PROMPT}, {**good, "stream": PROMPT}, f"{PROMPT}{{".encode()]
    elsewhere = [{**good, "model": "naer/tiny"}, {**good, "model": "near/other"}]
    answers = [await gateway.ask(body) for body in (good, *streamed, *faulty, *unread, *elsewhere)]
    answers.append(await gateway.ask(good, key=STRANGER))
    answers += [await gateway.get(f"/v1/{PROMPT}"), await gateway.get("/v1/models"), await gateway.get("/readyz")]
    answers.append(await gateway.get("/v1/models", key=STRANGER, headers=f"x-marker: {PROMPT}\r\n"))
    return answers


async def test_neither_prompt_nor_answer_nor_key_is_kept_or_said(tmp_path: Path, upstream: Upstream) -> None:
    upstream.script = _misbehave
    home = tmp_path / "home"
    settings = near(upstream).replace("[providers.near]\n", '[providers.near]\napi_key_env = "NEAR_KEY"\n')
    async with process(home, settings, {"NEAR_KEY": THEIRS}) as gateway:
        answers = await _requests(gateway)
        kept = _everything(tmp_path)  # while it runs, the write-ahead log and all
        await gateway.stop()
    kept |= {f"{name} (after the stop)": data for name, data in _everything(tmp_path).items()}
    assert {call.headers["authorization"] for call in upstream.calls} == {f"Bearer {THEIRS}"}
    assert [answer.status for answer in answers[:4]] == [200, 200, 200, 200]
    assert all(THEIRS.encode() not in answer.body + str(answer.headers).encode() for answer in answers)
    hashed = hashlib.sha256(gateway.key.encode()).digest()
    assert any(hashed in data for data in kept.values()), "the ledger was not looked at"
    secrets = (PROMPT, ANSWERED, THEIRS, STRANGER, gateway.key)
    found = [(name, secret) for name, data in kept.items() for secret in secrets if _has(data, secret)]
    assert found == []


def _everything(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _has(data: bytes, secret: str) -> bool:
    forms = (secret.encode(), base64.b64encode(secret.encode()).rstrip(b"="), secret.encode().hex().encode())
    return any(form in data for form in forms)
