"""What is known of an endpoint that a policy may ask about: three separate axes, and what is done with the data."""

from typing import Final

import msgspec

from weighbridge.catalog.model import Cap, Endpoint, Host, LicenceClass, Model, OutputUse

LOCAL: Final = "local"
"""Stands for a country and a region where nothing leaves the own machine."""


class Facts(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """None is unknown. This is what the ledger keeps of a decision, so that it can be made again."""

    model: str
    stranger: bool = False
    """A name that is in no list: which model it is, is not known."""
    provider: str
    upstream_model: str
    local: bool = False
    """It runs on a machine of one's own."""

    licence: str | None = None
    licence_class: LicenceClass | None = None
    user_cap: Cap | None = None
    revenue_cap: Cap | None = None
    attribution: bool | None = None
    output_use: OutputUse | None = None
    use_limits: bool | None = None

    lab_country: str | None = None
    base_country: str | None = None
    open_weights: bool | None = None

    provider_country: str | None = None
    region: str | None = None

    retention_days: int | None = None
    trains: bool | None = None

    @property
    def endpoint(self) -> str:
        """The endpoint's id."""
        return f"{self.provider}/{self.upstream_model}"


def facts_of(model: Model, endpoint: Endpoint, host: Host) -> Facts:
    """The facts about an endpoint. Of what a router passes on to others nothing is known but the model."""
    licence, nowhere = model.licence, LOCAL if host.own_machine else None
    direct = not host.passes_on
    stated = direct and not endpoint.upstream_model.startswith(host.data_except)
    return Facts(
        model=model.id,
        stranger=model.source is None,
        provider=endpoint.provider,
        upstream_model=endpoint.upstream_model,
        local=host.own_machine,
        licence=None if licence is None else licence.id,
        licence_class=None if licence is None else licence.licence_class,
        user_cap=None if licence is None else licence.user_cap,
        revenue_cap=None if licence is None else licence.revenue_cap,
        attribution=None if licence is None else licence.attribution,
        output_use=None if licence is None else licence.output_use,
        use_limits=None if licence is None else licence.use_limits,
        lab_country=None if model.lab is None else model.lab.country,
        base_country=model.base_country,
        open_weights=model.open_weights,
        provider_country=nowhere or (host.country if direct else None),
        region=nowhere or endpoint.region or (host.region if direct else None),
        retention_days=host.retention_days if stated else None,
        trains=host.trains if stated else None,
    )
