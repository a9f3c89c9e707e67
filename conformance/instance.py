"""A value that fits a JSON schema, with the words and numbers of a question in it where they fit."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
else:
    Json = Any  # msgspec reads no type that contains itself

_BY_FORMAT = {
    "date": "2026-11-22",
    "date-time": "2026-11-22T09:00:00Z",
    "time": "09:00:00",
    "email": "someone@example.com",
    "uri": "https://example.com/",
    "uuid": "0197a0c0-0000-7000-8000-000000000001",
}
_QUOTED = re.compile(r"'([^']+)'|\"([^\"]+)\"")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_PLACE = re.compile(r"\b(?:in|of|for|named|called) ((?:[A-Z]\w+,? ?)+)")
_DEEPEST = 8
"""A schema may contain itself."""


@dataclass(slots=True)
class Hints:
    """What a question offers to fill in, used up in its order, the last of it again and again."""

    numbers: Iterator[str]
    words: Iterator[str]
    number: str | None = None
    word: str | None = None

    @classmethod
    def of(cls, question: str) -> "Hints":
        """Numbers; quoted words, else names after a preposition."""
        quoted = [one or other for one, other in _QUOTED.findall(question)]
        named = [name.strip(" ,") for name in _PLACE.findall(question)]
        return cls(iter(_NUMBER.findall(question)), iter(quoted or named))

    def next_number(self) -> float | None:
        """The next number of the question."""
        self.number = next(self.numbers, self.number)
        return None if self.number is None else float(self.number)

    def next_words(self) -> str | None:
        """The next quoted words or name of the question."""
        self.word = next(self.words, self.word)
        return self.word


@dataclass(frozen=True, slots=True)
class Schemas:
    """A schema, and the definitions that its parts refer to."""

    root: Json
    hints: Hints = field(default_factory=lambda: Hints.of(""))

    def instance(self) -> Json:
        """A value that fits."""
        return self._of(self.root, 0)

    def _of(self, schema: Json, depth: int) -> Json:
        if not isinstance(schema, dict) or depth > _DEEPEST:
            return self._text({})
        if isinstance(where := schema.get("$ref"), str):
            return self._of(self._at(where), depth + 1)
        if "const" in schema:
            return schema["const"]
        if isinstance(closed := schema.get("enum"), list) and closed:
            return closed[0]
        for name in ("anyOf", "oneOf", "allOf"):
            if isinstance(options := schema.get(name), list) and options:
                return self._of(next((each for each in options if each != {"type": "null"}), None), depth + 1)
        return self._of_type(_type(schema), schema, depth)

    def _of_type(self, kind: str, schema: dict[str, Json], depth: int) -> Json:
        match kind:
            case "object":
                properties = schema.get("properties")
                named = properties if isinstance(properties, dict) else {}
                return {name: self._of(each, depth + 1) for name, each in named.items()}
            case "array":
                return [self._of(schema.get("items"), depth + 1)]
            case "integer":
                return int(self._number(schema))
            case "number":
                return self._number(schema)
            case "boolean":
                return True
            case "null":
                return None
            case _:
                return self._text(schema)

    def _number(self, schema: dict[str, Json]) -> float:
        hinted = self.hints.next_number()
        least = schema.get("minimum", 1)
        return hinted if hinted is not None else float(least) if isinstance(least, int | float) else 1.0

    def _text(self, schema: dict[str, Json]) -> str:
        form = schema.get("format")
        if isinstance(form, str) and form in _BY_FORMAT:
            return _BY_FORMAT[form]
        return self.hints.next_words() or "some words"

    def _at(self, where: str) -> Json:
        found: Json = self.root
        for name in where.removeprefix("#").strip("/").split("/"):
            found = found.get(name) if name and isinstance(found, dict) else found
        return found


def _type(schema: dict[str, Json]) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((each for each in kind if each != "null"), "null")
    if isinstance(kind, str):
        return kind
    return "object" if "properties" in schema else "string"
