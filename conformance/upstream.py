"""The scripted upstream: an OpenAI-compatible server of chat, text completions, embeddings and ranking.

`python -m conformance.upstream PORT` serves on loopback. It answers every valid request in the right shape; what it
says is in `conformance.script`. It speaks chat only: Responses and Messages are what the gateway makes of it.
"""

import base64
import hashlib
import struct
import sys
from collections.abc import AsyncIterator, Iterator

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from conformance.instance import Json
from conformance.script import Request, Said, answer, text_of, words_of

_CREATED = 1_795_000_000
_MODELS = ("scripted",)
_DIMENSIONS = 8
_MOST = 128
"""Answers to one request, as with OpenAI."""


class _Prompted(msgspec.Struct):
    """What is read of a text completion request."""

    model: str = ""
    prompt: Json = None
    suffix: str | None = None
    stream: bool | None = None
    stream_options: dict[str, Json] | None = None
    max_tokens: int | None = None
    stop: Json = None
    n: int | None = None
    echo: bool | None = None


class _ToEmbed(msgspec.Struct):
    """What is read of an embeddings request."""

    model: str = ""
    input: Json = None
    encoding_format: str | None = None
    dimensions: int | None = None


class _ToRank(msgspec.Struct):
    """What is read of a request to put documents in order."""

    query: Json
    documents: Json
    model: str = ""
    top_n: int | None = None


async def chat(http: HttpRequest) -> Response:
    """A chat completion, whole or as a stream."""
    try:
        request = msgspec.json.decode(await http.body(), type=Request)
    except msgspec.MsgspecError as exc:
        return _refused(str(exc))
    if (request.n or 1) > _MOST:
        return _refused(f"n: {_MOST} at most")
    said = answer(request)
    prompt = sum(len(words_of(text_of(each.content))) + 3 for each in request.messages)
    used = _usage(prompt, said)
    if request.stream:
        wants = (request.stream_options or {}).get("include_usage") is True
        return _streamed(_chunks(request, said, used if wants else None))
    choices: list[Json] = [_choice(index, request, said) for index in range(request.n or 1)]
    return _json(_head("chat.completion", request.model, _turn(request)) | {"choices": choices, "usage": used})


async def completions(http: HttpRequest) -> Response:
    """A text completion, whole or as a stream."""
    try:
        request = msgspec.json.decode(await http.body(), type=_Prompted)
    except msgspec.MsgspecError as exc:
        return _refused(str(exc))
    if (request.n or 1) > _MOST:
        return _refused(f"n: {_MOST} at most")
    prompt = request.prompt if isinstance(request.prompt, str) else "a prompt"
    said = Said(f" and so goes {prompt[:40]!r} on, to its end.")
    used = _usage(len(words_of(prompt)), said)
    head = _head("text_completion", request.model, "text")
    if not request.stream:
        choices: list[Json] = [_completed(index, said.text, said.finish) for index in range(request.n or 1)]
        return _json(head | {"choices": choices, "usage": used})
    pieces: list[dict[str, Json]] = [head | {"choices": [_completed(0, word, None)]} for word in words_of(said.text)]
    pieces.append(head | {"choices": [_completed(0, "", said.finish)]})
    if (request.stream_options or {}).get("include_usage") is True:
        pieces.append(head | {"choices": [], "usage": used})
    return _streamed(iter(pieces))


async def embeddings(http: HttpRequest) -> Response:
    """A vector for each input, made of its hash."""
    try:
        request = msgspec.json.decode(await http.body(), type=_ToEmbed)
    except msgspec.MsgspecError as exc:
        return _refused(str(exc))
    inputs = _inputs(request.input)
    data: list[Json] = [
        {"object": "embedding", "index": index, "embedding": _vector(each, request)}
        for index, each in enumerate(inputs)
    ]
    tokens = sum(len(each) if isinstance(each, list) else len(words_of(str(each))) for each in inputs)
    used: Json = {"prompt_tokens": tokens, "total_tokens": tokens}
    return _json({"object": "list", "model": request.model, "data": data, "usage": used})


async def rerank(http: HttpRequest) -> Response:
    """The documents' places, those of the longest first."""
    try:
        request = msgspec.json.decode(await http.body(), type=_ToRank)
    except msgspec.MsgspecError as exc:
        return _refused(str(exc))
    documents = request.documents if isinstance(request.documents, list) else [request.documents]
    lengths = [len(msgspec.json.encode(each)) for each in documents]
    best = sorted(range(len(documents)), key=lambda at: (-lengths[at], at))[: request.top_n]
    results: list[Json] = [{"index": at, "relevance_score": 1 - 1 / (1 + lengths[at])} for at in best]
    tokens = sum(lengths)
    used: Json = {"prompt_tokens": tokens, "total_tokens": tokens}
    return _json({"model": request.model, "results": results, "usage": used})


async def models(_: HttpRequest) -> Response:
    """The list of models; any other name is answered as well."""
    listed: list[Json] = [
        {"id": name, "object": "model", "created": _CREATED, "owned_by": "conformance"} for name in _MODELS
    ]
    return _json({"object": "list", "data": listed})


def _inputs(given: Json) -> list[Json]:
    """One text or list of tokens, or many."""
    if not isinstance(given, list) or (given and isinstance(given[0], int)):
        return [given]
    return given


def _vector(given: Json, request: _ToEmbed) -> Json:
    seed = hashlib.sha256(msgspec.json.encode(given)).digest()
    count = request.dimensions or _DIMENSIONS
    numbers = [(seed[at % len(seed)] - 127.5) / 128 for at in range(count)]
    if request.encoding_format == "base64":
        return base64.b64encode(struct.pack(f"<{count}f", *numbers)).decode()
    return list(numbers)


def _completed(index: int, text: str, finish: str | None) -> dict[str, Json]:
    return {"index": index, "text": text, "finish_reason": finish, "logprobs": None}


def _turn(request: Request) -> str:
    """For ids: clients take two answers or calls with one id for the same."""
    return hashlib.sha256(msgspec.json.encode(request)).hexdigest()[:12]


def _head(kind: str, model: str, turn: str) -> dict[str, Json]:
    return {"id": f"chatcmpl-{turn}", "object": kind, "created": _CREATED, "model": model}


def _choice(index: int, request: Request, said: Said) -> dict[str, Json]:
    message: dict[str, Json] = {"role": "assistant", "content": said.text or None, "refusal": None}
    if said.calls:
        message["tool_calls"] = [_call(number, request, said) for number in range(len(said.calls))]
    words: list[Json] = [_likely(word) for word in words_of(said.text)]
    logprobs: Json = {"content": words, "refusal": None} if request.logprobs else None
    return {"index": index, "message": message, "finish_reason": said.finish, "logprobs": logprobs}


def _call(number: int, request: Request, said: Said) -> dict[str, Json]:
    function: Json = {"name": said.calls[number].name, "arguments": said.calls[number].arguments}
    return {"id": f"call_{_turn(request)}_{number}", "type": "function", "function": function}


def _likely(word: str) -> Json:
    return {"token": word, "logprob": -0.1, "bytes": list(word.encode()), "top_logprobs": []}


def _chunks(request: Request, said: Said, used: dict[str, Json] | None) -> Iterator[dict[str, Json]]:
    head = _head("chat.completion.chunk", request.model, _turn(request))
    for index in range(request.n or 1):
        deltas: list[dict[str, Json]] = [{"role": "assistant", "content": ""}]
        deltas += [{"content": word} for word in words_of(said.text)]
        for number in range(len(said.calls)):
            deltas += _deltas(number, request, said)
        for delta in deltas:
            yield head | {"choices": [_delta(index, delta, None, request)]}
        yield head | {"choices": [_delta(index, {}, said.finish, request)]}
    if used is not None:
        yield head | {"choices": [], "usage": used}


def _deltas(number: int, request: Request, said: Said) -> list[dict[str, Json]]:
    """A tool call: its name first, then its arguments in pieces."""
    arguments = said.calls[number].arguments
    began = _call(number, request, said)
    began["function"] = {"name": said.calls[number].name, "arguments": ""}
    pieces = [arguments[at : at + 7] for at in range(0, len(arguments), 7)]
    went: list[dict[str, Json]] = [
        {"tool_calls": [{"index": number, "function": {"arguments": piece}}]} for piece in pieces
    ]
    return [{"tool_calls": [{"index": number} | began]}, *went]


def _delta(index: int, delta: dict[str, Json], finish: str | None, request: Request) -> dict[str, Json]:
    word = delta.get("content")
    likely: Json = {"content": [_likely(word)], "refusal": None} if request.logprobs and isinstance(word, str) else None
    return {"index": index, "delta": delta, "finish_reason": finish, "logprobs": likely}


def _usage(prompt: int, said: Said) -> dict[str, Json]:
    made = len(words_of(said.text)) + sum(len(words_of(call.arguments)) + 2 for call in said.calls)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": made,
        "total_tokens": prompt + made,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }


def _streamed(chunks: Iterator[dict[str, Json]]) -> Response:
    async def events() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield b"data: " + msgspec.json.encode(chunk) + b"\n\n"
        yield b"data: [DONE]\n\n"

    return StreamingResponse(events(), media_type="text/event-stream")


def _json(document: Json, status: int = 200) -> Response:
    return Response(msgspec.json.encode(document), status, media_type="application/json")


def _refused(why: str) -> Response:
    return _json({"error": {"message": why, "type": "invalid_request_error", "param": None, "code": None}}, 400)


application = Starlette(
    routes=[
        Route("/v1/chat/completions", chat, methods=["POST"]),
        Route("/v1/completions", completions, methods=["POST"]),
        Route("/v1/embeddings", embeddings, methods=["POST"]),
        Route("/v1/rerank", rerank, methods=["POST"]),
        Route("/v1/models", models),
    ]
)


def main() -> None:
    """Serve on loopback, on the port given."""
    uvicorn.run(application, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
