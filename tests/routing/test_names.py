"""Which model a name means."""

import pytest

from weighbridge.catalog.model import Catalog, Endpoint, Model
from weighbridge.errors import UnknownModel
from weighbridge.routing.names import model_named


def model(id_: str, *endpoints: Endpoint) -> Model:
    return Model(id_, endpoints=endpoints)


SERVED = model("lab/served", Endpoint("host", "served-v1", "lab/served"))
KNOWN = model("lab/known")
CATALOG = Catalog(
    {"lab/served": SERVED, "lab/known": KNOWN, "host/known": model("host/known")},
    {"served": "lab/served", "old-name": "lab/served"},
)


@pytest.mark.parametrize("name", ["lab/served", "Lab/Served", "served", "SERVED", "old-name"])
def test_a_model_is_found_by_its_id_or_an_alias_in_any_case(name: str) -> None:
    assert model_named(name, CATALOG, {"host"}) is SERVED


@pytest.mark.parametrize(
    ("name", "provider", "upstream"),
    [
        ("host/new-model", "host", "new-model"),
        ("host/org/new-model:free", "host", "org/new-model:free"),
        ("host/Case-Kept", "host", "Case-Kept"),
        ("host/known", "host", "known"),
    ],
)
def test_a_model_nobody_listed_goes_to_the_provider_it_names(name: str, provider: str, upstream: str) -> None:
    named = model_named(name, CATALOG, {"host"})
    assert (named.id, named.endpoints) == (name, (Endpoint(provider, upstream, name),))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("lab/known", "'lab/known' is known, but no provider that is set up here serves it"),
        ("Lab/Known", "'lab/known' is known"),
        ("lab/serve", "there is no model 'lab/serve'; the nearest: 'lab/served'"),
        ("serverd", "the nearest: 'lab/served'"),
        ("other/new-model", "there is no model 'other/new-model'"),
        ("host/", "there is no model 'host/'"),
        ("host", "there is no model 'host'"),
        ("/x", "there is no model '/x'; the nearest: none that is like it"),
        ("", "there is no model ''"),
        ("x" * 100_000, f"there is no model {'x' * 200!r}; the nearest: none"),
    ],
)
def test_a_model_nobody_serves_is_unknown_with_the_nearest_named(name: str, said: str) -> None:
    with pytest.raises(UnknownModel) as unknown:
        model_named(name, CATALOG, {"host"})
    assert said in unknown.value.message
    assert unknown.value.param == "model"
    assert len(unknown.value.message) < 600
