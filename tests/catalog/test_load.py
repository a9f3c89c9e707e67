"""Data files → snapshot: what is wrong with broken ones, names, endpoints of today, and discovery."""

import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from weighbridge.catalog.load import load, with_discovered
from weighbridge.catalog.model import Catalog
from weighbridge.errors import CatalogError

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
GOOD = {
    "labs.toml": '[acme]\nname = "Acme"\ncountry = "FR"\nsource = "s"\n',
    "licences.toml": (
        '[MIT]\nname = "MIT"\nclass = "permissive"\nsource = "s"\n'
        '[Shut]\nname = "Shut"\nclass = "proprietary"\nsource = "s"\n'
    ),
    "models/acme.toml": (
        '["acme/one"]\nname = "One"\nlicence = "MIT"\nopen_weights = true\n'
        'aliases = ["Acme/One-Instruct"]\nsource = "s"\n'
        '["acme/two"]\nname = "Two"\nlicence = "Shut"\nopen_weights = false\nsource = "s"\n'
    ),
    "endpoints/shop.toml": (
        'source = "s"\nread = 2026-11-01\n[models]\n"one-latest" = "acme/one"\n'
        '"two" = { model = "acme/two", until = 2026-11-22 }\n'
        '"two-new" = { model = "acme/two", quantisation = "fp8", since = 2026-11-22 }\n'
    ),
    "prices.toml": (
        '[[price]]\nprovider = "shop"\nupstream_model = "one-latest"\ninput = "0.10"\noutput = "0.40"\nsource = "s"\n'
        '[[price]]\nprovider = "shop"\nupstream_model = "one-latest"\nsince = 2026-06-01\n'
        'input = { base = "0.2", tiers = [[1000, "0.3"]] }\noutput = "0.5"\nsource = "s"\n'
    ),
}


def write(folder: Path, changed: dict[str, str] | None = None) -> Path:
    for name, text in {**GOOD, **(changed or {})}.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_a_model_has_endpoints_only_at_the_providers_named(tmp_path: Path) -> None:
    data = write(tmp_path)
    assert load([], when=NOW, data=data).models["acme/one"].endpoints == ()
    (endpoint,) = load(["shop", "not-listed"], when=NOW, data=data).models["acme/one"].endpoints
    assert (endpoint.provider, endpoint.upstream_model, endpoint.model) == ("shop", "one-latest", "acme/one")


def test_own_prices_keep_every_digit_their_date_and_their_tiers(tmp_path: Path) -> None:
    (endpoint,) = load(["shop"], when=NOW, data=write(tmp_path)).models["acme/one"].endpoints
    old, new = endpoint.prices
    assert (old.id, str(old.input.base)) == ("weighbridge:shop/one-latest", "0.10")
    assert (new.id, new.input.at(1001)) == ("weighbridge:shop/one-latest@2026-06-01", Decimal("0.3"))
    assert endpoint.price_at(NOW) == new


def test_an_endpoint_is_there_from_its_first_day_to_the_day_before_its_end(tmp_path: Path) -> None:
    data = write(tmp_path)
    for day, upstream in ((21, "two"), (22, "two-new")):
        catalog = load(["shop"], when=datetime(2026, 11, day, tzinfo=UTC), data=data)
        assert [endpoint.upstream_model for endpoint in catalog.models["acme/two"].endpoints] == [upstream]


@pytest.mark.parametrize(
    ("file", "text", "complaint"),
    [
        (
            "models/acme.toml",
            GOOD["models/acme.toml"].replace('"MIT"', '"MTI"'),
            "acme.toml, 'acme/one': licence 'MTI'",
        ),
        ("models/b.toml", '["nobody/x"]\nname = "X"\nsource = "s"\n', "b.toml, 'nobody/x': lab 'nobody'"),
        ("models/b.toml", '["acme/one"]\nname = "X"\nsource = "s"\n', "b.toml, 'acme/one': another file"),
        ("models/b.toml", '["acme/three"]\nname = "X"\n', "b.toml, 'acme/three': .*source"),
        ("models/b.toml", '["acme/x"]\nname = "X"\nsource = "s"\nmaker = "y"\n', "b.toml, 'acme/x': .*maker"),
        ("models/b.toml", '["acme/X"]\nname = "X"\nsource = "s"\n', "'acme/X': .*lower case"),
        (
            "models/b.toml",
            '["acme/x"]\nname = "X"\nsource = "s"\nlicence = "Shut"\nopen_weights = true\n',
            "b.toml, 'acme/x': licence 'Shut' and open weights contradict",
        ),
        (
            "models/b.toml",
            '["acme/x"]\nname = "X"\nsource = "s"\nlicence = "MIT"\nopen_weights = false\n',
            "b.toml, 'acme/x': licence 'MIT' and closed weights contradict",
        ),
        (
            "models/b.toml",
            '["acme/x"]\nname = "X"\nsource = "s"\ntotal_params = 1\nactive_params = 2\n',
            "b.toml, 'acme/x': more active",
        ),
        ("models/b.toml", '["acme/x"]\nname = "X"\nsource = "s"\naliases = ["acme/ONE-instruct"]\n', "'acme/x': alias"),
        ("models/b.toml", '["acme/x"]\nname = "X"\nsource = "s"\naliases = ["acme/two"]\n', "taken by 'acme/two'"),
        ("models/b.toml", '["acme/x"]\n["acme/x"]\n', "b.toml: "),
        ("labs.toml", '[acme]\nname = "Acme"\nsource = "s"\n', "labs.toml, 'acme': .*country"),
        ("licences.toml", '[MIT]\nname = "M"\nclass = "free"\nsource = "s"\n', "licences.toml, 'MIT': .*free"),
        (
            "endpoints/shop.toml",
            'source = "s"\nread = 2026-01-01\n[models]\n"x" = "acme/nine"\n',
            "shop.toml, 'x': .*'acme/nine'",
        ),
        ("endpoints/shop.toml", 'source = "s"\n[models]\n', "shop.toml, 'the file': .*read"),
        ("prices.toml", '[[price]]\nprovider = "shop"\n', "prices.toml, 'price 1': "),
        (
            "endpoints/shop.toml",
            'source = "s"\nread = 2026-01-01\nprice_provider = "nobody"\n[models]\n"x" = "acme/one"\n',
            "no price list 'nobody'",
        ),
    ],
)
def test_broken_data_are_refused_with_the_file_and_the_row(
    tmp_path: Path, file: str, text: str, complaint: str
) -> None:
    data = write(tmp_path, {file: text})
    with pytest.raises(CatalogError, match=complaint):
        load(["shop"], when=NOW, data=data)


@pytest.mark.parametrize(
    "name", ["acme/one", "ACME/One", "one", "Acme/One-Instruct", "acme/one-instruct", "one-latest"]
)
def test_a_model_is_found_by_id_slug_alias_and_upstream_name_in_any_case(tmp_path: Path, name: str) -> None:
    found = load(["shop"], when=NOW, data=write(tmp_path)).find(name)
    assert found is not None
    assert found.id == "acme/one"


def test_a_name_that_two_models_share_is_no_alias(tmp_path: Path) -> None:
    labs = GOOD["labs.toml"] + '[zeta]\nname = "Zeta"\ncountry = "DE"\nsource = "s"\n'
    rival = '["zeta/one"]\nname = "One"\nsource = "s"\n'
    catalog = load(["shop"], when=NOW, data=write(tmp_path, {"labs.toml": labs, "models/zeta.toml": rival}))
    assert catalog.find("one") is None
    assert catalog.find("one-latest") == catalog.models["acme/one"]


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return load(["shop"], when=NOW, data=write(tmp_path))


def test_a_discovered_name_we_know_joins_its_model_and_leaves_the_old_snapshot_alone(catalog: Catalog) -> None:
    found = with_discovered(catalog, "vllm", ["acme/One-Instruct"], price_provider=None)
    assert [endpoint.provider for endpoint in found.models["acme/one"].endpoints] == ["shop", "vllm"]
    assert found.models["acme/one"].endpoints[1].prices == ()
    assert [endpoint.provider for endpoint in catalog.models["acme/one"].endpoints] == ["shop"]


def test_an_unknown_discovered_name_becomes_a_model_of_which_nothing_is_known(catalog: Catalog) -> None:
    found = with_discovered(catalog, "vllm", ["Me/My-Tune"], price_provider=None)
    model = found.find("me/my-tune")
    assert model is not None
    assert model.id == "vllm/Me/My-Tune"
    assert (model.lab, model.licence, model.open_weights, model.context, model.source) == (None,) * 5
    assert found.find("VLLM/me/my-tune") == model
    assert catalog.find("me/my-tune") is None


def test_two_servers_with_the_same_unknown_name_stay_two_models(catalog: Catalog) -> None:
    once = with_discovered(catalog, "vllm", ["mine"], price_provider=None)
    twice = with_discovered(once, "ollama", ["mine"], price_provider=None)
    assert {"vllm/mine", "ollama/mine"} <= set(twice.models)
    assert once.find("mine") == once.models["vllm/mine"]
    assert twice.find("mine") is None


def test_discovering_the_same_again_changes_nothing(catalog: Catalog) -> None:
    once = with_discovered(catalog, "vllm", ["mine", "acme/one"], price_provider=None)
    assert with_discovered(once, "vllm", ["mine", "acme/one"], price_provider=None) == once


def test_a_discovered_model_of_a_priced_provider_has_its_price(catalog: Catalog) -> None:
    found = with_discovered(catalog, "openai", ["gpt-4o"], price_provider="openai")
    (endpoint,) = found.models["openai/gpt-4o"].endpoints
    price = endpoint.price_at(NOW)
    assert price is not None
    assert price.output.base == Decimal(10)


def test_the_nearest_ids_are_those_like_it_with_served_ones_first() -> None:
    catalog = load(["deepseek", "local"], when=NOW)
    assert catalog.nearest("deepsek-v4-pro")[0] == "deepseek/deepseek-v4-pro"
    assert catalog.nearest("qwen2.5-coder-instruct", 2) == [
        "qwen/qwen2.5-coder-0.5b-instruct",
        "qwen/qwen2.5-coder-1.5b-instruct",
    ]
    assert catalog.nearest("xyzzy") == []
    assert len(catalog.nearest("qwen", 5)) == 5


def test_without_a_price_list_asked_for_the_big_package_is_not_imported() -> None:
    # In a process of its own: this one has long imported it.
    code = (
        "import sys; from datetime import datetime, UTC; from weighbridge.catalog.load import load;"
        "load(['local'], when=datetime.now(UTC)); print('genai_prices' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


BASES = {
    "qwen/qwen2.5-coder-0.5b-instruct": "CN",  # the base is in no row, and of a lab that is known
    "deepseek/deepseek-r1-distill-llama-70b": "US",  # a Chinese model on an American base, and that on another
    "openai/gpt-oss-20b": "US",  # from the beginning, says its card
    "openai/gpt-5": None,
    "sentence-transformers/all-minilm-l6-v2": "US",  # the row says it, its base is in no list
}


@pytest.mark.parametrize(("model", "country"), BASES.items())
def test_the_lab_at_the_foot_of_a_models_bases_has_its_country(model: str, country: str | None) -> None:
    assert load((), when=datetime.now(UTC)).models[model].base_country == country
