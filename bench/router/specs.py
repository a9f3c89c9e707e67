"""The tables that are measured, how each is split, and what was promised of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final


def _open(model: str) -> bool:
    return not model.startswith(("claude", "gemini"))


@dataclass(frozen=True, slots=True)
class Spec:
    """One table of the page."""

    name: str
    """As `--only` says it."""
    table: str
    """The file."""
    title: str
    reference: str
    train: float
    """Share of the rows that is learnt from, or how many rows."""
    promised: Mapping[str, float]
    """By figure: at least, or for CPT50 and CPT80 at most."""
    pool: Callable[[str], bool] = field(default=lambda model: True)
    """Candidates besides the reference."""

    @property
    def pair(self) -> bool:
        """Two models without prices, measured as RouteLLM's harness does."""
        return "APGR" in self.promised


SPECS: Final = (
    Spec(
        "mmlu",
        "routellm_mmlu",
        "RouteLLM MMLU: GPT-4 and Mixtral 8x7B, 1,500 labels",
        "gpt-4-1106-preview",
        1500,
        {"APGR": 0.655, "CPT50": 29, "CPT80": 62},
    ),
    Spec(
        "gsm8k",
        "routellm_gsm8k",
        "RouteLLM GSM8K: GPT-4 and Mixtral 8x7B, 500 labels",
        "gpt-4-1106-preview",
        500,
        {"APGR": 0.640, "CPT50": 32, "CPT80": 60},
    ),
    Spec(
        "routerbench",
        "routerbench_slice",
        "RouterBench slice: GPT-4 and ten others, 60/40",
        "gpt-4-1106-preview",
        0.6,
        {"AIQ": 0.856, "saved at 99 %": 42},
    ),
    Spec(
        "mix24",
        "mix24",
        "mix24: GPT-4o and fifteen open models, 60/40",
        "gpt-4o-2024-08-06",
        0.6,
        {"saved at 95 %": 72, "saved at 99 %": 50},
        _open,
    ),
    Spec(
        "mmlupro24",
        "mmlupro24",
        "mmlupro24: Gemini 1.5 Pro and eleven others, 60/40, subject not told",
        "gemini-1.5-pro-002",
        0.6,
        {"saved at 99 %": 49},
    ),
)
