"""Under whose law and on what terms a provider serves: by its row, the settings, and its address."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from weighbridge import config
from weighbridge.app.offer import hosts, offered
from weighbridge.catalog.model import Endpoint, Host, Model
from weighbridge.catalog.places import places
from weighbridge.config import ConfigError
from weighbridge.providers.rows import read_rows
from weighbridge.routing.policy.facts import facts_of

ROWS = read_rows()


def found(tmp_path: Path, toml: str = "", environ: Mapping[str, str] | None = None) -> Mapping[str, Host]:
    """The hosts by these settings."""
    file = tmp_path / "weighbridge.toml"
    file.write_text(toml)
    settings = config.read({}, {"WEIGHBRIDGE_HOME": str(tmp_path), **(environ or {})}, file=file)
    return hosts(settings, ROWS)


def test_a_row_says_it_and_the_settings_say_it_better(tmp_path: Path) -> None:
    assert found(tmp_path)["openai"].retention_days == 30
    told = found(tmp_path, "[providers.openai]\nretention_days = 0\n")["openai"]
    assert (told.retention_days, told.country, told.source) == (0, "US", "your settings")


def test_what_is_said_of_a_router_holds_for_all_to_whom_it_passes_on_and_its_seat_does_not(tmp_path: Path) -> None:
    toml = "[providers.openrouter]\nretention_days = 0\ntrains = false\n"
    host = found(tmp_path, toml)["openrouter"]
    facts = facts_of(Model("lab/tiny"), Endpoint("openrouter", "lab/tiny", "lab/tiny"), host)
    assert (facts.retention_days, facts.trains, facts.provider_country, facts.region) == (0, False, None, None)


@pytest.mark.parametrize(
    ("toml", "environ"),
    [
        ('[providers.moonshot]\nbase_url = "https://api.moonshot.cn/v1"', {}),
        ("", {"MOONSHOT_BASE_URL": "https://api.moonshot.cn/v1"}),
    ],
)
def test_another_address_may_be_anybodys(tmp_path: Path, toml: str, environ: Mapping[str, str]) -> None:
    assert found(tmp_path)["moonshot"].country == "SG"
    assert found(tmp_path, toml, environ)["moonshot"].country is None
    assert (
        found(tmp_path, toml + '\ncountry = "CN"' if toml else '[providers.moonshot]\ncountry = "CN"', environ)[
            "moonshot"
        ].country
        == "CN"
    )


def test_the_rows_own_address_said_again_is_the_same(tmp_path: Path) -> None:
    same = found(tmp_path, '[providers.openai]\nbase_url = "https://api.openai.com/v1/"')["openai"]
    assert same.country == "US"


def test_a_server_of_ones_own_is_ones_own_only_where_that_is_said(tmp_path: Path) -> None:
    address = '[providers.rack]\nbase_url = "http://127.0.0.1:8000/v1"\n'
    assert not found(tmp_path, address)["rack"].own_machine
    mine = found(tmp_path, address + "own_machine = true\n")["rack"]
    assert (mine.own_machine, mine.retention_days, mine.trains) == (True, 0, False)
    assert found(tmp_path)["local"].own_machine


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('country = "UK"', "providers.acme.country: there is no 'UK'; did you mean 'GB'?"),
        ('country = "EU"', "providers.acme.country: there is no 'EU'"),
        ('region = "XX"', "providers.acme.region: there is no 'XX'"),
        ('country = "Germany"', "a country's two letters"),
        ("retention_days = -1", "a whole number of days from 0 to 36500"),
    ],
)
def test_a_place_that_there_is_not_is_refused(tmp_path: Path, line: str, said: str) -> None:
    with pytest.raises(ConfigError, match="acme") as refused:
        found(tmp_path, f'[providers.acme]\nbase_url = "http://127.0.0.1:1/v1"\n{line}\n')
    assert said in str(refused.value)


def test_every_row_names_places_that_there_are_and_its_sources() -> None:
    for row in ROWS:
        assert row.country is None or (row.country in places().countries and row.country_source), row.id
        assert row.region is None or places().countries_in(row.region), row.id
        stated = (row.region, row.retention_days, row.trains)
        assert all(each is None for each in stated) or (row.data_source and row.data_read), row.id


def test_nothing_is_known_of_where_a_router_sends_a_request(tmp_path: Path) -> None:
    settings = config.read({}, {"WEIGHBRIDGE_HOME": str(tmp_path)}, here=tmp_path)
    catalog = offered(settings, ("openrouter", "deepinfra"), (), datetime.now(UTC))
    model = catalog.models["deepseek/deepseek-r1-0528"]
    by_provider = {each.provider: facts_of(model, each, catalog.host(each.provider)) for each in model.endpoints}
    router, direct = by_provider["openrouter"], by_provider["deepinfra"]
    assert (router.provider_country, router.region, router.retention_days, router.trains) == (None,) * 4
    assert (direct.provider_country, direct.retention_days, direct.trains) == ("US", 0, False)
    assert router.licence == "MIT"


def test_what_a_host_says_of_its_data_need_not_hold_for_others_models(tmp_path: Path) -> None:
    settings = config.read({}, {"WEIGHBRIDGE_HOME": str(tmp_path)}, here=tmp_path)
    catalog = offered(settings, ("deepinfra",), (), datetime.now(UTC))
    host = catalog.host("deepinfra")
    for model in catalog.models.values():
        for endpoint in model.endpoints:
            known = facts_of(model, endpoint, host).retention_days
            assert (known is None) is endpoint.upstream_model.startswith(("google/", "anthropic/"))
