# ruff: noqa: RUF001 -- people write digits and letters of many scripts
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.switch.graders import words


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Paris", "  paris. "),
        ("Paris", "**Paris**"),
        ("New York", "new\n york"),
        ("“yes”", "Yes!"),
        ("٤٢", "42"),
        ("مُحَمَّد", "محمد"),
        ("ســـلام", "سلام"),
        ("ﬁne", "fine"),
        ("\u200fنعم", "نعم؟"),
    ],
)
def test_texts_that_read_the_same_are_the_same(one: str, other: str) -> None:
    assert words.normal(one) == words.normal(other)


@pytest.mark.parametrize(("one", "other"), [("Paris", "Paris, France"), ("no", "not"), ("1.5", "15"), ("-5", "5")])
def test_texts_that_differ_stay_different(one: str, other: str) -> None:
    assert words.normal(one) != words.normal(other)


@given(st.text())
def test_what_is_normal_stays_so(text: str) -> None:
    assert words.normal(words.normal(text)) == words.normal(text)


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("C", "C"),
        ("c", "C"),
        ("(B)", "B"),
        ("**D**", "D"),
        ("B) because it rains", "B"),
        ("A. It rains.", "A"),
        ("The answer is (C).", "C"),
        ("Answer: **B**", "B"),
        ("First A seems right. The correct answer is D", "D"),
        ("We get \\boxed{\\text{C}}", "C"),
        ("Let me think: it rains.\n\nE", "E"),
        ("الإجابة هي ب", "ب"),
        ("ا", "أ"),
        ("A dog barks", None),
        ("The answer is a matter of taste", None),
        ("It rains", None),
        ("", None),
    ],
)
def test_letter_of_a_choice(text: str, letter: str | None) -> None:
    assert words.choice(text) == letter
