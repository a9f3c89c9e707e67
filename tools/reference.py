"""Writes docs/reference/ from the code: settings, errors, routes, commands and figures.

`python -m tools.reference` writes the pages; with `--check` it compares them and fails where one is out of date.
"""

import inspect
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from tools.figures import figures
from weighbridge import cli
from weighbridge.config.reference import described
from weighbridge.errors import WeighbridgeError
from weighbridge.gateway.outline import outline

FOLDER = Path(__file__).parents[1] / "docs" / "reference"


def main() -> None:
    """Write the pages, or say which are out of date and exit with 1."""
    stale = [name for name, text in pages().items() if not _is(FOLDER / name, text)]
    if "--check" in sys.argv[1:]:
        for name in stale:
            print(f"docs/reference/{name} is out of date: run `make docs` and commit what it writes", file=sys.stderr)
        sys.exit(1 if stale else 0)
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in stale:
        (FOLDER / name).write_text(pages()[name], "utf-8")
        print(f"docs/reference/{name} written")


def pages() -> dict[str, str]:
    """The text of every page, by file name."""
    return {
        "settings.md": _page("Settings", "weighbridge.config", _settings()),
        "errors.md": _page("Errors", "weighbridge.errors", _errors()),
        "routes.md": _page("Routes", "weighbridge.gateway.routes", _routes()),
        "cli.md": _page("Commands", "weighbridge.cli", _commands()),
        "figures.md": _page("Figures of the market", "weighbridge.market.recipes", figures(_table)),
    }


def _is(path: Path, text: str) -> bool:
    return path.exists() and path.read_text("utf-8") == text


def _page(title: str, module: str, parts: Iterable[str]) -> str:
    note = f"<!-- Made from `{module}` by `make docs`; what is written here by hand is lost. -->"
    return "\n\n".join([f"# {title}", note, *parts]) + "\n"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


# Settings


def _settings() -> Iterator[str]:
    sections: dict[str, list[tuple[str, ...]]] = {}
    for item in described():
        section = item.key.rpartition(".")[0]
        variable = f"`{item.variable}`" if item.variable else "only in the file"
        kind = f"{item.expected} ({item.unit})" if item.unit and item.unit not in item.expected else item.expected
        row = (f"`{item.key}`", kind, f"`{item.default}`", variable, item.meaning)
        sections.setdefault(section, []).append(row)
    yield inspect.cleandoc(sys.modules["weighbridge.config"].__doc__ or "")
    for section, rows in sections.items():
        yield f"## {section or 'The whole'}"
        yield _table(("key", "value", "default", "environment", "meaning"), rows)


# Errors


def error_classes(base: type[WeighbridgeError] = WeighbridgeError) -> Iterator[type[WeighbridgeError]]:
    """Every class of the tree, parents first, in the order of the file."""
    yield base
    for child in base.__subclasses__():
        yield from error_classes(child)


def _errors() -> Iterator[str]:
    yield (
        'Every error has OpenAI\'s shape: `{"error": {"message": …, "type": …, "param": …, "code": …}}`. '
        "`code` is stable: compare it, never the message. "
        "Where another endpoint may do, the gateway has tried those that serve the model before it answers."
    )
    rows = [_error(each) for each in error_classes()]
    yield _table(("status", "code", "type", "what happened", "what to do", "another endpoint may do"), rows)


def _error(each: type[WeighbridgeError]) -> tuple[str, ...]:
    meaning, _, remedy = inspect.cleandoc(each.__doc__ or "").partition("\n\n")
    another = "yes" if each.try_another else "no"
    return str(each.status), f"`{each.code}`", f"`{each.kind}`", meaning, remedy.replace("\n", " "), another


# Routes


def _routes() -> Iterator[str]:
    rows = [(route.method, f"`{route.path}`", route.summary) for route in outline()]
    yield _table(("method", "path", "answers with"), rows)


# Commands


def commands() -> Iterator[click.Context]:
    """Every command in a context of its own, groups before what they hold."""
    settings = cli.main.context_settings
    yield from _under(click.Context(cli.main, info_name="weighbridge", terminal_width=100, **settings))


def _under(context: click.Context) -> Iterator[click.Context]:
    yield context
    if isinstance(context.command, click.Group):
        for name in context.command.list_commands(context):
            command = context.command.get_command(context, name)
            assert command is not None
            yield from _under(click.Context(command, info_name=name, parent=context))


def _commands() -> Iterator[str]:
    for context in commands():
        yield f"## {context.command_path}"
        yield f"```text\n{context.get_help()}\n```"


if __name__ == "__main__":
    main()
