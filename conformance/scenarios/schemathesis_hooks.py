"""What Schemathesis is told of the gateway beside its document: a model that answers, and what no schema can say."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import schemathesis

MODEL = os.environ["CONFORMANCE_MODEL"]
ONLY_AT_ANTHROPIC = ("container", "fallbacks", "inference_geo", "mcp_servers", "thread")
"""Fields that a provider of Anthropic's API takes, and that are refused where there is none."""


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case, kwargs: dict[str, Any]) -> None:
    """Change what would be refused, or not answered, for reasons that are none of the document's."""
    _paged(case)
    body = case.body
    if not isinstance(body, dict):
        return
    for each in list(_objects(body)):
        _in_this_house(each)
    for name, mend in MENDED.items():
        if name in body:
            body[name] = mend(body[name])
    for name in ONLY_AT_ANTHROPIC:
        body.pop(name, None)
    if "/responses" in case.path:
        _alone(body)
    if case.path.endswith("/compact"):
        body.pop("max_output_tokens", None)  # one that the summary has room in is the model's affair


def _model(given: Any) -> Any:
    """There is one model."""
    return MODEL if isinstance(given, str) and 0 < len(given) <= 512 else given


def _models(given: Any) -> Any:
    return [_model(each) for each in given] if isinstance(given, list) else given


def _few(given: Any) -> Any:
    """A scripted model writes each answer out."""
    return min(given, 3) if type(given) is int else given


MENDED: dict[str, Callable[[Any], Any]] = {
    "model": _model,
    "models": _models,
    "n": _few,
    "best_of": _few,
    "dimensions": _few,
}


def _paged(case: schemathesis.Case) -> None:
    """A page begins after something that is there, and a kept stream after an event of a stream."""
    query = case.query or {}
    if "{id}" in case.path or case.path.endswith("/chat/completions"):
        query.pop("after", None)
    if query.get("stream") is not True:
        query.pop("starting_after", None)


def _alone(body: dict[str, Any]) -> None:
    """A response goes on from none that was never made, answers no call and chooses no tool that is not there."""
    if isinstance(body.get("previous_response_id"), str):
        body["previous_response_id"] = None
        if body.get("input", "") is None:
            body["input"] = "Say hello."
    given = body.get("input")
    if isinstance(given, list):
        body["input"] = [*_calls(given), *given]
    choice = body.get("tool_choice")
    if choice == "required" or isinstance(choice, dict):
        del body["tool_choice"]


def _calls(items: list[Any]) -> Iterator[dict[str, str]]:
    """What the results are of: a result without its call is refused."""
    for item in items:
        if isinstance(item, dict) and str(item.get("type")).endswith("call_output") and "call_id" in item:
            yield {"type": "function_call", "call_id": item["call_id"], "name": "f", "arguments": "{}"}


def _in_this_house(value: dict[str, Any]) -> None:
    """A document by its address can only be passed to a provider of Anthropic's API."""
    source = value.get("source")
    if value.get("type") == "document" and isinstance(source, dict) and source.get("type") == "url":
        value["source"] = {"type": "text", "media_type": "text/plain", "data": "words"}


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """All objects within, and a whole number written with a point as one without: here they are not the same."""
    if isinstance(value, dict):
        yield value
    within = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for place, each in list(within):
        if isinstance(each, float) and each.is_integer():
            value[place] = int(each)
        yield from _objects(each)
