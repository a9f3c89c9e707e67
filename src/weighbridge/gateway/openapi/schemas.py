"""Shapes of answers that no Struct writes: the providers' own bytes, and OpenRouter's objects.

Of an answer that passes through, only what clients look for first is named; all of it is the provider's affair.
"""

from datetime import datetime
from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

Some = dict[str, msgspec.Raw]
"""An object that is not looked into."""


class Completion(msgspec.Struct):
    """A chat completion or a text completion, in the provider's own bytes."""

    id: msgspec.Raw | UnsetType = UNSET
    object: msgspec.Raw | UnsetType = UNSET
    created: msgspec.Raw | UnsetType = UNSET
    model: msgspec.Raw | UnsetType = UNSET
    choices: msgspec.Raw | UnsetType = UNSET
    usage: msgspec.Raw | UnsetType = UNSET
    """With `cost` in US dollars at the end of a stream that was asked for its usage."""


class Embeddings(msgspec.Struct):
    """A vector for each text; base64 where that was asked for."""

    data: list[Some]
    object: msgspec.Raw | UnsetType = UNSET
    model: msgspec.Raw | UnsetType = UNSET
    usage: msgspec.Raw | UnsetType = UNSET


class Ranking(msgspec.Struct):
    """The documents' places by relevance, the best first: each with `index` and `relevance_score`."""

    results: list[msgspec.Raw]
    model: msgspec.Raw | UnsetType = UNSET
    usage: msgspec.Raw | UnsetType = UNSET


class AnthropicUsage(msgspec.Struct):
    """Tokens; `cost` is US dollars, `counted_by` is `estimate` where nobody counted."""

    input_tokens: int
    output_tokens: int
    cache_creation_input_tokens: int | UnsetType = UNSET
    cache_read_input_tokens: int | UnsetType = UNSET
    output_tokens_details: Some | UnsetType = UNSET
    cost: float | UnsetType = UNSET
    counted_by: Literal["estimate"] | UnsetType = UNSET


class AnthropicAnswer(msgspec.Struct):
    """A message, in Anthropic's format."""

    id: str
    type: Literal["message"]
    role: Literal["assistant"]
    model: str
    content: list[Some]
    stop_reason: str | None
    stop_sequence: str | None
    usage: AnthropicUsage


class OpenRouterCompletion(msgspec.Struct):
    """A chat completion, in OpenRouter's format: with the provider, and a usage that says the cost."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    provider: str
    choices: list[Some]
    usage: Some | UnsetType = UNSET


class OpenRouterArchitecture(msgspec.Struct):
    """What a model takes and gives."""

    modality: str | None
    input_modalities: list[str]
    output_modalities: list[str]
    instruct_type: None
    tokenizer: UnsetType | None = UNSET


class OpenRouterModel(msgspec.Struct):
    """A model that can be asked for; prices are US dollars for a token, in digits, `-1` where not known."""

    id: str
    canonical_slug: str
    name: str
    created: int
    context_length: int | None
    architecture: OpenRouterArchitecture
    pricing: Some
    top_provider: Some
    per_request_limits: None
    supported_parameters: list[str]
    default_parameters: None
    supported_voices: None
    links: dict[str, str]
    description: str | UnsetType = UNSET


class OpenRouterLinks(msgspec.Struct):
    """Where the next page is."""

    next: str | None


class OpenRouterModels(msgspec.Struct):
    """A page of models, by id."""

    data: list[OpenRouterModel]
    total_count: int
    links: OpenRouterLinks


class OpenRouterOneModel(msgspec.Struct):
    """One of them."""

    data: OpenRouterModel


class OpenRouterNumber(msgspec.Struct):
    """How many."""

    count: int


class OpenRouterCount(msgspec.Struct):
    """How many models there are."""

    data: OpenRouterNumber


class OpenRouterServed(msgspec.Struct):
    """A model and who serves it, the cheapest first."""

    id: str
    name: str
    created: int
    description: str
    architecture: OpenRouterArchitecture
    endpoints: list[Some]


class OpenRouterEndpoints(msgspec.Struct):
    """Who serves a model."""

    data: OpenRouterServed


class Generation(msgspec.Struct):
    """What became of an answer; times are milliseconds, money is US dollars, null is unknown."""

    id: str
    created_at: datetime
    model: str | None
    provider_name: str | None
    streamed: bool
    cancelled: bool
    total_cost: float | None
    usage: float | None
    tokens_prompt: int | None
    tokens_completion: int | None
    latency: float | None
    generation_time: float | None
    provider_responses: list[Some]


class OpenRouterGeneration(msgspec.Struct):
    """What became of an answer."""

    data: Generation


class KeyUse(msgspec.Struct):
    """What a key is and has used, in US dollars: ever, and since midnight, Monday and the first of the month (UTC)."""

    label: str
    limit: float | None
    limit_remaining: float | None
    limit_reset: Literal["daily", "weekly", "monthly"] | None
    usage: float
    usage_daily: float
    usage_weekly: float
    usage_monthly: float
    expires_at: datetime | None
    is_free_tier: bool
    rate_limit: Some


class OpenRouterKey(msgspec.Struct):
    """What a key is and has used."""

    data: KeyUse


class Credits(msgspec.Struct):
    """What a key has used, in US dollars. Nobody buys credits here."""

    total_credits: float
    total_usage: float
    limit: None


class OpenRouterCredits(msgspec.Struct):
    """What a key has used."""

    data: Credits


class SetUp(msgspec.Struct):
    """A provider that is set up here."""

    name: str
    slug: str
    headquarters: str | None
    datacenters: None
    privacy_policy_url: None
    terms_of_service_url: None
    status_page_url: None


class OpenRouterProviders(msgspec.Struct):
    """Who is set up here."""

    data: list[SetUp]
