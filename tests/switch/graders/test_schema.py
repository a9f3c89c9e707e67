import pytest

from weighbridge.switch.graders.asked import Json
from weighbridge.switch.graders.schema import CHECKS, unchecked, violation

ORDER = {
    "type": "object",
    "properties": {"id": {"type": "integer"}, "items": {"type": "array", "items": {"$ref": "#/$defs/item"}}},
    "required": ["id", "items"],
    "additionalProperties": False,
    "$defs": {"item": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}},
}

# keyword's schema, a document that keeps to it, one that breaks it
KEYWORDS: list[tuple[Json, Json, Json]] = [
    ({"type": "integer"}, 3, 3.5),
    ({"type": "integer"}, 3.0, True),
    ({"type": ["string", "null"]}, None, 0),
    ({"type": "number"}, 1, "1"),
    ({"enum": ["a", 1]}, 1.0, "b"),
    ({"const": {"a": [1, 2]}}, {"a": [1, 2]}, {"a": [2, 1]}),
    ({"properties": {"a": {"type": "string"}}}, {"b": 1}, {"a": 1}),
    ({"patternProperties": {"^x-": {"type": "string"}}}, {"y": 1}, {"x-y": 1}),
    ({"properties": {"a": {}}, "additionalProperties": False}, {"a": 1}, {"a": 1, "b": 2}),
    ({"additionalProperties": {"type": "integer"}}, {"a": 1}, {"a": "1"}),
    ({"patternProperties": {"^x-": {}}, "additionalProperties": False}, {"x-y": 1}, {"y": 1}),
    ({"propertyNames": {"maxLength": 2}}, {"ab": 1}, {"abc": 1}),
    ({"required": ["a"]}, {"a": None}, {"b": 1}),
    ({"minProperties": 1}, {"a": 1}, {}),
    ({"maxProperties": 1}, {"a": 1}, {"a": 1, "b": 1}),
    ({"items": {"type": "integer"}}, [1, 2], [1, "2"]),
    ({"items": [{"type": "integer"}]}, [1, "2"], ["1"]),
    ({"prefixItems": [{"type": "integer"}], "items": False}, [1], [1, 2]),
    ({"minItems": 1}, [1], []),
    ({"maxItems": 1}, [1], [1, 2]),
    ({"uniqueItems": True}, [1, 2], [1, 1.0]),
    ({"minLength": 2}, "ab", "a"),
    ({"maxLength": 2}, "ab", "abc"),
    ({"pattern": "^[0-9]+$"}, "12", "1a"),
    ({"minimum": 1}, 1, 0),
    ({"maximum": 1}, 1, 2),
    ({"exclusiveMinimum": 1}, 2, 1),
    ({"exclusiveMaximum": 1}, 0, 1),
    ({"multipleOf": 0.1}, 0.3, 0.35),
    ({"allOf": [{"minimum": 1}, {"maximum": 3}]}, 2, 4),
    ({"anyOf": [{"type": "string"}, {"minimum": 3}]}, 4, 2),
    ({"oneOf": [{"minimum": 1}, {"maximum": 3}]}, 0, 2),
    ({"not": {"type": "string"}}, 1, "1"),
    ({"$ref": "#/$defs/a", "$defs": {"a": {"type": "string"}}}, "a", 1),
    ({"$ref": "#/oneOf/0/$defs/a~1b", "oneOf": [{"$defs": {"a/b": {"type": "string"}}}]}, "a", 1),
]


@pytest.mark.parametrize(("schema", "good", "bad"), KEYWORDS)
def test_keyword_is_kept_to_and_broken(schema: Json, good: Json, bad: Json) -> None:
    assert violation(good, schema) is None
    assert violation(bad, schema) is not None


def test_every_keyword_has_a_case() -> None:
    assert CHECKS.keys() <= {keyword for schema, _, _ in KEYWORDS for keyword in schema}


@pytest.mark.parametrize(
    ("document", "broken"),
    [
        ({"id": 1, "items": [{"name": "a"}]}, None),
        ({"id": 1, "items": [{}]}, "properties"),
        ({"id": 1}, "required"),
        ({"id": 1, "items": [], "note": ""}, "additionalProperties"),
        ([], "type"),
    ],
)
def test_keyword_that_a_document_breaks_is_named(document: Json, broken: str | None) -> None:
    assert violation(document, ORDER) == broken


def test_keywords_that_are_not_looked_at_are_named() -> None:
    deep = {"type": "object", "properties": {"if": {"format": "date"}, "a": {"anyOf": [{"contains": {}}]}}}
    assert unchecked(deep) == ("contains", "format")
    assert unchecked({"items": {"$ref": "https://example.com/a.json"}}) == ("$ref to https://example.com/a.json",)
    assert unchecked(ORDER) == ()


def test_absent_and_odd_schemas_hold_for_anything() -> None:
    odd: list[Json] = [None, True, {"type": "colour"}, {"pattern": "("}, {"$ref": "#/nowhere"}]
    assert [violation({"a": 1}, each) for each in odd] == [None] * len(odd)
    assert violation({"a": 1}, False) == "false"
