"""`weighbridge market`: take in the market's data, and work out its figures."""

import click

from weighbridge.cli.market_diff import diff
from weighbridge.cli.market_figure import explain, one
from weighbridge.cli.market_own import own_figure
from weighbridge.cli.market_report import report
from weighbridge.cli.market_sync import sync
from weighbridge.cli.options import examples, json_option
from weighbridge.cli.printing import print_json
from weighbridge.cli.tables import print_table
from weighbridge.market.recipes.recipe import recipes


@click.group(
    "market",
    epilog=examples(
        "weighbridge market sync --from downloads/",
        "weighbridge market sync models.dev openrouter-models",
        "weighbridge market figure top-20 --window 2026-08-10:2026-08-16",
        "weighbridge market explain arena-rank",
        "weighbridge market report --lang ar -o report.html",
    ),
)
def command() -> None:
    """Keep the open-model market's data, and work out its figures: definition, inputs, result, sensitivity."""


@command.command("figures")
@json_option
def figures(*, as_json: bool) -> None:
    """List the figures there are recipes for."""
    if as_json:
        print_json([{"name": name, "title": each.title, "sources": each.sources} for name, each in recipes().items()])
        return
    lines = [(name, each.title, ", ".join(each.sources)) for name, each in recipes().items()]
    print_table(("figure", "what it says", "from"), lines)


for subcommand in (sync, one, explain, own_figure, report, diff):
    command.add_command(subcommand)
