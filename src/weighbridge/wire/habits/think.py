"""Reasoning that stands in the text between tags, taken apart from the answer as it streams, however it was cut.

A tag counts only where it can be meant as one: the opening tag where the answer begins or after another thought, the
closing tag inside a thought. An answer that talks about `<think>` keeps its words. Blanks around a thought are dropped.
"""

from weighbridge.wire.inner import Said, ThoughtOn

Piece = ThoughtOn | Said


class Thinker:
    """Splits one answer's text into thoughts and words.

    `opened`: the model's template has written the opening tag, so the text begins inside a thought. Should the text
    end by itself without a closing tag, it was an answer all along: it is said, after it was given out as a thought.
    """

    __slots__ = ("_assumed", "_close", "_fresh", "_held", "_open", "_opened", "_state", "_thought")

    def __init__(self, open_: str, close: str, *, opened: bool = False) -> None:
        self._open = open_
        self._close = close
        self._opened = opened
        self._state = _START
        self._held = ""
        self._fresh = True
        """Nothing was said or thought yet since the last tag: blanks are dropped."""
        self._assumed: list[str] | None = None
        """What was given out as a thought without an opening tag to show it."""
        self._thought = False

    @property
    def saying(self) -> bool:
        """Whether the answer itself is under way, so that all that comes is words."""
        return self._state == _SAYING

    def elsewhere(self) -> None:
        """The upstream reports reasoning in a field of its own: the text is all answer unless a tag says otherwise."""
        self._opened = False

    def feed(self, text: str) -> list[Piece]:
        """What the text so far comes to, as far as it is sure."""
        if self._state == _SAYING:
            return [Said(text)] if text else []
        self._held += text
        pieces: list[Piece] = []
        while self._step(pieces):
            pass
        return pieces

    def end(self, *, cut: bool = False) -> list[Piece]:
        """What was still held back. `cut`: the answer was ended at a limit, so that a thought may lack its end."""
        held, self._held = self._held, ""
        if self._state == _START:
            return [Said(held)] if held and (not self._thought or held.strip()) else []
        if self._state == _SAYING:
            return []
        self._state = _SAYING
        pieces: list[Piece] = []
        self._think(held.rstrip(), pieces)
        if self._assumed and not cut:
            pieces.append(Said("".join(self._assumed)))
        return pieces

    def _step(self, pieces: list[Piece]) -> bool:
        """Go on as far as one tag; whether there may be more to do."""
        if self._state == _THINKING:
            return self._through_thought(pieces)
        if self._state == _SAYING:
            if self._held:
                pieces.append(Said(self._held))
                self._held = ""
            return False
        return self._at_start()

    def _at_start(self) -> bool:
        begun = self._held.lstrip()
        if not begun:
            return False
        if begun.startswith(self._open):
            self._held = begun[len(self._open) :]
            self._state, self._fresh = _THINKING, True
        elif self._open.startswith(begun):
            return False
        elif self._opened:
            self._assumed = []
            self._state, self._fresh = _THINKING, True
        else:
            self._held = begun if self._thought else self._held
            self._state = _SAYING
        self._opened = False
        return True

    def _through_thought(self, pieces: list[Piece]) -> bool:
        held = self._held
        at = held.find(self._close)
        if at >= 0:
            self._think(held[:at].rstrip(), pieces)
            self._held = held[at + len(self._close) :]
            self._state, self._thought, self._assumed = _START, True, None
            return True
        sure = held[: len(held) - overlap(held, self._close)].rstrip()
        self._held = held[len(sure) :]
        self._think(sure, pieces)
        return False

    def _think(self, text: str, pieces: list[Piece]) -> None:
        if self._fresh:
            text = text.lstrip()
        if text:
            self._fresh = False
            pieces.append(ThoughtOn(text))
            if self._assumed is not None:
                self._assumed.append(text)


_START = 0
_THINKING = 1
_SAYING = 2


def overlap(text: str, mark: str) -> int:
    """How many characters at the end of `text` may be the beginning of `mark`."""
    at = text.find(mark[0], max(0, len(text) - len(mark) + 1))
    while at >= 0:
        if mark.startswith(text[at:]):
            return len(text) - at
        at = text.find(mark[0], at + 1)
    return 0
