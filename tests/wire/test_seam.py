"""What is said twice where two upstreams' texts meet is said once, however the second one's text is cut."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.wire.seam import Seam, Sewing


def sewn(seam: Seam, said: str, pieces: list[str]) -> tuple[str, bool]:
    """What the second half comes to, and whether a stop ended it."""
    sewing = Sewing(seam, said)
    text = "".join(sewing.fit(piece) for piece in pieces)
    return text + sewing.rest(), sewing.stopped


def cut(text: str, places: list[int]) -> list[str]:
    """The text in pieces."""
    ends = sorted(place % (len(text) + 1) for place in places)
    return [text[start:end] for start, end in zip([0, *ends], [*ends, len(text)], strict=True)]


_texts = st.text("ab \n", max_size=12)
_places = st.lists(st.integers(0, 40), max_size=6)


@given(_texts, _texts, _places)
def test_a_beginning_that_is_repeated_is_said_once(said: str, rest: str, places: list[int]) -> None:
    assert sewn(Seam(repeated=said), said, cut(said + rest, places)) == (rest, False)


@given(_texts, _texts, _places)
def test_what_only_looks_like_a_repeat_is_said(said: str, new: str, places: list[int]) -> None:
    text, _ = sewn(Seam(repeated=said), said, cut(new, places))
    assert text == (new.removeprefix(said) if said else new)


@given(_texts, _places)
def test_without_a_word_of_repeats_nothing_is_left_out(new: str, places: list[int]) -> None:
    assert sewn(Seam(), "ab" * 5, cut(new, places)) == (new, False)


@pytest.mark.parametrize(
    ("trimmed", "came", "new"),
    [
        ("\n\n", "\n\nNext", "Next"),
        ("\n\n", "\nNext", "Next"),
        ("\n", "\n\nNext", "\nNext"),
        (" ", " word", "word"),
        (" ", "word", "word"),
        ("\n  ", "\n\n  x", "\n  x"),
    ],
)
def test_blanks_that_were_kept_back_are_not_said_twice(trimmed: str, came: str, new: str) -> None:
    for places in ([], [1], [1, 2]):
        assert sewn(Seam(trimmed=trimmed), "said" + trimmed, cut(came, places))[0] == new


@pytest.mark.parametrize(
    ("said", "came", "stops", "new"),
    [
        ("and so EN", "D of it", ("END",), ("", True)),
        ("and so E", "ND", ("END",), ("", True)),
        ("and so", " END", ("END",), (" END", False)),  # the upstream stops at those by itself
        ("and so EN", "d", ("END",), ("d", False)),
        ("x\n", "\ny", ("\n\n", "END"), ("", True)),
        ("a", "b", (), ("b", False)),
        ("EN", "EN", ("END",), ("EN", False)),
    ],
)
def test_a_stop_across_the_seam_ends_the_answer(
    said: str, came: str, stops: tuple[str, ...], new: tuple[str, bool]
) -> None:
    assert sewn(Seam(stops=stops), said, [came]) == new


@pytest.mark.parametrize(
    ("pieces", "new"),
    [
        (["D", "I", "NG", "more"], ("", True)),
        (["D", "I", "ED", " there"], ("DIED there", False)),
        (["D", "I"], ("DI", False)),
        (["DINGDONG"], ("", True)),
    ],
)
def test_what_may_be_the_rest_of_a_stop_waits_until_it_is_sure(pieces: list[str], new: tuple[str, bool]) -> None:
    assert sewn(Seam(stops=("ENDING",)), "so EN", pieces) == new


def test_who_speaks_is_told_once() -> None:
    sewing = Sewing(Seam(msgspec.Raw(b'{"resumed_by":"b"}')), "")
    assert msgspec.json.encode(sewing.introduce()) == b'{"weighbridge":{"resumed_by":"b"}}'
    assert sewing.introduce() == {}
    assert Sewing(Seam(), "").introduce() == {}
