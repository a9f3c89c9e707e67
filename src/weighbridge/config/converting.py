"""A raw value as the type its setting has, and the words where it has another."""

import difflib
from decimal import Decimal
from typing import Any

import msgspec

from weighbridge.config.kinds import Hint, expected
from weighbridge.config.settings import ConfigError
from weighbridge.config.sources import Given


def convert(raw: Given, key: str, hint: Hint, *, shown: bool = True) -> Any:  # noqa: ANN401 - the hint is known only when run
    """The value of the setting `key`. Raises ConfigError, which repeats the value if it may be `shown`."""
    try:
        return msgspec.convert(raw.value, hint, strict=raw.from_file)
    except (msgspec.ValidationError, ArithmeticError) as error:
        got = f", got {raw.value!r}" if shown and isinstance(raw.value, str | int | Decimal) else ""
        raise ConfigError(f"{raw.place}: {key}: expected {expected(hint)}{got}") from error


def nearest(key: str, known: set[str]) -> str:
    """The end of a sentence that tells of a key which is not a setting."""
    by_name = {each.rpartition(".")[2]: each for each in sorted(known, reverse=True)}
    close = difflib.get_close_matches(key, known, 1) or difflib.get_close_matches(key.rpartition(".")[2], by_name, 1)
    if not close:
        return "; every setting is listed in the documentation, page “settings”"
    return f"; did you mean {by_name.get(close[0], close[0])}?"
