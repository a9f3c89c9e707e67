"""OpenRouter's lists of models and of their endpoints, from the catalogue.

What the catalogue does not know is null, or left out; where OpenRouter's clients take no null, it is what OpenRouter
has for it: a price of `-1`, an empty list; or what cannot be: a `context_length` of 0. Latency, throughput and uptime
are what the worker that is asked has seen in the last five minutes, whatever their names say; null where it saw none.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Final

from weighbridge.accounts.keys import Key
from weighbridge.catalog.model import Catalog, Endpoint, Model, Price, Rate
from weighbridge.errors import BadRequest, UnknownModel
from weighbridge.gateway import answers
from weighbridge.gateway.offered import Own, found, offered
from weighbridge.ledger.cost import plain
from weighbridge.routing.health import NOTHING_KNOWN, Percentiles, Snapshot, State
from weighbridge.routing.listing import cheapest_first
from weighbridge.transport.message import Reply, Request

_Json = dict[str, object]
_MOST: Final = 1000
"""Models on one page."""
_UNKNOWN_PRICE: Final = "-1"
"""As OpenRouter says of its own routers that the price is not fixed."""
_UNKNOWN_CONTEXT: Final = 0
"""OpenRouter's schemas have null for a model's context, and take no null for an endpoint's."""


@dataclass(frozen=True, slots=True)
class OpenRouterModels:
    """The models that some endpoint serves and the key may ask for."""

    open: Callable[[Request], Key]
    catalog: Callable[[], Catalog]
    now: Callable[[], datetime]
    own: Own = tuple
    health: Callable[[], Snapshot] = lambda: NOTHING_KNOWN
    """How the endpoints are just now."""

    async def list(self, request: Request, reply: Reply) -> None:
        """A page of them, by id. Raises BadRequest for a filter there is not."""
        query = dict(request.query)
        offset = _number(query, "offset", 0)
        limit = max(1, min(_MOST, _number(query, "limit", _MOST)))
        passed = _filtered(self._served(request), query)
        page = passed[offset : offset + limit]
        following = f"/api/v1/models?offset={offset + limit}&limit={limit}" if offset + limit < len(passed) else None
        data = [_listed(model, self.now()) for model in page]
        answers.document(reply, {"data": data, "total_count": len(passed), "links": {"next": following}})

    async def count(self, request: Request, reply: Reply) -> None:
        """How many there are."""
        passed = _filtered(self._served(request), dict(request.query))
        answers.document(reply, {"data": {"count": len(passed)}})

    async def one(self, request: Request, reply: Reply) -> None:
        """One of them. Raises UnknownModel for any other."""
        model = self._named(request, request.path.removeprefix("/api/v1/model/"))
        answers.document(reply, {"data": _listed(model, self.now())})

    async def endpoints(self, request: Request, reply: Reply) -> None:
        """Who serves one of them, the cheapest first. Raises UnknownModel."""
        name = request.path.removeprefix("/api/v1/models/").removesuffix("/endpoints")
        model = self._named(request, name)
        states = self.health().states
        listed = cheapest_first(model, self.now())
        served = [_endpoint(model, *each) | _seen(states.get(each[0].id)) for each in listed]
        architecture = _architecture(model) | {"tokenizer": None}
        document = {
            "id": model.id,
            "name": model.name or model.id,
            "created": _created(model),
            "description": _description(model) or "",
            "architecture": architecture,
            "endpoints": served,
        }
        answers.document(reply, {"data": document})

    def _served(self, request: Request) -> Sequence[Model]:
        return offered(self.open(request), self.catalog(), self.own)

    def _named(self, request: Request, name: str) -> Model:
        model = found(name, self.open(request), self.catalog(), self.own)
        if model is None:
            raise UnknownModel(f"there is no model {name[:200]!r}; all there are: GET /api/v1/models", param="model")
        return model


def _number(query: dict[str, str], name: str, usual: int) -> int:
    value = query.pop(name, str(usual))
    if not value.isdecimal() or len(value) > 9:
        raise BadRequest(f"{name}: a whole number, not {value[:50]!r}", param=name)
    return int(value)


_Admits = Callable[[Model, frozenset[str]], bool]
_FILTERS: Final[Mapping[str, _Admits]] = {
    "supported_parameters": lambda model, wanted: wanted <= set(_parameters(model)),
    "input_modalities": lambda model, wanted: wanted <= set(model.input_modalities or ()),
    "output_modalities": lambda model, wanted: "all" in wanted or bool(wanted & set(_outputs(model))),
    "model_authors": lambda model, wanted: model.id.partition("/")[0] in wanted,
    "providers": lambda model, wanted: any(endpoint.provider in wanted for endpoint in model.endpoints),
}
"""What a list can be filtered by: values with commas between them."""


def _filtered(models: Sequence[Model], query: Mapping[str, str]) -> Sequence[Model]:
    for name, value in query.items():
        admits = _FILTERS.get(name)
        if admits is None:
            raise BadRequest(f"{name[:50]}: no such filter here; there are {', '.join(_FILTERS)}", param=name[:50])
        wanted = frozenset(value.split(","))
        models = [model for model in models if admits(model, wanted)]
    return models


def _listed(model: Model, now: datetime) -> _Json:
    endpoint, price = cheapest_first(model, now)[0]
    listed: _Json = {
        "id": model.id,
        "canonical_slug": model.endpoints[0].model,
        "name": model.name or model.id,
        "created": _created(model),
        "context_length": model.context,
        "architecture": _architecture(model),
        "pricing": _pricing(price),
        "top_provider": {
            "context_length": endpoint.context or model.context,
            "max_completion_tokens": model.max_output,
            "is_moderated": False,
        },
        "per_request_limits": None,
        "supported_parameters": _parameters(model),
        "default_parameters": None,
        "supported_voices": None,
        "links": {"details": f"/api/v1/models/{model.id}/endpoints"},
    }
    description = _description(model)
    return listed if description is None else listed | {"description": description}


def _endpoint(model: Model, endpoint: Endpoint, price: Price | None) -> _Json:
    quantised = f"/{endpoint.quantisation}" if endpoint.quantisation else ""
    chooses = model.tools is True
    return {
        "name": f"{endpoint.provider} | {model.id}",
        "model_id": model.id,
        "model_name": model.name or model.id,
        "provider_name": endpoint.provider,
        "tag": endpoint.provider + quantised,
        "context_length": endpoint.context or model.context or _UNKNOWN_CONTEXT,
        "max_completion_tokens": model.max_output,
        "max_prompt_tokens": None,
        "quantization": endpoint.quantisation,
        "pricing": _pricing(price),
        "supported_parameters": _parameters(model),
        "supports_implicit_caching": price is not None and price.cache_read is not None and price.cache_write is None,
        "supports_tool_choice": dict.fromkeys(("auto", "none", "required", "function"), chooses),
        "supports_voice_cloning": False,
    }


def _seen(state: State | None) -> _Json:
    """What OpenRouter tells of the last minutes: per cent, milliseconds, and tokens a second."""
    seen = state or State()
    return {
        "uptime_last_5m": None if seen.uptime is None else round(100 * seen.uptime, 3),
        "uptime_last_30m": None,
        "uptime_last_1d": None,
        "latency_last_30m": _percentiles(seen.latency, 1000),
        "throughput_last_30m": _percentiles(seen.throughput, 1),
    }


def _percentiles(found: Percentiles | None, times: int) -> _Json | None:
    return (
        None
        if found is None
        else {
            name: round(value * times, 2)
            for name, value in (("p50", found.p50), ("p75", found.p75), ("p90", found.p90), ("p99", found.p99))
        }
    )


def _created(model: Model) -> int:
    return 0 if model.released is None else int(datetime.combine(model.released, time(), UTC).timestamp())


def _architecture(model: Model) -> _Json:
    inputs, outputs = list(model.input_modalities or ()), _outputs(model)
    return {
        "modality": f"{'+'.join(inputs)}->{'+'.join(outputs)}" if inputs and outputs else None,
        "input_modalities": inputs,
        "output_modalities": outputs,
        "instruct_type": None,
    }


def _outputs(model: Model) -> list[str]:
    return ["embeddings" if each == "embedding" else each for each in model.output_modalities or ()]


def _parameters(model: Model) -> list[str]:
    """Those that are known to work."""
    found = [] if "embeddings" in _outputs(model) else ["max_tokens"]
    if model.tools:
        found += ["tools", "tool_choice"]
    if model.reasoning:
        found += ["reasoning", "include_reasoning"]
    return found


def _description(model: Model) -> str | None:
    """The catalogue's facts as a sentence; None where there are none."""
    facts = [
        None if model.lab is None else f"by {model.lab.name} ({model.lab.country})",
        None if model.open_weights is None else "open weights" if model.open_weights else "closed weights",
        None if model.licence is None else model.licence.name,
        None if model.total_params is None else f"{model.total_params:,} parameters",
        None if model.active_params is None else f"{model.active_params:,} active",
    ]
    known = [fact for fact in facts if fact is not None]
    return f"{model.name or model.id}: {', '.join(known)}." if known else None


def _pricing(price: Price | None) -> _Json:
    """US dollars for a token, in digits."""
    if price is None:
        return {"prompt": _UNKNOWN_PRICE, "completion": _UNKNOWN_PRICE}
    rates = _rates(price)
    pricing: _Json = {name: plain(rate.base.scaleb(-6)) for name, rate in rates.items()}
    pricing["request"] = plain(price.per_request)
    starts = sorted({start for rate in rates.values() for start, _ in rate.tiers})
    if starts:
        pricing["overrides"] = [_from(start, rates) for start in starts]
    return pricing


def _rates(price: Price) -> dict[str, Rate]:
    found = {"prompt": price.input, "completion": price.output}
    if price.cache_read is not None:
        found["input_cache_read"] = price.cache_read
    if price.cache_write is not None:
        found["input_cache_write"] = price.cache_write
    return found


def _from(start: int, rates: Mapping[str, Rate]) -> _Json:
    """The prices of a prompt of more tokens than `start`."""
    return {"min_prompt_tokens": start} | {name: plain(rate.at(start + 1).scaleb(-6)) for name, rate in rates.items()}
