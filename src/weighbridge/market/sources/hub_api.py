"""The Hugging Face Hub's own list of models, one JSON object a line, as the live client keeps it.

A line has what `expand` asked for: author, createdAt, downloads, downloadsAllTime, pipeline_tag, safetensors, tags.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final

import msgspec

from weighbridge.market.findings import Finding
from weighbridge.market.sources.dating import day_said, in_name
from weighbridge.market.sources.source import About, Payload, beginning, no_day, unreadable
from weighbridge.market.tables import Downloads, Edge, Model, Row

_RELATION: Final = re.compile(r"base_model:(finetune|adapter|quantized|merge):(.+)")


class _Repository(msgspec.Struct):
    id: str
    author: str | None = None
    createdAt: str | None = None
    downloads: int | None = None
    downloadsAllTime: int | None = None
    pipeline_tag: str | None = None
    safetensors: Mapping[str, Any] | None = None
    tags: tuple[str, ...] = ()


class HubApi:
    """What the hub says of all its models on a day."""

    about = About(
        name="hub-api",
        title="Hugging Face Hub",
        home="https://huggingface.co/docs/hub/api",
        licence="terms of huggingface.co",
        line="Source: Hugging Face Hub (huggingface.co), as of {as_of}.",
    )

    def recognise(self, path: Path) -> bool:
        first = beginning(path).split("\n", maxsplit=1)[0]
        return path.suffix == ".jsonl" and '"downloads":' in first and '"id":' in first

    def as_of(self, payload: Payload) -> date:
        day = payload.as_of or in_name(payload.name)
        if day is None:
            raise no_day(payload)
        return day

    def read(self, payload: Payload, as_of: date) -> Iterator[Row | Finding]:
        decoder = msgspec.json.Decoder(_Repository)
        with payload.path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                try:
                    yield from _rows(decoder.decode(line), self.about.name, as_of)
                except (msgspec.DecodeError, ValueError) as error:
                    yield unreadable(number, error)


def _rows(said: _Repository, source: str, as_of: date) -> Iterator[Row | Finding]:
    if min(said.downloads or 0, said.downloadsAllTime or 0) < 0:
        raise ValueError(f"{said.id!r} has fewer downloads than none")
    yield Downloads(said.id, as_of, said.downloads, said.downloadsAllTime, source, as_of)
    licence = next((tag.removeprefix("license:") for tag in said.tags if tag.startswith("license:")), None)
    total = (said.safetensors or {}).get("total")
    params = total if isinstance(total, int) else None
    day, findings = day_said(said.createdAt, said.id, as_of)
    yield from findings
    yield Model(said.id, said.author, day, None, licence, params, None, said.pipeline_tag, source, as_of)
    for tag in said.tags:
        if (found := _RELATION.fullmatch(tag)) and found[2] != said.id:
            yield Edge(said.id, found[2], found[1], source, as_of)


HUB_API: Final = HubApi()
