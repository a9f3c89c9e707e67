"""`weighbridge explain`: whom a request would be sent to, in which order, at what price, and why not to others."""

import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Final

import click
import msgspec

from weighbridge import config
from weighbridge.accounts.keys import Key
from weighbridge.app import local_models
from weighbridge.app.planning import planning
from weighbridge.cli import client
from weighbridge.cli.failure import Misuse
from weighbridge.cli.options import config_option, examples, json_option
from weighbridge.cli.printing import print_json, usd
from weighbridge.cli.tables import print_table
from weighbridge.config import Settings
from weighbridge.gateway.default_model import DefaultModel
from weighbridge.gateway.explain import DIALECTS, Dialect, Explain
from weighbridge.ledger.cost import plain
from weighbridge.routing.explain import Explanation, Seen, Step, Switched
from weighbridge.transport.message import Request

_fields: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


@click.command(
    "explain",
    epilog=examples(
        "weighbridge explain request.json",
        """echo '{"messages":[{"role":"user","content":"hi"}]}' | weighbridge explain - --model qwen/qwen3-coder""",
        """weighbridge explain request.json --provider '{"sort":"price","zdr":true}' --session me --json""",
    ),
)
@click.argument("request_file", metavar="REQUEST.json|-", type=click.File("rb"))
@click.option("--model", metavar="ID", help="Ask for this model instead of the request's.")
@click.option("--provider", metavar="JSON", help="Ask this of the providers, in OpenRouter's `provider` object.")
@click.option("--session", metavar="NAME", help="Plan it as a request of this session.")
@click.option("--header", "headers", multiple=True, metavar="NAME:VALUE", help="Send this header too; repeatable.")
@click.option("--dialect", type=click.Choice(DIALECTS), default="chat", show_default=True, help="The request's.")
@click.option("--base-url", metavar="URL", help="Where the gateway is; else the one that runs on this machine.")
@click.option("--key", metavar="KEY", help="The key to ask with.")
@json_option
@config_option
def command(  # noqa: PLR0913 - one for each option
    *,
    request_file: IO[bytes],
    model: str | None,
    provider: str | None,
    session: str | None,
    headers: Sequence[str],
    dialect: Dialect,
    base_url: str | None,
    key: str | None,
    as_json: bool,
    config_file: Path | None,
) -> None:
    """Explain the plan of a request without sending it: nobody is asked and nothing is entered.

    The running gateway is asked, which knows how its endpoints do. Where none runs, the plan is made here from the
    settings and the catalogue.
    """
    settings = config.read({}, file=config_file)
    body = _body(request_file.read(), model)
    sent = _headers(headers, provider, session)
    try:
        said = _asked(client.find(settings, base_url=base_url, key=key), body, sent, dialect)
    except client.NoGateway:
        if base_url is not None:
            raise
        said = _planned_here(settings, body, sent, dialect)
        click.echo("No gateway runs here: this is planned from the settings and the catalogue alone.", err=True)
    if as_json:
        print_json(said)
    else:
        show(said)
    if said.error is not None:
        sys.exit(1)


def _body(text: bytes, model: str | None) -> bytes:
    try:
        fields = _fields.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Misuse(f"the request is no JSON object: {error}") from error
    return text if model is None else msgspec.json.encode({**fields, "model": model})


def _headers(given: Sequence[str], provider: str | None, session: str | None) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in given:
        name, colon, value = each.partition(":")
        if not colon or not name.strip() or "\n" in each or "\r" in each:
            raise Misuse(f"--header {each!r}: write NAME:VALUE, such as x-weighbridge-tags:personal-data")
        found[name.strip().lower()] = value.strip()
    if provider is not None:
        found["x-weighbridge-provider"] = provider
    if session is not None:
        found["x-weighbridge-session"] = session
    return found


def _asked(gateway: client.Gateway, body: bytes, headers: Mapping[str, str], dialect: Dialect) -> Explanation:
    with gateway.post(f"/route/explain?dialect={dialect}", body, headers) as answer:
        return msgspec.json.decode(answer.read(), type=Explanation)


def _planned_here(settings: Settings, body: bytes, headers: Mapping[str, str], dialect: Dialect) -> Explanation:
    """As for a key that may do everything."""
    now = datetime.now(UTC)
    made = planning(settings, local_models.here(settings), now)
    anybody = Key("none", "none", "", None, now)
    raw = {name.encode(): value.encode() for name, value in headers.items()}
    explain = Explain(lambda request, at: anybody, made, lambda: now, DefaultModel(settings.server.default_model))
    return explain.explained(Request("POST", b"/v1/route/explain", raw, body), anybody, now, dialect)


def show(said: Explanation) -> None:
    """The explanation for people."""
    sizes = f"{said.prompt_bytes:,} bytes of prompt"
    most = "" if said.most_tokens is None else f", {said.most_tokens:,} tokens of answer at most"
    click.echo(f"{', '.join(said.models)}: {sizes}{most}, at {said.at:%Y-%m-%d %H:%M} UTC")
    click.echo(f"seed {said.seed}, from {_FROM[said.seed_from]}; otherwise sorted by: {said.sort}")
    if said.preferences is not None:
        click.echo(f"provider: {msgspec.json.encode(said.preferences).decode()}")
    if said.policy is not None:
        click.echo(f"policy: {said.policy}")
    if said.switch is not None:
        click.echo(_switched(said.switch))
    if said.order:
        _show_order(said)
    if said.excluded:
        print_table(("not asked", "rule", "why"), [(out.endpoint, out.rule, out.why) for out in said.excluded])
    if said.error is not None:
        click.echo(f"Nobody may answer ({said.error.code}): {said.error.message}")


def _switched(said: Switched) -> str:
    """Which model a switch has it go to, and by what."""
    who = f"{said.arm} first" if said.arm is not None else said.reference or "as it is named"
    by = "nothing is proven" if said.certificate is None else f"certificate {said.certificate}"
    figures = [
        None if said.loss is None else f"predicted loss {said.loss:.3f}",
        None if said.tau is None else f"knob {said.tau if isinstance(said.tau, str) else round(said.tau, 3)}",
        None if said.novelty is None else f"novelty {said.novelty:.3f}",
        None if said.most_novel is None else f"of {said.most_novel:.3f}",
    ]
    told = " ".join(each for each in figures if each is not None)
    return f"switch: {who} ({said.why}; {by}; route {said.route}{'; ' if told else ''}{told})"


_FROM: Final = {"session": "the session", "opening": "how the conversation begins", "chance": "chance"}
_RIGHT: Final = ("", "cost", "$/M in", "$/M out", "share", "first byte", "tokens/s")


def _show_order(said: Explanation) -> None:
    """A column for each thing that is known of some, and is not the same of all by its nature."""
    one_group = len({step.group for step in said.order}) == 1
    rows = [
        _row(step, place, one_model=len(said.models) == 1, one_group=one_group)
        for place, step in enumerate(said.order, 1)
    ]
    heads = [head for head in rows[0] if any(row[head] is not None for row in rows)]
    print_table(heads, [[row[head] for head in heads] for row in rows], right=_RIGHT)


def _row(step: Step, place: int, *, one_model: bool, one_group: bool) -> dict[str, object]:
    price, health = step.price, step.health
    return {
        "": place,
        "endpoint": step.endpoint,
        "model": None if one_model else step.model,
        "cost": None if step.cost is None else usd(step.cost),
        "$/M in": None if price is None else plain(price.input),
        "$/M out": None if price is None else plain(price.output),
        "group": None if one_group else step.group,
        "share": None if step.share is None else f"{step.share:.1f} %",
        "health": None if health is None else _health(health),
        "first byte": None if health is None or health.latency is None else f"{health.latency.p50:.2f} s",
        "tokens/s": None if health is None or health.throughput is None else f"{health.throughput.p50:.0f}",
    }


def _health(health: Seen) -> str:
    if health.closed_seconds is None:
        return "well"
    wait = "on trial" if health.closed_seconds <= 0 else f"left alone for {health.closed_seconds:.0f} s"
    return f"{wait} ({health.why})" if health.why else wait
