"""A language: its numbers, plurals and days, and names that turn nothing round."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.errors import MarketError
from weighbridge.reports.language import Plural, Tongue, plural, read

ENGLISH = read("en", "counts.replays = { one = '{number} replay', other = '{number} replays' }", Tongue, MarketError)
ARABIC = read("ar", "words.title = 'عنوان'", Tongue, MarketError)


@pytest.mark.parametrize(
    ("number", "english", "arabic"),
    [
        (0, "other", "zero"),
        (1, "one", "one"),
        (2, "other", "two"),
        (3, "other", "few"),
        (10, "other", "few"),
        (11, "other", "many"),
        (99, "other", "many"),
        (100, "other", "other"),
        (102, "other", "other"),
        (103, "other", "few"),
        (111, "other", "many"),
        (1.5, "other", "other"),
    ],
)
def test_a_number_has_the_form_that_cldr_says(number: float, english: Plural, arabic: Plural) -> None:
    assert (plural("english", number), plural("arabic", number)) == (english, arabic)


def test_what_is_counted_is_said_in_its_form() -> None:
    assert ENGLISH.counted("replays", 1) == "1 replay"
    assert ENGLISH.counted("replays", 1200) == "1,200 replays"
    days = "يوم واحد, يومان, ٧ أيام, ٣٠ يومًا, ١٠٠ يوم"  # noqa: RUF001 - its digits
    assert ", ".join(ARABIC.measured(number, "days") for number in (1, 2, 7, 30, 100)) == days


def test_a_report_has_its_own_words_and_the_language_s() -> None:
    assert ARABIC.words == {"title": "عنوان", "unknown": "غير معروف", "separator": "؛ ", "comma": "، "}
    assert ENGLISH.dollars(-0.5) == "−$0.50"  # noqa: RUF001 - a minus
    assert ARABIC.number(-1.5, 1) == "\u061c−١٫٥"  # noqa: RUF001 - its digits


@given(st.text())
def test_a_name_closes_whatever_it_opens(name: str) -> None:
    for tongue in (ENGLISH, ARABIC):
        shown = tongue.name(name)
        assert not set(shown[1:-1]) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
        assert (shown[:1] == "\u2068") == (shown[-1:] == "\u2069")
        shown.encode()
    assert ARABIC.name(name)[0] == "\u2068"


def test_a_language_without_a_file_of_its_own_says_what_it_lacks() -> None:
    with pytest.raises(MarketError, match=r"texts zz.*code"):
        read("zz", "direction = 'ltr'", Tongue, MarketError)
