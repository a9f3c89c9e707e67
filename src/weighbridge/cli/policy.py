"""`weighbridge policy`: try a policy before it is applied, show the one in force, list the ready-made ones."""

from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from pathlib import Path

import click

from weighbridge import config
from weighbridge.app.live import Live, live
from weighbridge.app.offer import whole
from weighbridge.app.policies import policies_of, read_file, vocabulary
from weighbridge.app.trying import Rehearsal, Verdict, counted, is_here, reasons, rehearsed, verdicts
from weighbridge.catalog.model import Catalog
from weighbridge.cli import database
from weighbridge.cli.failure import Failure
from weighbridge.cli.moments import Moment
from weighbridge.cli.options import config_option, examples, json_option
from weighbridge.cli.printing import print_json, usd
from weighbridge.cli.tables import print_table
from weighbridge.cli.tallying import key_names
from weighbridge.config import Settings
from weighbridge.ledger import policies as in_ledger
from weighbridge.ledger.cost import plain
from weighbridge.ledger.sent import sent
from weighbridge.routing.policy.law import Policies
from weighbridge.routing.policy.reading import read_policy
from weighbridge.routing.policy.readymade import ready_made, ready_text
from weighbridge.routing.policy.rules import Policy, Rule, Scope, Who

_SHOWN = 20
"""Lines of a list that people read."""


@click.group(
    "policy",
    epilog=examples(
        "weighbridge policy ready",
        "weighbridge policy check policy.toml --tag personal-data --since 30d",
        "weighbridge policy show",
    ),
)
def command() -> None:
    """Who may serve whose requests, by licence, origin, jurisdiction and data."""


@dataclass(frozen=True, slots=True)
class _Asker:
    """Whoever is supposed to ask."""

    organisation: str | None
    project: str | None
    key: str | None
    tags: tuple[str, ...]

    @property
    def who(self) -> Who:
        tags = tuple(sorted({tag.strip() for group in self.tags for tag in group.split(",")} - {""}))
        return Who(self.key or "", self.key or "", self.organisation, self.project, tags, tags)


@command.command(
    "check",
    epilog=examples(
        "weighbridge policy check",
        "weighbridge policy check policy.toml --project research --tag personal-data",
        "weighbridge policy check --ready permissive-only --since 30d --json",
    ),
)
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--ready", multiple=True, metavar="NAME", help="A ready-made policy; with FILE, both together.")
@click.option("--organisation", metavar="NAME", help="Suppose that a key of this organisation asks.")
@click.option("--project", metavar="NAME", help="Suppose that a key of this project asks.")
@click.option("--key", metavar="NAME|ID", help="Suppose that this key asks.")
@click.option("--tag", "tags", multiple=True, metavar="TAG,…", help="Suppose that the request is marked so.")
@click.option("--model", metavar="ID", help="Show each endpoint of this model, with what is known of it.")
@click.option(
    "--since", type=Moment("ago"), metavar="SPAN|DATE", help="Try past requests as well: 24h, 30d, 2026-12-01."
)
@json_option
@config_option
def check(  # noqa: PLR0913 - one for each option
    *,
    file: Path | None,
    ready: tuple[str, ...],
    organisation: str | None,
    project: str | None,
    key: str | None,
    tags: tuple[str, ...],
    model: str | None,
    since: datetime | None,
    as_json: bool,
    config_file: Path | None,
) -> None:
    """Say what a policy would let pass, before it is applied; without FILE or --ready, the one of the settings.

    It is held against every endpoint of the catalogue, and with --since against the requests of the past, each by the
    endpoint that answered it and what is known of that today. Changes nothing.
    """
    settings = config.read({}, file=config_file)
    policies = _given(settings, file, ready)
    catalog = whole(settings, datetime.now(UTC))
    found = verdicts(policies, catalog, _Asker(organisation, project, key, tags).who)
    if model is not None:
        known = catalog.find(model)
        if known is None:
            near = ", ".join(catalog.nearest(model)) or "none is like it"
            raise Failure(f"there is no model {model!r}; the nearest: {near}", next_step="weighbridge models")
        found = [each for each in found if each.facts.model == known.id]
    past = None if since is None else _past(settings, policies, catalog, since)
    if as_json:
        print_json(_document(policies, found, past, live(settings)))
        return
    _print(policies, found, past, live(settings), each_one=model is not None)


@command.command("show")
@json_option
@config_option
def show(*, as_json: bool, config_file: Path | None) -> None:
    """Show the policies of the settings, and since when which worker has obeyed which."""
    settings = config.read({}, file=config_file)
    policies = policies_of(settings)
    rows = []
    if database.is_there(settings):
        with database.opened(settings) as connection:
            rows = in_ledger.in_force(connection)
    latest = {row.worker: row for row in rows}.values()
    if as_json:
        print_json(
            {
                "hash": policies and policies.hash,
                "policies": [] if policies is None else [{"name": each.name, **each.raw} for each in policies.policies],
                "in_force": [{"worker": row.worker, "since": row.since, "policy": row.policy} for row in rows],
            }
        )
        return
    if policies is None:
        click.echo("No policy is set: every endpoint may serve every request. See: weighbridge policy ready")
    else:
        click.echo(f"{policies.hash}")
        for each in policies.policies:
            click.echo("")
            for line in _lines(each):
                click.echo(line)
    if latest:
        click.echo("")
        last = sorted(latest, key=lambda row: row.since, reverse=True)[:_SHOWN]
        print_table(
            ("worker", "in force since", "policy"),
            ((row.worker, f"{row.since:%Y-%m-%d %H:%M:%S}", row.policy and row.policy[:12]) for row in last),
        )


@command.command(
    "ready", epilog=examples("weighbridge policy ready", "weighbridge policy ready local-only > policy.toml")
)
@click.argument("name", required=False)
def ready_command(*, name: str | None) -> None:
    """List the ready-made policies, or print the one of this NAME."""
    if name is not None:
        click.echo(ready_text(name), nl=False)
        return
    for each, text in ready_made().items():
        click.echo(f"{each:<20}  {text.splitlines()[0].removeprefix('# ')}")


def _given(settings: Settings, file: Path | None, ready: tuple[str, ...]) -> Policies:
    if file is None and not ready:
        set_ = policies_of(settings)
        if set_ is None:
            raise Failure(
                "no policy is named, and the settings have none",
                next_step="weighbridge policy check FILE, or one of `weighbridge policy ready`",
            )
        return set_
    words = vocabulary(settings)
    policies = [read_policy(ready_text(name), name, words) for name in ready]
    return Policies([*policies, *([] if file is None else [read_file(file, words)])])


def _past(settings: Settings, policies: Policies, catalog: Catalog, since: datetime) -> Rehearsal:
    with database.existing(settings) as connection:
        return rehearsed(policies, sent(connection, since), catalog, key_names(connection))


def _print(policies: Policies, found: list[Verdict], past: Rehearsal | None, here: Live, *, each_one: bool) -> None:
    names = ", ".join(each.name for each in policies.policies)
    rules = sum(len(each.rules) for each in policies.policies)
    click.echo(f"{names}: {rules} {'rule' if rules == 1 else 'rules'}, {policies.hash[:12]}\n")
    if each_one:
        heads = ("endpoint", "passes", "rule", "why")
        rows = ((_endpoint(each), each.decision.allowed, each.decision.rule, each.decision.why) for each in found)
        print_table(heads, rows)
    else:
        _print_catalog(found, here)
    if past is not None:
        _print_past(past)


def _endpoint(verdict: Verdict) -> str:
    return verdict.facts.endpoint


def _print_catalog(found: list[Verdict], here: Live) -> None:
    print_table(
        ("endpoints", "all", "pass", "kept out", "for what is not known"),
        (
            (said, *astuple(counted([each for each in found if chosen is None or is_here(each, chosen)])))
            for said, chosen in (("of the catalogue", None), ("that can be called here", here))
        ),
        right=("all", "pass", "kept out", "for what is not known"),
    )
    if kept_out := reasons(found):
        rules = ((count, rule, why) for (rule, why), count in kept_out.most_common(_SHOWN))
        print_table(("kept out", "by rule", "because"), rules, right=("kept out",))
    passing = sorted({each.facts.model for each in found if each.decision.allowed and is_here(each, here)})
    if passing:
        more = f" and {len(passing) - _SHOWN} more" if len(passing) > _SHOWN else ""
        click.echo(f"\n{len(passing)} models can be asked for here: {', '.join(passing[:_SHOWN])}{more}")
    else:
        click.echo("\nNo model can be asked for here: nothing that is set up would pass.")


def _print_past(past: Rehearsal) -> None:
    refused = sum(each.entries for each in past.refused)
    share = f" ({refused / past.entries:.1%})" if past.entries else ""
    tokens, cost = sum(each.tokens for each in past.refused), sum(each.cost for each in past.refused)
    click.echo(
        f"\nOf {past.entries:,} past requests {refused:,}{share} would have been refused where they were answered:"
    )
    click.echo(f"{tokens:,} tokens, ${cost:f}. Those with another endpoint that passes would have gone there.")
    rows = (
        (each.entries, f"{each.tokens:,}", usd(each.cost), each.model, each.endpoint, each.rule, each.why)
        for each in past.refused[:_SHOWN]
    )
    if past.refused:
        heads = ("requests", "tokens", "cost", "model", "endpoint", "rule", "why")
        print_table(heads, rows, right=("requests", "tokens", "cost"))


def _document(policies: Policies, found: list[Verdict], past: Rehearsal | None, here: Live) -> dict[str, object]:
    document: dict[str, object] = {
        "hash": policies.hash,
        "policies": [each.name for each in policies.policies],
        "endpoints": [
            {
                "facts": each.facts,
                "here": is_here(each, here),
                "passes": each.decision.allowed,
                "rule": each.decision.rule,
                "why": each.decision.why or None,
                "needs": each.decision.needs or None,
                "for_unknown_facts": each.decision.unknown,
            }
            for each in found
        ],
    }
    if past is not None:
        document["past"] = {
            "requests": past.entries,
            "refused": [
                {
                    "rule": each.rule,
                    "model": each.model,
                    "endpoint": each.endpoint,
                    "why": each.why,
                    "needs": each.needs,
                    "for_unknown_facts": each.unknown,
                    "requests": each.entries,
                    "tokens": each.tokens,
                    "cost": plain(each.cost),
                }
                for each in past.refused
            ],
        }
    return document


def _lines(policy: Policy) -> list[str]:
    said = [f"{policy.name}: what no rule decides is {'allowed' if policy.default == 'allow' else 'denied'}"]
    for rule in policy.rules:
        said.append(f"  {rule.effect:<5}  {rule.name}")
        said += [f"         {line}" for line in _terms(rule)]
    return said


def _terms(rule: Rule) -> list[str]:
    terms = []
    if (applies := _scope(rule.scope)) is not None:
        terms.append(f"for {applies}")
    if rule.exempt is not None:
        terms.append(f"but not for {_scope(rule.exempt)}")
    if rule.asks:
        terms.append(f"passes: {rule.asks}")
    return terms


def _scope(scope: Scope) -> str | None:
    parts = [
        f"{name} {' or '.join(sorted(getattr(scope, name)))}"
        for name in ("organisation", "project", "key", "contains")
        if getattr(scope, name)
    ]
    return " and ".join(parts) or None
