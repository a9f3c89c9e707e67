"""OpenRouter's log of generations, as its page exports it: a row for each, with what was charged.

The sums by day of its activity page name no requests, and cannot be entered as such.
"""

from collections.abc import Iterator

from weighbridge.ledger.imports.outside import NO_USAGE, Bad, Found, Outside, Passed
from weighbridge.ledger.rows import Source, Unreadable, heads, table
from weighbridge.wire.usage import Usage

_NEEDED = ("generation_id", "created_at", "cost_total", "tokens_prompt", "tokens_completion")


def read(source: Source) -> Iterator[Found]:
    """All that a file has. Raises Unreadable."""
    if {"date", "slug"} <= heads(source):
        raise Unreadable(
            f"{source.name}:1: these are sums by day, not requests: export the log of generations from OpenRouter's"
            " page of logs instead"
        )
    for row in table(source, _NEEDED):
        try:
            prompt = row.count("native_tokens_prompt", "tokens_prompt") or 0
            completion = row.count("native_tokens_completion", "tokens_completion") or 0
            if not prompt and not completion:
                yield Passed(NO_USAGE)
                continue
            yield Outside(
                place=row.place,
                id=row.need("generation_id"),
                at=row.moment("created_at"),
                provider="openrouter",
                model=row.need("model_permaslug", "model"),
                usage=Usage(
                    prompt=prompt,
                    completion=completion,
                    cached=row.count("native_tokens_cached", "tokens_cached"),
                    reasoning=row.count("native_tokens_reasoning", "tokens_reasoning"),
                ),
                paid=row.money("cost_total"),
                request=row.need("generation_id"),
                user=row.text("user"),
                seconds=float(row.money("generation_time_ms") or 0) / 1000,
            )
        except Unreadable as error:
            yield Bad(str(error))
