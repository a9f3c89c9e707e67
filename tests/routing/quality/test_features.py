import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.routing.quality.features import BUCKETS, FIGURES, READ, buckets, codes, figures, grams
from weighbridge.routing.quality.look import Look


def look(text: str, system: str = "", tools: tuple[str, ...] = ()) -> Look:
    return Look(system, text, text, 1, 10, None, 0, tools, "text")


def words(text: str) -> list[int]:
    """Hashes of its words, in order, without the pairs."""
    hashes = grams(codes(text))[0]
    return [int(each) for each in hashes[: (len(hashes) + 1) // 2]]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Hello world", "hello   WORLD"),
        ("what?", "what ?"),
        ("猫が好き", "猫 が 好 き"),
        ("كتب جديدة", "كتب\nجديدة"),
        ("x=1", "x = 1"),
    ],
)
def test_words_are_the_same_whatever_lies_between_them(one: str, other: str) -> None:
    assert words(one) == words(other)


@pytest.mark.parametrize(("one", "other"), [("ab cd", "abc d"), ("12 3", "1 23"), ("مرحبا", "مرحب"), ("a b", "b a")])
def test_other_words_are_others(one: str, other: str) -> None:
    assert words(one) != words(other)


def test_hashes_are_the_same_on_every_machine() -> None:
    at, sign = buckets(grams(codes("Hello, world"))[0])
    assert at.tolist() == [176507, 203731, 183585, 110546, 189942]
    assert sign.tolist() == [-1.0, -1.0, 1.0, 1.0, -1.0]


@given(st.text(max_size=40), st.text(max_size=40))
def test_a_word_hashes_alike_wherever_it_stands(before: str, after: str) -> None:
    assert words("pear")[0] in words(f"{before} pear {after}")


@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    points = codes(text)
    for hashes in grams(points):
        at, sign = buckets(hashes)
        assert ((at >= 0) & (at < BUCKETS)).all()
        assert (np.abs(sign) == 1).all()
    plain = figures(look(text))
    assert plain.shape == (len(FIGURES),)
    assert np.isfinite(plain).all()


def test_the_middle_of_a_long_text_is_not_read_but_counts_as_length() -> None:
    long = "a" * READ + "middle " * 300 + "b" * READ
    cut = "a" * READ + "b" * READ
    assert [each.tolist() for each in grams(codes(long))] == [each.tolist() for each in grams(codes(cut))]
    assert figures(look(long))[0] > figures(look(cut))[0]


@pytest.mark.parametrize(
    ("figure", "text"),
    [
        ("digits", "What is 12 + 30?"),
        ("lines", "one\ntwo"),
        ("share beyond ASCII", "كم عدد"),
        ("share of capitals", "NASA"),
        ("signs of arithmetic", "1 + 1"),
        ("signs of code", "f(x)"),
        ("signs of LaTeX", "$\\frac{1}{2}$"),
        ("questions", "لماذا؟"),
        ("choices", "Which?\nA. one\nB. two"),
        ("how many", "كم تفاحة"),
        ("how many", "How many?"),
        ("why or explain", "为什么"),
        ("not or except", "All except one"),
        ("code", "def f(): pass"),
    ],
)
def test_plain_figures_see(figure: str, text: str) -> None:
    at = FIGURES.index(figure)
    assert figures(look(text))[at] > figures(look("plain words"))[at]


def test_the_system_prompt_and_tools_count() -> None:
    asked = look("Hello", "You are brief.", ("search",))
    bare, full = figures(look("Hello")), figures(asked)
    more = [name for name, one, other in zip(FIGURES, bare, full, strict=True) if one != other]
    assert more == ["system prompt", "tools"]
