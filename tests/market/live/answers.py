"""What sources say, in the forms that they document: bodies for the server on loopback."""

import json
from collections.abc import Mapping

from tests.market.live.server import BUSY, DOWN, Reply, row

META = {"as_of": "2026-11-22T02:00:00Z", "end_date": "2026-11-21", "start_date": "2026-11-15", "version": "v1"}
COST = {"as_of": "2026-11-22T02:00:00.000Z", "version": "v1", "window_days": 30, "window_end_date": "2026-11-15"}


def body(document: object) -> Reply:
    """A JSON document as an answer."""
    return Reply(json.dumps(document, indent=1).encode())


def app(number: int, name: str, tokens: object, requests: object = 3) -> Mapping[str, object]:
    """A row of app-rankings."""
    return {"app_id": number, "app_name": name, "rank": 1, "total_requests": requests, "total_tokens": tokens}


APPS_PATH = "/api/v1/datasets/app-rankings?start_date=2026-11-15&end_date=2026-11-21&limit=100{}&offset=0"
APPS = {
    APPS_PATH.format(""): [BUSY, body({"data": [app(1, "Cline", "900"), app(2, "Chat", "100")], "meta": META})],
    APPS_PATH.format("&category=coding"): [body({"data": [app(1, "Cline", "900")], "meta": META})],
    APPS_PATH.format("&category=creative"): [body({"data": [], "meta": META})],
    APPS_PATH.format("&category=productivity"): [body({"data": [app(2, "Chat", "-4"), "?"], "meta": META})],
    APPS_PATH.format("&category=entertainment"): [body({"rows": [], "meta": META})],
}
"""app-rankings: a page of no rows, rows that cannot be, and a page of another form."""

SESSIONS_PATH = "/api/v1/datasets/session-cost?limit=500&turn_range={}&offset=0"
SESSION = {
    "app_name": "Hermes Agent",
    "app_slug": "hermes-agent",
    "median_session_cost_usd": 1.74,
    "model_permaslug": "anthropic/claude-4.8-opus",
    "turn_range": "10-49-turns",
}
SESSIONS = {
    SESSIONS_PATH.format("1-turn"): [DOWN, body({"data": [], "meta": COST})],
    SESSIONS_PATH.format("2-9-turns"): [body({"data": [{**SESSION, "median_session_cost_usd": None}], "meta": COST})],
    SESSIONS_PATH.format("10-49-turns"): [body({"data": [SESSION], "meta": COST})],
    SESSIONS_PATH.format("50-plus-turns"): [body({"data": [], "meta": {**COST, "window_end_date": "2026-11-22"}})],
}

TASK = {
    "category_token_share": 0.48, "category_usage_share": 0.51, "display_name": "Code Generation",
    "macro_category": "code", "tag": "code:general_impl", "token_share": 0.31, "usage_share": 0.23,
    "models": [
        {"id": "deepseek/deepseek-v4", "tag_token_share": 0.75, "tag_usage_share": 0.55},
        {"id": "anthropic/claude-sonnet-4", "tag_token_share": 0.12, "tag_usage_share": 0.2},
    ],
}  # fmt: skip
CHAT = {
    **TASK,
    "tag": "general:chat",
    "macro_category": "general",
    "token_share": 0.2,
    "usage_share": 0.4,
    "models": [],
}
AREA = {"key": "code", "label": "Code", "token_share": 0.31, "usage_share": 0.23}
TASKS_DATA = {"as_of": "2026-11-21", "classifications": [TASK, CHAT, {**TASK, "token_share": 31}],
              "macro_categories": [AREA], "window_days": 7}  # fmt: skip
TASKS = {row("openrouter-tasks").path: [body({"data": TASKS_DATA})]}

ENDPOINT = {
    "name": "DeepInfra", "provider_name": "DeepInfra", "tag": "deepinfra/fp8", "quantization": "fp8",
    "context_length": 8192, "max_completion_tokens": 4096, "uptime_last_30m": 99.5,
    "latency_last_30m": {"p50": 0.25, "p99": 0.85}, "throughput_last_30m": {"p50": 45.2},
    "pricing": {"prompt": "0.00000014", "completion": "0.00000028", "request": "0", "image": "0"},
}  # fmt: skip
OTHER = {"provider_name": "Own", "pricing": {"prompt": "0", "completion": "0"}, "quantization": "unknown"}
ENDPOINTS = {
    "/api/v1/models": [body({"data": [{"id": "lab/m"}, {"id": "lab/gone"}]})],
    "/api/v1/models/lab/m/endpoints": [body({"data": {"id": "lab/m", "endpoints": [ENDPOINT, OTHER, {"tag": "x"}]}})],
    "/api/v1/models/lab/gone/endpoints": [body({"data": None})],
}

ANALYSED = {
    "id": "1", "name": "GPT-4o", "slug": "gpt-4o", "release_date": "2024-05-13",
    "model_creator": {"id": "o", "name": "OpenAI"},
    "evaluations": {"artificial_analysis_intelligence_index": 85.2, "artificial_analysis_agentic_index": None},
    "pricing": {"price_1m_input_tokens": 5.0, "price_1m_output_tokens": 15.0, "price_1m_cache_hit_tokens": None},
    "performance": {"median_output_tokens_per_second": 85.0, "median_time_to_first_token_seconds": 0.35},
}  # fmt: skip
_AA = row("artificial-analysis").path
ANALYSIS = {
    _AA.replace("{page}", "1"): [body({"tier": "free", "intelligence_index_version": 4.3, "data": [ANALYSED],
                                       "pagination": {"page": 1, "has_more": True}})],
    _AA.replace("{page}", "2"): [body({"meta": {"pagination": {"has_more": False}},
                                       "data": [{**ANALYSED, "slug": "x", "release_date": "1970-01-01"}, {"id": 2}]})],
}  # fmt: skip

PROVIDERS = [
    {
        "id": "anthropic", "name": "Anthropic", "pricing_urls": ["https://www.anthropic.com/pricing#api"],
        "api_pattern": "https://api\\.anthropic\\.com",
        "models": [
            {"id": "claude-2", "match": {"starts_with": "claude-2"}, "prices": {"input_mtok": 8, "output_mtok": 24}},
            {"id": "claude-opus-4-6", "prices": [
                {"prices": {"input_mtok": {"base": 5, "tiers": [{"start": 200000, "price": 10}]}, "output_mtok": 25}},
                {"constraint": {"start_date": "2026-03-13"}, "prices": {"input_mtok": 5, "output_mtok": 25}},
                {"constraint": {"start_time": "16:30:00", "end_time": "00:30:00"}, "prices": {"input_mtok": 1}},
            ]},
            {"id": "broken"},
        ],
    }
]  # fmt: skip
PRICES = {row("genai-prices").path: [body(PROVIDERS)]}
