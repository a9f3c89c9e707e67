"""The options of `weighbridge keys create` for what a key asks for where its requests say nothing."""

import functools
from collections.abc import Callable
from typing import get_args

import click
import msgspec

from weighbridge.accounts.defaults import Defaults, facts
from weighbridge.wire.preferences import Preferences, Priority, Sorted

_PRIORITIES = click.Choice(get_args(Priority))
_OPTIONS = (
    click.option("--preset", metavar="NAME", help="The preset of requests that name none."),
    click.option("--priority", type=_PRIORITIES, help="Who goes first where not all can be answered at once."),
    click.option("--most-priority", type=_PRIORITIES, help="The highest that a request of it can ask for."),
    click.option(
        "--cache", type=click.IntRange(min=1), metavar="SECONDS", help="Give an answer again for so long; else never."
    ),
    click.option("--provider-order", metavar="ID,…", help="Providers to ask first, in this order."),
    click.option("--provider-only", metavar="ID,…", help="Providers to ask, and no others."),
    click.option("--provider-ignore", metavar="ID,…", help="Providers not to ask."),
    click.option("--provider-sort", type=click.Choice(get_args(Sorted)), help="By what to choose among providers."),
)


def default_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give the command these options, all of them as one argument, `defaults`."""

    @functools.wraps(command)
    def collected(
        *,
        preset: str | None,
        priority: Priority | None,
        most_priority: Priority | None,
        cache: int | None,
        provider_order: str | None,
        provider_only: str | None,
        provider_ignore: str | None,
        provider_sort: Sorted | None,
        **others: object,  # the command's own, whatever they are
    ) -> None:
        wanted = Preferences(
            order=_names(provider_order),
            only=_names(provider_only),
            ignore=_names(provider_ignore),
            sort=provider_sort,
        )
        defaults = Defaults(
            preset=preset,
            priority=priority,
            most_priority=most_priority,
            cache=cache,
            provider=None if wanted == Preferences() else wanted,
        )
        command(defaults=defaults, **others)

    return functools.reduce(lambda made, option: option(made), reversed(_OPTIONS), collected)


def in_a_word(defaults: Defaults) -> str | None:
    """The same for a cell of a table."""
    words = [f"{name}={_plain(value)}" for name, value in facts(defaults).items()]
    return " ".join(words) or None


def _plain(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _names(given: str | None) -> list[str] | None:
    return None if given is None else [name.strip() for name in given.split(",") if name.strip()]
