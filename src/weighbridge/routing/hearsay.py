"""What workers tell each other of an endpoint: that it failed, that it answers again, that it wants to be left alone.

Whoever is told does not see, so what is heard is never louder than what was seen (decision 0024). Seconds are from the
moment of telling on; who carries the news over keeps the clocks apart.
"""

import msgspec


class Hearsay(msgspec.Struct, frozen=True, gc=False):
    """What one worker has just come to know of an endpoint."""

    open: float | None = None
    """It failed us, and we leave it alone for so many seconds; None: no news."""
    lasting: bool = False
    """It will not take our key, or has not got the model."""
    times: int = 0
    """How many times in a row we have opened; the next one takes longer."""
    closed: bool = False
    """We left it alone, and it has answered us."""
    limited: float | None = None
    """By the provider's own word nobody with our key is to ask it for so many seconds; None: no news."""
