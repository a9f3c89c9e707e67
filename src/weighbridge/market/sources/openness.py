"""Two frameworks of openness: the European Open Source AI Index, and the Linux Foundation's Model Openness Framework.

Both come as archives of their repositories, a YAML file for each model, found in the frameworks' own words. The second
says under which licence each component is; its classes I to III follow from those, and are left to measures.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final

from weighbridge.market.findings import Finding
from weighbridge.market.sources.archive import begins_with, documents, newest
from weighbridge.market.sources.dating import day_said, published
from weighbridge.market.sources.framework import components
from weighbridge.market.sources.source import About, Payload, unknown_keys
from weighbridge.market.tables import Alias, Model, Openness, Row

Document = Mapping[str, Any]  # Any: YAML
_HUB: Final = "https://huggingface.co/"
_SYSTEM: Final = (
    "name", "link", "type", "performanceclass", "basemodelname", "endmodelname", "endmodellicense", "releasedate",
    "notes",
)  # fmt: skip
_CLASSES: Final = ("open", "partial", "closed")


class OpenSourceIndex:
    """The European index: some fourteen dimensions of each system, open, partial or closed."""

    about = About(
        name="osai-index",
        title="European Open Source AI Index",
        home="https://osai-index.eu/",
        licence="CC-BY-4.0",
        line=(
            "Source: European Open Source AI Index (https://osai-index.eu/), as of {as_of}, CC BY 4.0; Liesenfeld, A. "
            "and Dingemanse, M. (2024), Rethinking open source generative AI, FAccT '24, 1774-1787."
        ),
    )

    def recognise(self, path: Path) -> bool:
        return begins_with(path, b"osai-index.eu")

    def as_of(self, payload: Payload) -> date:
        return payload.as_of or newest(payload.path) or published(payload)

    def read(self, payload: Payload, as_of: date) -> Iterator[Row | Finding]:
        for each in documents(payload.path):
            if isinstance(each, Finding):
                if not each.subject.rsplit("/", 1)[-1].startswith("_"):  # what its pages are made with
                    yield each
            elif isinstance(each[1].get("system"), dict):
                yield from self._system(*each, as_of)

    def _system(self, file: str, document: Document, as_of: date) -> Iterator[Row | Finding]:
        system, source = document["system"], self.about.name
        name = system.get("name")
        if not isinstance(name, str):
            yield Finding(kind="unreadable-row", subject=file, said="its system has no name")
            return
        yield from unknown_keys([str(key) for key in system], _SYSTEM, file)
        day, findings = day_said(_text(system.get("releasedate")), file, as_of)
        yield from findings
        maker, licence = _text((document.get("org") or {}).get("name")), _text(system.get("endmodellicense"))
        yield Model(name, maker, day, None, licence, None, None, _text(system.get("type")), source, as_of)
        for dimension, said in document.items():
            if not isinstance(said, dict) or dimension in ("system", "org"):
                continue
            if said.get("class") not in _CLASSES:
                wrong = f"{dimension}: class {said.get('class')!r} is none of {', '.join(_CLASSES)}"
                yield Finding(kind="unreadable-row", subject=file, said=wrong)
                continue
            yield Openness(name, "osai-index", dimension, said["class"], _text(said.get("link")), source, as_of)


class OpennessTool:
    """The Model Openness Tool's models: the licence of each component."""

    about = About(
        name="model-openness",
        title="Model Openness Framework, models of its tool",
        home="https://github.com/lfai/model_openness_tool",
        licence="MIT",
        line="Source: Model Openness Tool (mot.isitopen.ai), LF AI & Data, as of {as_of}.",
    )

    def recognise(self, path: Path) -> bool:
        return begins_with(path, b"Model Openness Framework")

    def as_of(self, payload: Payload) -> date:
        return payload.as_of or newest(payload.path) or published(payload)

    def read(self, payload: Payload, as_of: date) -> Iterator[Row | Finding]:
        for each in documents(payload.path):
            if isinstance(each, Finding):
                yield each
            elif isinstance(each[1].get("release"), dict) and isinstance(each[1]["release"].get("components"), list):
                yield from self._release(*each, as_of)
            else:
                yield Finding(kind="changed-schema", subject=each[0], said="it has no release with components")

    def _release(self, file: str, document: Document, as_of: date) -> Iterator[Row | Finding]:
        release, source = document["release"], self.about.name
        name = Path(file).stem
        day, findings = day_said(_text(release.get("date")), file, as_of)
        yield from findings
        maker, kind = _text(release.get("producer")), _text(release.get("type"))
        yield Model(name, maker, day, None, None, None, None, kind, source, as_of)
        repository = _text(release.get("huggingface")) or ""
        if repository.startswith(_HUB):
            yield Alias(name, "huggingface", repository.removeprefix(_HUB).strip("/"), source, as_of)
        for component in release["components"]:
            dimension = _text(component.get("name")) if isinstance(component, dict) else None
            if dimension is None:
                yield Finding(kind="unreadable-row", subject=file, said="a component has no name")
                continue
            found = _text(component.get("license")) or _of_release(release, dimension) or "unstated"
            evidence = _text(component.get("license_path"))
            yield Openness(name, "model-openness", dimension, found, evidence, source, as_of)


def _of_release(release: Document, component: str) -> str | None:
    """A component without a licence of its own is under the release's: that of its kind, else that of all."""
    terms = release.get("license")
    if not isinstance(terms, dict):
        return None
    kinds = [each.kind for each in components() if each.name == component]
    said = [terms.get(kind) for kind in (*kinds, "distribution")]
    names = (_text(each.get("name")) for each in said if isinstance(each, dict))
    return next((name for name in names if name is not None), None)


def _text(said: object) -> str | None:
    return None if said is None or said == "" else str(said).strip()


OSAI_INDEX: Final = OpenSourceIndex()
MODEL_OPENNESS: Final = OpennessTool()
