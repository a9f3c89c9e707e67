"""The OpenAPI document on paper."""

import json

from tests.cli.conftest import Shell
from weighbridge.gateway.openapi.document import document
from weighbridge.gateway.outline import outline


def test_it_is_what_a_gateway_serves(shell: Shell) -> None:
    assert json.loads(shell.good("openapi")) == json.loads(document(outline()))
