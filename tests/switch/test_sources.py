"""Cases out of kept texts, sealed ones too, and out of files; each bad line is named with what would work."""

import json
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from tests.ledger.made_up import entry
from tests.texts.made_up import NOW, made
from weighbridge.db import microseconds
from weighbridge.ledger.entry import Entry
from weighbridge.routing.quality.fingerprint import fingerprint
from weighbridge.switch import sources
from weighbridge.switch.case import Answer, Expected
from weighbridge.switch.cases import Skipped, Unusable
from weighbridge.switch.sources import Found, KeptTexts, Lines, Ref, Source
from weighbridge.texts.line import settled
from weighbridge.texts.sealing import Seals, new_key, seals
from weighbridge.texts.store import TextStore
from weighbridge.texts.text import Text, Which

REFERENCE = "near/tiny"
ASKED = {"messages": [{"role": "user", "content": "Hi"}]}
ANSWER = {"choices": [{"message": {"content": "Hello."}, "finish_reason": "stop"}]}


def model(name: str) -> str | None:
    return {"near/tiny": REFERENCE, "tiny": REFERENCE, "far/huge": "far/huge"}.get(name)


def lines(path: Path, *what: object) -> Lines:
    written = [each if isinstance(each, bytes) else json.dumps(each).encode() for each in what]
    path.write_bytes(b"\n".join(written) + b"\n")
    return Lines(path, reference=REFERENCE, model=model)


def split(source: Source) -> tuple[list[Found], list[Skipped]]:
    found = list(source.each())
    return [each for each in found if isinstance(each, Found)], [each for each in found if isinstance(each, Skipped)]


def asked(of: str = REFERENCE, **other: object) -> bytes:
    return json.dumps({"model": of, **ASKED, **other}).encode()


# texts


def kept(path: Path, seals_: Seals, texts: Iterable[Text], entries: Iterable[Entry] = ()) -> KeptTexts:
    store = TextStore(path / "texts.db")
    store.keep([seals_.closed(each, microseconds(NOW + timedelta(days=1))) for each in texts])
    known = {each.id: each for each in entries}
    return KeptTexts(store, seals_, Which(), reference=REFERENCE, model=model, entry=known.get)


@pytest.mark.parametrize("key", [None, new_key()], ids=["in clear", "sealed"])
def test_kept_texts_of_the_reference_are_cases_sealed_or_not(key: str | None, tmp_path: Path) -> None:
    answer = json.dumps(ANSWER).encode()
    texts = [
        made("wbr-1", request=asked("tiny"), answer=answer, headers={"x-title": "Desk"}),
        made("wbr-2", request=asked("far/huge"), model="far/huge"),
        made("wbr-3", request=asked(), answer=answer),
        made("wbr-4", request=b"{}", model=REFERENCE),
        made("wbr-5", request=asked(), answer=answer),
        made("wbr-6", request=asked(), answer=answer),
    ]
    entries = [
        entry(id="wbr-1"),
        entry(id="wbr-3", ending="client_left"),
        entry(id="wbr-5", tags=("switch:plan-1",)),
        entry(id="wbr-6", tags=("shadow", "switch:cert-1")),
    ]
    source = kept(tmp_path, seals(key, None), texts, entries)
    found, skipped = split(source)
    assert [(each.ref, each.key, each.app) for each in found] == [
        (Ref("wbr-1"), "key-1", "Desk"),
        (Ref("wbr-3"), "key-1", ""),
    ]
    assert found[0].case.reference == Answer("Hello.", finish="stop", receipt="wbr-1")
    assert found[0].case.route == fingerprint("key-1", "", [], "text", "Desk")
    assert found[1].case.reference is None, "it was not given whole"
    assert [each.where for each in skipped] == ["wbr-4"]
    assert source.again(found[0].ref) == found[0].case
    source._store.forget(Which(receipts=("wbr-1",)))
    with pytest.raises(Unusable, match="not kept any more"):
        source.again(found[0].ref)
    source._store.close()


# files


def test_lines_of_every_kind_are_cases(tmp_path: Path) -> None:
    text = made("wbr-9", request=asked(), answer=json.dumps(ANSWER).encode())
    exported = msgspec.json.encode(settled(text, ending="complete", usage=None, cost=None))
    source = lines(
        tmp_path / "requests.jsonl",
        exported,
        {"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": {**ASKED, "temperature": 0.5}},
        {"custom_id": "2", "method": "POST", "url": "/v1/responses", "body": {"model": "tiny", "input": "Hi"}},
        {**ASKED, "seed": 1},
        {"request": ASKED, "expected": "Hello.", "grader": "exact"},
        {"request": ASKED, "expected": 4, "answer": "four"},
        {"request": ASKED, "expected": {"kind": "choice", "value": "B"}, "answer": ANSWER},
    )
    found, skipped = split(source)
    assert skipped == []
    assert [each.ref.line for each in found] == [1, 2, 3, 4, 5, 6, 7]
    assert [each.case.expected for each in found[4:]] == [
        Expected("text", "Hello."),
        Expected("number", "4"),
        Expected("choice", "B"),
    ]
    assert [None if each.case.reference is None else each.case.reference.text for each in found] == [
        "Hello.", None, None, None, None, "four", "Hello.",
    ]  # fmt: skip
    assert [each.case.grader for each in found] == [None, None, None, None, "exact", None, None]
    assert [each.key for each in found] == ["key-1", *[""] * 6]
    assert all(json.loads(each.case.body)["messages"] for each in found)
    assert [source.again(each.ref) for each in found] == [each.case for each in found]


BAD = [
    (b"{", "cannot be read"),
    (b'{"request": ', "cannot be read"),
    (b"\xff\xfe", "cannot be read"),
    (b"[1]", "cannot be read"),
    ({"prompt": "Hi"}, "there is no request in it"),
    ({"url": "/v1/embeddings", "body": {"input": "x"}}, "url: '/v1/embeddings' is not moved"),
    ({"request": ASKED, "expected": True}, "expected: it takes"),
    ({"request": ASKED, "answer": {"choices": []}}, "answer: it takes"),
    ({"request": {"messages": []}}, "messages"),
    ({"request": "Hi"}, "no JSON object"),
    ({"model": "far/huge", **ASKED}, "asks for 'far/huge', not for near/tiny"),
    ({"model": "who?", **ASKED}, "asks for 'who?', not for near/tiny"),
]


@pytest.mark.parametrize(("line", "why"), BAD)
def test_a_bad_line_is_named_and_the_others_are_cases(line: object, why: str, tmp_path: Path) -> None:
    found, skipped = split(lines(tmp_path / "requests.jsonl", ASKED, b"", line, {**ASKED, "seed": 1}))
    assert [each.ref.line for each in found] == [1, 4]
    assert [each.where for each in skipped] == ["line 3"]
    assert why in skipped[0].why


def test_a_line_that_is_there_twice_is_one_case(tmp_path: Path) -> None:
    found, skipped = split(lines(tmp_path / "requests.jsonl", ASKED, ASKED))
    assert len(found) == 1
    assert skipped == [Skipped("line 2", "the same line is there already")]


def test_an_answer_of_another_model_that_stood_in_or_broke_off_is_not_the_references(tmp_path: Path) -> None:
    answer = json.dumps(ANSWER).encode()
    other = settled(made(request=asked(), answer=answer, model="far/huge"), ending="complete", usage=None, cost=None)
    broken = settled(made(request=asked(), answer=answer), ending="upstream_broke", usage=None, cost=None)
    found, _ = split(lines(tmp_path / "requests.jsonl", *map(msgspec.json.encode, (other, broken))))
    assert [each.case.reference for each in found] == [None, None]


def test_a_line_that_is_too_long_is_passed_over_and_the_next_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "LONGEST", 100)
    source = lines(tmp_path / "requests.jsonl", b"x" * 101, b"y" * 350, ASKED)
    found, skipped = split(source)
    assert [each.where for each in skipped] == ["line 1", "line 2"]
    assert [each.ref.line for each in found] == [3]
    assert source.again(found[0].ref) == found[0].case


def test_a_file_that_has_changed_since_the_plan_is_noticed(tmp_path: Path) -> None:
    source = lines(tmp_path / "requests.jsonl", ASKED)
    ((found,), _) = split(source)
    lines(tmp_path / "requests.jsonl", {**ASKED, "seed": 1})
    with pytest.raises(Unusable, match=r"line 1 of .* is not the one that was planned"):
        source.again(found.ref)
