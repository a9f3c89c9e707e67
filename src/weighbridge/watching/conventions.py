"""What OpenTelemetry's conventions for generative AI call things, for metrics and spans alike.

https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/ and …/gen-ai-spans/, version 1.37; still in
development there, so that names may change with a later version of theirs, and then here.
"""

from collections.abc import Mapping
from typing import Final

TOKEN_USAGE: Final = "gen_ai.client.token.usage"  # noqa: S105 - no password
REQUEST_DURATION: Final = "gen_ai.server.request.duration"
TIME_TO_FIRST_TOKEN: Final = "gen_ai.server.time_to_first_token"  # noqa: S105
TIME_PER_OUTPUT_TOKEN: Final = "gen_ai.server.time_per_output_token"  # noqa: S105

# the bounds of the buckets that each metric's own section asks for
TOKENS: Final = tuple(4**power for power in range(14))
DURATIONS: Final = tuple(round(0.01 * 2**power, 2) for power in range(14))
FIRST_TOKENS: Final = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
PER_TOKEN: Final = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5)

_PROVIDERS: Final[Mapping[str, str]] = {"google": "gcp.gemini", "mistral": "mistral_ai", "xai": "x_ai"}
"""Those that the conventions call otherwise than we do."""


def provider_name(provider: str) -> str:
    """The value of `gen_ai.provider.name` for a provider of ours."""
    return _PROVIDERS.get(provider, provider)
