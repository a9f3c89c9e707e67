"""One file of any size: what has come of it is kept, and the rest is asked for by `Range`.

That it is the same file is the server's to say (`If-Range`, with the ETag or day that it gave before); where it is
another by now, or the server does not do ranges, it begins anew. `huggingface_hub` itself takes up within one process
only, so its files are fetched here as any other.
"""

import http.client
import shutil
import urllib.error
from collections.abc import Callable
from pathlib import Path
from typing import IO, Final

import msgspec

from weighbridge.errors import MarketError
from weighbridge.market.live.asking import BROKEN, Asking, lowered

_PIECE: Final = 1 << 20

Progress = Callable[[int, int], None]
"""Told how many bytes of how many are here."""


class _State(msgspec.Struct):
    """By which the server knows the file again, and how long it is."""

    validator: str | None
    of: int | None


def download(asking: Asking, url: str, path: Path, progress: Progress) -> None:
    """Have a file, whole. Raises MarketError, OSError; what has come is kept for the next try."""
    note, unfinished = path.with_suffix(".state"), path.with_suffix(".unfinished")
    tried = 0
    while True:
        before = unfinished.stat().st_size if unfinished.exists() else 0
        try:
            if _more(asking, url, unfinished, note, progress, tried + 1):
                break
            tried += 1
        except BROKEN as error:
            gained = unfinished.exists() and unfinished.stat().st_size > before
            tried = 1 if gained else tried + 1
            asking.again(url, error, tried)
    unfinished.rename(path)
    note.unlink(missing_ok=True)


def _more(  # noqa: PLR0917 - one use
    asking: Asking, url: str, unfinished: Path, note: Path, progress: Progress, tried: int
) -> bool:
    """Ask for what is not here yet; whether all is. False: it was waited for. Raises what a broken connection does."""
    state = msgspec.json.decode(note.read_bytes(), type=_State) if note.exists() else _State(None, None)
    here = unfinished.stat().st_size if unfinished.exists() and state.validator is not None else 0
    if state.of is not None and here == state.of:
        return True
    headers = {"Range": f"bytes={here}-", "If-Range": state.validator or ""} if here else {}
    try:
        with asking.opened(url, headers, tried=tried) as answer:
            if answer is None:
                return False
            start, of = _span(answer, here)
            told = lowered(answer.headers)
            note.write_bytes(msgspec.json.encode(_State(_validator(told), of)))
            _room(asking, unfinished, (of or 0) - start)
            with unfinished.open("r+b" if unfinished.exists() else "w+b") as file:
                file.seek(start)
                file.truncate()
                _copy(answer, file, start, of, progress)
            return True
    except urllib.error.HTTPError as error:
        if error.code != 416:
            raise
        note.unlink(missing_ok=True)  # shorter than what is here: another file
        unfinished.unlink(missing_ok=True)
        return False


def _span(answer: http.client.HTTPResponse, here: int) -> tuple[int, int | None]:
    """(from which byte on it answers, how long the whole is)."""
    length = answer.headers.get("Content-Length", "")
    if answer.status != http.HTTPStatus.PARTIAL_CONTENT:
        return 0, int(length) if length.isdecimal() else None
    span, _, whole = answer.headers.get("Content-Range", "").removeprefix("bytes ").partition("/")
    first = span.partition("-")[0]
    if first != f"{here}" or not whole.isdecimal():
        raise http.client.HTTPException(f"it answers with the range {span!r}, which was not asked for")
    return here, int(whole)


def _copy(answer: IO[bytes], file: IO[bytes], done: int, of: int | None, progress: Progress) -> None:
    while piece := answer.read(_PIECE):
        file.write(piece)
        done += len(piece)
        if of is not None:
            progress(done, of)
    if of is not None and done != of:
        raise http.client.HTTPException(f"it ended after {done:,} of {of:,} bytes")


def _validator(headers: dict[str, str]) -> str | None:
    """A strong ETag, else the day of its last change; None: it cannot be gone on with."""
    tag = headers.get("etag", "")
    return tag if tag.startswith('"') else headers.get("last-modified")


def _room(asking: Asking, path: Path, needed: int) -> None:
    free = shutil.disk_usage(path.parent).free
    if needed > free:
        raise MarketError(f"{asking.name}: {needed:,} bytes are to come, and {free:,} are free below {path.parent}")
