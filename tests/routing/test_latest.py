"""`~lab/family-latest`: the newest of a family, only where there can be no doubt which it is."""

from collections.abc import Sequence
from datetime import date

import pytest

from weighbridge.catalog.model import Endpoint, Model
from weighbridge.routing.latest import latest


def model(id_: str, released: str | None = None, *, served: bool = True) -> Model:
    endpoints = (Endpoint("host", id_, id_),) if served else ()
    return Model(id_, endpoints=endpoints, released=None if released is None else date.fromisoformat(released))


CASES: list[tuple[str, Sequence[Model], dict[str, str]]] = [
    (
        "the highest version",
        [model("a/opus-4.8", "2026-05-28"), model("a/opus-4.10", "2026-09-01"), model("a/opus-4.9", "2026-07-01")],
        {"~a/opus-latest": "a/opus-4.10"},
    ),
    (
        "wherever the version stands",
        [model("a/claude-3.5-sonnet"), model("a/claude-sonnet-4"), model("a/Claude-Sonnet-5")],
        {"~a/claude-sonnet-latest": "a/Claude-Sonnet-5"},
    ),
    (
        "with the maker's letter before it, and a preview",
        [model("m/kimi-k2.6"), model("m/kimi-k3"), model("d/deep-v3-chat"), model("d/deep-v4-chat-preview")],
        {"~m/kimi-latest": "m/kimi-k3", "~d/deep-chat-latest": "d/deep-v4-chat-preview"},
    ),
    (
        "glued to the name, or with a hyphen in it",
        [model("q/qwen3-max"), model("q/qwen3.7-max"), model("m/medium-3"), model("m/medium-3-5")],
        {"~q/qwen-max-latest": "q/qwen3.7-max", "~m/medium-latest": "m/medium-3-5"},
    ),
    ("only what is served here", [model("a/opus-4"), model("a/opus-5", served=False)], {"~a/opus-latest": "a/opus-4"}),
    ("none that nobody serves", [model("a/opus-4", served=False), model("a/opus-5", served=False)], {}),
    ("one model is no family", [model("a/opus-5")], {}),
    (
        "a dated snapshot of the highest",
        [model("d/deep-v4-pro"), model("d/deep-v4-pro-0813"), model("d/deep-v3-pro")],
        {},
    ),
    (
        "a dated snapshot of a lower one",
        [model("d/deep-v4-pro"), model("d/deep-v3-pro-0813")],
        {"~d/deep-pro-latest": "d/deep-v4-pro"},
    ),
    ("versions beside years", [model("m/large-2411"), model("m/large-2512"), model("m/large-4-0")], {}),
    ("no versions at all", [model("m/large-2411"), model("m/large-2512")], {}),
    ("a later release of a lower version", [model("a/x-4", "2026-06-01"), model("a/x-5", "2026-05-01")], {}),
    (
        "a branch that is further",
        [model("o/gpt-5"), model("o/gpt-5.5"), model("o/gpt-6-sol"), model("o/gpt-6.1-sol")],
        {"~o/gpt-sol-latest": "o/gpt-6.1-sol"},
    ),
    ("sizes", [model("q/qwen3-8b"), model("q/qwen3.5-8b"), model("q/qwen3-30b-a3b"), model("q/glm-4.5v")], {}),
    ("names without a lab, or odd ones", [model("tiny"), model("tiny-2"), model("a/"), model("a/4"), model("a/5")], {}),
]


@pytest.mark.parametrize(("models", "found"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_the_newest_of_each_family(models: Sequence[Model], found: dict[str, str]) -> None:
    assert latest(models) == found
    assert latest(reversed(models)) == found
