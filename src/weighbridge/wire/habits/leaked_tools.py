"""Tool calls that a model wrote into its answer's text, found as the text streams, however it was cut.

Text is held back only while it may be a call: from a format's mark on, as long as what follows can still begin one of
the offered tools' calls. What turns out to be none is given out as the text it is.
"""

import re
from collections.abc import Sequence
from typing import Final

from weighbridge.wire.habits.leaked_formats import FORMATS, LeakFormat, Use
from weighbridge.wire.habits.offered import Offered
from weighbridge.wire.habits.think import overlap

_BLANKS: Final = re.compile(r"\s+")
_HEAD: Final = 512
"""Characters of what is held that are compared with the heads of a format."""


class _Candidate:
    """One format that the text held may be in."""

    __slots__ = ("format", "heads", "longest")

    def __init__(self, format_: LeakFormat, offered: Offered) -> None:
        self.format = format_
        heads = {head.replace("NAME", name) for head in format_.heads for name in offered}
        self.heads = tuple(_BLANKS.sub("", head) for head in heads)
        self.longest = max(map(len, self.heads), default=0)

    def may(self, compact: str) -> bool:
        return any(head.startswith(compact) or compact.startswith(head) for head in self.heads)


class LeakedTools:
    """Splits one answer's text into words and calls."""

    __slots__ = (
        "_before",
        "_blank",
        "_called",
        "_candidates",
        "_firsts",
        "_formats",
        "_held",
        "_inside",
        "_marks",
        "_offered",
        "_searched",
    )

    def __init__(self, formats: Sequence[str], offered: Offered) -> None:
        self._offered = offered
        self._formats = [_Candidate(FORMATS[name], offered) for name in formats] if offered else []
        self._marks = {mark: each.format.at_start for each in self._formats for mark in each.format.marks}
        self._firsts = re.compile("[" + "".join({re.escape(mark[0]) for mark in self._marks} or {"\\0"}) + "]")
        """What any mark begins with."""
        self._held = ""
        self._inside = False
        """What is held begins with a mark."""
        self._candidates: list[_Candidate] = []
        self._searched = 0
        self._blank = True
        """Nothing but blanks was said since the beginning or the last call."""
        self._before = ""
        """Blanks that stand before what may be a call: part of it if it is one, else of the text."""
        self._called: tuple[str, ...] | None = None
        """The tails that may follow the call just found."""

    def words(self, text: str) -> bool:
        """Whether the text that comes now is words and may be given out at once."""
        return not (self._held or self._blank or self._firsts.search(text)) or not self._formats

    @property
    def calm(self) -> bool:
        """Whether text without a `<` would be given out as it comes."""
        return not (self._held or self._blank or any(mark[0] != "<" for mark in self._marks))

    def feed(self, text: str) -> list[str | Use]:
        """What the text so far comes to, as far as it is sure."""
        if not self._formats:
            return [text]
        self._held += text
        found: list[str | Use] = []
        while self._through_call(found) if self._inside else self._up_to_mark(found):
            pass
        return found

    def end(self, *, cut: bool = False) -> list[str | Use]:
        """What was still held back. `cut`: the answer was ended at a limit, so that a call may lack its end."""
        found: list[str | Use] = []
        while self._inside:
            readers = () if cut else tuple(each.format.read for each in self._candidates)
            uses = next((uses for read in readers if (uses := read(self._held, self._offered))), None)
            if uses is not None:
                self._held, self._before, self._inside = "", "", False
                return [*found, *uses]
            self._give_up(found)
            self._up_to_next(found)
        if self._held and not (self._called is not None and not self._held.strip()):
            found.append(self._held)
        self._held = ""
        return found

    def _up_to_next(self, found: list[str | Use]) -> None:
        while not self._inside and self._up_to_mark(found):
            pass

    def _up_to_mark(self, found: list[str | Use]) -> bool:
        """Give out what is no call, as far as the next mark; whether one is there."""
        if self._called is not None and not self._past_tail():
            return False
        held = self._held
        start = len(held) - len(held.lstrip()) if self._blank else -1
        places = [
            (at, mark)
            for mark, at_start in self._marks.items()
            if (at := held.find(mark)) >= 0 and (not at_start or at == start)
        ]
        if places:
            at, _ = min(places)
            self._say(held[:at], found, before_call=True)
            self._held = held[at:]
            self._inside, self._searched = True, 0
            self._candidates = [
                each
                for each in self._formats
                if self._held.startswith(each.format.marks) and (not each.format.at_start or at == start)
            ]
            return True
        keep = max((overlap(held, mark) for mark, at_start in self._marks.items() if not at_start), default=0)
        if self._blank and any(mark.startswith(held[start:]) for mark in self._marks):
            keep = len(held)
        sure = held[: len(held) - keep]
        if self._blank and not sure.strip():
            return False
        self._held = held[len(sure) :]
        self._say(sure, found)
        return False

    def _past_tail(self) -> bool:
        """Drop a closing mark that follows the call just found; False while it may still come."""
        begun = self._held.lstrip()
        if not begun:
            return False
        tail = next((tail for tail in self._called or () if begun.startswith(tail)), None)
        if tail is None and any(tail.startswith(begun) for tail in self._called or ()):
            return False
        if tail is not None:
            self._held = begun[len(tail) :]
            return self._past_tail()
        return True

    def _through_call(self, found: list[str | Use]) -> bool:
        """Look whether what is held has become a call, or can be none; whether there is more to do."""
        compact = _BLANKS.sub("", self._held[:_HEAD])
        self._candidates = [each for each in self._candidates if each.may(compact)]
        if not self._candidates:
            self._give_up(found)
            return True
        for close in {each.format.close for each in self._candidates}:
            if close is not None and self._close(close, found):
                return True
        self._searched = len(self._held)
        return False

    def _close(self, close: str, found: list[str | Use]) -> bool:
        at = self._held.find(close, max(1, self._searched - len(close)))  # some end as they begin
        while at >= 0:
            whole = self._held[: at + len(close)]
            candidates = [each for each in self._candidates if each.format.close == close]
            for each in candidates:
                uses = each.format.read(whole, self._offered)
                if uses is not None:
                    self._held = self._held[len(whole) :]
                    self._inside, self._before, self._blank, self._called = False, "", True, each.format.tails
                    found += uses
                    return True
            if not _in_string(whole):
                self._say(whole, found)
                self._held = self._held[len(whole) :]
                self._inside = False
                return True
            at = self._held.find(close, at + 1)
        return False

    def _give_up(self, found: list[str | Use]) -> None:
        """It is no call: the mark is text, and what follows is looked at anew."""
        mark = next(mark for mark in sorted(self._marks, key=len, reverse=True) if self._held.startswith(mark))
        self._say(mark, found)
        self._held = self._held[len(mark) :]
        self._inside = False

    def _say(self, text: str, found: list[str | Use], *, before_call: bool = False) -> None:
        if before_call and self._blank and not text.strip():
            self._before = text
            return
        if not text:
            return
        found.append(self._before + text)
        self._before = ""
        if text.strip():
            self._blank, self._called = False, None


def _in_string(text: str) -> bool:
    """Whether JSON text ends within a string."""
    return '"' in _STRING.sub("", text)


_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
