"""OpenAI's legacy completions as a surface: text goes on where the prompt ends, or fills the gap before `suffix`.

Like chat it passes through untouched; its stream differs only in that a choice has `text` where chat has a `delta`.
"""

from typing import Annotated, Final

import msgspec

from weighbridge.wire import calls
from weighbridge.wire.chat.surface import ChatSurface, as_it_is
from weighbridge.wire.surface import Asked
from weighbridge.wire.tasks.texts import count, size


class CompletionCall(calls.GeneratingCall, gc=False, kw_only=True):
    """A completion request. `prompt` is a text, a list of token ids, or a list of either: one choice for each."""

    operation = "text_completion"
    prompt: msgspec.Raw
    suffix: str | None = None
    """What comes after the gap."""
    best_of: Annotated[int, msgspec.Meta(ge=0)] | None = None
    """So many are made for each prompt, `n` of them shown; one at least, whatever it says."""
    echo: bool | None = None
    """Whether the prompt is to stand before the text."""
    logprobs: object = None

    @property
    def prompts(self) -> int:
        """How many prompts there are."""
        return count(self.prompt)

    @property
    def choices(self) -> int:
        """See GeneratingCall."""
        return max(self.n or 1, self.best_of or 1) * self.prompts

    @property
    def prompt_bytes(self) -> int:
        """See Call."""
        return size(self.prompt) + len((self.suffix or "").encode())


_calls: Final = msgspec.json.Decoder(CompletionCall)


class CompletionsSurface(ChatSurface):
    """See Surface."""

    dialect = "completions"

    def read(self, body: bytes) -> Asked:
        """See Surface.read."""
        call = calls.read(body, _calls)
        count(call.prompt, field="prompt")
        return Asked(call, body, as_it_is(wants_usage=call.wants_usage), task="completions")


COMPLETIONS: Final = CompletionsSurface()
