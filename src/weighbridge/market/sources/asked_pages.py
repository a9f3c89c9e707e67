"""Pages of an API that were kept one a line, each with what was asked for it: `{"asked": "/path?…", "answer": …}`."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec

from weighbridge.market.findings import Finding
from weighbridge.market.sources.source import beginning

Json = Any  # told apart where it is read
_LINE = msgspec.json.Decoder(type=dict[str, Json], float_hook=Decimal)


def asked_for(path: Path, part: str) -> bool:
    """Whether a file has such pages, asked for at an address with this in it."""
    first = beginning(path).split("\n", maxsplit=1)[0]
    return first.startswith('{"asked": ') and part in first.split('"answer"')[0]


def pages(path: Path) -> Iterator[tuple[str, Mapping[str, str], dict[str, Json]] | Finding]:
    """(the path that was asked for, its query, the answer), or what is wrong with a line."""
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                said = _LINE.decode(line)
                asked, answer = urlsplit(said["asked"]), said["answer"]
            except (msgspec.DecodeError, KeyError, TypeError) as error:
                yield Finding(kind="truncated-file", subject=f"line {number}", said=f"it is no page: {error!r}")
                return
            if not isinstance(answer, dict):
                yield Finding(kind="changed-schema", subject=f"line {number}", said="its answer is no JSON object")
                continue
            yield asked.path, dict(parse_qsl(asked.query)), answer


def rows_of(answer: Mapping[str, Json], subject: str) -> Iterator[dict[str, Json] | Finding]:
    """The rows in an answer's `data`; an empty one has none."""
    rows = answer.get("data")
    if not isinstance(rows, list):
        yield Finding(kind="changed-schema", subject=subject, said=f"no list `data`; there are {', '.join(answer)}")
        return
    for place, row in enumerate(rows):
        if isinstance(row, dict):
            yield row
        else:
            yield Finding(kind="unreadable-row", subject=f"{subject}, data[{place}]", said=f"{row!r} is no row")
