"""A text comes out as it went in, with a key and without; and nothing that was changed or moved comes out at all."""

import base64
import sys
import zlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.texts.made_up import made
from weighbridge.errors import TextsUnavailable
from weighbridge.texts.sealing import Seals, new_key, seals
from weighbridge.texts.text import Row, Text

KEY, OTHER = new_key(), new_key()
UNTIL = 2_000_000_000_000_000


@pytest.mark.parametrize("key", [None, KEY], ids=["open", "sealed"])
@given(request=st.binary(), answer=st.none() | st.binary(), user=st.none() | st.text())
def test_a_text_comes_out_as_it_went_in(
    key: str | None, request: bytes, answer: bytes | None, user: str | None
) -> None:
    text = made(request=request, answer=answer, user=user, headers={"anthropic-beta": "one"}, lacks="too_long")
    both = seals(key)
    row = both.closed(text, UNTIL)
    assert both.opened(row) == text
    assert (row.until, row.size) == (UNTIL, len(request) + len(answer or b""))


def test_what_repeats_itself_takes_little_room() -> None:
    assert len(seals(KEY).closed(made(request=b"all the same " * 1000), UNTIL).body) < 300


def test_a_sealed_row_says_neither_what_nor_whose() -> None:
    row = seals(KEY).closed(made(request=b"heliotrope", user="alice"), UNTIL)
    assert row.user is not None
    assert row.user.startswith("h:")
    assert b"heliotrope" not in row.body
    with pytest.raises(zlib.error):
        zlib.decompress(row.body)
    assert row.user in seals(KEY).names("alice")
    assert row.user not in seals(OTHER).names("alice")
    assert row.user in seals(OTHER, KEY).names("alice")


def swapped(row: Row, **other: object) -> Row:
    return msgspec.structs.replace(row, **other)


@pytest.mark.parametrize("key", [None, KEY], ids=["open", "sealed"])
def test_a_changed_row_is_not_opened(key: str | None) -> None:
    both = seals(key)
    row = both.closed(made(), UNTIL)
    for at in range(len(row.body)):
        changed = bytearray(row.body)
        changed[at] ^= 1
        try:
            opened = both.opened(swapped(row, body=bytes(changed)))
        except TextsUnavailable as exc:
            assert "wbr-1 is not as it was written" in exc.message  # noqa: PT017 - not every change shows without a key
        else:
            assert key is None
            assert isinstance(opened, Text)


@pytest.mark.parametrize("other", [{"receipt": "wbr-2"}, {"key": "key-2"}])
def test_a_body_is_opened_in_its_own_row_only(other: dict[str, object]) -> None:
    with pytest.raises(TextsUnavailable, match="belongs to another row"):
        seals(KEY).opened(swapped(seals(KEY).closed(made(), UNTIL), **other))


def test_two_rows_of_one_text_are_not_alike() -> None:
    assert seals(KEY).closed(made(), UNTIL).body != seals(KEY).closed(made(), UNTIL).body


def test_without_its_key_it_is_said_which_one_lacks() -> None:
    row = seals(KEY).closed(made(), UNTIL)
    for other in (Seals(), seals(OTHER)):
        with pytest.raises(TextsUnavailable, match=f"encrypted with the key {row.sealed_by}, which is not set"):
            other.opened(row)
    assert seals(OTHER, f" {new_key()} , {KEY}").opened(row) == made()


@pytest.mark.parametrize(
    "key", ["", "short", base64.b64encode(b"x" * 31).decode(), base64.b64encode(b"x" * 33).decode()]
)
def test_what_is_no_key_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="expected 32 bytes in base64"):
        seals(key)
    assert seals(None, key if key == "" else None).current is None


def test_without_the_package_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.ciphers.aead", None)
    with pytest.raises(TextsUnavailable, match=r"pip install 'weighbridge\[encryption\]'"):
        seals(KEY)
    assert seals(None).opened(seals(None).closed(made(), UNTIL)) == made()


def test_keys_are_told_apart_by_ids_that_say_nothing_of_them() -> None:
    mine, others = seals(KEY).current, seals(OTHER).current
    assert mine is not None
    assert others is not None
    assert mine.id != others.id
    assert seals(KEY).current is not mine
    assert len(mine.id) == 12
