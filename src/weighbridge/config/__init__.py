"""Settings, read once into frozen values; nothing else in the package reads the environment.

A value is looked for in this order, and the first place that has it wins:

1. command-line flags;
2. the environment: `WEIGHBRIDGE_<SECTION>_<FIELD>`, such as `WEIGHBRIDGE_UPSTREAM_CA_FILE`. `SERVER_` may be left out
   (`WEIGHBRIDGE_PORT` is `WEIGHBRIDGE_SERVER_PORT`), and an empty value counts as unset. Lists are split at commas;
   the hyphens of a provider's id become underscores (`WEIGHBRIDGE_PROVIDERS_LM_STUDIO_BASE_URL`);
3. `weighbridge.toml`: the file of `--config`, else of `WEIGHBRIDGE_CONFIG`, else `./weighbridge.toml`, else
   `$XDG_CONFIG_HOME/weighbridge/weighbridge.toml`. Relative paths in it start at its own directory;
4. the default.

Which variable holds which provider's key is not known here (that is data of `providers`): `Settings.secrets` answers
for any name, from the environment captured when the settings were read.
"""

from weighbridge.config.kinds import Secret
from weighbridge.config.reading import read
from weighbridge.config.settings import (
    AdmissionSettings,
    AliasSettings,
    ConfigError,
    LedgerSettings,
    LocalSettings,
    PresetSettings,
    ProviderModel,
    ProviderSettings,
    ResponsesSettings,
    Secrets,
    ServerSettings,
    Settings,
    TextsSettings,
    UpstreamSettings,
)

__all__ = [
    "AdmissionSettings",
    "AliasSettings",
    "ConfigError",
    "LedgerSettings",
    "LocalSettings",
    "PresetSettings",
    "ProviderModel",
    "ProviderSettings",
    "ResponsesSettings",
    "Secret",
    "Secrets",
    "ServerSettings",
    "Settings",
    "TextsSettings",
    "UpstreamSettings",
    "read",
]
