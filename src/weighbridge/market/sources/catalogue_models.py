"""The models that the project itself carries: the catalogue's facts, each of which has its source there.

Its payload is what is installed, as JSON: `{"weighbridge-catalogue": VERSION, "models": [...]}`, so that a fresh
installation has figures of models without any network. It lists models that are sold and much used, not the hub.
"""

from collections.abc import Iterator
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Final

import msgspec

from weighbridge.catalog.load import load
from weighbridge.market.findings import Finding
from weighbridge.market.sources.dating import published
from weighbridge.market.sources.source import About, Payload, beginning, changed, json_object
from weighbridge.market.tables import Edge, Model, Openness, Row

_CLASS: Final = "licence-class"


class CatalogueModels:
    """The installed one."""

    about = About(
        name="catalogue-models",
        title="Models that Weighbridge carries",
        home="docs/catalogue.md",
        licence="Apache-2.0",
        line="Source: Weighbridge's catalogue, from model cards and documents of their makers, read on {as_of}.",
    )

    def recognise(self, path: Path) -> bool:
        return beginning(path).startswith('{"weighbridge-catalogue":')

    def as_of(self, payload: Payload) -> date:
        return published(payload)

    def read(self, payload: Payload, as_of: date) -> Iterator[Row | Finding]:
        held = json_object(payload.path)
        if isinstance(held, Finding):
            yield held
            return
        if findings := changed(held, ("models",)):
            yield from findings
            return
        source = self.about.name
        for said in held["models"]:
            released = None if said["released"] is None else date.fromisoformat(said["released"])
            yield Model(
                said["id"], said["lab"], released, said["open_weights"], said["licence"], said["total_params"],
                said["active_params"], said["modality"], source, as_of,
            )  # fmt: skip
            if said["base"] is not None:
                yield Edge(said["id"], said["base"], "derived", source, as_of)
            if said["licence_class"] is not None:
                yield Openness(said["id"], _CLASS, "weights", said["licence_class"], None, source, as_of)


def installed_catalogue() -> bytes:
    """What is installed, as a payload."""
    held = [
        {
            "id": model.id,
            "lab": None if model.lab is None else model.lab.slug,
            "released": model.released,
            "open_weights": model.open_weights,
            "licence": None if model.licence is None else model.licence.id,
            "licence_class": None if model.licence is None else model.licence.licence_class,
            "total_params": model.total_params,
            "active_params": model.active_params,
            "modality": _modality(model.input_modalities, model.output_modalities),
            "base": model.base_model,
        }
        for model in load((), when=None).models.values()
    ]
    return msgspec.json.encode({"weighbridge-catalogue": version("weighbridge"), "models": held})


def _modality(taken: tuple[str, ...] | None, given: tuple[str, ...] | None) -> str | None:
    """As models.dev has it: `text+image->text`."""
    return None if taken is None else f"{'+'.join(taken)}->{'+'.join(given or ('text',))}"


CATALOGUE_MODELS: Final = CatalogueModels()
