"""Snapshots of the Hugging Face Hub by others, as Parquet: counters, models and lineage of millions of repositories.

`hub-snapshots` reads models.parquet of the datasets cfahlgren1/hub-stats and hfmlsoc/hub_weekly_snapshots: the columns
are the hub's own (docs of its API, `expand`). The day is in the file's name, or said by whoever brings it.
`open-model-evolution` is the study's mmpr/open_model_evolution_data, in which an uploader's country and that of the
base's author stand side by side. `model-pulse-data` has daily series of counters.
"""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, Final

from weighbridge.ledger.tabular import pyarrow_
from weighbridge.market.findings import Finding
from weighbridge.market.sources.dating import FIRST_LANGUAGE_MODEL, in_name, published
from weighbridge.market.sources.parquet import Batch, bulk, columns, is_parquet, read_parquet
from weighbridge.market.sources.source import About, Bulk, Payload, no_day
from weighbridge.market.tables import Edge, Organisation, Row

_RELATION: Final = r"^base_model:(?P<relation>finetune|adapter|quantized|merge):(?P<base>.+)$"
_LICENCE: Final = r"^license:(?P<licence>.+)$"


class HubSnapshots:
    """One day of the whole hub."""

    about = About(
        name="hub-snapshots",
        title="Hugging Face Hub, snapshots of all models",
        home="https://huggingface.co/datasets/cfahlgren1/hub-stats",
        licence="Apache-2.0 (hub-stats), ODbL-1.0 (hub_weekly_snapshots)",
        line="Source: Hugging Face Hub, by cfahlgren1/hub-stats or hfmlsoc/hub_weekly_snapshots, as of {as_of}.",
    )
    _needed = ("id", "downloads")
    _wanted = ("author", "createdAt", "downloadsAllTime", "pipeline_tag", "tags", "safetensors")

    def recognise(self, path: Path) -> bool:
        """By two columns; a Parquet file that is cut off has none, and is taken for a snapshot to be told so."""
        there = columns(path)
        return is_parquet(path) if there is None else "pipeline_tag" in there and "tags" in there

    def as_of(self, payload: Payload) -> date:
        day = payload.as_of or in_name(payload.name)
        if day is None and columns(payload.path) is not None:
            raise no_day(payload)
        return day or published(payload)

    def read(self, payload: Payload, as_of: date) -> Iterator[Row | Bulk | Finding]:
        return read_parquet(payload.path, self._needed, self._wanted, lambda batch: self._rows(batch, as_of))

    def _rows(self, batch: Batch, as_of: date) -> Iterator[Row | Bulk | Finding]:
        from pyarrow import compute  # noqa: PLC0415 - an extra

        named = compute.is_valid(batch["id"])
        if lost := batch.num_rows - (compute.sum(named).as_py() or 0):
            yield Finding(kind="unreadable-row", subject="id", said=f"{lost} rows name no model")
        batch = batch.filter(named)
        backwards = compute.less(batch["downloads"], 0)
        if negative := compute.sum(backwards).as_py():
            yield Finding(kind="unreadable-row", subject="downloads", said=f"{negative} rows have fewer than none")
            batch = batch.filter(compute.invert(compute.fill_null(backwards, False)))
        count, there, source = batch.num_rows, set(batch.schema.names), self.about.name
        counters = {"model": batch["id"], "day": as_of, "last_30_days": batch["downloads"]}
        if "downloadsAllTime" in there:
            counters["in_all"] = batch["downloadsAllTime"]
        yield bulk("downloads", counters, count, source, as_of)
        tags = _tags(batch) if "tags" in there else None
        said = {"model": batch["id"], "modality": batch["pipeline_tag"]}
        if "author" in there:
            said["organisation"] = batch["author"]
        if "createdAt" in there:
            said["released"], impossible = _possible(_days(batch["createdAt"]), batch["id"], as_of)
            yield from impossible
        if "safetensors" in there:
            said["total_params"] = _total(batch["safetensors"])
        if tags is not None:
            said["licence"] = _first(tags, _LICENCE, "licence", count)
        yield bulk("model", said, count, source, as_of)
        if tags is not None:
            yield from _edges(tags, batch["id"], source, as_of)


def _days(times: Any) -> Any:  # noqa: ANN401 - Arrow
    from pyarrow import compute, types  # noqa: PLC0415 - an extra

    if types.is_string(times.type) or types.is_large_string(times.type):
        times = compute.utf8_slice_codeunits(times, 0, 10)
    return times.cast(pyarrow_().date32(), safe=False)


def _possible(days: Any, models: Any, as_of: date) -> tuple[Any, list[Finding]]:  # noqa: ANN401 - Arrow
    """Days on which there can be such a thing; others are unknown, and told."""
    from pyarrow import compute  # noqa: PLC0415 - an extra

    early, late = (
        compute.less(days, FIRST_LANGUAGE_MODEL),
        compute.greater(days, as_of.replace(day=28, year=as_of.year + 1)),
    )
    wrong = compute.fill_null(compute.or_(early, late), False)
    count = compute.sum(wrong).as_py()
    if not count:
        return days, []
    one, day = (cells.filter(wrong)[0].as_py() for cells in (models, days))
    said = f"{count} rows, such as {one!r} of {day}"
    nothing = pyarrow_().scalar(None, days.type)
    return compute.if_else(wrong, nothing, days), [Finding(kind="impossible-date", subject="createdAt", said=said)]


def _total(sizes: Any) -> Any:  # noqa: ANN401 - Arrow: the hub's {parameters, total}, or the same as JSON
    from pyarrow import compute, types  # noqa: PLC0415 - an extra

    if types.is_struct(sizes.type):
        return compute.struct_field(sizes, "total")
    found = compute.extract_regex(sizes, r'"total":\s*(?P<total>\d+)')
    return compute.struct_field(found, "total")


def _tags(batch: Batch) -> tuple[Any, Any]:  # Any: Arrow
    """(each tag, the row it stands in)."""
    from pyarrow import compute  # noqa: PLC0415 - an extra

    return compute.list_flatten(batch["tags"]), compute.list_parent_indices(batch["tags"])


def _first(tags: tuple[Any, Any], pattern: str, field: str, count: int) -> Any:  # noqa: ANN401 - Arrow
    """By row the first tag that a pattern takes; None where none does."""
    from pyarrow import compute  # noqa: PLC0415 - an extra

    found = compute.struct_field(compute.extract_regex(tags[0], pattern), field)
    kept = compute.is_valid(found)
    cells: list[str | None] = [None] * count
    pairs = zip(tags[1].filter(kept).to_pylist(), found.filter(kept).to_pylist(), strict=True)
    for row, text in reversed(list(pairs)):
        cells[row] = text
    return pyarrow_().array(cells, pyarrow_().string())


def _edges(tags: tuple[Any, Any], models: Any, source: str, as_of: date) -> Iterator[Row | Bulk | Finding]:  # noqa: ANN401 - Arrow
    from pyarrow import compute  # noqa: PLC0415 - an extra

    found = compute.extract_regex(tags[0], _RELATION)
    kept = compute.is_valid(found)
    found, children = found.filter(kept), models.take(tags[1].filter(kept))
    bases, relations = compute.struct_field(found, "base"), compute.struct_field(found, "relation")
    own = compute.equal(children, bases)
    if circular := compute.sum(own).as_py():
        yield Finding(kind="unreadable-row", subject="tags", said=f"{circular} models name themselves as their base")
    apart = compute.invert(own)
    cells = {"model": children.filter(apart), "base": bases.filter(apart), "relation": relations.filter(apart)}
    if len(cells["model"]):
        yield bulk("edge", cells, len(cells["model"]), source, as_of)


class OpenModelEvolution:
    """The study's annotated counters."""

    about = About(
        name="open-model-evolution",
        title="Economies of Open Intelligence, annotated downloads",
        home="https://huggingface.co/datasets/mmpr/open_model_evolution_data",
        licence="unstated",
        line=(
            "Source: Longpre et al., Economies of Open Intelligence (arXiv 2512.03073), "
            "mmpr/open_model_evolution_data, as of {as_of}."
        ),
    )
    _needed = ("model", "author", "time", "downloadsAllTime")
    _wanted = ("org_country", "org_type", "merged_derived_from")

    def recognise(self, path: Path) -> bool:
        return "org_country_single" in (columns(path) or ())

    def as_of(self, payload: Payload) -> date:
        return published(payload)

    def read(self, payload: Payload, as_of: date) -> Iterator[Row | Bulk | Finding]:
        seen: set[object] = set()
        return read_parquet(payload.path, self._needed, self._wanted, lambda batch: self._rows(batch, as_of, seen))

    def _rows(self, batch: Batch, as_of: date, seen: set[object]) -> Iterator[Row | Bulk | Finding]:
        source = self.about.name
        cells = {"model": batch["model"], "day": _days(batch["time"]), "in_all": batch["downloadsAllTime"]}
        yield bulk("downloads", cells, batch.num_rows, source, as_of)
        names = [each for each in ("model", "author", *self._wanted) if each in batch.schema.names]
        for row in batch.select(names).to_pylist():
            author, places = row["author"], tuple(dict.fromkeys(row.get("org_country") or ()))
            if author is not None and author not in seen:
                seen.add(author)
                if len(places) > 1:
                    yield Finding(kind="several-countries", subject=author, said=", ".join(places))
                yield Organisation(author, None, ",".join(places) or None, row.get("org_type"), source, as_of)
            for base in row.get("merged_derived_from") or ():
                if base and base != row["model"] and (row["model"], base) not in seen:
                    seen.add((row["model"], base))
                    yield Edge(row["model"], base, "derived", source, as_of)


class ModelPulseData:
    """Daily counters of each model."""

    about = About(
        name="model-pulse-data",
        title="Model Pulse, daily counters",
        home="https://huggingface.co/datasets/modelpulse/model-pulse-data",
        licence="Apache-2.0",
        line="Source: Model Pulse (modelpulse/model-pulse-data), from cfahlgren1/hub-stats, as of {as_of}.",
    )
    _needed = ("model", "date", "dl30", "dl_all")

    def recognise(self, path: Path) -> bool:
        return {"dl30", "dl_all"} <= set(columns(path) or ())

    def as_of(self, payload: Payload) -> date:
        return published(payload)

    def read(self, payload: Payload, as_of: date) -> Iterator[Row | Bulk | Finding]:
        return read_parquet(payload.path, self._needed, (), lambda batch: self._rows(batch, as_of))

    def _rows(self, batch: Batch, as_of: date) -> Iterator[Row | Bulk | Finding]:
        cells = {"model": batch["model"], "day": _days(batch["date"]), "last_30_days": batch["dl30"]}
        cells["in_all"] = batch["dl_all"]
        yield bulk("downloads", cells, batch.num_rows, self.about.name, as_of)


HUB_SNAPSHOTS: Final = HubSnapshots()
OPEN_MODEL_EVOLUTION: Final = OpenModelEvolution()
MODEL_PULSE_DATA: Final = ModelPulseData()
