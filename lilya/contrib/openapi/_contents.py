"""What goes in and what comes out of an operation: parameters, the request body, responses."""

from __future__ import annotations

import inspect
import json
from collections.abc import AsyncIterable, AsyncIterator, Generator, Iterator, Mapping
from http import HTTPStatus
from types import NoneType
from typing import Annotated, Any, Final, get_args, get_origin

from lilya._handling.casts import MAPPINGS, members
from lilya._handling.params import Param
from lilya._paths.template import PathTemplate
from lilya.contrib.openapi._reading import Operation
from lilya.contrib.openapi._schema import REF, Schema, Schemas, plain
from lilya.contrib.openapi.decorator import OpenAPIResponse
from lilya.contrib.openapi.params import Query
from lilya.responses.base import Response
from lilya.transformers import (
    FloatTransformer,
    IntTransformer,
    PathTransformer,
    StrTransformer,
    Transformer,
    UUIDTransformer,
)

__all__ = ["Contents"]

JSON: Final = "application/json"
URLENCODED: Final = "application/x-www-form-urlencoded"
MULTIPART: Final = "multipart/form-data"
UPLOAD: Final = "application/octet-stream"

TRANSFORMED: Final[tuple[tuple[type[Transformer[Any]], Schema], ...]] = (
    (StrTransformer, {"type": "string"}),
    (PathTransformer, {"type": "string"}),
    (IntTransformer, {"type": "integer", "minimum": 0}),
    (FloatTransformer, {"type": "number", "minimum": 0}),
    (UUIDTransformer, {"type": "string", "format": "uuid"}),
)
# These are said by other parts of an operation; as parameters they are ignored (OpenAPI 3.2, section 4.12.2.1).
SAID_ELSEWHERE: Final = frozenset({"accept", "content-type", "authorization"})
# What a handler may be annotated to return that is written as an array.
ITERATORS: Final = (Iterator, Generator, AsyncIterator, AsyncIterable)
# Answers without a body (RFC 9110, sections 15.3.5, 15.3.6 and 15.4.5).
EMPTY: Final = frozenset({204, 205, 304})
# By RFC 9110; Python says so from 3.13 on.
RENAMED: Final[Mapping[int, str]] = {413: "Content Too Large", 422: "Unprocessable Content"}


class Contents:
    """Writes the contents of operations; what they hold becomes part of `schemas`."""

    def __init__(self, schemas: Schemas, is_newer: bool) -> None:
        self._schemas = schemas
        self._is_newer = is_newer  # than OpenAPI 3.1

    # -- parameters -------------------------------------------------------------------------------------------------

    def parameters(self, operation: Operation, template: PathTemplate, renamed: Mapping[str, str]) -> list[Schema]:
        """Parameter Objects: of the path, of the code, of decorators, which replace those of the same name."""
        found: dict[tuple[str, str], Schema] = {}
        for name, transformer in template.transformers.items():
            schema = _transformed(transformer)
            found["path", name] = {"name": renamed[name], "in": "path", "required": True, "schema": schema}
        for param, parameter in operation.reading.asked:
            key = param.key(parameter.name)
            if param.kind != "header" or key.lower() not in SAID_ELSEWHERE:
                found.setdefault((param.kind, key.lower()), self._param(param, parameter))
        for said in reversed(operation.told):
            for name, query in (said.query or {}).items():
                found["query", name.lower()] = self._query(name, query)
        return list(found.values())

    def _param(self, param: Param, parameter: inspect.Parameter) -> Schema:
        wanted = param.wanted(parameter)
        schema = self._schemas.of(_without_none(wanted))
        default, required = param.missing(parameter)
        written: Schema = {"name": param.key(parameter.name), "in": param.kind}
        if param.description:
            written["description"] = param.description
        if required:
            written["required"] = True
        value = plain(default)
        if value is not None:
            schema = {**schema, "default": value}
        if (get_origin(_without_none(wanted)) or wanted) in MAPPINGS:  # an object is written as JSON
            return {**written, "content": {JSON: {"schema": schema}}}
        return {**written, "schema": schema}

    def _query(self, name: str, query: Query) -> Schema:
        schema = dict(query.schema) if isinstance(query.schema, Mapping) else self._schemas.of(query.schema or str)
        if query.default is not None:
            schema["default"] = plain(query.default)
        written: Schema = {"name": name, "in": "query", "style": query.style, "explode": query.explode}
        if query.description:
            written["description"] = query.description
        return {**written, **({"required": True} if query.required else {}), "schema": schema}

    # -- the request body -------------------------------------------------------------------------------------------

    def body(self, operation: Operation) -> Schema | None:
        """The Request Body Object, None where the operation reads none that one knew of."""
        given = next((said.request_body for said in operation.told if said.request_body is not None), None)
        if isinstance(given, Mapping):
            return dict(given)
        if given is not None:
            return {"content": {JSON: {"schema": self._schemas.of(given)}}, "required": True}
        if not operation.body:
            return None
        if len(operation.body) == 1:
            wanted = operation.body[0].annotation
            schema, required = self._schemas.of(wanted), NoneType not in members(wanted)
        else:
            wanted_by_name = {each.name: each.annotation for each in operation.body}
            needed = [name for name, wanted in wanted_by_name.items() if NoneType not in members(wanted)]
            properties = {name: self._schemas.of(wanted) for name, wanted in wanted_by_name.items()}
            schema = {"type": "object", "properties": properties, **({"required": needed} if needed else {})}
            required = bool(needed)
        kinds = self._kinds(schema)
        if kinds == (MULTIPART,) and len(operation.body) == 1 and "$ref" not in schema:  # a file is a field of a form
            name = operation.body[0].name
            schema = {"type": "object", "properties": {name: schema}, **({"required": [name]} if required else {})}
        content = {kind: {"schema": schema} for kind in kinds}
        return {"content": content, **({"required": True} if required else {})}

    def _kinds(self, schema: Schema) -> tuple[str, ...]:
        """The media types a body may have: an object may come as a form, a file only as multipart."""
        whole = self._schemas.components.get(schema.get("$ref", "").removeprefix(REF), schema)
        if UPLOAD in json.dumps(whole):
            return (MULTIPART,)
        return (JSON, URLENCODED, MULTIPART) if whole.get("type") == "object" else (JSON,)

    # -- responses --------------------------------------------------------------------------------------------------

    def responses(self, operation: Operation, *, refuses: bool, checks: bool) -> Schema:
        """Response Objects by status: of the return annotation, of decorators, and those that the layers around give.

        `refuses`: nobody is let in without credentials; `checks`: there is something in the request that may be wrong.
        """
        said = operation.told[0]
        status, content = self._content(operation)
        usual: Schema = {"description": said.response_description or _phrase(status)}
        if content and status not in EMPTY:
            usual["content"] = content
        found = {status: usual}
        for code, applies in ((401, refuses), (403, operation.guarded), (422, checks)):
            if applies:
                found.setdefault(code, {"description": _phrase(code)})
        for each in reversed(operation.told):
            for code, response in (each.responses or {}).items():
                found[int(code)] = self._response(response)
        return {str(code): found[code] for code in sorted(found)}

    def _response(self, response: OpenAPIResponse) -> Schema:
        written: Schema = {"description": response.description}
        if response.status_text and self._is_newer:
            written["summary"] = response.status_text
        if response.model is not None:
            model = response.model
            if isinstance(model, list):
                model = list[model[0]]  # type: ignore[valid-type]
            written["content"] = {response.media_type: {"schema": self._schemas.of(model, output=True)}}
        return written

    def _content(self, operation: Operation) -> tuple[int, Schema]:
        """The status of the usual answer, and its content by media type."""
        said = operation.told[0]
        kinds, values = _returned(operation.returns)
        status = said.status_code or (next((each.status_code for each in kinds), 200) if not values else 200)
        content: Schema = {each.media_type: {} for each in kinds if each.media_type}
        if values:
            schemas = [self._schemas.of(each, output=True) for each in values]
            schema = schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
            content[JSON] = {"schema": schema} if schema else {}
        if said.media_type:
            content = {said.media_type: next(iter(content.values()), {})}
        if said.content_encoding:
            for each in content.values():
                each["schema"] = {**each.get("schema", {"type": "string"}), "contentEncoding": said.content_encoding}
        return status or 200, content


def _returned(annotation: Any) -> tuple[list[type[Response]], list[Any]]:
    """What a handler returns: classes of responses, and values that become JSON."""
    if annotation is inspect.Parameter.empty or annotation is Any:
        return [], []
    if get_origin(annotation) is Annotated and len(members(annotation)) > 1:
        annotation = get_args(annotation)[0]
    kinds: list[type[Response]] = []
    values: list[Any] = []
    for each in members(annotation) if len(members(annotation)) > 1 else (annotation,):
        origin = get_origin(each) or each
        if isinstance(origin, type) and issubclass(origin, Response):
            kinds.append(origin)
        elif origin in ITERATORS:
            values.append(list[get_args(each)[0]] if get_args(each) else list)  # type: ignore[misc]
        elif not callable(origin) or isinstance(origin, type) or get_origin(each) is not None:
            values.append(each)
    return kinds, values


def _without_none(wanted: Any) -> Any:
    """An annotation without None: what is left out of a query string is not null."""
    choices = [each for each in members(wanted) if each is not NoneType]
    return choices[0] if len(choices) == 1 and len(members(wanted)) > 1 else wanted


def _transformed(transformer: Transformer[Any]) -> Schema:
    """The schema of a path parameter: of the built-in ones what they become, of any other its pattern."""
    known = next((dict(schema) for kind, schema in TRANSFORMED if type(transformer) is kind), None)
    return known if known is not None else {"type": "string", "pattern": f"^(?:{transformer.regex})$"}


def _phrase(status: int) -> str:
    try:
        return RENAMED.get(status) or HTTPStatus(status).phrase
    except ValueError:
        return "Unknown Status"
