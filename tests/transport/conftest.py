from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.transport.front import Front, Fronts, echo
from weighbridge.transport.server import Handler, Limits


@pytest.fixture
def front() -> Iterator[Fronts]:
    with ExitStack() as stack:

        def start(handler: Handler = echo, limits: Limits | None = None) -> Front:
            front = Front(handler, limits)
            stack.callback(front.stop)
            return front

        yield start
