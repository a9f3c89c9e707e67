"""`[aliases]` and `[presets.<name>]` in the settings file, and what is said of a wrong one."""

from datetime import date
from pathlib import Path

import pytest

from weighbridge import config
from weighbridge.config import AliasSettings, ConfigError, PresetSettings, Settings

GOOD = """
[aliases]
coder = "qwen/qwen3-coder"
"gpt-4:latest" = ["a/b", "c/d"]
[[aliases.moving]]
model = "a/b"
[[aliases.moving]]
model = ["c/d", "a/b"]
since = 2026-09-01
[presets.cheap-coder]
models = "qwen/qwen3-coder"
provider = { sort = "price", max_price = { prompt = 0.5 } }
system = "Be brief."
temperature = 0.2
max_tokens = 500
stop = ["END"]
reasoning = "low"
priority = "low"
cache = "on"
resume = true
[presets.calm]
hedge = false
"""


def read(here: Path, toml: str) -> Settings:
    (here / "weighbridge.toml").write_text(toml, "utf-8")
    return config.read({}, {"HOME": str(here)}, here=here)


def test_names_of_the_settings_are_read(tmp_path: Path) -> None:
    settings = read(tmp_path, GOOD)
    assert settings.aliases == {
        "coder": (AliasSettings(models=("qwen/qwen3-coder",)),),
        "gpt-4:latest": (AliasSettings(models=("a/b", "c/d")),),
        "moving": (
            AliasSettings(models=("a/b",)),
            AliasSettings(models=("c/d", "a/b"), since=date(2026, 9, 1)),
        ),
    }
    cheap = settings.presets["cheap-coder"]
    assert (cheap.models, cheap.temperature, cheap.max_tokens) == (("qwen/qwen3-coder",), 0.2, 500)
    assert (cheap.stop, cheap.reasoning, cheap.priority) == (("END",), "low", "low")
    assert (cheap.cache, cheap.resume, cheap.hedge) == ("on", True, None)
    assert cheap.provider is not None
    assert cheap.provider["sort"] == "price"
    assert settings.presets["calm"] == PresetSettings(hedge=False)


def test_without_any_there_are_none(tmp_path: Path) -> None:
    settings = read(tmp_path, "")
    assert (settings.aliases, settings.presets) == ({}, {})


WRONG = [
    ('aliases = "x"', "aliases: expected a table"),
    ("[aliases]\nx = 3", "aliases.x: expected a model's id, or a list of them"),
    ('[aliases]\nx = ""', "aliases.x: expected a model's id"),
    ("[aliases]\nx = []", "aliases.x: expected a model's id"),
    ('[aliases]\nx = ["a", 1]', "aliases.x: expected a model's id"),
    ('[aliases]\n"a b" = "x"', "aliases.a b: an alias has no blanks"),
    ('[aliases]\n"a@b" = "x"', "aliases.a@b: an alias has no blanks and no @"),
    ('[aliases]\nx = "a"\nX = "b"', "aliases.X: the name is taken, as 'x'"),
    ("[[aliases.x]]\nsince = 2026-01-01", "aliases.x[0].model: expected a model's id"),
    ('[[aliases.x]]\nmodel = "a"\nsinse = 2026-01-01', "aliases.x[0].sinse is not a setting; did you mean since?"),
    (
        '[[aliases.x]]\nmodel = "a"\nsince = "soon"',
        "aliases.x[0].since: expected a date such as 2026-09-01, got 'soon'",
    ),
    ('[[aliases.x]]\nmodel = "a"\n[[aliases.x]]\nmodel = "b"', "aliases.x: two rows begin with no date"),
    (
        '[[aliases.x]]\nmodel = "a"\nsince = 2026-01-01\n[[aliases.x]]\nmodel = "b"\nsince = 2026-01-01',
        "aliases.x: two rows begin 2026-01-01",
    ),
    ("[presets]\nx = 1", "presets.x: expected a table"),
    ('[presets."a b"]\n', "presets.a b: a preset's name has letters"),
    ("[presets.x]\n[presets.X]", "presets.X: the name is taken, as 'x'"),
    ('[aliases]\nx = "a"\n[presets.X]', "presets.X: the name is taken, as 'x'"),
    ("[presets.x]\ntemprature = 1", "presets.x.temprature is not a setting; did you mean temperature?"),
    ("[presets.x]\ntemperature = 3", "presets.x.temperature: expected a number from 0 to 2, got 3"),
    ('[presets.x]\ntemperature = "hot"', "presets.x.temperature: expected a number from 0 to 2, got 'hot'"),
    ("[presets.x]\ntop_p = 1.5", "presets.x.top_p: expected a number from 0 to 1"),
    ("[presets.x]\nfrequency_penalty = -3", "presets.x.frequency_penalty: expected a number from -2 to 2"),
    ("[presets.x]\nmax_tokens = 0", "presets.x.max_tokens: expected a whole number of tokens"),
    ("[presets.x]\nseed = 1.5", "presets.x.seed: expected a whole number"),
    ('[presets.x]\nstop = "END"', "presets.x.stop: expected a list"),
    ('[presets.x]\nreasoning = "lots"', 'presets.x.reasoning: expected one of "none", "minimal"'),
    ('[presets.x]\npriority = "urgent"', 'presets.x.priority: expected one of "low", "normal", "high"'),
    ('[presets.x]\nresume = "yes"', "presets.x.resume: expected true or false"),
    ('[presets.x]\nprovider = "groq"', "presets.x.provider: expected a table"),
    ("[presets.x]\nmodels = []", "presets.x.models: expected a model's id"),
]


@pytest.mark.parametrize(("toml", "message"), WRONG)
def test_a_wrong_name_is_refused_by_its_key_and_what_was_expected(tmp_path: Path, toml: str, message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read(tmp_path, toml)
    assert str(refused.value).startswith(f"{tmp_path / 'weighbridge.toml'}: {message}")
