"""Where cases come from: texts that keys keep, and files of requests. One at a time, however many there are."""

import hashlib
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final, Literal, Protocol

import msgspec

from weighbridge.ledger.entry import Entry
from weighbridge.routing.quality.fingerprint import ANY_KEY
from weighbridge.switch.answers import answer_of
from weighbridge.switch.case import Answer, Case, Expected
from weighbridge.switch.cases import Skipped, Unusable, app_of, named_model, of_request, of_text
from weighbridge.texts.sealing import Seals
from weighbridge.texts.store import TextStore
from weighbridge.texts.text import Dialect, Text, Which
from weighbridge.wire.decoding import UNREADABLE

REPLAY: Final = "switch:plan-"
"""What a replay's tag begins with."""
SHADOW: Final = "shadow"
LONGEST: Final = 64 * 2**20
"""Bytes of a line."""
_URLS: Final[dict[str, Dialect]] = {"/v1/chat/completions": "chat", "/v1/responses": "responses"}
_TAKEN: Final = (
    'a line of `weighbridge texts export`, of an OpenAI batch ({"custom_id", "method", "url", "body"}), a chat '
    'completion request ({"messages": [...]}), or {"request": {...}, "expected": ..., "grader": ..., "answer": ...}'
)


class Ref(msgspec.Struct, frozen=True, array_like=True):
    """Where a case is found again."""

    case: str
    """Its id."""
    at: int = -1
    """Of a file: the byte at which its line begins."""
    line: int = 0
    """Of a file: its number, from 1."""


class Found(msgspec.Struct, frozen=True):
    """A case, and what its source knows of it besides."""

    case: Case
    ref: Ref
    key: str
    """The id of the key that asked; empty: nobody's."""
    app: str = ""


class Source(Protocol):
    """Cases, in the order in which they were asked."""

    def each(self) -> Iterator[Found | Skipped]:
        """All of them, and what is none, with the reason."""
        ...

    def again(self, ref: Ref) -> Case:
        """One that was found before. Raises Unusable where it is gone, or is another now."""
        ...


class KeptTexts:
    """Texts that keys keep. Raises TextsUnavailable where one is sealed with a key that is not here."""

    def __init__(
        self,
        store: TextStore,
        seals: Seals,
        which: Which,
        *,
        reference: str,
        model: Callable[[str], str | None],
        entry: Callable[[str], Entry | None],
    ) -> None:
        """`model` is the catalogue's id of what a request names, `entry` what the ledger has of a receipt."""
        self._store, self._seals, self._which = store, seals, which
        self._reference, self._model, self._entry = reference, model, entry

    def each(self) -> Iterator[Found | Skipped]:
        """See Source. What was asked of other models is passed over, and what a switch has asked itself."""
        for row in self._store.each(self._which):
            text = self._seals.opened(row)
            if self._asked(text) != self._reference or self._is_ours(text.receipt):
                continue
            try:
                yield Found(self._case(text), Ref(text.receipt), text.key, app_of(text.headers))
            except Unusable as error:
                yield Skipped(text.receipt, str(error))

    def again(self, ref: Ref) -> Case:
        """See Source."""
        row = self._store.find(ref.case)
        if row is None:
            raise Unusable("its text is not kept any more")
        return self._case(self._seals.opened(row))

    def _case(self, text: Text) -> Case:
        entry = self._entry(text.receipt)
        return of_text(text, reference=self._reference, whole=entry is not None and entry.ending == "complete")

    def _is_ours(self, receipt: str) -> bool:
        """Whether it is a replay or a shadow itself."""
        entry = self._entry(receipt)
        return entry is not None and any(tag.startswith(REPLAY) or tag == SHADOW for tag in entry.tags)

    def _asked(self, text: Text) -> str | None:
        named = named_model(text.request)
        return (None if named is None else self._model(named)) or text.model  # a name of the settings' own


class Lines:
    """A file with a request on each line."""

    def __init__(self, path: Path, *, reference: str, model: Callable[[str], str | None]) -> None:
        """`model` is the catalogue's id of what a request names."""
        self._path, self._reference, self._model = path, reference, model

    def each(self) -> Iterator[Found | Skipped]:
        """See Source. A line that is there again is passed over, and said."""
        seen: set[bytes] = set()
        with self._path.open("rb") as file:
            for number, at, line in _lines(file):
                where = f"line {number}"
                if line is None:
                    yield Skipped(where, f"it is longer than {LONGEST // 2**20} MiB")
                    continue
                digest = hashlib.sha256(line).digest()[:16]
                if digest in seen:
                    yield Skipped(where, "the same line is there already")
                    continue
                seen.add(digest)
                try:
                    yield self._found(line, Ref(_id(line), at, number))
                except Unusable as error:
                    yield Skipped(where, str(error))

    def again(self, ref: Ref) -> Case:
        """See Source."""
        with self._path.open("rb") as file:
            file.seek(max(0, ref.at))
            line = file.readline(LONGEST + 1).strip()
        if _id(line) != ref.case:
            raise Unusable(f"line {ref.line} of {self._path} is not the one that was planned: plan it anew")
        return self._found(line, ref).case

    def _found(self, line: bytes, ref: Ref) -> Found:
        read = _read(line)
        named = named_model(read.body)
        if named is None:
            read.body = _naming(read.body, self._reference)
        elif (self._model(named) or read.model) != self._reference:
            raise Unusable(
                f"it asks for {named!r}, not for {self._reference}; without a model it is taken for the reference's"
            )
        case = of_request(
            read.body, ref.case, dialect=read.dialect, key=read.key, app=read.app, at=read.at, expected=read.expected
        )
        answer = read.answer if read.model in (None, self._reference) else None  # another may have stood in for it
        case = msgspec.structs.replace(case, reference=answer, grader=read.grader)
        return Found(case, ref, read.key, read.app)


class _Read(msgspec.Struct):
    """A line of any of the kinds."""

    body: bytes
    dialect: Dialect = "chat"
    key: str = ANY_KEY
    app: str = ""
    at: datetime | None = None
    model: str | None = None
    """That answered."""
    answer: Answer | None = None
    expected: Expected | None = None
    grader: str | None = None


class _Line(msgspec.Struct):
    """Whatever may be on a line."""

    receipt: str | None = None
    at: datetime | None = None
    key: str = ANY_KEY
    dialect: Dialect = "chat"
    model: str | None = None
    headers: dict[str, str] = {}
    request: msgspec.Raw = msgspec.Raw()
    answer: msgspec.Raw = msgspec.Raw()
    ending: str | None = None
    expected: str | bool | int | float | Expected | None = None
    grader: Annotated[str, msgspec.Meta(min_length=1)] | None = None
    url: str | None = None
    body: msgspec.Raw = msgspec.Raw()
    messages: msgspec.Raw = msgspec.Raw()


_decoder: Final = msgspec.json.Decoder(_Line)
_raw_models: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


def _read(line: bytes) -> _Read:
    try:
        found = _decoder.decode(line)
    except UNREADABLE as error:
        raise Unusable(f"it cannot be read ({error}); it takes {_TAKEN}") from error
    if found.request:
        return _exported(found) if found.receipt is not None else _paired(found)
    if found.body:
        dialect = _URLS.get(found.url or "")
        if dialect is None:
            raise Unusable(f"url: {found.url!r} is not moved; it takes {' or '.join(_URLS)}")
        return _Read(bytes(found.body), dialect)
    if found.messages:
        return _Read(line)
    raise Unusable(f"there is no request in it; it takes {_TAKEN}")


def _exported(found: _Line) -> _Read:
    """A line of an export: a text, with what the ledger has of it."""
    read = _Read(bytes(found.request), found.dialect, found.key, app_of(found.headers), found.at)
    read.model = found.model
    if found.answer and found.ending in (None, "complete"):
        read.answer = answer_of(bytes(found.answer), found.dialect)
        if read.answer is not None:
            read.answer = msgspec.structs.replace(read.answer, receipt=found.receipt)
    return read


def _paired(found: _Line) -> _Read:
    """A request with what is expected, or with an answer: a text, or a document."""
    read = _Read(bytes(found.request), found.dialect, expected=_expected(found.expected), grader=found.grader)
    if found.answer and bytes(found.answer) != b"null":
        told = msgspec.json.decode(found.answer)
        read.answer = Answer(text=told, finish="stop") if isinstance(told, str) else _document(found)
    return read


def _document(found: _Line) -> Answer:
    answer = answer_of(bytes(found.answer), found.dialect)
    if answer is None:
        raise Unusable(f"answer: it takes a text, or the document of an answer in the dialect {found.dialect!r}")
    return answer


def _expected(told: str | float | Expected | None) -> Expected | None:
    if told is None or isinstance(told, Expected):
        return told
    if isinstance(told, bool):
        raise Unusable('expected: it takes a text, a number, or {"kind": "choice", "value": "B"}')
    kind: Literal["text", "number"] = "text" if isinstance(told, str) else "number"
    return Expected(kind, str(told))


def _naming(body: bytes, model: str) -> bytes:
    try:
        fields = _raw_models.decode(body)
    except UNREADABLE as error:
        raise Unusable(f"the request is no JSON object: {error}") from error
    return msgspec.json.encode({**fields, "model": msgspec.Raw(msgspec.json.encode(model))})


def _id(line: bytes) -> str:
    return f"line-{hashlib.sha256(line).hexdigest()[:32]}"


def _lines(file: "_Readable") -> Iterator[tuple[int, int, bytes | None]]:
    """Number, place and content of each line that is not empty; None for one that is too long."""
    number = at = 0
    while line := file.readline(LONGEST + 1):
        number, start = number + 1, at
        at += len(line)
        if len(line) <= LONGEST:
            if line.strip():
                yield number, start, line.strip()
            continue
        while line and not line.endswith(b"\n"):
            line = file.readline(LONGEST + 1)
            at += len(line)
        yield number, start, None


class _Readable(Protocol):
    def readline(self, size: int, /) -> bytes: ...
