"""What is typed into the form: read, or said to be wrong at its field; and kept as it was typed."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.ledger.search import Wanted
from weighbridge.web.pages.requests.wanted import FIELDS, Asked, asked, receipt_in

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
ID = "0123456789abcdef0123456789abcdef"


def read(**typed: str) -> Asked:
    return asked(typed, now=NOW, gettext=lambda text: text, user=lambda name: f"h:{name}")


CASES: list[tuple[dict[str, str], Wanted]] = [
    ({}, Wanted()),
    ({"model": " qwen/* "}, Wanted(model="qwen/*")),
    ({"endpoint": "near/tiny", "error": "*"}, Wanted(endpoint="near/tiny", error="*")),
    ({"user": "ann"}, Wanted(user="h:ann")),
    ({"tag": "CI"}, Wanted(tag="ci")),
    ({"ending": "refused"}, Wanted(ending="refused")),
    ({"status": "429"}, Wanted(status=(429, 429))),
    ({"status": "5XX"}, Wanted(status=(500, 599))),
    ({"status": "٤٢٩"}, Wanted(status=(429, 429))),
    ({"cost_from": "0.25", "cost_to": "٠٫٥"}, Wanted(cost=(Decimal("0.25"), Decimal("0.5")))),  # noqa: RUF001 - Arabic digits
    ({"seconds_from": "2"}, Wanted(duration=(2.0, None))),
    ({"first_to": "0.5"}, Wanted(first_byte=(None, 0.5))),
    ({"since": "2026-11-22"}, Wanted(since=datetime(2026, 11, 22, tzinfo=UTC))),
    ({"until": "2026-11-22T14:30"}, Wanted(until=datetime(2026, 11, 22, 14, 30, tzinfo=UTC))),
    ({"since": "2026-11-22 14:30+02:00"}, Wanted(since=datetime(2026, 11, 22, 12, 30, tzinfo=UTC))),
    ({"within": "24h", "since": "2020-01-01"}, Wanted(since=NOW - timedelta(days=1))),
    ({"within": "ever"}, Wanted()),
]


@pytest.mark.parametrize(("typed", "wanted"), CASES)
def test_what_is_typed_means(typed: dict[str, str], wanted: Wanted) -> None:
    found = read(**typed)
    assert (found.wanted, found.problems) == (wanted, {})


@pytest.mark.parametrize(
    ("typed", "wrong"),
    [
        ({"since": "yesterday"}, "since"),
        ({"until": "0001-01-01"}, "until"),
        ({"since": "9999-12-31T23:00-05:00"}, "since"),
        ({"since": "2026-11-23", "until": "2026-11-22"}, "until"),
        ({"ending": "well"}, "ending"),
        ({"status": "42"}, "status"),
        ({"cost_from": "-1"}, "cost_from"),
        ({"cost_from": "nan"}, "cost_from"),
        ({"cost_to": "1e99"}, "cost_to"),
        ({"seconds_from": "2", "seconds_to": "1"}, "seconds_to"),
        ({"first_from": "soon"}, "first_from"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(typed: dict[str, str], wrong: str) -> None:
    found = read(**typed)
    assert set(found.problems) == {wrong}
    assert all(found.typed[name] == text for name, text in typed.items())


@given(st.dictionaries(st.sampled_from(FIELDS), st.text(max_size=20)), st.text(max_size=40))
def test_whatever_is_typed_is_read_and_comes_back(typed: dict[str, str], before: str) -> None:
    found = read(**typed, before=before)
    assert all(found.typed[name] == text.strip() for name, text in typed.items())
    again = dict(parse_qsl(urlsplit(found.address("wbr-1")).query))
    assert again == {name: text for name, text in {**found.typed, "before": "wbr-1"}.items() if text}


@pytest.mark.parametrize(
    ("pasted", "receipt"),
    [
        (f"wbr-{ID}", f"wbr-{ID}"),
        (f'  "WBR-{ID.upper()}" ', f"wbr-{ID}"),
        (f"gen-{ID}", f"wbr-{ID}"),
        (f"wbr-{ID}0", None),
        ("' OR 1=1 --", None),
        ("", None),
    ],
)
def test_a_pasted_receipt_is_known(pasted: str, receipt: str | None) -> None:
    assert receipt_in(pasted) == receipt
