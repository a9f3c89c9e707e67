"""gpt-oss's harmony channels where an engine leaves them in the text: thoughts, words and calls, as they stream.

https://cookbook.openai.com/articles/openai-harmony
"""

import re
from typing import Final

from weighbridge.wire.habits.leaked_formats import Use
from weighbridge.wire.habits.offered import Offered
from weighbridge.wire.habits.think import overlap

_MARKS: Final = ("<|start|>", "<|channel|>", "<|message|>", "<|end|>", "<|call|>", "<|return|>")
_CHANNEL: Final = re.compile(r"<\|channel\|>\s*(\w+)")
_RECIPIENT: Final = re.compile(r"\bto=(?:functions\.)?([\w.\-]+)")
_LONGEST_HEAD: Final = 400
"""Characters of a message's head; what goes on for longer is none."""


class Harmony:
    """Splits one answer's text by its channels; text without any is all answer."""

    __slots__ = ("_body", "_call", "_channel", "_held", "_name", "_offered", "_plain")

    def __init__(self, offered: Offered) -> None:
        self._offered = offered
        self._held = ""
        self._plain: bool | None = None
        """Whether it is text without channels; None until that is known."""
        self._body = False
        """What comes is the body of a message, no longer its head."""
        self._channel = "final"
        self._name: str | None = None
        """The tool that the message is for."""
        self._call: list[str] = []

    @property
    def saying(self) -> bool:
        """Whether it is text without channels, so that all that comes is words."""
        return self._plain is True

    def feed(self, text: str) -> list[tuple[bool, str] | Use]:
        """Calls, and pieces of text with whether they are thoughts, as far as they are sure."""
        if self._plain:
            return [(False, text)]
        self._held += text
        found: list[tuple[bool, str] | Use] = []
        if self._plain is None and not self._begins(found):
            return found
        while self._through_body(found) if self._body else self._through_head(found):
            pass
        return found

    def end(self, *, cut: bool = False) -> list[tuple[bool, str] | Use]:
        """What was still held back."""
        found: list[tuple[bool, str] | Use] = []
        held, self._held = self._held, ""
        if not self._body:
            if self._plain is None or not held.startswith(_MARKS):
                found += [(False, held)] if held else []
            return found
        self._piece(held, found)
        if not cut:
            self._end_of_message(found)
        elif self._call:
            found.append((False, "".join(self._call)))
        return found

    def _begins(self, found: list[tuple[bool, str] | Use]) -> bool:
        begun = self._held.lstrip()
        if begun.startswith(("<|channel|>", "<|start|>")):
            self._plain, self._held = False, begun
            return True
        if any(mark.startswith(begun) for mark in ("<|channel|>", "<|start|>")):
            return False
        self._plain = True
        found.append((False, self._held))
        self._held = ""
        return False

    def _through_head(self, found: list[tuple[bool, str] | Use]) -> bool:
        head, mark, rest = self._held.partition("<|message|>")
        if len(head) > _LONGEST_HEAD:
            found.append((False, self._held))
            self._plain, self._held = True, ""
            return False
        if not mark:
            return False
        channel = _CHANNEL.search(head)
        recipient = _RECIPIENT.search(head)
        self._channel = channel[1] if channel else "final"
        name = None if recipient is None else recipient[1]
        self._name = name if name in self._offered else None
        self._held, self._body = rest, True
        return True

    def _through_body(self, found: list[tuple[bool, str] | Use]) -> bool:
        held = self._held
        places = [(at, mark) for mark in _MARKS if (at := held.find(mark)) >= 0]
        if not places:
            sure = held[: len(held) - max(overlap(held, mark) for mark in _MARKS)]
            self._held = held[len(sure) :]
            self._piece(sure, found)
            return False
        at, mark = min(places)
        self._piece(held[:at], found)
        self._end_of_message(found)
        self._body = False
        opens = mark in ("<|start|>", "<|channel|>")
        self._held = held[at if opens else at + len(mark) :]
        return True

    def _piece(self, text: str, found: list[tuple[bool, str] | Use]) -> None:
        if not text:
            return
        if self._name is not None:
            self._call.append(text)
        else:
            found.append((self._channel == "analysis", text))

    def _end_of_message(self, found: list[tuple[bool, str] | Use]) -> None:
        if self._name is not None:
            found.append(Use(self._name, "".join(self._call).strip() or "{}"))
        self._name = None
        self._call = []
