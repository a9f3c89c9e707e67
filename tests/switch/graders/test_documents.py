import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.switch.graders import documents
from weighbridge.switch.graders.asked import Json

LEAVES = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8)
DOCUMENTS = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
)


@pytest.mark.parametrize(
    ("text", "document"),
    [
        ('{"a": 1}', {"a": 1}),
        ('Here you are:\n```json\n{"a": 1}\n```\nGood luck', {"a": 1}),
        ('Sure: {"a": {"b": [1]}}.', {"a": {"b": [1]}}),
        ("[1, 2]", [1, 2]),
        ("So: [1, 2]!", [1, 2]),
        ("12", 12),
        ("nothing", documents.NONE),
        ('{"a": 1', documents.NONE),
        ("[" * 100_000, documents.NONE),
    ],
)
def test_document_of_an_answer(text: str, document: Json) -> None:
    assert documents.read(text, whole=False) == document


def test_who_asked_for_json_gets_nothing_around_it() -> None:
    assert documents.read(' {"a": 1}\n', whole=True) == {"a": 1}
    assert documents.read('```json\n{"a": 1}\n```', whole=True) is documents.NONE


@pytest.mark.parametrize(
    ("expected", "document", "share"),
    [
        ({"a": 1, "b": "x"}, {"b": "X ", "a": 1.0}, 1),
        ({"a": 1, "b": "x"}, {"a": 1, "b": "y"}, 1 / 3),
        ({"a": 1, "b": "x"}, {"a": 1}, 1 / 2),
        ({"a": 1}, {"a": 1, "b": 2}, 1 / 2),
        ({"a": 1}, {"a": "1"}, 0),
        ({"a": True}, {"a": 1}, 0),
        ({"a": [1, 2]}, {"a": [2, 1]}, 0),
        ({"a": []}, {"a": []}, 1),
        ({"a": []}, {"a": {}}, 0),
        ({}, {}, 1),
        ([{"a": 1}, {"a": 2}], [{"a": 1}], 1 / 2),
    ],
)
def test_share_of_fields_that_agree(expected: Json, document: Json, share: float) -> None:
    assert documents.agreement(expected, document) == pytest.approx(share)


@given(DOCUMENTS, DOCUMENTS)
def test_agreement_is_even_handed_and_whole_with_itself(one: Json, other: Json) -> None:
    assert documents.agreement(one, one) == 1
    assert documents.agreement(one, other) == documents.agreement(other, one)
    assert 0 <= documents.agreement(one, other) <= 1


@given(DOCUMENTS)
def test_a_document_is_read_as_it_was_written(document: Json) -> None:
    assert documents.read(msgspec.json.encode(document).decode(), whole=True) == document
