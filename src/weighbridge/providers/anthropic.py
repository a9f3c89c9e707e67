"""Anthropic's own API: Messages pass as they are, and chat completions are asked for, and read, as messages.

https://docs.anthropic.com/en/api/messages
"""

from typing import Final

from weighbridge.providers.openai_compatible import OpenAICompatible

_VERSION: Final = "2023-06-01"
_STREAM: Final = b"text/event-stream"
_MOST: Final = 64 * 1024 * 1024
"""Bytes of an answer that is not a stream."""
_MOST_TOKENS: Final = 4096
"""What an answer may have where neither the client nor the catalogue says: every model takes it."""


class Anthropic(OpenAICompatible):
    """One such server."""

    models_path = "/models?limit=1000"

    def credentials(self, key: str | None) -> str:
        """See OpenAICompatible.credentials."""
        return f"anthropic-version: {_VERSION}\r\n" + ("" if key is None else f"x-api-key: {key}\r\n")
