"""Whether a document keeps to a JSON Schema (draft 2020-12), for the keywords that structured outputs use.

Keywords that are not looked at are named by `unchecked`: a document may break those. They are `format` and `content…`
(annotations, by the standard), `if`/`then`/`else`, `contains`, `dependent…`, `unevaluated…`, `$dynamicRef`, and a
`$ref` to another document. Source: https://json-schema.org/draft/2020-12/json-schema-validation
"""

import math
import re
from collections.abc import Callable, Iterator
from typing import Final

from weighbridge.switch.graders import documents
from weighbridge.switch.graders.asked import Json

Check = Callable[[Json, Json, Json, Json], bool]
"""Of the keyword's value, the document, its schema and the whole schema: whether the document keeps to it."""


def violation(document: Json, schema: Json) -> str | None:
    """The first keyword that a document breaks; None if it keeps to all that are looked at."""
    return _violation(document, schema, schema)


def unchecked(schema: Json) -> tuple[str, ...]:
    """Keywords of a schema that nothing here looks at, sorted."""
    return tuple(sorted(set(_keywords(schema)) - CHECKS.keys() - _WORDS))


def _violation(document: Json, schema: Json, root: Json) -> str | None:
    if not isinstance(schema, dict):
        return "false" if schema is False else None
    for keyword, value in schema.items():
        check = CHECKS.get(keyword)
        if check is not None and not check(value, document, schema, root):
            return str(keyword)
    return None


def _keeps(document: Json, schema: Json, root: Json) -> bool:
    return _violation(document, schema, root) is None


def _number(document: Json) -> bool:
    return isinstance(document, (int, float)) and not isinstance(document, bool)


_TYPES: Final[dict[str, Callable[[Json], bool]]] = {
    "null": lambda document: document is None,
    "boolean": lambda document: isinstance(document, bool),
    "integer": lambda document: _number(document) and float(document).is_integer(),
    "number": _number,
    "string": lambda document: isinstance(document, str),
    "array": lambda document: isinstance(document, list),
    "object": lambda document: isinstance(document, dict),
}


def _type(value: Json, document: Json, schema: Json, root: Json) -> bool:
    names = value if isinstance(value, list) else [value]
    return any(_TYPES.get(name, lambda _: True)(document) for name in names)


def _equal(one: Json, other: Json) -> bool:
    return documents.canonical(one) == documents.canonical(other)


def _properties(value: Json, document: Json, schema: Json, root: Json) -> bool:
    return not isinstance(document, dict) or all(
        _keeps(document[name], each, root) for name, each in value.items() if name in document
    )


def _pattern_properties(value: Json, document: Json, schema: Json, root: Json) -> bool:
    return not isinstance(document, dict) or all(
        _keeps(document[name], each, root)
        for pattern, each in value.items()
        for name in document
        if _found(pattern, name)
    )


def _additional(value: Json, document: Json, schema: Json, root: Json) -> bool:
    if not isinstance(document, dict):
        return True
    known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    others = [name for name in document if name not in known and not any(_found(each, name) for each in patterns)]
    return all(_keeps(document[name], value, root) for name in others)


def _items(value: Json, document: Json, schema: Json, root: Json) -> bool:
    if not isinstance(document, list):
        return True
    if isinstance(value, list):  # as drafts before 2020-12 wrote prefixItems
        return _prefix(value, document, schema, root)
    return all(_keeps(each, value, root) for each in document[len(schema.get("prefixItems", ())) :])


def _prefix(value: Json, document: Json, schema: Json, root: Json) -> bool:
    return not isinstance(document, list) or all(
        _keeps(each, wanted, root) for each, wanted in zip(document, value, strict=False)
    )


def _reference(value: Json, document: Json, schema: Json, root: Json) -> bool:
    target = _resolved(value, root)
    return target is None or _keeps(document, target, root)


def _resolved(value: str, root: Json) -> Json:
    """What a pointer into the same document points at; None if it leads elsewhere or nowhere."""
    if not value.startswith("#"):
        return None
    target = root
    for step in value[1:].split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(target, list) and name.isdecimal() and int(name) < len(target):
            target = target[int(name)]
        elif isinstance(target, dict) and name in target:
            target = target[name]
        else:
            return None
    return target


def _multiple(value: Json, document: Json, schema: Json, root: Json) -> bool:
    if not _number(document):
        return True
    times = document / value
    return math.isclose(times, round(times), rel_tol=1e-9, abs_tol=1e-9)


def _unique(value: Json, document: Json, schema: Json, root: Json) -> bool:
    if not value or not isinstance(document, list):
        return True
    return len({documents.canonical(each) for each in document}) == len(document)


def _found(pattern: str, text: str) -> bool:
    """Patterns of ECMA 262 and of Python's re differ in rare signs; one that cannot be read here holds."""
    try:
        return re.search(pattern, text) is not None
    except re.error:
        return True


def _sized(kind: type[dict[str, Json]] | type[list[Json]] | type[str], size: Callable[[Json, Json], bool]) -> Check:
    def check(value: Json, document: Json, schema: Json, root: Json) -> bool:
        return not isinstance(document, kind) or size(len(document), value)

    return check


def _compared(holds: Callable[[Json, Json], bool]) -> Check:
    return lambda value, document, schema, root: not _number(document) or holds(document, value)


CHECKS: Final[dict[str, Check]] = {
    "type": _type,
    "enum": lambda value, document, schema, root: any(_equal(document, each) for each in value),
    "const": lambda value, document, schema, root: _equal(document, value),
    "properties": _properties,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional,
    "propertyNames": lambda value, document, schema, root: (
        not isinstance(document, dict) or all(_keeps(name, value, root) for name in document)
    ),
    "required": lambda value, document, schema, root: (
        not isinstance(document, dict) or all(name in document for name in value)
    ),
    "minProperties": _sized(dict, lambda size, value: size >= value),
    "maxProperties": _sized(dict, lambda size, value: size <= value),
    "items": _items,
    "prefixItems": _prefix,
    "minItems": _sized(list, lambda size, value: size >= value),
    "maxItems": _sized(list, lambda size, value: size <= value),
    "uniqueItems": _unique,
    "minLength": _sized(str, lambda size, value: size >= value),
    "maxLength": _sized(str, lambda size, value: size <= value),
    "pattern": lambda value, document, schema, root: not isinstance(document, str) or _found(value, document),
    "minimum": _compared(lambda document, value: document >= value),
    "maximum": _compared(lambda document, value: document <= value),
    "exclusiveMinimum": _compared(lambda document, value: document > value),
    "exclusiveMaximum": _compared(lambda document, value: document < value),
    "multipleOf": _multiple,
    "allOf": lambda value, document, schema, root: all(_keeps(document, each, root) for each in value),
    "anyOf": lambda value, document, schema, root: any(_keeps(document, each, root) for each in value),
    "oneOf": lambda value, document, schema, root: sum(_keeps(document, each, root) for each in value) == 1,
    "not": lambda value, document, schema, root: not _keeps(document, value, root),
    "$ref": _reference,
}
_WORDS: Final = {
    "$schema",
    "$id",
    "$defs",
    "definitions",
    "$comment",
    "$anchor",
    "title",
    "description",
    "default",
    "examples",
} | {
    "deprecated",
    "readOnly",
    "writeOnly",
}
_NAMED: Final = ("properties", "patternProperties", "$defs", "definitions")
_LISTED: Final = ("allOf", "anyOf", "oneOf", "prefixItems")
_ONE: Final = ("items", "additionalProperties", "propertyNames", "not")


def _keywords(schema: Json) -> Iterator[str]:
    if not isinstance(schema, dict):
        return
    yield from schema
    if isinstance(target := schema.get("$ref"), str) and not target.startswith("#"):
        yield f"$ref to {target}"
    for keyword in _NAMED:
        for each in schema.get(keyword, {}).values():
            yield from _keywords(each)
    for keyword in _LISTED:
        for each in schema.get(keyword, ()):
            yield from _keywords(each)
    for keyword in _ONE:
        yield from _keywords(schema.get(keyword))
