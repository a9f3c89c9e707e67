"""Settings: where they come from, which place wins, and what is said of a wrong one."""

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from decimal import Decimal
from pathlib import Path

import pytest

from weighbridge import config
from weighbridge.config import ConfigError, ProviderModel, Secret, Settings
from weighbridge.config.reference import described, unknown_variables

EVERYTHING = """
home = "data"
[server]
port = 8090
cors_origins = ["https://chat.example.org"]
header_timeout_seconds = 2.5
[upstream]
ca_file = "certs/ca.pem"
[local]
models = ["a/b"]
threads = 3
[ledger]
durability = "power"
path = "/var/ledger.db"
[providers.my-vllm]
base_url = "http://10.0.0.2:8000/v1"
api_key = "sk-file"
[[providers.my-vllm.models]]
id = "big"
input = "0.10"
output = 0.3
"""


def read(
    here: Path,
    toml: str | None = None,
    *,
    flags: Mapping[str, object] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    if toml is not None:
        (here / "weighbridge.toml").write_text(toml, "utf-8")
    return config.read(flags or {}, {"HOME": str(here), **(environ or {})}, here=here)


def test_every_setting_has_a_default(tmp_path: Path) -> None:
    settings = read(tmp_path)
    assert (settings.server.host, settings.server.port, settings.server.workers) == ("127.0.0.1", 8080, 1)
    assert settings.local.models == ("qwen/qwen2.5-coder-0.5b-instruct", "sentence-transformers/all-minilm-l6-v2")
    assert settings.home == tmp_path / ".local/share/weighbridge"
    assert settings.ledger_path == settings.home / "ledger.db"
    assert settings.providers == {}
    assert settings.file is None


def test_a_file_sets_every_kind_of_value(tmp_path: Path) -> None:
    settings = read(tmp_path, EVERYTHING)
    assert settings.file == tmp_path / "weighbridge.toml"
    assert settings.home == tmp_path / "data"
    assert settings.server.port == 8090
    assert settings.server.cors_origins == ("https://chat.example.org",)
    assert settings.server.header_timeout_seconds == 2.5
    assert settings.upstream.ca_file == tmp_path / "certs/ca.pem"
    assert settings.local.threads == 3
    assert settings.ledger.durability == "power"
    assert settings.ledger_path == Path("/var/ledger.db")
    own = settings.providers["my-vllm"]
    assert own.base_url == "http://10.0.0.2:8000/v1"
    assert own.models == (ProviderModel(id="big", input=Decimal("0.10"), output=Decimal("0.3")),)


def test_flags_beat_the_environment_which_beats_the_file_which_beats_the_default(tmp_path: Path) -> None:
    toml = "[server]\nport = 1\nworkers = 2\nhost = '0.0.0.0'\n"
    environ = {"WEIGHBRIDGE_PORT": "3", "WEIGHBRIDGE_WORKERS": "4"}
    server = read(tmp_path, toml, environ=environ, flags={"server.port": 5, "server.workers": None}).server
    assert (server.port, server.workers, server.host, server.max_connections) == (5, 4, "0.0.0.0", 10_000)


@pytest.mark.parametrize(
    ("variable", "text", "key", "value"),
    [
        ("WEIGHBRIDGE_PORT", "8090", "server.port", 8090),
        ("WEIGHBRIDGE_SERVER_PORT", " 8090\n", "server.port", 8090),
        ("WEIGHBRIDGE_PORT", "", "server.port", 8080),
        ("WEIGHBRIDGE_PORT", "tcp://10.3.2.1:80", "server.port", 8080),
        ("WEIGHBRIDGE_HOST", "::1", "server.host", "::1"),
        ("WEIGHBRIDGE_LOCAL_ENABLED", "false", "local.enabled", False),
        ("WEIGHBRIDGE_LOCAL_ENABLED", "1", "local.enabled", True),
        ("WEIGHBRIDGE_LOCAL_MODELS", "a/b, c/d", "local.models", ("a/b", "c/d")),
        ("WEIGHBRIDGE_UPSTREAM_IDLE_TIMEOUT_SECONDS", "1.5", "upstream.idle_timeout_seconds", 1.5),
        ("WEIGHBRIDGE_LEDGER_DURABILITY", "power", "ledger.durability", "power"),
        ("WEIGHBRIDGE_UPSTREAM_CA_FILE", "~/ca.pem", "upstream.ca_file", "~/ca.pem"),
    ],
)
def test_a_variable_sets_its_field(tmp_path: Path, variable: str, text: str, key: str, value: object) -> None:
    settings = read(tmp_path, environ={variable: text})
    section, _, name = key.partition(".")
    expected = tmp_path / "ca.pem" if value == "~/ca.pem" else value
    assert getattr(getattr(settings, section), name) == expected


def test_the_whole_name_of_a_variable_beats_the_short_one(tmp_path: Path) -> None:
    environ = {"WEIGHBRIDGE_PORT": "1", "WEIGHBRIDGE_SERVER_PORT": "2"}
    assert read(tmp_path, environ=environ).server.port == 2


def test_providers_can_be_set_in_the_environment(tmp_path: Path) -> None:
    environ = {
        "WEIGHBRIDGE_PROVIDERS_LM_STUDIO_BASE_URL": "http://127.0.0.1:1234/v1",
        "WEIGHBRIDGE_PROVIDERS_LM_STUDIO_API_KEY_ENV": "MY_KEY",
        "WEIGHBRIDGE_PROVIDERS_GROQ_ENABLED": "false",
        "MY_KEY": "sk-mine",
    }
    settings = read(tmp_path, environ=environ)
    assert settings.providers["lm-studio"].base_url == "http://127.0.0.1:1234/v1"
    assert settings.provider_key("lm-studio") == Secret("sk-mine")
    assert settings.providers["groq"].enabled is False


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"WEIGHBRIDGE_HOME": "/srv/wb", "XDG_DATA_HOME": "/xdg"}, "/srv/wb"),
        ({"XDG_DATA_HOME": "/xdg"}, "/xdg/weighbridge"),
        ({"XDG_DATA_HOME": "relative"}, "HERE/.local/share/weighbridge"),
        ({"WEIGHBRIDGE_HOME": "~/wb"}, "HERE/wb"),
        ({"WEIGHBRIDGE_HOME": "wb"}, "HERE/wb"),
    ],
)
def test_the_data_directory_follows_the_environment(tmp_path: Path, environ: dict[str, str], expected: str) -> None:
    assert str(read(tmp_path, environ=environ).home) == expected.replace("HERE", str(tmp_path))


def test_the_file_is_the_named_one_then_the_variable_s_then_the_nearest(tmp_path: Path) -> None:
    places = [
        tmp_path / name
        for name in ("flag.toml", "variable.toml", "weighbridge.toml", "xdg/weighbridge/weighbridge.toml")
    ]
    for port, place in enumerate(places, start=1):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(f"[server]\nport = {port}\n", "utf-8")
    environ = {"XDG_CONFIG_HOME": str(tmp_path / "xdg"), "WEIGHBRIDGE_CONFIG": "variable.toml"}
    assert config.read({}, environ, file=Path("flag.toml"), here=tmp_path).server.port == 1
    assert config.read({}, environ, here=tmp_path).server.port == 2
    del environ["WEIGHBRIDGE_CONFIG"]
    assert config.read({}, environ, here=tmp_path).server.port == 3
    places[2].unlink()
    assert config.read({}, environ, here=tmp_path).server.port == 4


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("[server]\nprot = 1", "server.prot is not a setting; did you mean server.port?"),
        ("port = 1", "port is not a setting; did you mean server.port?"),
        ("[servr]\nport = 1", "servr is not a setting"),
        ("server = 1", "server: expected a table, such as [server]"),
        ("[server]\nport = '1'", "server.port: expected a whole number from 0 to 65535, got '1'"),
        ("[server]\nport = 70000", "server.port: expected a whole number from 0 to 65535, got 70000"),
        ("[server]\nport = true", "server.port: expected a whole number from 0 to 65535, got True"),
        ("[server]\nkeep_alive_seconds = 0", "server.keep_alive_seconds: expected a number of seconds above 0"),
        ("[server]\nkeep_alive_seconds = nan", "server.keep_alive_seconds: expected a number of seconds above 0"),
        ("[server]\nkeep_alive_seconds = inf", "server.keep_alive_seconds: expected a number of seconds above 0"),
        ("[server]\nhost = ''", "server.host: expected a string, not empty"),
        ("[server]\ncors_origins = 'https://a.example'", "server.cors_origins: expected a list, each an origin"),
        ("[server]\ncors_origins = ['a.example']", "server.cors_origins: expected a list, each an origin"),
        ("[ledger]\ndurability = 'disk'", 'ledger.durability: expected one of "process", "power", got \'disk\''),
        ("[upstream]\nca_file = 3", "upstream.ca_file: expected a string, not empty, got 3"),
        ("[providers]\nx = 1", "providers.x: expected a table, such as [providers.x]"),
        ("[providers.X]\nenabled = true", "'X' is not a provider's id"),
        ("[providers.x]\nurl = 'http://a'", "providers.x.url is not a setting; did you mean providers.x.base_url?"),
        ("[providers.x]\nbase_url = 'localhost:80'", "providers.x.base_url: expected an http:// or https:// URL"),
        ("[providers.x]\nmodels = ['m']", "providers.x.models[0]: expected a table"),
        ("[[providers.x.models]]\ninput = '1'", "providers.x.models[0].id: expected the model's name"),
        ("[switch]\nauto = ['m']", "switch.auto[0]: expected a table"),
        ("[[switch.auto]]\nmodel = 'm'\nquality = 0.5", "switch.auto[0].source: expected a string"),
        ("[[switch.auto]]\nmodel = 'm'\nquality = 2\nsource = 's'", "switch.auto[0].quality: expected a number from 0"),
        ("[[switch.auto]]\nmodle = 'm'", "switch.auto[0].modle is not a setting; did you mean"),
        ("[[providers.x.models]]\nid = 'm'\ninput = '1'", "expected `input` and `output` together"),
        ("[[providers.x.models]]\nid = 'm'\ninput = '-1'\noutput = '1'", "input: expected US dollars"),
        ("[[providers.x.models]]\nid = 'm'\ninput = nan\noutput = 1", "input: expected US dollars"),
        ("[[providers.x.models]]\nid = 'm'\nprice = '1'", "providers.x.models[0].price is not a setting"),
        ("[server", "not valid TOML"),
    ],
)
def test_a_wrong_file_is_refused_by_file_key_and_what_was_expected(tmp_path: Path, toml: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, toml)
    assert str(tmp_path / "weighbridge.toml") in str(caught.value)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        (
            {"WEIGHBRIDGE_PORT": "eighty"},
            "WEIGHBRIDGE_PORT: server.port: expected a whole number from 0 to 65535, got 'eighty'",
        ),
        (
            {"WEIGHBRIDGE_SERVER_PROT": "1"},
            "WEIGHBRIDGE_SERVER_PROT: not a setting; did you mean WEIGHBRIDGE_SERVER_PORT?",
        ),
        (
            {"WEIGHBRIDGE_PROVIDERS_GROQ_KEY": "x"},
            "WEIGHBRIDGE_PROVIDERS_GROQ_KEY: not a setting; it must end in API_KEY",
        ),
        ({"WEIGHBRIDGE_CONFIG": "gone.toml"}, "no such file, though WEIGHBRIDGE_CONFIG names it"),
        ({"WEIGHBRIDGE_LOCAL_ENABLED": "maybe"}, "local.enabled: expected true or false, got 'maybe'"),
    ],
)
def test_a_wrong_variable_is_refused_by_its_name(tmp_path: Path, environ: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        read(tmp_path, environ=environ)


def test_a_key_comes_from_its_setting_then_the_named_variable_then_the_usual_one(tmp_path: Path) -> None:
    toml = "[providers.a]\napi_key = 'own'\n[providers.b]\napi_key_env = 'B_KEY'\n"
    settings = read(tmp_path, toml, environ={"USUAL": " usual\n", "B_KEY": "b", "EMPTY": "  "})
    assert settings.provider_key("a", ("OLD", "USUAL")) == Secret("own")
    assert settings.provider_key("b", ("OLD", "USUAL")) == Secret("b")
    assert settings.provider_key("c", ("OLD", "USUAL")) == Secret("usual")
    assert settings.provider_key("c", ("EMPTY",)) is None
    assert settings.provider_key("c") is None


def test_a_key_that_cannot_stand_in_a_header_is_refused_without_showing_it(tmp_path: Path) -> None:
    settings = read(tmp_path, environ={"USUAL": "sk-one\nx-evil: 1"})
    with pytest.raises(ConfigError, match="USUAL: expected a key of printable ASCII") as caught:
        settings.provider_key("c", ("OLD", "USUAL"))
    assert "evil" not in str(caught.value)


def test_secrets_do_not_show_in_any_text_of_the_settings(tmp_path: Path) -> None:
    settings = read(tmp_path, EVERYTHING, environ={"GROQ_API_KEY": "sk-environment"})
    key = settings.provider_key("my-vllm")
    for shown in (
        repr(settings),
        str(settings),
        f"{settings.secrets}",
        f"{key}",
        repr(settings.secrets.get("GROQ_API_KEY")),
    ):
        assert "sk-file" not in shown
        assert "sk-environment" not in shown
    assert key is not None
    assert key.reveal() == "sk-file"


@pytest.mark.parametrize(
    "toml",
    [
        "[providers.x]\napi_key = ['sk-shown']",
        "[providers.x]\nbase_url = 'http://me:sk-shown@host/v1'",
        "[database]\nurl = 'mysql://me:sk-shown@host/name'",
        "[database]\nurl = ['sk-shown']",
    ],
)
def test_a_refused_value_that_may_hold_a_secret_is_not_shown(tmp_path: Path, toml: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, toml)
    assert "sk-shown" not in str(caught.value)


def test_the_url_of_the_database_is_a_secret_that_a_variable_may_hold(tmp_path: Path) -> None:
    url = "postgresql://me:sk-shown@host/name"
    settings = read(tmp_path, "[database]\nurl = 'postgresql://other/name'", environ={"WEIGHBRIDGE_DATABASE_URL": url})
    assert settings.database.url is not None
    assert settings.database.url.reveal() == url
    assert "sk-shown" not in repr(settings)


def test_every_field_is_described_and_no_two_share_a_variable() -> None:
    rows = list(described())
    sections = [f.default for f in fields(Settings) if is_dataclass(f.default)]
    for section in sections:
        for field in fields(section):
            assert any(row.key.endswith(f".{field.name}") for row in rows)
    assert all(row.meaning.endswith(".") and row.expected and row.default for row in rows)
    named = [name for row in rows if row.variable for name in {row.variable, row.variable.replace("_SERVER_", "_")}]
    assert len(named) == len(set(named))


def test_a_variable_that_looks_like_ours_and_is_not_is_reported() -> None:
    environ = {"WEIGHBRIDGE_PROT": "1", "WEIGHBRIDGE_PORT": "1", "WEIGHBRIDGE_CONFIG": "x", "PATH": "/bin"}
    assert unknown_variables(environ) == ["WEIGHBRIDGE_PROT"]
