# ruff: noqa: RUF001 -- people write digits and letters of many scripts
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.switch.graders import numbers

ANSWERED = [
    ("42", "42"),
    ("It is 42.", "42"),
    ("6 * 7 = 42", "42"),
    ("-3.5", "-3.5"),
    ("10-5", "5"),
    ("10 - 5", "5"),
    ("$1,234.50", "1234.5"),
    ("-$20", "-20"),
    ("$-20", "-20"),
    ("USD 1,234,567", "1234567"),
    ("1.234,5", "1234.5"),
    ("1 234 567", "1234567"),
    ("1\u202f234,5", "1234.5"),
    ("1'234", "1234"),
    ("0,5", "0.5"),
    ("0,125", "0.125"),
    ("1,234", "1234"),
    ("1.234", "1.234"),
    (".5", "0.5"),
    ("12 km", "12"),
    ("12km", "12"),
    ("35%", "35"),
    ("٤٢", "42"),
    ("١٬٢٣٤٫٥ ريال", "1234.5"),
    ("۱۲۳", "123"),
    ("الجواب هو ٧ لأن ٣ و ٤", "7"),
    ("\u22127", "-7"),
    ("3/4", "0.75"),
    ("\\frac{3}{4}", "0.75"),
    ("\\boxed{-\\frac{1}{2}}", "-0.5"),
    ("So \\boxed{12} of the 30", "12"),
    ("\\boxed{1{,}000}", "1000"),
    ("1e3", "1000"),
    ("1.5 \u00d7 10^6", "1500000"),
    ("3 + 4 = 7\n#### 7 of 9", "7"),
    ("The answer is 42, as 6 times 7 shows", "42"),
    ("**Answer:** 3 + 4 = 7", "7"),
    ("Answer: none of the 12", "12"),
    ("On 12.05.2024 there were 8", "8"),
    ("8, in version 1.2.3", "8"),
    ("1,2,3", None),
    ("H2O", None),
    ("forty-two", None),
    ("", None),
]


@pytest.mark.parametrize(("text", "number"), ANSWERED)
def test_number_that_a_text_answers(text: str, number: str | None) -> None:
    assert numbers.answered(text) == (None if number is None else Decimal(number))


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("42", "42"),
        ("$1,200.50", "1200.5"),
        ("12 apples", "12"),
        ("35 %", "35"),
        ("٤٢", "42"),
        ("Well, it is \\boxed{7}", "7"),
        ("there are 12 apples", None),
        ("12 apples and two pears", None),
        ("3 + 4", None),
        ("seven", None),
        ("", None),
    ],
)
def test_number_alone(text: str, number: str | None) -> None:
    assert numbers.alone(text) == (None if number is None else Decimal(number))


@pytest.mark.parametrize(
    ("number", "expected", "same"),
    [
        ("42", "42", True),
        ("42.0", "42", True),
        ("43", "42", False),
        ("3.14159", "3.14", True),
        ("3.146", "3.14", False),
        ("3.1", "3.14", False),
        ("1000000.5", "1000000", True),
        ("9.9", "10 ± 0.1", True),
        ("9.8", "10±0.1", False),
        ("1234", "1,234", True),
        ("42", "soon", False),
        ("0.0001", "0", False),
    ],
)
def test_same_number(number: str, expected: str, same: bool) -> None:
    assert numbers.same(Decimal(number), expected) is same


@given(
    st.integers(-(10**12), 10**12),
    st.sampled_from(["{}", "{:,}", "The answer is {:,}.", "x = {} m", "$\\boxed{{{}}}$"]),
)
def test_whole_numbers_are_read_back(number: int, form: str) -> None:
    assert numbers.answered(form.format(number)) == number


@given(st.text())
def test_any_text_is_taken(text: str) -> None:
    number = numbers.answered(text)
    assert number is None or numbers.same(number, text) in (True, False)
