"""Which model a name means."""

from datetime import UTC, date, datetime

import msgspec
import pytest

from tests.routing.offers import NOON, price
from weighbridge.catalog.model import Catalog, Endpoint, Model
from weighbridge.errors import BadRequest, UnknownModel
from weighbridge.routing.names import Dated, Named, Names, Preset
from weighbridge.wire.preferences import Preferences, Sorted, Sorting


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
    assert Names().named(name, CATALOG, {"host"}, NOON).models == (SERVED,)


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
    (named,) = Names().named(name, CATALOG, {"host"}, NOON).models
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
        Names().named(name, CATALOG, {"host"}, NOON)
    assert said in unknown.value.message
    assert unknown.value.param == "model"
    assert len(unknown.value.message) < 600


def served(id_: str, *prices: str | None) -> Model:
    """A model at a host for each price, in dollars; None: not known."""
    rows = [() if each is None else (price(each),) for each in prices]
    return model(id_, *(Endpoint(f"host-{at}", id_, id_, row) for at, row in enumerate(rows)))


CODER, LARGE, SMALL = served("lab/coder-2", "1", "0", None), served("lab/large", "2"), served("lab/small", "0")
OLDER = served("lab/coder-1", "1")
WHOLE = served("lab/llama:free", "1")
SHOP = Catalog(
    {each.id: each for each in (CODER, LARGE, SMALL, OLDER, WHOLE, KNOWN, model("p/unlisted"))},
    {"llama:nitro": "lab/llama:free"},
)
NAMES = Names(
    {
        "coder": [Dated(("lab/large",))],
        "gpt-4": [Dated(("lab/large", "lab/small:floor"))],
        "moving": [Dated(("lab/small",), date(2026, 11, 22)), Dated(("lab/large",), date(2026, 1, 1))],
        "not-yet": [Dated(("lab/small",), date(2027, 1, 1))],
        "half": [Dated(("lab/gone", "lab/known", "lab/small"))],
        "gone": [Dated(("lab/gone", "lab/known"))],
        "round": [Dated(("round",))],
        "lab/small": [Dated(("lab/large",))],
    },
    {
        "cheap": Preset("cheap", ("lab/small", "lab/large")),
        "quiet": Preset("quiet"),
        "odd:floor": Preset("odd:floor", ("lab/large",)),
    },
)
MEANT: list[tuple[str, tuple[Model, ...], Sorted | None]] = [
    ("lab/coder-2", (CODER,), None),
    ("coder", (LARGE,), None),
    ("Coder", (LARGE,), None),
    ("gpt-4", (LARGE, SMALL), "price"),
    ("moving", (SMALL,), None),
    ("half", (SMALL,), None),
    ("lab/small", (LARGE,), None),
    ("cheap", (SMALL, LARGE), None),
    ("@preset/cheap", (SMALL, LARGE), None),
    ("@preset/Cheap:nitro", (SMALL, LARGE), "throughput"),
    ("lab/coder-2@preset/quiet", (CODER,), None),
    ("lab/coder-2:floor@preset/quiet", (CODER,), "price"),
    ("coder@preset/cheap", (LARGE,), None),
    ("@preset/odd:floor", (LARGE,), None),
    ("odd:floor", (LARGE,), None),
    ("lab/coder-2:floor", (CODER,), "price"),
    ("lab/coder-2:FLOOR", (CODER,), "price"),
    ("lab/coder-2:nitro", (CODER,), "throughput"),
    ("lab/coder-2:floor:floor", (CODER,), "price"),
    ("coder:floor", (LARGE,), "price"),
    ("~lab/coder-latest", (CODER,), None),
    ("~LAB/coder-latest:floor", (CODER,), "price"),
    ("lab/llama:free", (WHOLE,), None),
    ("llama:nitro", (WHOLE,), None),
    ("llama:nitro:nitro", (WHOLE,), "throughput"),
]


@pytest.mark.parametrize(("name", "models", "sort"), MEANT, ids=[case[0] for case in MEANT])
def test_what_a_name_means(name: str, models: tuple[Model, ...], sort: Sorted | None) -> None:
    found = NAMES.named(name, SHOP, {"p"}, NOON)
    assert (found.models, found.sort) == (models, sort)


def test_free_leaves_those_who_ask_nothing_and_is_the_same_model_each_time() -> None:
    found = NAMES.named("lab/coder-2:free:nitro", SHOP, {"p"}, NOON)
    (free,) = found.models
    assert ([each.provider for each in free.endpoints], found.sort) == (["host-1"], "throughput")
    assert NAMES.named("lab/coder-2:free", SHOP, {"p"}, NOON).models[0] is free


@pytest.mark.parametrize("name", ["p/lab/own:floor", "p/own:free", "p/x:online"])
def test_what_a_provider_may_call_so_goes_to_it_whole(name: str) -> None:
    (found,) = NAMES.named(name, SHOP, {"p"}, NOON).models
    assert found.endpoints == (Endpoint("p", name.removeprefix("p/"), name),)


def test_a_suffix_behind_a_known_model_is_cut_though_its_lab_is_a_provider_as_well() -> None:
    found = NAMES.named("lab/coder-2:floor", SHOP, {"lab"}, NOON)
    assert (found.models, found.sort) == ((CODER,), "price")


def test_a_suffix_that_the_provider_is_known_to_use_stays() -> None:
    own = Catalog(
        {"lab/x": model("lab/x", Endpoint("p", "x", "lab/x"), Endpoint("p", "x:free", "lab/x"))}, {"p/x": "lab/x"}
    )
    (found,) = Names().named("p/x:free", own, {"p"}, NOON).models
    assert [each.upstream_model for each in found.endpoints] == ["x:free"]


WRONG = [
    ("lab/large:free", "nobody here is known to serve 'lab/large' for nothing"),
    ("lab/large:online", "'lab/large' is known, and `:online` is not offered here: there is no web search"),
    ("coder:thinking", "ask with `reasoning`"),
    ("lab/large:latest", "there is no model 'lab/large:latest'; the nearest: 'lab/large'"),
    ("lab/known:floor", "'lab/known' is known, but no provider"),
    ("not-yet", "means something from 2027-01-01 on"),
    ("gone", "there is no model 'lab/gone'"),
    ("round", "there is no model 'round'"),
    ("code", "the nearest: 'coder'"),
    ("@preset/chaep", "there is no preset 'chaep'; the nearest: 'cheap'"),
    ("lab/large@preset/nope", "there is no preset 'nope'; the nearest: none"),
    ("@preset/", "there is no preset ''"),
    ("@preset/quiet", "the preset 'quiet' names no model; ask for 'model@preset/quiet'"),
    ("quiet", "names no model"),
    ("~lab/codr-latest", "the nearest: '~lab/coder-latest'"),
    ("~lab", "there is no model '~lab'"),
    (":floor", "there is no model ':floor'"),
    ("x" + ":floor" * 80, "there is no model"),
    ("@preset/x" * 50, "there is no preset"),
]


@pytest.mark.parametrize(("name", "said"), WRONG, ids=[case[0][:40] for case in WRONG])
def test_a_name_that_means_nothing_is_told_what_would(name: str, said: str) -> None:
    with pytest.raises(UnknownModel) as unknown:
        NAMES.named(name, SHOP, {"p"}, NOON)
    assert said in unknown.value.message
    assert unknown.value.param == "model"
    assert len(unknown.value.message) < 600


PRESETS = [
    ("lab/large", None),
    ("coder", None),
    ("cheap", "cheap"),
    ("CHEAP:floor", "cheap"),
    ("@preset/cheap", "cheap"),
    ("@preset/cheap:floor:nitro", "cheap"),
    ("lab/large:floor@preset/quiet", "quiet"),
    ("odd:floor", "odd:floor"),
    ("@preset/odd:floor", "odd:floor"),
    ("lab/llama:free", None),
]


@pytest.mark.parametrize(("name", "preset"), PRESETS)
def test_the_preset_in_a_name(name: str, preset: str | None) -> None:
    found = NAMES.preset_in(name, SHOP)
    assert (None if found is None else found.name) == preset


def test_a_preset_that_is_not_there_is_unknown_though_there_are_none_at_all() -> None:
    for names in (NAMES, Names()):
        with pytest.raises(UnknownModel):
            names.preset_in("lab/large@preset/nope", SHOP)


SORTING: list[tuple[Preferences | None, bool, Sorted | Sorting | None]] = [
    (None, True, "price"),
    (Preferences(only=["a"]), True, "price"),
    (Preferences(sort="price"), True, "price"),
    (Preferences(sort="latency"), False, "price"),
    (Preferences(sort=Sorting(by="price", partition="none")), True, Sorting(by="price", partition="none")),
    (Preferences(sort=Sorting(partition="none")), True, Sorting(by="price", partition="none")),
]


@pytest.mark.parametrize(("wanted", "by_client", "sort"), SORTING)
def test_a_suffix_is_a_word_of_the_preferences(
    wanted: Preferences | None, by_client: bool, sort: Sorted | Sorting | None
) -> None:
    found = Named((SMALL,), "price").of(wanted, by_client=by_client)
    assert found == msgspec.structs.replace(wanted or Preferences(), sort=sort)
    assert Named((SMALL,)).of(wanted, by_client=by_client) is wanted


@pytest.mark.parametrize("said", ["latency", Sorting(by="throughput")])
def test_a_suffix_that_the_preferences_contradict_is_refused(said: Sorted | Sorting) -> None:
    with pytest.raises(BadRequest) as refused:
        Named((SMALL,), "price").of(Preferences(sort=said), by_client=True)
    assert refused.value.param == "provider.sort"


def test_what_the_settings_name_is_listed_while_it_means_something() -> None:
    listed = {name: [each.id for each in models] for name, models in NAMES.listed(SHOP, {"p"}, NOON)}
    assert set(listed) == {"coder", "gpt-4", "moving", "half", "lab/small", "cheap", "odd:floor"}
    assert listed["cheap"] == ["lab/small", "lab/large"]
    later = dict(NAMES.listed(SHOP, {"p"}, datetime(2027, 1, 1, tzinfo=UTC)))
    assert later["not-yet"] == (SMALL,)
