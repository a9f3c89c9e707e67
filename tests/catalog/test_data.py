"""The committed facts: whole, sourced, and not against what others have published."""

import csv
import re
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import msgspec
import pytest

from weighbridge.catalog.facts import read_facts, read_listing
from weighbridge.catalog.load import every_provider, load
from weighbridge.catalog.model import Catalog
from weighbridge.providers.rows import read_rows

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DATA = files("weighbridge.catalog") / "data"
SHARED = Path(__file__).parents[2].parent / "shared" / "data"
LICENCE_NOT_READ_YET = {
    "deepseek/deepseek-v4-flash-0731",
    "deepseek/deepseek-v4-pro-0813",
    "minimax/minimax-m3.1-flash",
    "moonshotai/kimi-k2.7-code",
    "moonshotai/kimi-k3.1-pro",
    "qwen/qwen3.8-2.4t-a95b",
    "qwen/qwen3.8-flash",
    "z-ai/glm-5.2",
    "z-ai/glm-5.3",
}


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load(every_provider(), when=NOW)


def test_every_model_has_a_lab_with_a_country_and_a_source(catalog: Catalog) -> None:
    for model in catalog.models.values():
        assert model.lab is not None, model.id
        assert re.fullmatch("[A-Z]{2}", model.lab.country), model.id
        assert model.source, model.id
        assert model.name, model.id


def test_every_model_has_a_licence_save_those_whose_licence_nobody_has_read(catalog: Catalog) -> None:
    assert {model.id for model in catalog.models.values() if model.licence is None} == LICENCE_NOT_READ_YET


def test_there_are_well_over_a_hundred_models(catalog: Catalog) -> None:
    assert len(catalog.models) > 200


@pytest.mark.parametrize(
    "id_",
    [
        "qwen/qwen3-235b-a22b-2507",
        "qwen/qwen3.8-27b",
        "qwen/qwq-32b",
        "deepseek/deepseek-chat",
        "deepseek/deepseek-r1",
        "deepseek/deepseek-v3.2",
        "deepseek/deepseek-v4-pro",
        "deepseek/deepseek-v4.1-flash",
        "moonshotai/kimi-k2.5",
        "moonshotai/kimi-k3",
        "z-ai/glm-5",
        "z-ai/glm-5.3-flash",
        "minimax/minimax-m2",
        "minimax/minimax-m3",
        "meta-llama/llama-4-maverick",
        "mistralai/mistral-large-2512",
        "google/gemma-4-31b-it",
        "openai/gpt-oss-120b",
        "microsoft/phi-4",
        "openai/gpt-6-sol",
        "anthropic/claude-opus-5.5",
        "google/gemini-4-argon",
    ],
)
def test_each_family_is_there_and_someone_sells_it(catalog: Catalog, id_: str) -> None:
    assert catalog.models[id_].endpoints


@pytest.mark.parametrize("size", ["0.5b", "1.5b"])
def test_the_two_models_we_run_ourselves_are_free_and_take_tools(size: str) -> None:
    model = load(["local"], when=NOW).models[f"qwen/qwen2.5-coder-{size}-instruct"]
    (endpoint,) = model.endpoints
    price = endpoint.price_at(NOW)
    assert (model.context, model.tools, model.reasoning) == (32_768, True, False)
    assert (model.licence and model.licence.id, model.base_model) == ("Apache-2.0", f"qwen/qwen2.5-coder-{size}")
    assert price is not None
    assert (price.id, price.source) == ("local:zero", "own machine")
    assert price.input.base == price.output.base == 0


def test_every_lab_and_licence_is_used_and_sourced() -> None:
    facts = read_facts(DATA)
    assert {id_.partition("/")[0] for id_ in facts.models} == set(facts.labs)
    assert {row.licence for row in facts.models.values()} - {None} == set(facts.licences)
    assert all(lab.source for lab in facts.labs.values())
    assert all(licence.source for licence in facts.licences.values())


def test_a_listing_and_the_row_of_its_provider_name_the_same_price_list() -> None:
    rows = {row.id: row for row in read_rows()}
    models = read_facts(DATA).models
    for provider in every_provider():
        listing = read_listing(DATA, provider, models)
        assert listing is not None
        if provider != "local":
            assert listing.price_provider == rows[provider].price_provider, provider


def test_own_prices_are_for_endpoints_that_are_listed() -> None:
    facts = read_facts(DATA)
    listings = {provider: read_listing(DATA, provider, facts.models) for provider in every_provider()}
    for provider, upstream in facts.prices:
        listing = listings[provider]
        assert listing is not None
        assert upstream in listing.models


def test_price_ids_are_unique_within_an_endpoint(catalog: Catalog) -> None:
    for model in catalog.models.values():
        for endpoint in model.endpoints:
            ids = [price.id for price in endpoint.prices]
            assert len(set(ids)) == len(ids), ids


def test_parameters_agree_with_the_tracked_models_list(catalog: Catalog) -> None:
    file = SHARED / "market/tracked-models/metadata/model_parameters.csv"
    if not file.is_file():
        pytest.skip("the list is not on this machine")
    compared = 0
    for row in csv.DictReader(file.read_text(encoding="utf-8").splitlines()):
        model = catalog.find(row["model_id"])
        if model is None or model.total_params is None:
            continue
        compared += 1
        assert model.total_params == pytest.approx(float(row["total_params_b"]) * 1e9, rel=0.06), model.id
        if row["active_params_b"] and model.active_params is not None:
            assert model.active_params == pytest.approx(float(row["active_params_b"]) * 1e9, rel=0.06), model.id
    assert compared > 40


def test_open_weights_agree_with_models_dev_where_it_names_the_same_model(catalog: Catalog) -> None:
    file = SHARED / "prices/models_dev_models_2026-07-02.json"
    if not file.is_file():
        pytest.skip("the list is not on this machine")
    records = msgspec.json.decode(file.read_bytes(), type=dict[str, dict[str, object]])
    differing = set()
    for key, record in records.items():
        model = catalog.find(key.partition("/")[2])
        if model is not None and model.open_weights is not None and model.open_weights != record["open_weights"]:
            differing.add(key)
    assert differing == set()
