"""Where one upstream's text ends and the next one's begins: what is said twice there is said once."""

from typing import Any, Final

import msgspec

_NOBODY: Final = msgspec.Raw(b"null")


class Seam(msgspec.Struct, frozen=True, gc=False):
    """How the next upstream's text fits what was said."""

    who: msgspec.Raw = msgspec.Raw(b"null")
    """What is told of it in the first of its chunks, as JSON."""
    repeated: str = ""
    """What it may begin with though it was said."""
    trimmed: str = ""
    """Blanks that were said and that it was not told of: it may say them again."""
    stops: tuple[str, ...] = ()
    """Texts at which the answer ends; one may lie across the seam."""


class Sewing:
    """Fits the text of one upstream to what was said before."""

    __slots__ = ("_heard", "_new", "_repeated", "_stops", "_tail", "_trimmed", "_who", "stopped")

    def __init__(self, seam: Seam, said: str) -> None:
        self._repeated = seam.repeated
        self._trimmed = seam.trimmed
        self._who: msgspec.Raw | None = seam.who
        self._heard = 0
        """How much of what was said has been said again."""
        self._stops = seam.stops
        longest = max(map(len, seam.stops), default=1)
        self._tail = said[-(longest - 1) :] if longest > 1 else ""
        self._new = ""
        """Text behind the seam that may be the rest of a stop."""
        self.stopped = False
        """It has come to a text at which the answer ends."""

    def introduce(self) -> dict[str, Any]:
        """The field that says who speaks now, once."""
        who, self._who = self._who, None
        return {} if who is None or who == _NOBODY else {"weighbridge": who}

    def fit(self, text: str) -> str:
        """What of some more text is new."""
        if self._repeated:
            expected = self._repeated[self._heard : self._heard + len(text)]
            if not text.startswith(expected):  # it only looked like it
                return self._new_of(self._held_back() + text)
            self._heard += len(expected)
            if self._heard < len(self._repeated):
                return ""
            text, self._repeated = text[len(expected) :], ""
        return self._new_of(text)

    def rest(self) -> str:
        """What was held back: there is no more text."""
        return self._new_of(self._held_back()) + self._no_stop()

    def _held_back(self) -> str:
        heard, self._repeated = self._repeated[: self._heard], ""
        return heard

    def _new_of(self, text: str) -> str:
        while self._trimmed and text:
            if text[0] != self._trimmed[0]:
                self._trimmed = ""
                break
            text, self._trimmed = text[1:], self._trimmed[1:]
        return self._up_to_a_stop(text) if self._tail and text else text

    def _up_to_a_stop(self, text: str) -> str:
        """Look for a stop that begins before the seam and ends behind it: nothing of it is said, nor what comes after.

        What may be the rest of one is held back until that is sure.
        """
        if self.stopped:
            return ""
        self._new += text
        across, seam, waits = self._tail + self._new, len(self._tail), False
        for stop in self._stops:
            for start in range(max(0, seam - len(stop) + 1), seam):
                if across.startswith(stop, start):
                    self.stopped, self._new = True, ""
                    return ""
                waits = waits or stop.startswith(across[start:])
        return "" if waits else self._no_stop()

    def _no_stop(self) -> str:
        """None lies across the seam: what was held back."""
        new, self._new, self._tail = self._new, "", ""
        return new
