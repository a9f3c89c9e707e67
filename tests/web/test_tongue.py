# ruff: noqa: RUF001 # digits and signs of languages
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.web.tongue import Tongue, preferred, tongues
from weighbridge.web.writing import writing

ENGLISH, ARABIC = tongues()["en"], tongues()["ar"]
NOW = datetime(2026, 11, 23, 3, 40, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (None, "en"),
        ("", "en"),
        ("ar", "ar"),
        ("ar-EG,ar;q=0.9,en;q=0.8", "ar"),
        ("fr-FR,fr;q=0.9,ar;q=0.5,en;q=0.4", "ar"),
        ("en-GB,en;q=0.9,ar;q=0.8", "en"),
        ("en;q=0.1, AR;q=0.9", "ar"),
        ("ar;q=0, en", "en"),
        ("sw", "en"),
        ("*;q=x,,;;=", "en"),
    ],
)
def test_the_browser_says_which_language(asked: str | None, code: str) -> None:
    assert preferred(asked).code == code


@given(st.text(max_size=200))
def test_whatever_a_browser_says_some_language_comes_of_it(asked: str) -> None:
    assert preferred(asked).code in tongues()


@pytest.mark.parametrize(
    ("value", "english", "arabic"),
    [
        (None, "unknown", "غير معروف"),
        (Decimal(0), "$0.00", "٠٫٠٠ دولار"),
        (Decimal("1234.567"), "$1,234.57", "١٬٢٣٤٫٥٧ دولار"),
        (Decimal("0.0000123"), "$0.0000123", "٠٫٠٠٠٠١٢٣ دولار"),
        (Decimal("0.0123456"), "$0.0123", "٠٫٠١٢٣ دولار"),
        (Decimal("0.05"), "$0.05", "٠٫٠٥ دولار"),
        (Decimal("-3.5"), "−$3.50", "\u061c−٣٫٥٠ دولار"),
        (Decimal(2_500_000), "$2.50 million", "٢٫٥٠ مليون دولار"),
    ],
)
def test_money_shows_what_matters_of_it(value: Decimal | None, english: str, arabic: str) -> None:
    assert (ENGLISH.money(value), ARABIC.money(value)) == (english, arabic)


@given(st.decimals(min_value=0, max_value=999_999, places=10))
def test_no_digit_is_lost_of_exact_money(value: Decimal) -> None:
    assert Decimal(ENGLISH.exact(value).replace(",", "").removeprefix("$")) == value


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.0042, "4.2 ms"), (0.42, "420 ms"), (1.5, "1.50 s"), (90, "90.0 s"), (600, "10.0 min")]
)
def test_how_long_something_took_is_told_in_what_fits(seconds: float, shown: str) -> None:
    assert ENGLISH.span(seconds) == shown


@pytest.mark.parametrize(
    ("back", "english", "arabic"),
    [
        (timedelta(seconds=3), "now", "الآن"),
        (timedelta(minutes=3), "3 minutes ago", "قبل ٣ دقائق"),
        (timedelta(days=-2), "in 2 days", "خلال يومين"),
    ],
)
def test_times_are_told_from_now(back: timedelta, english: str, arabic: str) -> None:
    assert (ENGLISH.ago(NOW - back, NOW), ARABIC.ago(NOW - back, NOW)) == (english, arabic)


def test_days_and_times_say_that_they_are_utc() -> None:
    assert ENGLISH.moment(NOW, seconds=True) == "23 November 2026, 03:40:05 UTC"
    assert ARABIC.moment(NOW) == "٢٣ نوفمبر ٢٠٢٦، ٠٣:٤٠ بالتوقيت العالمي"
    assert ENGLISH.day(date(2026, 11, 2)) == "2 November 2026"


@pytest.mark.parametrize("tongue", tongues().values(), ids=lambda tongue: tongue.code)
def test_names_of_others_are_text_of_their_own_direction(tongue: Tongue) -> None:
    assert tongue.name("<b>\u202eevil") == '<bdi dir="ltr">&lt;b&gt;⟨U+202E⟩evil</bdi>'


def test_every_arabic_number_has_its_form() -> None:
    forms = {ARABIC.said.ngettext("%(shown)s request", "%(shown)s requests", count) for count in (0, 1, 2, 3, 11, 100)}
    assert len(forms) >= 4


@pytest.mark.parametrize("code", ["fr", "fa", "pt_BR", "ja", "hi"])
def test_a_language_without_reports_writes_numbers_by_cldr(code: str) -> None:
    written = writing(code)
    assert (len(written.digits), len(written.months)) == (10, 12)
    assert written.digits[3] in written.number(1234.5, 1)
    assert written.digits[3] in written.share(0.034)
    assert written.digits[3] in written.dollars(3)
    assert written.digits[3] in written.big(3e9)
    assert written.dated(date(2026, 11, 3))
