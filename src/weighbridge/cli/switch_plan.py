"""`weighbridge switch plan`: what would be replayed, on which candidates, at what cost, and what it could prove."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Final, get_args

import click

from weighbridge import config
from weighbridge.app.switch.drafting import MOST_REPLAYS, Draft, NoRequests, check, drafted
from weighbridge.app.switch.setting import need_numpy, setting
from weighbridge.catalog.model import LicenceClass
from weighbridge.cli import client, database
from weighbridge.cli.moments import Moment
from weighbridge.cli.money import Money
from weighbridge.cli.options import config_option, examples, json_option
from weighbridge.cli.printing import print_json
from weighbridge.cli.switch_showing import document, show, tell_few
from weighbridge.db import transaction
from weighbridge.routing.quality.rule import Arm
from weighbridge.switch.anchors import MOST as MOST_ANCHORS
from weighbridge.switch.candidates import MOST, Wanted, arm_of
from weighbridge.switch.cases import Skipped
from weighbridge.switch.plan import needed
from weighbridge.switch.planned import FromFile, FromTexts
from weighbridge.switch.sources import Found

_SHOWN: Final = 5


class _Arms(click.ParamType[Arm]):
    name = "model"

    def convert(self, value: str | Arm, param: click.Parameter | None, ctx: click.Context | None) -> Arm:
        if isinstance(value, Arm):
            return value
        try:
            return arm_of(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command(
    "plan",
    epilog=examples(
        "weighbridge switch plan --from openai/gpt-5-mini --open --licence permissive --since 30d",
        "weighbridge switch plan --from openai/gpt-5-mini --to qwen/qwen3-32b --to z-ai/glm-4.5-air@low#2048",
        "weighbridge switch plan --from openai/gpt-5-mini --requests requests.jsonl --budget 5 --judge openai/gpt-5",
        "weighbridge switch plan --from openai/gpt-5-mini --to qwen/qwen3.5-27b --anchors",
    ),
)
@click.option("--from", "reference", required=True, metavar="MODEL", help="The model that is used now.")
@click.option(
    "--to", "to", multiple=True, type=_Arms(), metavar="MODEL[@EFFORT][#TOKENS]", help="A candidate; repeatable."
)
@click.option("--open", "open_weights", is_flag=True, help="Propose models with open weights only.")
@click.option("--licence", type=click.Choice(get_args(LicenceClass)), help="Propose this class of licence only.")
@click.option("--max-price", type=Money(), metavar="USD", help="Most for a million output tokens of what is proposed.")
@click.option(
    "--most", type=click.IntRange(1, 20), default=MOST, show_default=True, help="Candidates that are proposed."
)
@click.option("--route", "only", multiple=True, metavar="ID", help="Only this route; repeatable.")
@click.option("--key", metavar="ID", help="Only what this key has asked.")
@click.option("--since", type=Moment("ago"), metavar="SPAN|DATE", help="Only from then on: 24h, 30d, 2026-12-01 (UTC).")
@click.option(
    "--requests",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE.jsonl",
    help="Take the requests of this file instead of texts that are kept.",
)
@click.option(
    "--epsilon", type=click.FloatRange(0, 1, min_open=True), default=0.02, show_default=True,
    help="The loss of quality that is to be shown not to be exceeded.",
)  # fmt: skip
@click.option(
    "--delta", type=click.FloatRange(0, 0.5, min_open=True, max_open=True), default=0.05, show_default=True,
    help="How likely the promise may be wrong.",
)  # fmt: skip
@click.option("--budget", type=Money(), metavar="USD", help="The most that the replay may cost, to the cent.")
@click.option("--judge", metavar="MODEL", help="Who compares answers that nothing else can grade.")
@click.option(
    "--max-replays", type=click.IntRange(1, 100_000), default=MOST_REPLAYS, show_default=True, metavar="N",
    help="Requests of each route that are replayed at most.",
)  # fmt: skip
@click.option(
    "--anchors", type=click.IntRange(1, 100_000), is_flag=False, flag_value=MOST_ANCHORS, metavar="[N]",
    help=f"Only requests that were replayed before, at most N of each route, and {MOST_ANCHORS} where no number is"
    " said: a new model pays for its own answers, beside the models that answer the route by now.",
)  # fmt: skip
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@config_option
def plan(  # noqa: PLR0913 - one for each option
    *,
    reference: str,
    to: tuple[Arm, ...],
    open_weights: bool,
    licence: LicenceClass | None,
    max_price: Decimal | None,
    most: int,
    only: tuple[str, ...],
    key: str | None,
    since: datetime | None,
    requests: Path | None,
    epsilon: float,
    delta: float,
    budget: Decimal | None,
    judge: str | None,
    max_replays: int,
    anchors: int | None,
    yes: bool,
    as_json: bool,
    config_file: Path | None,
) -> None:
    """Plan to replay requests on cheaper models: which, where, at what cost, and what it could prove.

    Requests are those whose keys keep their texts, or the lines of a file: of `weighbridge texts export`, of an OpenAI
    batch, chat completion requests, or {"request": …, "expected": …, "grader": …, "answer": …}. They are grouped into
    routes of requests that are alike. Candidates are named, or proposed: cheaper models that can be asked here, that
    the policy in force lets these requests go to, one of each price class. Nothing is asked of anybody yet.

    With --json a plan is stored only with --yes.
    """
    settings = config.read({}, file=config_file)
    need_numpy()
    if requests is not None and (key is not None or since is not None):
        raise click.UsageError("--key and --since choose among kept texts: leave them out with --requests")
    source = FromTexts(since, key) if requests is None else FromFile(str(requests.resolve()))
    draft = Draft(
        reference=reference,
        source=source,
        wanted=Wanted(to=to, open_weights=open_weights, licence=licence, max_price=max_price, most=most),
        epsilon=epsilon,
        delta=delta,
        budget=budget,
        judge=judge,
        most_replays=max_replays,
        only=only,
        anchors=anchors,
    )
    with database.opened(settings) as connection:
        at = setting(settings, connection, client.own_key(settings))
        try:
            found = drafted(at, draft, watch=_counting)
        except NoRequests as error:
            _tell(error.skipped)
            raise
        made, skipped, few = found.plan, found.skipped, found.few
        if as_json:
            print_json(document(made, skipped, few))
        else:
            _tell(skipped)
            show(made)
            tell_few(few, needed(epsilon, delta, 0))
        check(made, at)
        if yes or (not as_json and click.confirm("Store this plan?", default=True)):
            with transaction(connection):
                found.store(connection)
            if not as_json:
                click.echo(f"Planned. Next: weighbridge switch run {made.id}")


def _tell(skipped: Sequence[Skipped]) -> None:
    for each in skipped[:_SHOWN]:
        click.echo(f"{each.where}: {each.why}", err=True)
    if len(skipped) > _SHOWN:
        click.echo(f"… and {len(skipped) - _SHOWN} more that are no cases", err=True)


@contextmanager
def _counting(found: Iterator[Found | Skipped]) -> Iterator[Iterator[Found | Skipped]]:
    if not sys.stderr.isatty():
        yield found
        return
    # Imported here: rich takes time, and a script draws nothing.
    from weighbridge.cli.bars import Steps  # noqa: PLC0415

    def counted() -> Iterator[Found | Skipped]:
        for number, each in enumerate(found, 1):
            bar.at(number, number + 1)
            yield each

    with Steps("reading requests") as bar:
        yield counted()
