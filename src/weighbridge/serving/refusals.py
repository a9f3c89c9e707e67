"""What llama.cpp passes over in silence, or counts wrong: refused here, or asked in its own way.

Found by asking it; docs/local-models.md has the list for users.
"""

from typing import Final, NoReturn

import msgspec

from weighbridge.errors import BadRequest
from weighbridge.serving.engines import Upstream
from weighbridge.wire.calls import Call, ChatCall, GeneratingCall, Task
from weighbridge.wire.tasks.completions import COMPLETIONS, CompletionCall
from weighbridge.wire.tasks.embeddings import EmbeddingsCall

_fields: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_text: Final = msgspec.json.Decoder(str)


def engine_request(upstream: Upstream, task: Task, call: Call, body: bytes) -> tuple[Call, bytes]:
    """The request as this engine is asked it. Raises BadRequest naming the field that it cannot do."""
    _check_task(upstream, task)
    if isinstance(call, CompletionCall):
        return _completion(upstream, call, body)
    if isinstance(call, EmbeddingsCall) and call.dimensions not in (None, upstream.dimensions):
        raise BadRequest(f"dimensions: {upstream.model!r} has {upstream.dimensions} and no fewer", param="dimensions")
    if isinstance(call, GeneratingCall) and call.choices > 1:
        raise BadRequest("n: the local engine answers one choice a request; ask again for another", param="n")
    if isinstance(call, ChatCall) and 0 in (call.max_tokens, call.max_completion_tokens):
        _refuse_nothing("max_tokens" if call.max_tokens == 0 else "max_completion_tokens")
    return call, body


def _check_task(upstream: Upstream, task: Task) -> None:
    embeds = upstream.dimensions is not None
    if embeds != (task in ("embeddings", "rerank")):
        does = "makes embeddings and writes no text" if embeds else "writes text and makes no embeddings"
        raise BadRequest(f"model: {upstream.model!r} {does}", param="model")


def _completion(upstream: Upstream, call: CompletionCall, body: bytes) -> tuple[Call, bytes]:
    if call.prompts > 1:
        raise BadRequest("prompt: the local engine takes one a request; ask again for another", param="prompt")
    if call.choices > 1:
        param = "n" if (call.n or 1) > 1 else "best_of"
        raise BadRequest(f"{param}: the local engine makes one choice a request", param=param)
    if call.echo:
        raise BadRequest("echo: the local engine does not repeat the prompt", param="echo")
    if call.logprobs is not None:
        raise BadRequest("logprobs: the local engine gives them with chat completions only", param="logprobs")
    if call.max_tokens == 0:
        _refuse_nothing("max_tokens")
    return (call, body) if call.suffix is None else _gap(upstream, call, call.suffix, body)


def _refuse_nothing(param: str) -> NoReturn:
    raise BadRequest(f"{param}: at least 1, or -1 for no limit: the local engine writes a token or more", param=param)


def _gap(upstream: Upstream, call: CompletionCall, suffix: str, body: bytes) -> tuple[Call, bytes]:
    if upstream.fim is None:
        raise BadRequest(f"suffix: {upstream.model!r} cannot fill a gap", param="suffix")
    if bytes(call.prompt)[:1] != b'"':
        raise BadRequest("prompt: a gap is filled between two texts, not between token ids", param="prompt")
    # not str.format: the texts are code, and full of braces
    before, _, rest = upstream.fim.partition("{prefix}")
    between, _, after = rest.partition("{suffix}")
    prompt = f"{before}{_text.decode(call.prompt)}{between}{suffix}{after}"
    fields = _fields.decode(body)
    del fields["suffix"]
    filled = msgspec.json.encode({**fields, "prompt": prompt})
    return COMPLETIONS.read(filled).call, filled
