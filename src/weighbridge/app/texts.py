"""Where prompts and answers are kept, and how their users are named, by the settings."""

from datetime import UTC, datetime

from weighbridge.config import ConfigError, Settings
from weighbridge.ledger.users import Users
from weighbridge.texts.keeper import Keeper
from weighbridge.texts.sealing import Seals, seals


def seals_of(settings: Settings) -> Seals:
    """The keys that texts are encrypted with. Raises ConfigError, or TextsUnavailable where nothing can use them."""
    current, older = settings.texts.key, settings.texts.old_keys
    try:
        return seals(None if current is None else current.reveal(), None if older is None else older.reveal())
    except ValueError as error:
        raise ConfigError(f"texts.key, texts.old_keys: {error}") from error


def keeper_of(settings: Settings) -> Keeper:
    """What writes them, in one worker. Raises as `seals_of` does."""
    return Keeper(
        settings.texts_path,
        seals_of(settings),
        retention_days=settings.texts.retention_days,
        required=settings.texts.required,
        now=lambda: datetime.now(UTC),
    )


def users_of(settings: Settings) -> Users:
    """How entries name the clients' users. Raises ConfigError."""
    key = settings.ledger.users_key
    try:
        return Users(settings.ledger.users, None if key is None else key.reveal())
    except ValueError as error:
        raise ConfigError(f"ledger.users: {error}") from error
