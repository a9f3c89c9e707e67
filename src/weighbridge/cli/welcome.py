"""What `up` says when the gateway is ready: where it is, what opens it, what it can call, and how to ask."""

from collections.abc import Iterator, Sequence

from weighbridge.app.connections import Connection
from weighbridge.app.first_question import curl, snippet

_SUGGESTED = ("DEEPSEEK_API_KEY", "MISTRAL_API_KEY", "OPENROUTER_API_KEY")


def welcome(
    *, base_url: str, key: str, models: Sequence[str], connections: Sequence[Connection], window: str | None = None
) -> str:
    """The whole text. `models` are those the gateway offers, the one to try first; `window` is a link into it."""
    return "\n".join(
        [
            "Weighbridge is ready.",
            "",
            f"  Base URL   {base_url}",
            f"  Key        {key}",
            f"  Models     {_models(models, connections)}",
            *_providers(connections),
            *_window(window),
            "",
            *(_try_it(base_url, key, models[0]) if models else ["Ask once there is a model: weighbridge doctor"]),
            "",
            "Ctrl-C stops it; answers under way end first.",
        ]
    )


def _models(models: Sequence[str], connections: Sequence[Connection]) -> str:
    if not models and any(each.lack is None for each in connections):
        return "none yet: the providers are being asked for theirs"
    if not models:
        return "none yet: set a provider's key, or leave out --no-local"
    return models[0] if len(models) == 1 else f"{models[0]} and {len(models) - 1} more: weighbridge models"


def _providers(connections: Sequence[Connection]) -> Iterator[str]:
    remote = [each for each in connections if each.id != "local"]
    called = [each.row.name for each in remote if each.lack is None]
    variables = [name for each in remote if each.lack == "key" for name in each.row.key_env[:1]]
    suggested = next((name for name in _SUGGESTED if name in variables), None)
    yield f"  Providers  {', '.join(called) or 'none'}"
    if suggested is not None:
        yield f"             One more: set its key, such as {suggested}, and start again; weighbridge doctor lists all."


def _window(link: str | None) -> Iterator[str]:
    if link is not None:
        yield f"  Window     {link}"
        yield "             for your browser; the link works once, and `weighbridge window` prints another."


def _try_it(base_url: str, key: str, model: str) -> Iterator[str]:
    yield "Try it:"
    yield '  weighbridge chat "Write a haiku about weighing"'
    yield f"  {curl(base_url, key, model)}"
    yield ""
    yield "From Python, after pip install openai:"
    yield from (f"  {line}".rstrip() for line in snippet(base_url, key, model))
