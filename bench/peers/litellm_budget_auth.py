"""One key with a budget, as LiteLLM's documentation of custom auth has it (docs.litellm.ai/docs/proxy/custom_auth)."""

import os

from fastapi import Request  # type: ignore[import-not-found]
from litellm.proxy._types import UserAPIKeyAuth  # type: ignore[import-not-found]


async def user_api_key_auth(request: Request, api_key: str) -> UserAPIKeyAuth:
    """The key `sk-bench`, which may spend what the environment says."""
    if api_key != "sk-bench":
        raise ValueError("unknown key")
    return UserAPIKeyAuth(api_key=api_key, max_budget=float(os.environ["BENCH_BUDGET"]))
