"""`weighbridge models`: what the catalogue has, and what of it answers here."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import get_args

import click

from weighbridge import config
from weighbridge.app.live import Live, Meaning, live, meanings
from weighbridge.catalog.choose import Wanted, select
from weighbridge.catalog.load import every_provider, load
from weighbridge.catalog.model import Endpoint, Licence, LicenceClass, Model, Price
from weighbridge.cli.money import Money
from weighbridge.cli.options import config_option, examples, json_option
from weighbridge.cli.printing import print_json, usd
from weighbridge.cli.tables import print_table
from weighbridge.config import Settings

_HEADS = ("model", "from", "licence", "open", "params", "context", "tools", "in $/M", "out $/M", "live")


@click.command(
    "models",
    epilog=examples(
        "weighbridge models --open --tools --max-price 0.50",
        "weighbridge models --licence permissive --origin FR",
        "weighbridge models --open --json",
        "weighbridge models --names",
    ),
)
@click.option("--open", "only_open", is_flag=True, help="Only models with open weights.")
@click.option("--licence", type=click.Choice(get_args(LicenceClass)), help="Only this class of licence.")
@click.option("--origin", metavar="CC", help="Only labs of this country: CN, FR, US, …")
@click.option("--max-price", type=Money(), metavar="USD", help="Most for a million output tokens, at the cheapest.")
@click.option("--tools", is_flag=True, help="Only models that call tools.")
@click.option("--names", is_flag=True, help="List aliases, presets and families' latest instead, and what they mean.")
@json_option
@config_option
def command(
    *,
    only_open: bool,
    licence: LicenceClass | None,
    origin: str | None,
    max_price: Decimal | None,
    tools: bool,
    names: bool,
    as_json: bool,
    config_file: Path | None,
) -> None:
    """List the models of the catalogue; a filter passes only what is known to match.

    Prices are those of the cheapest provider that lists one. "live" names the providers that can be called with the
    settings there are; no gateway need run.
    """
    settings, now = config.read({}, file=config_file), datetime.now(UTC)
    if names:
        _print_names(settings, now, as_json=as_json)
        return
    catalog = load(every_provider(), when=now)
    wanted = Wanted(open_weights=only_open, licence=licence, origin=origin, max_price=max_price, tools=tools)
    found = select(catalog, wanted, when=now)
    here = live(settings)
    if as_json:
        print_json([_facts(model, here, now) for model in found])
        return
    if not found:
        click.echo("No model matches. Leave a filter out; what is unknown of a model passes none.", err=True)
        return
    print_table(_HEADS, (_row(model, here, now) for model in found), right=("params", "context", *_HEADS[7:9]))


def _print_names(settings: Settings, now: datetime, *, as_json: bool) -> None:
    found = list(meanings(settings, now))
    if as_json:
        print_json([{"name": each.name, "kind": each.kind, "models": each.models} for each in found])
        return
    if not found:
        click.echo("There are no aliases or presets, and no provider that serves a family's latest.", err=True)
        return
    print_table(("name", "kind", "means"), ((each.name, each.kind, _meant(each)) for each in found))


def _meant(meaning: Meaning) -> str | None:
    return ", ".join(meaning.models) or (meaning.fault and f"nothing: {meaning.fault}")


def _live(model: Model, here: Live) -> list[str]:
    return sorted({endpoint.provider for endpoint in model.endpoints if here.serves(endpoint)})


def _cheapest(model: Model, now: datetime) -> tuple[Endpoint, Price] | None:
    priced = [(endpoint, price) for endpoint in model.endpoints if (price := endpoint.price_at(now)) is not None]
    return min(priced, key=lambda pair: pair[1].output.base, default=None)


def _row(model: Model, here: Live, now: datetime) -> tuple[object, ...]:
    cheapest = _cheapest(model, now)
    price = None if cheapest is None else cheapest[1]
    return (
        model.id,
        model.lab and model.lab.country,
        model.licence and f"{model.licence.licence_class}, {model.licence.id.removeprefix('LicenseRef-')}",
        model.open_weights,
        _size(model),
        model.context and f"{model.context:,}",
        model.tools,
        price and usd(price.input.base),
        price and usd(price.output.base),
        ", ".join(_live(model, here)) or None,
    )


def _size(model: Model) -> str | None:
    if model.total_params is None:
        return None
    active = "" if model.active_params in {None, model.total_params} else f" / {_short(model.active_params)}"
    return _short(model.total_params) + active


def _short(count: int | None) -> str:
    if count is None:
        return ""
    return f"{count / 1e9:.3g}B" if count >= 1e9 else f"{count / 1e6:.3g}M"


def _facts(model: Model, here: Live, now: datetime) -> dict[str, object]:
    cheapest = _cheapest(model, now)
    return {
        "id": model.id,
        "name": model.name,
        "lab": model.lab and model.lab.name,
        "country": model.lab and model.lab.country,
        "licence": model.licence and model.licence.id,
        "licence_class": model.licence and model.licence.licence_class,
        "licence_clauses": model.licence and _clauses(model.licence),
        "open_weights": model.open_weights,
        "total_params": model.total_params,
        "active_params": model.active_params,
        "context": model.context,
        "max_output": model.max_output,
        "input_modalities": model.input_modalities,
        "output_modalities": model.output_modalities,
        "tools": model.tools,
        "reasoning": model.reasoning,
        "released": model.released,
        "base_model": model.base_model,
        "base_country": model.base_country,
        "source": model.source,
        "cheapest": None if cheapest is None else _offer(*cheapest),
        "providers": sorted({endpoint.provider for endpoint in model.endpoints}),
        "live": _live(model, here),
    }


def _clauses(licence: Licence) -> dict[str, object]:
    """What policies ask of a licence; null is unknown."""
    return {
        "user_cap": licence.user_cap,
        "revenue_cap": licence.revenue_cap,
        "attribution": licence.attribution,
        "output_use": licence.output_use,
        "use_limits": licence.use_limits,
    }


def _offer(endpoint: Endpoint, price: Price) -> dict[str, object]:
    return {
        "provider": endpoint.provider,
        "input": price.input.base,
        "output": price.output.base,
        "price": price.id,
        "price_source": price.source,
        "price_since": price.since,
    }
