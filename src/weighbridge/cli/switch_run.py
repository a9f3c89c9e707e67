"""`weighbridge switch run`: a plan's requests replayed through the running gateway, graded, and what they come to."""

import asyncio
import secrets
import ssl
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import click
import msgspec

from weighbridge import config
from weighbridge.accounts import keys
from weighbridge.accounts.keys import Keeps
from weighbridge.app.switch.setting import Setting, cases, need_numpy, setting
from weighbridge.app.switch.standing import plan_of
from weighbridge.app.switch.under_way import under_way
from weighbridge.cli import client, database, switch_grading
from weighbridge.cli.client import Gateway
from weighbridge.cli.failure import Failure
from weighbridge.cli.money import Money
from weighbridge.cli.options import config_option, examples, json_option
from weighbridge.cli.printing import print_json
from weighbridge.cli.tables import print_table
from weighbridge.config import Secret
from weighbridge.ledger.cost import plain
from weighbridge.ledger.tagged import spent_on
from weighbridge.switch.asking import Door
from weighbridge.switch.books import Books
from weighbridge.switch.desk import Ended, Means
from weighbridge.switch.graders.grader import Grader, GraderError
from weighbridge.switch.graders.rubric import Rubric
from weighbridge.switch.planned import Plan
from weighbridge.switch.progress import Progress, progress
from weighbridge.switch.purse import Purse
from weighbridge.switch.replay import Run
from weighbridge.switch.sources import Source
from weighbridge.transport.client import Origin, Patience, Pool
from weighbridge.transport.deadlines import Deadlines

_PATIENCE: Final = Patience(connect=10, first_byte=900, idle=900)
"""A local model may think long before its first token."""
_KNOWN_WITHIN: Final = 3.0
"""Seconds in which a running gateway knows a new key."""
Told = Callable[[str, int, int], None]


@click.command(
    "run",
    epilog=examples(
        "weighbridge switch run",
        "weighbridge switch run plan-0123456789ab --budget 5",
        "weighbridge switch run plan-0123456789ab --grader graders.py:grade --run-code",
    ),
)
@click.argument("plan", required=False)
@click.option(
    "--budget", type=Money(), metavar="USD", help="The most that the plan may cost in all, instead of its own."
)
@click.option(
    "--at-once", type=click.IntRange(1, 256), default=8, show_default=True, metavar="N", help="Requests under way."
)
@click.option(
    "--grader", "outside", multiple=True, metavar="FILE.py:FUNCTION", help="A grader of your own, ahead of ours."
)
@click.option(
    "--rubrics", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="FILE.toml",
    help="Checks that the judge answers on a route, instead of comparing.",
)  # fmt: skip
@click.option("--run-code", is_flag=True, help="Run the code that models wrote, in a sandbox, against its tests.")
@click.option(
    "--keep-answers", type=click.IntRange(1, 3650), metavar="DAYS",
    help="Keep the answers for so long as texts, for the report to show the worst.",
)  # fmt: skip
@click.option(
    "--labels", "labelled", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="FILE.jsonl",
    help='What people said, to measure the judge by: {"case": …, "label": "reference", "tie" or "candidate"}.',
)  # fmt: skip
@click.option(
    "--encoder", type=click.Choice(["use", "use-short", "wordllama"]),
    help="Have a sentence encoder read requests too, here and where they are routed; the extra `encoders`.",
)  # fmt: skip
@click.option(
    "--holds", type=click.IntRange(1, 3650), default=90, show_default=True, metavar="DAYS",
    help="How long certificates hold.",
)  # fmt: skip
@click.option("--base-url", metavar="URL", help="Where the gateway is; else the one that runs on this machine.")
@click.option("--key", metavar="KEY", help="The key to ask with.")
@json_option
@config_option
def run(  # noqa: PLR0913 - one for each option
    *,
    plan: str | None,
    budget: Decimal | None,
    at_once: int,
    outside: tuple[str, ...],
    rubrics: Path | None,
    run_code: bool,
    keep_answers: int | None,
    labelled: Path | None,
    encoder: str | None,
    holds: int,
    base_url: str | None,
    key: str | None,
    as_json: bool,
    config_file: Path | None,
) -> None:
    """Replay PLAN, or the newest one, through the running gateway, and grade what comes.

    Every replay is in the ledger, marked switch:PLAN. It stops where enough is known, where it cannot be known, and
    before the budget is overrun; ended at any point, it goes on when it is run again. What is kept of an answer is its
    receipt, figures and grade, not its text.
    """
    settings = config.read({}, file=config_file)
    need_numpy()
    gateway = client.find(settings, base_url=base_url, key=key)
    client.health(gateway.base_url)
    ladder, truth = switch_grading.ladder(outside, run_code=run_code), switch_grading.labels(labelled)
    with database.existing(settings) as connection:
        made = plan_of(connection, plan)
        made = made if budget is None else msgspec.structs.replace(made, budget=budget)
        terms = _Terms(ladder, switch_grading.checks(rubrics, made), truth, encoder, holds, at_once)
        at = setting(settings, connection, gateway.key)
        with (
            under_way(settings, made.id),
            _keeping(at, gateway, made, keep_answers) as asking,
            cases(at, made.source, made.reference) as source,
            _drawing(as_json) as told,
        ):
            try:
                ended = asyncio.run(_run(at, made, asking, source, terms, told))
            except ExceptionGroup as failed:  # what one of several requests under way met ends them all
                wrong = _first(failed)
                raise (Failure(str(wrong)) if isinstance(wrong, GraderError) else wrong) from failed
            except KeyboardInterrupt:
                raise Failure("stopped", next_step=f"weighbridge switch run {made.id} goes on where it was") from None
        spent = spent_on(connection, made.tag, made.at)
        done = progress(connection, made)
    if as_json:
        print_json(_document(made, ended, spent, done))
    else:
        _show(made, ended, spent, done)
    if ended.stopped is not None:
        raise Failure(ended.stopped)


def _first(failed: BaseExceptionGroup[BaseException]) -> BaseException:
    wrong: BaseException = failed
    while isinstance(wrong, BaseExceptionGroup):
        wrong = wrong.exceptions[0]
    return wrong


@dataclass(frozen=True, slots=True)
class _Terms:
    """How it is graded and judged, and how fast."""

    graders: Mapping[str, Grader]
    checks: Mapping[str, Rubric]
    truth: Mapping[str, float]
    encoder: str | None
    holds: int
    at_once: int


async def _run(  # noqa: PLR0917 - all that a run works with
    at: Setting,
    plan: Plan,
    gateway: Gateway,
    source: Source,
    terms: _Terms,
    told: Told,
) -> Ended:
    # Imported here: verdicts take numpy, an extra, and a moment.
    from weighbridge.switch.certifying import Court  # noqa: PLC0415

    pool = _pool(gateway.base_url, terms.at_once * (1 + max(len(route.arms) for route in plan.routes)))
    books = Books(at.connection, plan, lambda: datetime.now(UTC))
    court = Court(
        plan=plan,
        source=source,
        books=books,
        catalog=at.catalog,
        forbids=at.forbids,
        policy=None if at.laws is None else at.laws.policies.hash,
        truth=terms.truth,
        checks=terms.checks,
        holds=timedelta(days=terms.holds),
        encoder=None if terms.encoder is None else switch_grading.encoder(terms.encoder),
    )
    try:
        means = Means(
            plan=plan,
            source=source,
            door=Door(pool, gateway.base_url, gateway.key.reveal(), plan.tag),
            books=books,
            purse=Purse(plan.budget, await books.spent()),
            catalog=at.catalog,
            forbids=at.forbids,
            policed=at.laws is not None,
            graders=terms.graders,
            checks=terms.checks,
            look=court.look,
            conclude=court.judge,
            at_once=terms.at_once,
            now=lambda: datetime.now(UTC),
            told=told,
        )
        return await Run(means).run()
    finally:
        pool.close()


def _pool(base_url: str, limit: int) -> Pool:
    url = urlsplit(base_url)
    tls = url.scheme == "https"
    origin = Origin("the gateway", url.hostname or "localhost", url.port or (443 if tls else 80), tls)
    context = ssl.create_default_context() if tls else None
    return Pool(origin, patience=_PATIENCE, deadlines=Deadlines(asyncio.get_running_loop()), tls=context, limit=limit)


@contextmanager
def _keeping(at: Setting, gateway: Gateway, plan: Plan, days: int | None) -> Iterator[Gateway]:
    """The gateway with a key of the plan's own that has its texts kept, where they are to be."""
    if days is None:
        yield gateway
        return
    now = datetime.now(UTC)
    made, secret = keys.create(
        at.connection,
        name=f"switch {plan.id} {secrets.token_hex(2)}",
        now=now,
        expires=now + timedelta(days=30),
        keeps=Keeps(days),
        by=database.actor(),
    )
    at.keys[made.id] = made
    try:
        own = replace(gateway, key=Secret(secret))
        _await_key(own)
        yield own
    finally:
        keys.revoke(at.connection, made.id, now=datetime.now(UTC), by=database.actor())


def _await_key(gateway: Gateway) -> None:
    async def known() -> None:
        async with asyncio.timeout(_KNOWN_WITHIN):
            while True:
                try:
                    await asyncio.to_thread(gateway.models)
                except Failure:
                    await asyncio.sleep(0.1)
                else:
                    return

    try:
        asyncio.run(known())
    except TimeoutError as error:
        raise Failure(
            "the gateway does not know the key that keeps the answers: does it run on this database?",
            next_step="run it without --keep-answers, or weighbridge doctor",
        ) from error


@contextmanager
def _drawing(silent: bool) -> Iterator[Told]:
    if silent or not sys.stderr.isatty():
        yield lambda route, done, total: None
        return
    # Imported here: rich takes time, and a script draws nothing.
    from weighbridge.cli.bars import Steps  # noqa: PLC0415

    with Steps("replaying") as bar:
        yield lambda route, done, total: bar.at(done, total)


_HEADS: Final = (
    "route",
    "candidate",
    "replayed",
    "graded",
    "loss",
    "harm",
    "lost unanswered",
    "no evidence",
    "$",
    "ended",
)


def _show(plan: Plan, ended: Ended, spent: Decimal, done: list[Progress]) -> None:
    rows = [
        (
            each.route,
            each.arm,
            f"{each.done:,} of {each.planned:,}",
            f"{each.graded:,}",
            None if each.loss is None else f"{each.loss:+.1%}",
            f"{each.harm:,}",
            f"{each.unanswered:,}",
            f"{each.gone:,}",
            plain(each.cost),
            ended.arms.get((each.route, each.arm)),
        )
        for each in done
    ]
    print_table(_HEADS, rows, right=_HEADS[2:9])
    of = "" if plan.budget is None else f" of ${plain(plan.budget)}"
    click.echo(f"Spent: ${plain(spent)}{of}, by the ledger; weighbridge usage --by model --where tag={plan.tag}")
    if ended.stopped is not None:
        return
    if ended.left:
        click.echo(f"{ended.left:,} replays were not answered yet: weighbridge switch run {plan.id}")
    click.echo(f"Next: weighbridge switch report {plan.id} -o report.html")


def _document(plan: Plan, ended: Ended, spent: Decimal, done: list[Progress]) -> dict[str, object]:
    return {
        "plan": plan.id,
        "spent": plain(spent),
        "stopped": ended.stopped,
        "left": ended.left,
        "arms": [{**msgspec.structs.asdict(each), "ended": ended.arms.get((each.route, each.arm))} for each in done],
    }
