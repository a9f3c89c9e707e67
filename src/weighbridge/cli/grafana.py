"""`weighbridge grafana`: the dashboard of a gateway's metrics."""

from importlib.resources import files

import click

from weighbridge.cli.options import examples


@click.command("grafana", epilog=examples("weighbridge grafana > weighbridge.json"))
def command() -> None:
    """Print the Grafana dashboard for the gateway's /metrics, as JSON to import.

    Grafana asks for the Prometheus that has them.
    """
    click.echo((files("weighbridge.watching") / "grafana.json").read_text("utf-8"), nl=False)
