"""Lines as the sources write them, with what must never reach the ledger in them."""

import json

from weighbridge.ledger.rows import Source

SECRET = "the moon is made of cheese"
DAY = "2026-11-02"


def claude(
    message: str | None = "msg_1",
    request: str | None = "req_1",
    *,
    at: str = f"{DAY}T10:00:01.000Z",
    output: int = 120,
    sidechain: bool = False,
    model: str | None = "claude-sonnet-4-5-20250929",
    **more: object,
) -> str:
    """A line of Claude Code's: 6,010 tokens of prompt, 5,000 of them cached and 1,000 written."""
    usage = {
        "input_tokens": 10,
        "output_tokens": output,
        "cache_creation_input_tokens": 1000,
        "cache_read_input_tokens": 5000,
        "cache_creation": {"ephemeral_1h_input_tokens": 400, "ephemeral_5m_input_tokens": 600},
        "service_tier": "standard",
    }
    content = [{"type": "text", "text": SECRET}]
    body = {"id": message, "role": "assistant", "model": model, "content": content, "usage": usage}
    line = {"type": "assistant", "uuid": "u-1", "sessionId": "s-1", "requestId": request, "timestamp": at}
    return json.dumps({**line, "isSidechain": sidechain, "message": body, **more})


def codex(kind: str, payload: dict[str, object], *, at: str = f"{DAY}T10:00:01.000Z") -> str:
    """A line of Codex's."""
    return json.dumps({"timestamp": at, "type": kind, "payload": payload})


def counted(total: tuple[int, int, int, int] | None, last: tuple[int, int, int, int] | None) -> dict[str, object]:
    """The payload of a `token_count`: input, cached, output, reasoning."""
    names = ("input_tokens", "cached_input_tokens", "output_tokens", "reasoning_output_tokens")
    info: dict[str, object] = {}
    if total is not None:
        info["total_token_usage"] = dict(zip(names, total, strict=True))
    if last is not None:
        info["last_token_usage"] = dict(zip(names, last, strict=True))
    return {"type": "token_count", "info": info, "rate_limits": {"primary": None}}


def file(*lines: str, name: str = "a.jsonl") -> Source:
    """A file of these lines."""
    return Source(name, "\n".join(lines).encode())
