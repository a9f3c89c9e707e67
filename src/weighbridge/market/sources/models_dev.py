"""models.dev: what providers ask for models (api.json), and what models are, whoever sells them (models.json).

A provider's entry says of its own whether a model's weights are open, and resellers' entries are often wrong: where
entries of one name contradict each other, the flag is taken for unknown, and models.json says it. Prices are those of
the file's day; the file does not say since when they hold.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

from weighbridge.market.findings import Finding
from weighbridge.market.sources.amounts import four
from weighbridge.market.sources.dating import day_said, published, undated
from weighbridge.market.sources.source import About, Payload, beginning, json_object, unknown_keys
from weighbridge.market.tables import Alias, Model, Price, Row

Entry = Mapping[str, Any]  # Any: JSON
_PRICES: Final = ("input", "output", "cache_read", "cache_write")
_COST: Final = (
    *_PRICES, "reasoning", "input_audio", "output_audio", "tiers", "context_over_200k", "image", "citation", "request",
)  # fmt: skip
_COARSE: Final = tuple(
    re.compile(cut)
    for cut in (
        r".*/", r":.*", r"-?20\d\d-?\d\d-?\d\d$", r"-\d{4,8}$", r"-preview$",
        r"-(fp8|bf16|fp4|awq|nvfp4|int4|int8|tee|turbo|fast|maas)$",
    )
)  # fmt: skip
_HUB: Final = "https://huggingface.co/"
_LINE: Final = "Source: models.dev, as of {as_of}, MIT."


class ModelsDev:
    """What each provider sells: api.json."""

    about = About(
        name="models.dev",
        title="models.dev, by provider",
        home="https://models.dev/api.json",
        licence="MIT",
        line=_LINE,
    )

    def recognise(self, path: Path) -> bool:
        start = beginning(path)
        return start.lstrip().startswith("{") and all(f'"{key}":' in start for key in ("env", "npm", "doc", "models"))

    def as_of(self, payload: Payload) -> date:
        return published(payload)

    def read(self, payload: Payload, as_of: date) -> Iterator[Row | Finding]:
        yield from undated(payload)
        providers = json_object(payload.path)
        if isinstance(providers, Finding):
            yield providers
            return
        entries: list[tuple[str, str, Entry]] = []
        for provider, said in providers.items():
            if not isinstance(said, dict) or not isinstance(said.get("models"), dict):
                yield Finding(kind="changed-schema", subject=provider, said="it has no models")
                continue
            entries += [(provider, name, entry) for name, entry in said["models"].items()]
        said_of = [(name, entry.get("open_weights")) for _, name, entry in entries]
        flags = contradictions(said_of, plain_name)
        yield from _counted(said_of)
        for name, (yes, no) in sorted(flags.items()):
            said = f"open weights by {yes} entries, closed by {no}"
            yield Finding(kind="contradictory-flags", subject=name, said=said)
        for provider, name, entry in entries:
            yield from _sold(provider, name, entry, self.about.name, as_of)
            yield from _model(f"{provider}/{name}", entry, plain_name(name) not in flags, self.about.name, as_of)


class ModelsDevModels:
    """Models, whoever sells them: models.json."""

    about = About(
        name="models.dev-models", title="models.dev, models", home="https://models.dev/models.json", licence="MIT",
        line=_LINE,
    )  # fmt: skip

    def recognise(self, path: Path) -> bool:
        start = beginning(path)
        keys = ("open_weights", "release_date", "modalities", "limit")
        return start.lstrip().startswith("{") and all(f'"{key}":' in start for key in keys) and '"npm":' not in start

    def as_of(self, payload: Payload) -> date:
        return published(payload)

    def read(self, payload: Payload, as_of: date) -> Iterator[Row | Finding]:
        yield from undated(payload)
        models = json_object(payload.path)
        if isinstance(models, Finding):
            yield models
            return
        for name, entry in models.items():
            yield from _model(name, entry, True, self.about.name, as_of)


def plain_name(name: str) -> str:
    """A model's name without its publisher and variant, by which entries of providers are held against each other."""
    return name.rsplit("/", 1)[-1].split(":", maxsplit=1)[0].lower()


def coarse_name(name: str) -> str:
    """The same without days, `-preview` and ways of serving: what differs in them only is one model's name here."""
    name = name.lower()
    for cut in _COARSE:
        name = cut.sub("", name)
    return name


def _counted(flags: Sequence[tuple[str, bool | None]]) -> Iterator[Finding]:
    """How many names contradict themselves: of those that are held against each other, and of coarser ones.

    219 of 1,665 are told of the file of 2026-07-02 elsewhere, without the rule; by coarse names it is so.
    """
    found = []
    for named, how in ((plain_name, "names"), (coarse_name, "without their days, -preview and precisions too")):
        known = {named(name) for name, flag in flags if flag is not None}
        if contradictory := contradictions(flags, named):
            found.append(f"{len(contradictory):,} of {len(known):,} {how}")
    if found:
        yield Finding(kind="contradictory-flags", subject="open_weights", said="; ".join(found))


def contradictions(flags: Iterable[tuple[str, bool | None]], named: Callable[[str], str]) -> dict[str, tuple[int, int]]:
    """By name, how many entries say yes and how many no, where both do."""
    counted: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
    for name, flag in flags:
        if flag is not None:
            counted[named(name)][not flag] += 1
    return {name: (yes, no) for name, (yes, no) in counted.items() if yes and no}


def _sold(provider: str, name: str, entry: Entry, source: str, as_of: date) -> Iterator[Row | Finding]:
    cost = entry.get("cost")
    if not cost:
        return
    subject = f"{provider}/{name}"
    yield from unknown_keys(cost, _COST, subject)
    over = cost.get("context_over_200k")
    tiers = [("base", cost), *([("prompt>200000", over)] if over else [])]
    tiers += [(f"prompt>{tier.get('tier', {}).get('size')}", tier) for tier in cost.get("tiers", [])]
    for tier, prices in dict(tiers).items():
        try:
            amounts = four(prices.get(each) for each in _PRICES)
        except ValueError as error:
            yield Finding(kind="unreadable-row", subject=f"{subject}, {tier}", said=str(error))
            continue
        yield Price(name, provider, tier, None, *amounts, source, as_of)


def _model(name: str, entry: Entry, certain: bool, source: str, as_of: date) -> Iterator[Row | Finding]:
    released, found = day_said(entry.get("release_date"), name, as_of)
    yield from found
    spoken = entry.get("modalities", {})
    modality = f"{'+'.join(spoken.get('input', []))}->{'+'.join(spoken.get('output', []))}" if spoken else None
    weights = entry.get("open_weights") if certain else None
    yield Model(name, None, released, weights, entry.get("license"), None, None, modality, source, as_of)
    if entry.get("base_model"):
        yield Alias(name, "models.dev", entry["base_model"], source, as_of)
    for repository in dict.fromkeys(each.get("url", "") for each in entry.get("weights", [])):
        if repository.startswith(_HUB):
            yield Alias(name, "huggingface", repository.removeprefix(_HUB).strip("/"), source, as_of)


MODELS_DEV: Final = ModelsDev()
MODELS_DEV_MODELS: Final = ModelsDevModels()
