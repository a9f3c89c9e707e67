"""The OpenAPI document is served, tells of every route and no other, and says what is so."""

import json
from collections.abc import Iterator

import pytest

from tests.gateway.house import Gateway
from weighbridge.gateway.openapi.document import document
from weighbridge.gateway.openapi.operations import OPERATIONS
from weighbridge.gateway.outline import outline

DOCUMENT = json.loads(document(outline()))
OPERATIONS_TOLD = [
    (method, path, told) for path, methods in DOCUMENT["paths"].items() for method, told in methods.items()
]


async def test_it_is_served_without_a_key_and_tells_of_the_routes(gateway: Gateway) -> None:
    answer = await gateway.get("/openapi.json", key="")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert answer.document == DOCUMENT
    assert (await gateway.get("/openapi.json", key="")).body == answer.body


def test_every_route_has_an_operation_and_every_operation_a_route() -> None:
    routes = {f"{route.method} {route.path}" for route in outline()}
    where = "OPERATIONS in gateway/openapi/operations.py"
    assert routes - OPERATIONS.keys() == set(), f"say in {where} what these take and give"
    assert OPERATIONS.keys() - routes == set(), f"take these out of {where}: there is no such route"


def test_paths_and_summaries_are_those_of_the_table() -> None:
    told = {(method.upper(), path): each["summary"] for method, path, each in OPERATIONS_TOLD}
    assert told == {(route.method, route.path): route.summary for route in outline()}


def refs(value: object) -> Iterator[str]:
    """Whatever is referred to within."""
    if isinstance(value, dict):
        for name, each in value.items():
            if name == "$ref":
                yield each
            elif name == "mapping":
                yield from each.values()
            else:
                yield from refs(each)
    elif isinstance(value, list):
        for each in value:
            yield from refs(each)


def test_whatever_is_referred_to_is_there_and_all_that_is_there_is_referred_to() -> None:
    there = {f"#/components/{kind}/{name}" for kind in ("schemas", "headers") for name in DOCUMENT["components"][kind]}
    assert set(refs(DOCUMENT)) == there


def test_links_lead_to_operations_with_such_a_parameter() -> None:
    parameters = {each["operationId"]: {one["name"] for one in each["parameters"]} for _, _, each in OPERATIONS_TOLD}
    links = [
        link for _, _, each in OPERATIONS_TOLD for link in each["responses"].get("200", {}).get("links", {}).values()
    ]
    assert links
    assert [link for link in links if not link["parameters"].keys() <= parameters[link["operationId"]]] == []


@pytest.mark.parametrize(("method", "path", "told"), OPERATIONS_TOLD, ids=lambda value: str(value)[:40])
def test_what_needs_a_key_says_401_and_what_does_not_says_so(method: str, path: str, told: dict[str, object]) -> None:
    responses = told["responses"]
    assert isinstance(responses, dict)
    assert ("401" in responses) == (told.get("security") != [])
    assert "500" in responses, f"{method} {path} can break as all can"


async def test_a_request_without_a_key_is_401_wherever_the_document_says_so(gateway: Gateway) -> None:
    for method, path, told in OPERATIONS_TOLD:
        answer = await gateway.get(path.replace("{id}", "x"), key="", method=method.upper())
        assert (answer.status == 401) == ("401" in told["responses"]), f"{method} {path}"


def test_no_name_of_ours_is_in_a_schema() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    names = [name for schema in schemas.values() for name in schema.get("properties", {})]
    assert names
    assert [name for name in [*schemas, *names] if name.startswith("_") or " " in name] == []
