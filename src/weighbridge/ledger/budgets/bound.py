"""The most that a request can take, before anybody has worked on it. Pure.

Every tokenizer in use makes at least a byte into a token, so a prompt has no more tokens than its request has bytes,
and what a provider's template puts around them. What stands in a request only by its address (a picture, a film) is
taken for as many tokens as the models of today make of one.
"""

from collections.abc import Iterable
from decimal import ROUND_CEILING, Decimal
from typing import Final

import msgspec

from weighbridge.catalog.model import Model, Price, Rate
from weighbridge.ledger.cost import SMALLEST

TEMPLATE: Final = 1024
"""Tokens that a template may add, instructions for tools and all."""
PICTURE: Final = 20_000
"""Tokens of a picture that is sent by its address; Qwen-VL's largest are 16,384."""
FILM: Final = 1_000_000
"""The same of a film, a recording or a file: as much as the longest contexts hold."""
_PER_TOKEN: Final = Decimal("1E-6") / SMALLEST
"""A price for a million tokens, in 1e-12 dollars for one."""


class Rates(msgspec.Struct, frozen=True, gc=False):
    """The dearest of several price rows, each part for itself, in 1e-12 US dollars; and the longest answer."""

    prompt: int
    """A token."""
    answer: int
    request: int
    longest: int | None
    """Tokens of an answer where the request sets no limit; None: of one of the models it is not known."""
    unpriced: str | None
    """An endpoint of which no price is known."""


def dearest(offers: Iterable[tuple[Model, str, Price | None]]) -> Rates:
    """Over models, the ids of their endpoints, and the price rows in force there."""
    prompt = answer = request = 0
    longest: int | None = 0
    unpriced: str | None = None
    for model, endpoint, price in offers:
        most = model.max_output or model.context
        longest = None if longest is None or most is None else max(longest, most)
        if price is None:
            unpriced = unpriced or endpoint
            continue
        reads = (price.input, price.cache_read or price.input, price.cache_write or price.input)
        prompt = max(prompt, *map(_highest, reads))
        answer = max(answer, _highest(price.output))
        request = max(request, int((price.per_request / SMALLEST).to_integral_value(ROUND_CEILING)))
    return Rates(prompt, answer, request, longest, unpriced)


def _highest(rate: Rate) -> int:
    most = max((rate.base, *(price for _, price in rate.tiers)))
    return int((most * _PER_TOKEN).to_integral_value(ROUND_CEILING))


def most_prompt(body: bytes, *, chat: bool = False) -> int:
    """Tokens that the request can come to, as it is read by any model; `chat`: it is a chat completion request."""
    most = len(body) + TEMPLATE
    # in a chat whose one list is that of its messages each content is a text
    if chat and body.count(b"[") <= 1 and body.find(b'"http') < 0 and (b"\\" not in body or b"\\u00" not in body):
        return most
    if b"\\u00" in body:  # so that no name hides
        body = msgspec.json.encode(msgspec.json.decode(body))
    if body.find(b'"image_url"') >= 0 or body.find(b'"image"') >= 0 or body.find(b'"input_image"') >= 0:
        most += PICTURE * (body.count(b'"http') + body.count(b'"file_id"'))
    for kind in (b'"video_url"', b'"input_audio"', b'"file"', b'"input_file"', b'"document"'):
        if body.find(kind) >= 0:
            return most + FILM
    return most


def most_cost(rates: Rates, prompt: int, answer: int) -> int:
    """In 1e-12 US dollars."""
    return prompt * rates.prompt + answer * rates.answer + rates.request
