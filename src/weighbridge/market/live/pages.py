"""Pages of an API as one payload, kept as they come: a fetch that was cut off goes on at the page it was at.

Pages by `Link` are lists, and the payload has their items, one a line. Of others each line is a page with what was
asked for it, `{"asked": "/path?…", "answer": …}`, as an answer does not say by which category or turns it is.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import quote, urlsplit

import msgspec

from weighbridge.errors import MarketError
from weighbridge.market.live.address import Live
from weighbridge.market.live.asking import Asking, spent

_MOST_PAGES: Final = 100_000


class _State(msgspec.Struct):
    """How far a fetch has come: bytes of whole pages, and what comes after them."""

    size: int
    next: str | None


class Pager(Protocol):
    """Names pages by texts, so that a fetch can be gone on with."""

    first: str

    def url(self, page: str) -> str:
        """Where a page is asked for."""
        ...

    def after(self, page: str, body: bytes, headers: Mapping[str, str]) -> str | None:
        """The page after one; None after the last. Raises MarketError for a body that is of another form."""
        ...

    def kept(self, page: str, body: bytes) -> bytes:
        """A page as the payload has it."""
        ...


class Once:
    """One answer, as it is."""

    def __init__(self, url: str) -> None:
        self.first = url

    def url(self, page: str) -> str:
        return page

    def after(self, page: str, body: bytes, headers: Mapping[str, str]) -> str | None:
        return None

    def kept(self, page: str, body: bytes) -> bytes:
        return body


class Links:
    """Lists, each with the next one's address in its `Link`."""

    def __init__(self, url: str) -> None:
        self.first, self._host = url, urlsplit(url).netloc

    def url(self, page: str) -> str:
        return page

    def after(self, page: str, body: bytes, headers: Mapping[str, str]) -> str | None:
        return next_link(headers)

    def kept(self, page: str, body: bytes) -> bytes:
        try:
            items: Any = msgspec.json.decode(body, type=list[msgspec.Raw])  # Any: Raw has no length in its type
        except msgspec.DecodeError as error:
            raise MarketError(f"{self._host} gave no list: {error}") from error
        return b"".join(_one_line(bytes(item)) for item in items)


class _Counted:
    """What pages that are named by numbers have in common."""

    def __init__(self, host: str, path: str) -> None:
        self._host, self._path = host, path

    def kept(self, page: str, body: bytes) -> bytes:
        asked = msgspec.json.encode(self.url(page).removeprefix(self._host))
        return b'{"asked": ' + asked + b', "answer": ' + _one_line(body).rstrip() + b"}\n"

    def url(self, page: str) -> str:
        raise NotImplementedError


class Offsets(_Counted):
    """Rows from an offset on, for one value after another; a page with fewer rows than a full one is the last."""

    def __init__(self, host: str, live: Live, path: str) -> None:
        super().__init__(host, path)
        self._live, self.first = live, "0:0"

    def url(self, page: str) -> str:
        at, offset = (int(each) for each in page.split(":"))
        return self._host + self._path.replace("{over}", self._live.over[at]).replace("{offset}", f"{offset}")

    def after(self, page: str, body: bytes, headers: Mapping[str, str]) -> str | None:
        at, offset = (int(each) for each in page.split(":"))
        full = len(_data(body, self._host)) >= self._live.step
        if full and offset + self._live.step <= self._live.most:
            return f"{at}:{offset + self._live.step}"
        return f"{at + 1}:0" if at + 1 < len(self._live.over) else None


class Numbered(_Counted):
    """Pages from 1 on, each of which says whether there are more."""

    first = "1"

    def url(self, page: str) -> str:
        return self._host + self._path.replace("{page}", page)

    def after(self, page: str, body: bytes, headers: Mapping[str, str]) -> str | None:
        answer = _answer(body, self._host)
        rows = _data(body, self._host)
        said = answer.get("pagination") or (answer.get("meta") or {}).get("pagination") or {}
        return f"{int(page) + 1}" if rows and said.get("has_more") is True else None


class Each(_Counted):
    """One page for each of some names."""

    first = "0"

    def __init__(self, host: str, path: str, names: Sequence[str]) -> None:
        super().__init__(host, path)
        self._names = names

    def url(self, page: str) -> str:
        return self._host + self._path.replace("{id}", quote(self._names[int(page)], safe="/:"))

    def after(self, page: str, body: bytes, headers: Mapping[str, str]) -> str | None:
        return f"{int(page) + 1}" if int(page) + 1 < len(self._names) else None


def collect(pager: Pager, asking: Asking, path: Path) -> None:
    """Have all pages in a file. Raises MarketError, OSError; what has come is kept for the next try."""
    note, unfinished = path.with_suffix(".state"), path.with_suffix(".unfinished")
    state = msgspec.json.decode(note.read_bytes(), type=_State) if note.exists() else _State(0, pager.first)
    with unfinished.open("r+b" if unfinished.exists() else "w+b") as file:
        file.truncate(state.size)
        file.seek(state.size)
        for page, after in _pages(pager, asking, state.next):
            file.write(page)
            file.flush()
            note.write_bytes(msgspec.json.encode(_State(file.tell(), after)))
    unfinished.rename(path)
    note.unlink(missing_ok=True)


def _pages(pager: Pager, asking: Asking, page: str | None) -> Iterator[tuple[bytes, str | None]]:
    for _ in range(_MOST_PAGES):
        if page is None:
            return
        body, headers = asking.page(pager.url(page))
        after = pager.after(page, body, headers)
        yield pager.kept(page, body), after
        page = after
        if after is not None and (seconds := spent(headers)):
            asking.wait(seconds)
    raise MarketError(f"{asking.name}: it has more than {_MOST_PAGES:,} pages")


def next_link(headers: Mapping[str, str]) -> str | None:
    """The page after, as `Link: <…>; rel="next"` has it."""
    for link in headers.get("link", "").split(","):
        target, _, relation = link.partition(";")
        if 'rel="next"' in relation:
            return target.strip().removeprefix("<").removesuffix(">")
    return None


def _data(body: bytes, host: str) -> list[Any]:  # Any: JSON
    """Its rows; none where its form has changed, which whoever reads the payload tells."""
    rows = _answer(body, host).get("data")
    return rows if isinstance(rows, list) else []


def _answer(body: bytes, host: str) -> dict[str, Any]:  # Any: JSON
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise MarketError(f"{host} gave no JSON object: {error}") from error


def _one_line(document: bytes) -> bytes:
    """JSON has line breaks between its values only."""
    return document.replace(b"\r", b" ").replace(b"\n", b" ") + b"\n"
