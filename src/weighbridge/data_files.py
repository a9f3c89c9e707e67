"""Folders of TOML files that the installation carries, each file one value of a kind."""

import tomllib
from importlib.resources import files
from typing import Any, TypeVar

import msgspec

from weighbridge.errors import WeighbridgeError

_T = TypeVar("_T")


def folder(package: str, name: str) -> dict[str, str]:
    """The texts of a package's folder of `.toml` files, by their names without the ending, in alphabetical order."""
    found = sorted(
        (file for file in (files(package) / name).iterdir() if file.name.endswith(".toml")), key=lambda file: file.name
    )
    return {file.name.removesuffix(".toml"): file.read_text(encoding="utf-8") for file in found}


def table(what: str, text: str, wrong: type[WeighbridgeError]) -> dict[str, Any]:  # Any: not read as anything yet
    """A file's table. Raises `wrong`, which begins with `what`."""
    try:
        return tomllib.loads(text)
    except ValueError as error:
        raise wrong(f"{what}: {error}") from error


def value(what: str, read: dict[str, Any], kind: type[_T], wrong: type[WeighbridgeError]) -> _T:
    """A table as a value of a kind. Raises `wrong`, which begins with `what` and names the key at fault."""
    try:
        return msgspec.convert(read, kind)
    except (ValueError, msgspec.ValidationError) as error:
        raise wrong(f"{what}: {error}") from error
