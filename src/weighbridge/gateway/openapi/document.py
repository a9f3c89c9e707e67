"""The OpenAPI document, from the table of routes and what each takes and gives."""

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import version
from typing import Any, Final

import msgspec

from weighbridge.errors import WeighbridgeError
from weighbridge.gateway import answers
from weighbridge.gateway.openapi.items import ITEMS
from weighbridge.gateway.openapi.listed import Listed
from weighbridge.gateway.openapi.operations import ANY_REQUEST, KEYED, OPERATIONS, Operation
from weighbridge.wire.chat.surface import Failure
from weighbridge.wire.messages.surface import Failure as AnthropicFailure
from weighbridge.wire.messages.surface import MessagesSurface
from weighbridge.wire.openrouter.surface import Failure as OpenRouterFailure
from weighbridge.wire.openrouter.surface import OpenRouterErrors, OpenRouterSurface
from weighbridge.wire.surface import Surface

_Json = dict[str, Any]  # a JSON object
_JSON: Final = "application/json"
_STREAM: Final = "text/event-stream"
_COMPONENTS: Final = "#/components/schemas/"
_DIALECTS: Final = {
    "weighbridge.wire.messages": "Anthropic",
    "weighbridge.wire.responses": "Responses",
    "weighbridge.gateway.openapi.items": "Responses",
    "weighbridge.wire.openrouter": "OpenRouter",
}
"""What the names of schemas begin with, by where their Structs are: the dialects have words in common."""
_FAILURES: Final[Mapping[type, type]] = {
    MessagesSurface: AnthropicFailure,
    OpenRouterSurface: OpenRouterFailure,
    OpenRouterErrors: OpenRouterFailure,
}
"""The shape of a dialect's errors, where it is not OpenAI's."""
_ABOUT: Final = """\
One endpoint for open-weight models, with a receipt for every answer: OpenAI's, Anthropic's and OpenRouter's APIs.

Fields of a request that are not named here pass to the provider, where the schema allows them. `HEAD` works where
`GET` does; any other method is 405 with `Allow`, and needs no key. The `{id}` of a model may have slashes in it.
Where `model` is not required, it may be left out of requests to a gateway whose settings have a default.
"""


def document(routes: Sequence[Listed]) -> bytes:
    """The document, as JSON. Raises LookupError for a route that OPERATIONS does not have."""
    operations = [(route, _operation_of(route)) for route in routes]
    kinds = (kind for route, operation in operations for kind in _kinds(route, operation))
    schemas = _Schemas((*kinds, *ITEMS))
    paths: dict[str, _Json] = {}
    for route, operation in operations:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, operation, schemas)
    queries = {schemas.name(operation.query) for _, operation in operations if operation.query is not None}
    whole: _Json = {
        "openapi": "3.1.0",
        "info": {"title": "Weighbridge", "version": version("weighbridge"), "description": _ABOUT},
        "security": [{"bearer": []}, {"x-api-key": []}],
        "paths": paths,
        "components": {
            "schemas": {name: each for name, each in schemas.components.items() if name not in queries},
            "headers": _HEADERS,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "A key of the gateway's: `wb-…`."},
                "x-api-key": {"type": "apiKey", "in": "header", "name": "x-api-key", "description": "The same."},
            },
        },
    }
    return msgspec.json.encode(whole)


def _operation_of(route: Listed) -> Operation:
    try:
        return OPERATIONS[f"{route.method} {route.path}"]
    except KeyError as exc:
        where = "OPERATIONS in weighbridge/gateway/openapi/operations.py"
        raise LookupError(f"{route.method} {route.path}: say in {where} what it takes and gives") from exc


_HEADERS: Final[_Json] = {
    "receipt": {"description": "The id of the ledger's entry.", "schema": {"type": "string", "pattern": "^wbr-"}},
    "cost": {
        "description": "US dollars, in digits; absent where it is not known, and on streams.",
        "schema": {"type": "string", "pattern": r"^\d+(\.\d+)?$"},
    },
    "retry-after": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 1}},
}


class _Schemas:
    """The schemas of all types, by the names that they have in the document."""

    def __init__(self, kinds: Iterable[Any]) -> None:
        self.components: _Json = {}
        self._of: list[tuple[Any, _Json]] = []
        by_dialect: dict[str, list[Any]] = {}
        for kind in kinds:
            known = by_dialect.setdefault(_dialect(kind), [])
            if not any(kind is each for each in known):
                known.append(kind)
        for dialect, types in by_dialect.items():
            made, components = _plain(
                msgspec.json.schema_components(types, ref_template=f"{_COMPONENTS}{dialect}{{name}}")
            )
            self._of += zip(types, made, strict=True)
            self.components |= {f"{dialect}{name}": schema for name, schema in components.items()}

    def of(self, kind: Any) -> _Json:  # noqa: ANN401 - a type, or what stands for one
        """What to say where a value of this type stands."""
        return next(schema for known, schema in self._of if known is kind)

    def name(self, kind: Any) -> str:  # noqa: ANN401 - a Struct
        """What a Struct is called."""
        found: str = self.of(kind)["$ref"]
        return found.removeprefix(_COMPONENTS)

    def taken(self, kind: Any) -> _Json:  # noqa: ANN401 - a Struct
        """The schema of a Struct itself."""
        found: _Json = self.components[self.name(kind)]
        return found


def _plain(schemas: object) -> tuple[Sequence[_Json], _Json]:
    """The same, without the underscores that begin the names of private Structs."""
    written = re.sub(rf'({_COMPONENTS}[A-Za-z]*|(?:"title":)?")_', r"\1", msgspec.json.encode(schemas).decode())
    plain: tuple[Sequence[_Json], _Json] = msgspec.json.decode(written)
    return plain


def _dialect(kind: Any) -> str:  # noqa: ANN401 - a type
    module = getattr(kind, "__module__", "")
    return next((name for within, name in _DIALECTS.items() if module.startswith(within)), "")


def _failure(surface: Surface) -> type:
    return _FAILURES.get(type(surface), Failure)


def _kinds(route: Listed, operation: Operation) -> Iterator[Any]:
    kinds = (operation.takes, operation.query, operation.unready, operation.also_fails)
    yield from (kind for kind in kinds if kind is not None)
    yield from operation.gives
    yield _failure(route.surface)


def _operation(route: Listed, operation: Operation, schemas: _Schemas) -> _Json:
    told: _Json = {
        "operationId": f"{route.method} {route.path}",
        "summary": route.summary,
        "parameters": [*_parameters(route, operation, schemas)],
        "responses": _answers(route, operation, schemas),
    }
    if operation.takes is not None:
        told["requestBody"] = {"required": True, "content": {_JSON: {"schema": schemas.of(operation.takes)}}}
    if operation.keyless:
        told["security"] = []
    return told


def _parameters(route: Listed, operation: Operation, schemas: _Schemas) -> Iterator[_Json]:
    if "{id}" in route.path:
        yield {"name": "id", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
    if operation.query is not None:
        query = schemas.taken(operation.query)
        for name, schema in query["properties"].items():
            yield {"name": name, "in": "query", "required": name in query["required"], "schema": schema}
    for name, meaning in operation.headers.items():
        yield {"name": name, "in": "header", "description": meaning, "schema": {"type": "string"}}


def _answers(route: Listed, operation: Operation, schemas: _Schemas) -> _Json:
    if operation.switches:
        return {"101": {"description": route.summary}} | _errors(route, operation, schemas)
    if operation.text:
        text = {"description": route.summary, "content": {operation.media: {"schema": {"type": "string"}}}}
        return {"200": text} | _errors(route, operation, schemas)
    given = [schemas.of(kind) for kind in operation.gives]
    whole: _Json = given[0] if len(given) == 1 else {"anyOf" if operation.either else "allOf": given}
    answer: _Json = {"description": route.summary, "content": {_JSON: {"schema": whole}}}
    if operation.streams:
        answer["content"][_STREAM] = {}  # what a schema means here, an event or all of them, tools do not agree on
    if operation.entered:
        answer["headers"] = {_name(answers.RECEIPT): _header("receipt"), _name(answers.COST): _header("cost")}
    if operation.links:
        answer["links"] = {
            name: {"operationId": link.to, "parameters": {link.parameter: link.value}}
            for name, link in operation.links.items()
        }
    return {"201" if operation.made else "200": answer} | _errors(route, operation, schemas)


def _errors(route: Listed, operation: Operation, schemas: _Schemas) -> _Json:
    by_status: dict[int, list[type[WeighbridgeError]]] = {}
    for error in (*operation.errors, *(() if operation.keyless else KEYED), *ANY_REQUEST):
        by_status.setdefault(error.status, []).append(error)
    return {str(status): _error(status, by_status[status], route, operation, schemas) for status in sorted(by_status)}


def _error(
    status: int, errors: Sequence[type[WeighbridgeError]], route: Listed, operation: Operation, schemas: _Schemas
) -> _Json:
    shapes = [_failure(route.surface), *([] if operation.also_fails is None else [operation.also_fails])]
    if status == _UNREADY and operation.unready is not None:
        shapes.append(operation.unready)
    told = [schemas.of(shape) for shape in shapes]
    answer: _Json = {
        "description": "\n".join(f"- `{error.code}`: {_meaning(error)}" for error in errors),
        "content": {_JSON: {"schema": told[0] if len(told) == 1 else {"anyOf": told}}},
        "headers": {},
    }
    if operation.entered:
        answer["headers"][_name(answers.RECEIPT)] = _header("receipt")
    if status in (429, _UNREADY):
        answer["headers"]["retry-after"] = _header("retry-after")
    return answer


_UNREADY: Final = 503


def _meaning(error: type[WeighbridgeError]) -> str:
    """What happened: the first lines of its docstring."""
    return inspect.cleandoc(error.__doc__ or "").partition("\n\n")[0]


def _name(header: bytes) -> str:
    return header.decode()


def _header(name: str) -> _Json:
    return {"$ref": f"#/components/headers/{name}"}
