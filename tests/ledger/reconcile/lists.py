"""What a provider would write down of known requests, in each of the formats that it has."""

import csv
import io
import json
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from weighbridge.catalog.model import Price, Rate
from weighbridge.ledger.cost import cost
from weighbridge.ledger.reconcile.line import Ours
from weighbridge.ledger.rows import Source
from weighbridge.wire.usage import Usage

NOON: Final = datetime(2026, 11, 3, 12, tzinfo=UTC)
DAY: Final = timedelta(days=1)
PRICE: Final = Price(
    id="list:one",
    source="a list 1",
    input=Rate(Decimal("2.5")),
    output=Rate(Decimal(10)),
    cache_read=Rate(Decimal("1.25")),
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as the provider knows it."""

    id: str
    at: datetime
    model: str
    usage: Usage
    cost: Decimal


def priced(usage: Usage) -> Decimal:
    """What it costs by PRICE."""
    return cost(usage, PRICE)


def reprice(one: Ours, usage: Usage) -> Decimal | None:
    """As the catalogue would say it."""
    return priced(usage) if one.price_id == PRICE.id else None


def days(model: str = "gpt-4.1", other: str = "gpt-4.1-mini") -> list[Asked]:
    """Eighteen requests: three a day to each of two models, over three days."""
    made = []
    for day in range(3):
        for number, name in enumerate((model, other, model, other, model, other)):
            usage = Usage(
                prompt=1000 + 137 * number + 1013 * day,
                completion=50 + 31 * number + 7 * day,
                cached=number * 100,
                reasoning=number,
            )
            at = NOON + day * DAY + timedelta(hours=number * 2 - 6)
            made.append(Asked(f"gen-{day}-{number}", at, name, usage, priced(usage)))
    return made


def entered(asked: Iterable[Asked]) -> list[Ours]:
    """What our ledger has of them."""
    return [
        Ours(
            receipt=f"wbr-{number:032x}",
            at=one.at,
            until=one.at + timedelta(seconds=4),
            model=one.model,
            request=one.id,
            usage=one.usage,
            cost=one.cost,
            price_id=PRICE.id,
        )
        for number, one in enumerate(asked)
    ]


Write = Callable[[Sequence[Asked]], list[Source]]


@dataclass(frozen=True, slots=True)
class _Sum:
    requests: int
    usage: Usage
    cost: Decimal


def _sums(asked: Iterable[Asked], width: timedelta = DAY) -> dict[tuple[datetime, str], _Sum]:
    found: defaultdict[tuple[datetime, str], list[Asked]] = defaultdict(list)
    for one in asked:
        start = one.at - (one.at - datetime(1970, 1, 1, tzinfo=UTC)) % width
        found[start, one.model].append(one)
    return {
        key: _Sum(
            len(many),
            Usage(
                sum(one.usage.prompt for one in many),
                sum(one.usage.completion for one in many),
                sum(one.usage.cached or 0 for one in many),
                sum(one.usage.written or 0 for one in many),
                sum(one.usage.reasoning or 0 for one in many),
            ),
            sum((one.cost for one in many), Decimal(0)),
        )
        for key, many in sorted(found.items())
    }


def table(name: str, rows: Sequence[Mapping[str, object]]) -> Source:
    """A CSV file."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return Source(name, out.getvalue().encode())


def _document(name: str, value: object) -> Source:
    return Source(name, json.dumps(value, default=str).encode())


def openai_api(asked: Sequence[Asked]) -> list[Source]:
    """`/v1/organization/usage/completions` grouped by model, and `/v1/organization/costs` by line item."""
    usage: defaultdict[datetime, list[dict[str, object]]] = defaultdict(list)
    costs: defaultdict[datetime, list[dict[str, object]]] = defaultdict(list)
    for (start, model), sums in _sums(asked).items():
        usage[start].append(
            {
                "object": "organization.usage.completions.result",
                "input_tokens": sums.usage.prompt,
                "output_tokens": sums.usage.completion,
                "input_cached_tokens": sums.usage.cached,
                "num_model_requests": sums.requests,
                "project_id": None,
                "api_key_id": None,
                "model": f"{model}-2025-04-14",
                "batch": None,
            }
        )
        for part, share in (("input", sums.cost / 4), ("output", sums.cost - sums.cost / 4)):
            costs[start].append(
                {
                    "object": "organization.costs.result",
                    "amount": {"value": str(share), "currency": "usd"},
                    "line_item": f"{model}-2025-04-14, {part}",
                    "project_id": "proj_1",
                }
            )
    return [_document("usage.json", _page(usage)), _document("costs.json", _page(costs))]


def _page(by_start: Mapping[datetime, list[dict[str, object]]]) -> object:
    first, last = min(by_start), max(by_start)
    starts = [first + step * DAY for step in range((last - first) // DAY + 1)]
    data = [
        {
            "object": "bucket",
            "start_time": int(start.timestamp()),
            "end_time": int((start + DAY).timestamp()),
            "results": by_start.get(start, []),
        }
        for start in starts
    ]
    return {"object": "page", "data": data, "has_more": False, "next_page": None}


def openai_csv(asked: Sequence[Asked]) -> list[Source]:
    """The dashboard's two files."""
    usage: list[dict[str, object]] = []
    costs: list[dict[str, object]] = []
    for (start, model), sums in _sums(asked).items():
        window = {
            "start_time": int(start.timestamp()),
            "end_time": int((start + DAY).timestamp()),
            "start_time_iso": start.isoformat(),
            "end_time_iso": (start + DAY).isoformat(),
        }
        usage.append(
            {
                **window,
                "project_id": "",
                "num_model_requests": sums.requests,
                "model": model,
                "input_tokens": sums.usage.prompt,
                "output_tokens": sums.usage.completion,
                "input_cached_tokens": sums.usage.cached,
            }
        )
        costs.append(
            {**window, "amount_value": f"{sums.cost:.30f}", "amount_currency": "usd", "line_item": f"{model}, input"}
        )
    return [table("usage.csv", usage), table("cost.csv", costs)]


def anthropic_api(asked: Sequence[Asked]) -> list[Source]:
    """`usage_report/messages` by model and `cost_report` by description: cents."""
    usage: defaultdict[datetime, list[dict[str, object]]] = defaultdict(list)
    costs: defaultdict[datetime, list[dict[str, object]]] = defaultdict(list)
    for (start, model), sums in _sums(asked).items():
        cached = sums.usage.cached or 0
        usage[start].append(
            {
                "uncached_input_tokens": sums.usage.prompt - cached,
                "cache_creation": {"ephemeral_1h_input_tokens": 0, "ephemeral_5m_input_tokens": 0},
                "cache_read_input_tokens": cached,
                "output_tokens": sums.usage.completion,
                "server_tool_use": {"web_search_requests": 0},
                "model": f"{model}-20250929",
                "service_tier": "standard",
            }
        )
        costs[start].append({"amount": str(sums.cost * 100), "currency": "USD", "model": f"{model}-20250929"})
    return [_document("usage.json", _report(usage)), _document("costs.json", _report(costs))]


def _report(by_start: Mapping[datetime, list[dict[str, object]]]) -> object:
    first, last = min(by_start), max(by_start)
    starts = [first + step * DAY for step in range((last - first) // DAY + 1)]
    data = [
        {
            "starting_at": start.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "ending_at": (start + DAY).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "results": by_start.get(start, []),
        }
        for start in starts
    ]
    return {"data": data, "has_more": False, "next_page": None}


def anthropic_csv(asked: Sequence[Asked]) -> list[Source]:
    """The console's two files; costs are rounded to cents."""
    usage: list[dict[str, object]] = []
    costs: list[dict[str, object]] = []
    for (start, model), sums in _sums(asked).items():
        cached = sums.usage.cached or 0
        common = {"usage_date_utc": start.date(), "api_key": "gateway", "workspace": "Default"}
        usage.append(
            {
                **common,
                "model_version": model,
                "usage_type": "standard",
                "context_window": "≤ 200k",
                "usage_input_tokens_no_cache": sums.usage.prompt - cached,
                "usage_input_tokens_cache_write_5m": 0,
                "usage_input_tokens_cache_write_1h": 0,
                "usage_input_tokens_cache_read": cached,
                "usage_output_tokens": sums.usage.completion,
                "web_search_count": 0,
            }
        )
        cents = sums.cost.quantize(Decimal("0.01"), ROUND_HALF_EVEN)
        shown = model.replace("-", " ").title()
        costs.append({**common, "model": shown, "token_type": "input_no_cache", "cost_usd": cents})
    return [table("tokens.csv", usage), table("cost.csv", costs)]


def deepseek(
    asked: Sequence[Asked], *, currency: str = "USD", zone: str | None = None, rate: Decimal = Decimal(1)
) -> list[Source]:
    """The month's zip; with a zone its newer files, whose days are the account's own."""
    amounts: list[dict[str, object]] = []
    costs: list[dict[str, object]] = []
    offset = timedelta() if zone is None else timedelta(hours=int(zone[:3]))
    moved = [replace(one, at=one.at + offset) for one in asked]
    for (start, model), sums in _sums(moved).items():
        common: dict[str, object] = {"user_id": "u-1", "utc_date": f"{start:%Y%m%d}", "model": model}
        if zone is not None:
            when = {"start_time_iso": f"{start:%Y-%m-%dT00:00:00}{zone}"}
            ends = {"end_time_iso": f"{start + DAY:%Y-%m-%dT00:00:00}{zone}"}
            common = {"user_id": "u-1", **when, **ends, "model": model}
        cached = sums.usage.cached or 0
        for kind, number in (
            ("input_cache_hit_tokens", cached),
            ("input_cache_miss_tokens", sums.usage.prompt - cached),
            ("output_tokens", sums.usage.completion),
            ("request_count", sums.requests),
        ):
            whose = {"api_key_name": "gateway", "api_key": "sk-a***z"}
            amounts.append({**common, **whose, "type": kind, "price": "0.0000025", "amount": number})
        costs.append({**common, "wallet_type": "Paid", "cost": f"{sums.cost / rate:.16f}", "currency": currency})
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("amount-2026-11.csv", table("", amounts).data)
        archive.writestr("cost-2026-11.csv", table("", costs).data)
    return [Source("usage.zip", packed.getvalue())]


def openrouter_days(asked: Sequence[Asked]) -> list[Source]:
    """`/api/v1/activity`."""
    data = [
        {
            "date": f"{start:%Y-%m-%d}",
            "model": f"lab/{model}",
            "model_permaslug": f"lab/{model}-2025-04-14",
            "endpoint_id": "550e8400-e29b-41d4-a716-446655440000",
            "provider_name": "Lab",
            "usage": sums.cost,
            "byok_usage_inference": 0,
            "requests": sums.requests,
            "prompt_tokens": sums.usage.prompt,
            "completion_tokens": sums.usage.completion,
            "reasoning_tokens": sums.usage.reasoning,
        }
        for (start, model), sums in _sums(asked).items()
    ]
    text = json.dumps({"data": data}, default=str)
    return [Source("activity.json", text.encode())]


def openrouter_days_csv(asked: Sequence[Asked]) -> list[Source]:
    """The activity page's file."""
    rows: list[dict[str, object]] = [
        {
            "Date": f"{start:%Y-%m-%d} 00:00:00",
            "Slug": f"lab/{model}",
            "Usage": sums.cost,
            "BYOK Usage": 0,
            "Requests": sums.requests,
            "Prompt Tokens": sums.usage.prompt,
            "Completion Tokens": sums.usage.completion,
            "Reasoning Tokens": sums.usage.reasoning,
        }
        for (start, model), sums in _sums(asked).items()
    ]
    return [table("activity.csv", rows)]


def openrouter_csv(asked: Sequence[Asked]) -> list[Source]:
    """The export of its logs: a row for each generation."""
    rows: list[dict[str, object]] = [
        {
            "generation_id": one.id,
            "created_at": f"{one.at:%Y-%m-%d %H:%M:%S}.713",
            "cost_total": one.cost,
            "cost_web_search": 0,
            "cost_cache": 0,
            "byok_usage_inference": 0,
            "tokens_prompt": one.usage.prompt,
            "tokens_completion": one.usage.completion,
            "tokens_reasoning": one.usage.reasoning,
            "tokens_cached": one.usage.cached,
            "model_permaslug": f"lab/{one.model}-2025-04-14",
            "provider_name": "Lab",
            "cancelled": "false",
            "api_key_name": "gateway",
        }
        for one in asked
    ]
    return [table("generations.csv", rows)]


def openrouter_json(asked: Sequence[Asked]) -> list[Source]:
    """Answers of `/api/v1/generation?id=`, one a line."""
    lines = [
        json.dumps(
            {
                "data": {
                    "id": one.id,
                    "created_at": one.at.isoformat(),
                    "model": f"lab/{one.model}",
                    "total_cost": float(one.cost),
                    "tokens_prompt": 1,
                    "tokens_completion": 1,
                    "native_tokens_prompt": one.usage.prompt,
                    "native_tokens_completion": one.usage.completion,
                    "native_tokens_cached": one.usage.cached,
                    "native_tokens_reasoning": one.usage.reasoning,
                    "is_byok": False,
                }
            }
        )
        for one in asked
    ]
    return [Source("generations.jsonl", "\n".join(lines).encode())]


BY_SUM: Final[dict[str, tuple[str, Write]]] = {
    "openai api": ("openai", openai_api),
    "openai csv": ("openai", openai_csv),
    "anthropic api": ("anthropic", anthropic_api),
    "anthropic csv": ("anthropic", anthropic_csv),
    "deepseek zip": ("deepseek", deepseek),
    "deepseek zip of a zone": ("deepseek", lambda asked: deepseek(asked, zone="+08:00")),
    "openrouter activity": ("openrouter", openrouter_days),
    "openrouter activity csv": ("openrouter", openrouter_days_csv),
}
BY_REQUEST: Final[dict[str, tuple[str, Write]]] = {
    "openrouter generations csv": ("openrouter", openrouter_csv),
    "openrouter generations json": ("openrouter", openrouter_json),
}
