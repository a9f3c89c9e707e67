"""Thoughts between tags: what counts as one, and what is held back for how long."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.wire.habits.think import Piece, Thinker
from weighbridge.wire.inner import Said, ThoughtOn


def split(*texts: str, opened: bool = False, elsewhere: bool = False, cut: bool = False) -> list[tuple[str, str]]:
    """What pieces of text come to, as (kind, text), pieces of one kind joined."""
    thinker = Thinker("<think>", "</think>", opened=opened)
    if elsewhere:
        thinker.elsewhere()
    pieces: list[Piece] = [piece for text in texts for piece in thinker.feed(text)] + thinker.end(cut=cut)
    seen: list[tuple[str, str]] = []
    for piece in pieces:
        assert piece.text
        kind = "thought" if isinstance(piece, ThoughtOn) else "said"
        if seen and seen[-1][0] == kind:
            seen[-1] = kind, seen[-1][1] + piece.text
        else:
            seen.append((kind, piece.text))
    return seen


@pytest.mark.parametrize(
    ("text", "opened", "seen"),
    [
        ("Hello.", False, [("said", "Hello.")]),
        ("", False, []),
        ("  \n", False, [("said", "  \n")]),
        ("<think>a</think>b", False, [("thought", "a"), ("said", "b")]),
        ("\n<think>\n a \n</think>\n\n b ", False, [("thought", "a"), ("said", "b ")]),
        ("<think></think>b", False, [("said", "b")]),
        ("<think>a</think>", False, [("thought", "a")]),
        ("<think>a</think>\n<think>b</think>c", False, [("thought", "ab"), ("said", "c")]),
        ("x <think>a</think>", False, [("said", "x <think>a</think>")]),
        ("<think>a</think>b</think>", False, [("thought", "a"), ("said", "b</think>")]),
        ("<think>a < b <thing> </thin</think>c", False, [("thought", "a < b <thing> </thin"), ("said", "c")]),
        ("<thin", False, [("said", "<thin")]),
        ("<think>a</thi", False, [("thought", "a</thi")]),
        ("a</think>b", True, [("thought", "a"), ("said", "b")]),
        ("<think>a</think>b", True, [("thought", "a"), ("said", "b")]),
        ("</think>b", True, [("said", "b")]),
        ("a</think>b", False, [("said", "a</think>b")]),
    ],
)
def test_what_is_a_thought_and_what_is_not(text: str, opened: bool, seen: list[tuple[str, str]]) -> None:
    assert split(text, opened=opened) == seen
    assert split(*text, opened=opened) == seen


def test_an_answer_assumed_to_be_a_thought_is_said_when_it_ends_without_a_tag() -> None:
    assert split("It ", "is 2.", opened=True) == [("thought", "It is 2."), ("said", "It is 2.")]


def test_a_thought_that_was_cut_at_a_limit_is_not_said() -> None:
    assert split("First, ", opened=True, cut=True) == [("thought", "First,")]


def test_where_reasoning_has_a_field_of_its_own_the_text_does_not_begin_inside_a_thought() -> None:
    assert split("It is 2.", opened=True, elsewhere=True) == [("said", "It is 2.")]


def test_only_what_may_be_a_tag_is_held_back() -> None:
    thinker = Thinker("<think>", "</think>")
    assert thinker.feed("<th") == []
    assert thinker.feed("e fox> ") == [Said("<the fox> ")]
    thinker = Thinker("<think>", "</think>")
    assert thinker.feed("<think>a <") == [ThoughtOn("a")]
    assert thinker.feed("b> ") == [ThoughtOn(" <b>")]


@given(
    st.lists(st.sampled_from(("<think>", "</think>", "<thi", "nk>", "</", " ", "\n", "a", "b<")), max_size=12),
    st.data(),
)
def test_how_the_text_was_cut_changes_nothing(parts: list[str], data: st.DataObject) -> None:
    text = "".join(parts)
    opened = data.draw(st.booleans())
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    pieces = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert split(*pieces, opened=opened) == split(text, opened=opened) == split(*text, opened=opened)
