"""`weighbridge chat`: one question, its answer as it comes, and what it cost."""

import http.client
import sys
from decimal import Decimal
from pathlib import Path

import click
import msgspec

from weighbridge import config
from weighbridge.app import local_models
from weighbridge.cli import client
from weighbridge.cli.failure import Failure, Misuse
from weighbridge.cli.options import config_option, examples
from weighbridge.cli.printing import usd
from weighbridge.config import Settings
from weighbridge.wire import reported

# A model's answer must not move the cursor or set the title of somebody's terminal.
_CONTROLS = {code: None for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"}


class _Usage(msgspec.Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: Decimal | None = None


class _Said(msgspec.Struct):
    content: str | None = None
    reasoning_content: str | None = None


class _Choice(msgspec.Struct):
    delta: _Said | None = None
    message: _Said | None = None


class _Part(msgspec.Struct):
    """What we read of an answer or of a chunk of one."""

    model: str | None = None
    choices: list[_Choice] = []
    usage: _Usage | None = None


@click.command(
    "chat",
    epilog=examples(
        'weighbridge chat "Write a haiku about weighing"',
        'weighbridge chat -m deepseek/deepseek-v3.2 -s "Be brief" "Why is the sky blue?"',
        'git diff | weighbridge chat -s "Review this change" -',
    ),
)
@click.argument("message")
@click.option("--model", "-m", help="Model to ask; else the local one, else the first that the gateway offers.")
@click.option("--system", "-s", help="System prompt.")
@click.option("--max-tokens", type=click.IntRange(min=1), help="Longest answer, in tokens.")
@click.option("--json", "as_json", is_flag=True, help="Print the whole answer as the gateway's JSON.")
@click.option("--no-stream", is_flag=True, help="Wait for the whole answer.")
@click.option("--base-url", help="Gateway to ask, such as http://127.0.0.1:8080/v1 [WEIGHBRIDGE_BASE_URL].")
@click.option("--key", help="Key to ask with [WEIGHBRIDGE_API_KEY]; else the one of the data directory.")
@config_option
def command(  # noqa: PLR0913 - each is an option
    *,
    message: str,
    model: str | None,
    system: str | None,
    max_tokens: int | None,
    as_json: bool,
    no_stream: bool,
    base_url: str | None,
    key: str | None,
    config_file: Path | None,
) -> None:
    """Ask a model MESSAGE; "-" reads it from standard input.

    The answer comes on standard output; what it took, what it cost and its receipt on standard error.
    """
    settings = config.read({}, file=config_file)
    gateway = client.find(settings, base_url=base_url, key=key)
    stream = not (no_stream or as_json)
    body: dict[str, object] = {
        "model": model or _usual_model(gateway, settings),
        "messages": _messages(system, _question(message)),
        "stream": stream,
    }
    if stream:
        body["stream_options"] = {"include_usage": True}
    if max_tokens is not None:
        body["max_tokens"] = max_tokens
    with gateway.post("/chat/completions", msgspec.json.encode(body)) as response:
        if as_json:
            click.echo(response.read())
            return
        last = _print_stream(response) if stream else _print_whole(response)
        _print_receipt(last, response.headers.get("x-weighbridge-receipt"))


def _question(message: str) -> str:
    question = sys.stdin.read() if message == "-" else message
    if not question.strip():
        raise Misuse("there is no question; write one, or pipe one in and say -")
    return question


def _messages(system: str | None, question: str) -> list[dict[str, str]]:
    first = [{"role": "system", "content": system}] if system else []
    return [*first, {"role": "user", "content": question}]


def _usual_model(gateway: client.Gateway, settings: Settings) -> str:
    offered = gateway.models()
    if not offered:
        raise Failure("the gateway offers no model", next_step="weighbridge doctor")
    return next((model for model in local_models.that_write(settings) if model in offered), offered[0])


def _print_stream(response: http.client.HTTPResponse) -> _Part:
    whole = _Part()
    for document in client.documents(response):
        part = msgspec.json.decode(document, type=_Part)
        if not part.choices and part.usage is None and (fault := reported.fault_in(document)):
            click.echo()
            raise Failure(f"the answer broke off: {fault}")
        whole.model = part.model or whole.model
        whole.usage = part.usage or whole.usage
        for choice in part.choices:
            _print_said(choice.delta)
    click.echo()
    return whole


def _print_whole(response: http.client.HTTPResponse) -> _Part:
    whole = msgspec.json.decode(response.read(), type=_Part)
    for choice in whole.choices:
        _print_said(choice.message)
    click.echo()
    return whole


def _print_said(said: _Said | None) -> None:
    if said is None:
        return
    if said.reasoning_content:
        click.echo(click.style(_shown(said.reasoning_content, sys.stderr.isatty()), dim=True), nl=False, err=True)
    if said.content:
        click.echo(_shown(said.content, sys.stdout.isatty()), nl=False)


def _shown(text: str, on_terminal: bool) -> str:
    return text.translate(_CONTROLS) if on_terminal else text


def _print_receipt(answer: _Part, receipt: str | None) -> None:
    usage = answer.usage or _Usage()
    cost = "price unknown" if usage.cost is None else usd(usage.cost)
    parts = (answer.model, f"{usage.prompt_tokens} tokens in, {usage.completion_tokens} out", cost, receipt)
    click.echo(click.style(" · ".join(part for part in parts if part), dim=True), err=True)
