"""OpenRouter's API beside its models: answers, what became of them, and what a key has used."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec

from weighbridge.accounts.keys import Key
from weighbridge.errors import BadRequest, NotFound
from weighbridge.gateway import answers
from weighbridge.gateway.chat import Chat
from weighbridge.ledger.cost import plain
from weighbridge.ledger.entry import Attempt, Charge, Entry
from weighbridge.transport.message import Reply, Request
from weighbridge.wire.openrouter.surface import OpenRouterSurface, generation_id, receipt_id

_Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class OpenRouterChat:
    """The recipe of a request, with a surface of its own for each."""

    chat: Chat

    async def __call__(self, request: Request, reply: Reply) -> None:
        """See Chat."""
        await self.chat.serve(request, reply, OpenRouterSurface())


@dataclass(frozen=True, slots=True)
class Host:
    """A provider that is set up here; `country` is the seat of the company."""

    id: str
    name: str
    country: str | None


@dataclass(frozen=True, slots=True)
class OpenRouterAccount:
    """What the ledger says of a key and its answers. Money is US dollars; null is unknown."""

    open: Callable[[Request], Key]
    now: Callable[[], datetime]
    find: Callable[[str], Awaitable[Entry | None]]
    """The entry of a receipt."""
    spent: Callable[[str, Sequence[datetime]], Awaitable[Sequence[Decimal]]]
    """What the answers of the key with this id have cost since each of the times, as far as it is known."""
    hosts: Sequence[Host]
    limit: Callable[[Key], Awaitable[tuple[float | None, float | None, str | None]]]
    """What the key may spend in US dollars, what is left of that, and how often it begins anew."""

    async def generation(self, request: Request, reply: Reply) -> None:
        """What became of an answer. Raises NotFound where there is none, or another key's."""
        key = self.open(request)
        asked = request.query.get("id")
        if not asked:
            raise BadRequest("id: name the answer, such as `?id=gen-…`", param="id")
        entry = await self.find(receipt_id(asked))
        if entry is None or entry.key != key.id:
            raise NotFound(f"this key has no generation {asked[:100]!r}; an answer's id is in the answer", param="id")
        answers.document(reply, {"data": _generation(entry)})

    async def key(self, request: Request, reply: Reply) -> None:
        """What the key is and has used."""
        key = self.open(request)
        now = self.now().astimezone(UTC)
        today = now.replace(hour=0, minute=0, second=0, microsecond=0)
        monday = today - timedelta(days=today.weekday())
        used, daily, weekly, monthly = await self.spent(key.id, (_EVER, today, monday, today.replace(day=1)))
        limit, remaining, reset = await self.limit(key)
        document: _Json = {
            "label": f"{key.name} (…{key.hint})",
            "limit": limit,
            "limit_remaining": remaining,
            "limit_reset": reset,
            "usage": _money(used),
            "usage_daily": _money(daily),
            "usage_weekly": _money(weekly),
            "usage_monthly": _money(monthly),
            "expires_at": None if key.expires is None else key.expires,
            **_NOT_HERE,
        }
        answers.document(reply, {"data": document})

    async def credits(self, request: Request, reply: Reply) -> None:
        """What the key has used. Nobody buys credits here, so there are none, and none are needed."""
        key = self.open(request)
        (used,) = await self.spent(key.id, (_EVER,))
        answers.document(reply, {"data": {"total_credits": 0, "total_usage": _money(used), "limit": None}})

    async def providers(self, request: Request, reply: Reply) -> None:
        """Who is set up here."""
        self.open(request)
        answers.document(reply, {"data": [_provider(host) for host in self.hosts]})


_EVER = datetime(1970, 1, 1, tzinfo=UTC)
_NOT_HERE: _Json = {
    "is_free_tier": False,
    "is_management_key": False,
    "is_provisioning_key": False,
    "include_byok_in_limit": False,
    "byok_usage": 0,
    "byok_usage_daily": 0,
    "byok_usage_weekly": 0,
    "byok_usage_monthly": 0,
    "free_model_daily_requests": {"limit": 0, "remaining": 0, "used": 0},
    "rate_limit": {"requests": -1, "interval": "10s", "note": "there is no such limit"},
    "allowed_data_regions": [],
    "creator_user_id": None,
    "organization_id": None,
    "workspace_id": None,
}
"""What OpenRouter has and this gateway has not: its clients want the fields to be there."""


def _money(amount: Decimal) -> msgspec.Raw:
    """A number, digit for digit."""
    return msgspec.Raw(plain(amount).encode())


def _provider(host: Host) -> _Json:
    return {
        "name": host.name,
        "slug": host.id,
        "headquarters": host.country,
        "datacenters": None,
        "privacy_policy_url": None,
        "terms_of_service_url": None,
        "status_page_url": None,
    }


def _generation(entry: Entry) -> _Json:
    charge = entry.charge
    usage = None if charge is None else charge.usage
    cost = None if charge is None or charge.cost is None else _money(charge.cost)
    prompt = None if usage is None else usage.prompt
    completion = None if usage is None else usage.completion
    known: _Json = {
        "id": generation_id(entry.id),
        "created_at": entry.at,
        "model": entry.model or entry.asked_model,
        "provider_name": entry.provider,
        "upstream_id": entry.upstream_request,
        "streamed": entry.streamed,
        "cancelled": entry.ending == "client_left",
        "total_cost": cost,
        "usage": cost,
        "tokens_prompt": prompt,
        "tokens_completion": completion,
        "native_tokens_prompt": prompt,
        "native_tokens_completion": completion,
        "native_tokens_reasoning": None if usage is None else usage.reasoning,
        "native_tokens_cached": None if usage is None else usage.cached,
        "latency": _milliseconds(entry.first_byte),
        "generation_time": _milliseconds(entry.duration),
        "provider_responses": [_response(attempt) for attempt in entry.attempts],
        "is_byok": False,
        "api_type": "completions",
        "data_region": "global",
        "origin": "",
    }
    return dict.fromkeys(_NOT_KEPT) | known


_NOT_KEPT = (
    "app_id",
    "cache_discount",
    "external_user",
    "finish_reason",
    "http_referer",
    "moderation_latency",
    "native_finish_reason",
    "native_tokens_completion_images",
    "num_fetches",
    "num_input_audio_prompt",
    "num_media_completion",
    "num_media_prompt",
    "num_search_results",
    "preset_id",
    "request_id",
    "router",
    "service_tier",
    "session_id",
    "upstream_inference_cost",
    "user_agent",
    "web_search_engine",
    "workspace_id",
)
"""What OpenRouter keeps of an answer and the ledger does not."""


def _response(attempt: Attempt) -> _Json:
    """`status` is known only of an attempt that was answered."""
    return {
        "provider_name": attempt.provider,
        "model_permaslug": attempt.upstream_model,
        "latency": _milliseconds(attempt.seconds),
        "status": 200 if attempt.error is None else None,
        "error": attempt.error,
    } | ({} if attempt.charge is None else _part(attempt.charge))


def _part(charge: Charge) -> _Json:
    """What one of several endpoints did; OpenRouter's own has nothing like it."""
    return {
        "tokens_prompt": charge.usage.prompt,
        "tokens_completion": charge.usage.completion,
        "cost": None if charge.cost is None else _money(charge.cost),
    }


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)
