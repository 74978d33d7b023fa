"""What an OpenAPI document has to keep, checked without any library: OpenAPI 3.2, sections 4.8 to 4.30."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}
TYPES = {"null", "boolean", "object", "array", "number", "string", "integer"}


def faults(document: dict[str, Any]) -> list[str]:
    """What is wrong with a document; nothing, if all is well."""
    return [*_references(document), *_paths(document), *_schemas(document)]


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Path, method and Operation Object of each operation."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method == "additionalOperations":
                yield from ((path, name, each) for name, each in operation.items())
            else:
                yield path, method, operation


def _walk(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for each in value.values():
            yield from _walk(each)
    elif isinstance(value, list):
        for each in value:
            yield from _walk(each)


def _references(document: dict[str, Any]) -> Iterator[str]:
    for each in _walk(document):
        reference = each.get("$ref")
        if isinstance(reference, str):
            at: Any = document
            for part in reference.removeprefix("#/").split("/"):
                at = at.get(part) if isinstance(at, dict) else None
            if at is None:
                yield f"{reference} leads nowhere"


def _paths(document: dict[str, Any]) -> Iterator[str]:
    schemes = document.get("components", {}).get("securitySchemes", {})
    newer = document["openapi"].startswith("3.2")
    shapes = [re.sub(r"\{[^}]*\}", "{}", path) for path in document["paths"]]
    if len(shapes) != len(set(shapes)):
        yield "two paths differ in the names of their parameters alone"
    ids = [operation.get("operationId") for _, _, operation in operations(document)]
    if None in ids or len(ids) != len(set(ids)):
        yield f"operation ids are missing or there twice: {ids}"
    for path, method, operation in operations(document):
        where = f"{method} {path}"
        if not (method in METHODS or method.startswith("x-") or (newer and (method == "query" or method.isupper()))):
            yield f"{where}: no such method in {document['openapi']}"
        parameters = [(each["in"], each["name"]) for each in operation.get("parameters", ())]
        if len(parameters) != len(set(parameters)):
            yield f"{where}: a parameter is there twice"
        if {name for place, name in parameters if place == "path"} != set(re.findall(r"\{([^}]*)\}", path)):
            yield f"{where}: the parameters of the path are others"
        for each in operation.get("parameters", ()):
            if ("schema" in each) == ("content" in each):
                yield f"{where}: {each['name']} has no schema, or two"
            if each["in"] == "path" and each.get("required") is not True:
                yield f"{where}: {each['name']} is not required"
        if not operation.get("responses") or not all(
            each.get("description") for each in operation["responses"].values()
        ):
            yield f"{where}: responses without a description"
        for requirement in operation.get("security", ()):
            for name, scopes in requirement.items():
                if name not in schemes or not isinstance(scopes, list):
                    yield f"{where}: security {name} is no list of scopes of a scheme"


def _schemas(document: dict[str, Any]) -> Iterator[str]:
    for each in _walk(document):
        kind = each.get("type")
        if "properties" in each and isinstance(each["properties"], dict):
            missing = set(each.get("required", ())) - set(each["properties"])
            if missing:
                yield f"{missing} are required and not there"
        if "schema" in each and isinstance(each["schema"], dict):
            kind = each["schema"].get("type")
            if kind is not None and kind not in TYPES:
                yield f"there is no type {kind}"
