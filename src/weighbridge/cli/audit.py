"""`weighbridge audit`: whether every request was served within the policy in force when it came."""

import sys
from datetime import datetime
from pathlib import Path

import click

from weighbridge import config
from weighbridge.app.auditing import Auditor, Report, Violation
from weighbridge.cli import database
from weighbridge.cli.moments import Moment
from weighbridge.cli.options import config_option, examples, json_option
from weighbridge.cli.printing import print_json
from weighbridge.cli.tables import print_table
from weighbridge.cli.tallying import key_names, tallied
from weighbridge.ledger import policies
from weighbridge.ledger.policies import InForce


@click.command(
    "audit",
    epilog=examples(
        "weighbridge audit", "weighbridge audit --since 30d --until 2026-12-01", "weighbridge audit --json"
    ),
)
@click.option("--since", type=Moment("ago"), metavar="SPAN|DATE", help="Only from then on: 24h, 30d, 2026-12-01 (UTC).")
@click.option("--until", type=Moment("ago"), metavar="SPAN|DATE", help="Only to just before then.")
@json_option
@config_option
def command(*, since: datetime | None, until: datetime | None, as_json: bool, config_file: Path | None) -> None:
    """Prove that no request was served outside the policy in force at that moment.

    Each entry is decided again, by the policy that its worker obeyed when it came and the facts that were recorded of
    each endpoint it was sent to. Exits with 1 if one violates it.
    """
    if since is not None and until is not None and until <= since:
        raise click.BadParameter("it is not after --since", param_hint="--until")
    with database.existing(config.read({}, file=config_file)) as connection:
        rows = policies.in_force(connection)
        auditor = Auditor(rows, policies.texts(connection), key_names(connection))
        report = auditor.report(tallied(connection, since=since, until=until))
    if as_json:
        print_json(_document(report, rows))
    else:
        _print(report, rows)
    if report.violations:
        sys.exit(1)


def _print(report: Report, rows: list[InForce]) -> None:
    counts = (
        (report.within, "were served within the policy in force"),
        (report.kept_out, "were refused by a policy"),
        (report.not_sent, "were sent to no endpoint: refused for another reason, or answered from the cache"),
        (report.without_policy, "were served while no policy was in force"),
        (report.violating, "VIOLATE the policy in force"),
    )
    width = len(f"{report.entries:,}")
    click.echo(f"{report.entries:,} entries, {len({row.policy for row in rows})} policies in force over the whole time")
    for count, said in counts:
        if count or said.startswith("VIOLATE"):
            click.echo(f"{count:>{width},}  {said}")
    if report.violations:
        click.echo("")
        heads = ("entries", "what", "endpoint", "model", "key", "first", "last", "receipt", "why")
        print_table(heads, (_row(each) for each in report.violations), right=("entries",))


def _row(violation: Violation) -> tuple[object, ...]:
    tally = violation.tally
    endpoint = f"{tally.provider}/{tally.upstream_model}"
    times = (f"{tally.first:%Y-%m-%d %H:%M:%S}", f"{tally.last:%Y-%m-%d %H:%M:%S}")
    return (
        tally.entries,
        violation.breach,
        endpoint,
        tally.model,
        tally.key,
        *times,
        tally.receipt,
        violation.why,
    )


def _document(report: Report, rows: list[InForce]) -> dict[str, object]:
    return {
        "entries": report.entries,
        "within": report.within,
        "kept_out": report.kept_out,
        "not_sent": report.not_sent,
        "without_policy": report.without_policy,
        "violating": report.violating,
        "violations": [
            {
                "breach": each.breach,
                "why": each.why,
                "entries": each.tally.entries,
                "first": each.tally.first,
                "last": each.tally.last,
                "receipt": each.tally.receipt,
                "provider": each.tally.provider,
                "upstream_model": each.tally.upstream_model,
                "model": each.tally.model,
                "key": each.tally.key,
                "organisation": each.tally.organisation,
                "project": each.tally.project,
                "tags": each.tally.tags,
                "policy": each.tally.policy,
                "rule": each.tally.rule,
            }
            for each in report.violations
        ],
        "in_force": [{"worker": row.worker, "since": row.since, "policy": row.policy} for row in rows],
    }
