"""The gateway takes what its OpenAPI document says it takes, answers what it says it answers, and refuses the rest.

Schemathesis asks this with thousands of requests (`make conformance`); here each field is asked once.
"""

import json
from collections.abc import Iterator

import msgspec
import pytest

from tests.gateway.house import Gateway
from tests.gateway.office import office
from tests.gateway.upstream import Call, Upstream, plainly
from weighbridge.gateway.openapi.document import document
from weighbridge.gateway.openapi.operations import OPERATIONS
from weighbridge.gateway.outline import outline

Json = dict[str, object]
DOCUMENT = json.loads(document(outline()))
SCHEMAS: dict[str, Json] = DOCUMENT["components"]["schemas"]
ASKED: Json = {
    "model": "near/tiny",
    "messages": [{"role": "user", "content": "Say hello."}],
    "max_tokens": 5,
    "prompt": "Say",
    "query": "greetings",
    "documents": ["Hello."],
    "metadata": {},
}
ADMINISTERED: Json = {
    "name": "a",
    "role": "auditor",
    "models": ["near/*"],
    "scope": "all",
    "unit": "usd",
    "period": "day",
    "amount": 5,
    "user": "u-1",
}
"""What is asked where it takes an admin key."""
WRONG: dict[str, object] = {"object": {"x": []}, "array": [[[]]], "string": "strange", "integer": 3, "boolean": True}


def asking() -> Iterator[tuple[str, str, Json]]:
    """Operations that take a body: path, operation and the schema of the body."""
    for path, methods in DOCUMENT["paths"].items():
        if "post" in methods and "requestBody" in methods["post"]:
            schema = methods["post"]["requestBody"]["content"]["application/json"]["schema"]
            yield path, f"POST {path}", SCHEMAS[schema["$ref"].rpartition("/")[2]]


def minimal(path: str, schema: Json) -> Json:
    """Fields that are required, in a request that makes sense; and the input, of which the schema says that one is."""
    required = schema.get("required", [])
    assert isinstance(required, list)
    if is_administered(path):
        return {name: ADMINISTERED[name] for name in required}
    body: Json = {name: ASKED[name] for name in required if name in ASKED} | {"model": ASKED["model"]}
    return body | ({"input": "Say hello."} if "embeddings" in path or "responses" in path else {})


def is_administered(path: str) -> bool:
    """Whether it takes an admin key."""
    return path.startswith(("/v1/admin/", "/api/v1/keys"))


def key_for(gateway: Gateway, path: str) -> str:
    """A key that may ask this."""
    return office(gateway, "owner").key if is_administered(path) else gateway.key


def admitted(schema: Json) -> set[str]:
    """The JSON types that a schema admits; all of them where it says nothing."""
    if "$ref" in schema:
        return admitted(SCHEMAS[str(schema["$ref"]).rpartition("/")[2]])
    if isinstance(options := schema.get("anyOf"), list):
        return set().union(*map(admitted, options))
    if "enum" in schema:
        return set()
    kind = schema.get("type")
    if isinstance(kind, list):
        return set(kind)
    types = {str(kind)} if kind else {*WRONG, "null"}
    return types | ({"integer"} if "number" in types else set())


def wrong(schema: Json) -> Iterator[tuple[str, object]]:
    """Each field with a value of a type that it does not admit."""
    properties = schema["properties"]
    assert isinstance(properties, dict)
    for name, each in properties.items():
        yield from ((name, value) for kind, value in WRONG.items() if kind not in admitted(each))


async def of_any_task(call: Call) -> None:
    """An answer to whatever is asked."""
    if call.target.endswith("/embeddings"):
        await call.answer({"object": "list", "data": [{"embedding": [0.5]}], "usage": {"prompt_tokens": 2}})
    elif call.target.endswith("/rerank"):
        await call.answer({"results": [{"index": 0, "relevance_score": 0.5}]})
    else:
        await plainly(call)


@pytest.mark.parametrize(("path", "name", "schema"), [each for each in asking() if "{id}" not in each[0]])
async def test_what_is_required_is_enough_and_the_answer_is_as_told(
    gateway: Gateway, upstream: Upstream, path: str, name: str, schema: Json
) -> None:
    upstream.script = of_any_task
    answer = await gateway.ask(minimal(path, schema), target=path, key=key_for(gateway, path))
    expected = 201 if OPERATIONS[name].made else 200
    assert (answer.status, answer.headers["content-type"]) == (expected, "application/json"), answer.body
    told = answer.document
    if "/responses" in path:
        assert isinstance(told.pop("usage", {}), dict)
        told["usage"] = None  # it is written apart, and its type, bytes or null, reads null only
    for kind in OPERATIONS[name].gives:
        msgspec.json.decode(msgspec.json.encode(told), type=kind)
    assert ("x-weighbridge-receipt" in answer.headers) == OPERATIONS[name].entered


@pytest.mark.parametrize(("path", "name", "schema"), [*asking()])
async def test_a_field_of_another_type_is_refused_by_its_name(
    gateway: Gateway, upstream: Upstream, path: str, name: str, schema: Json
) -> None:
    upstream.script = of_any_task
    cases, key = [*wrong(schema)], key_for(gateway, path)
    assert cases
    for field, value in cases:
        body = minimal(path, schema) | {field: value}
        answer = await gateway.ask(body, target=path.replace("{id}", "chatcmpl-none"), key=key)
        assert (answer.status, field in str(answer.error)) == (400, True), f"{field}: {value!r}: {answer.body!r}"


@pytest.mark.parametrize(("path", "name", "schema"), [*asking()])
async def test_a_field_that_is_required_is_missed_by_its_name(
    gateway: Gateway, path: str, name: str, schema: Json
) -> None:
    required, key = schema.get("required", []), key_for(gateway, path)
    assert isinstance(required, list)
    for field in required:
        body = {known: value for known, value in minimal(path, schema).items() if known != field}
        answer = await gateway.ask(body, target=path.replace("{id}", "chatcmpl-none"), key=key)
        assert (answer.status, field in str(answer.error)) == (400, True), f"{field}: {answer.body!r}"
