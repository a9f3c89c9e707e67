"""One line of the set: a request, and what a right answer to it is."""

import msgspec

from weighbridge.switch.case import Expected


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """As `weighbridge switch` reads it."""

    request: dict[str, object]
    """A chat completion request without a model."""
    expected: Expected
    grader: str | None = None


def line(system: str, prompt: str, expected: Expected, *, most_tokens: int, **more: object) -> Line:
    """A request of one turn, answered without chance."""
    messages = [{"role": "system", "content": system}, {"role": "user", "content": prompt}]
    request: dict[str, object] = {"messages": messages, "temperature": 0, "max_tokens": most_tokens, **more}
    return Line(request, expected)
