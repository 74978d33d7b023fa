"""From an application to its OpenAPI document.

All is there once: classes under `components/schemas`, security schemes under `components/securitySchemes`. Components
are sorted, paths stand as they are declared: the same application gives the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from lilya._handling.provide import Security
from lilya._paths.template import PathTemplate
from lilya.contrib.openapi._contents import Contents
from lilya.contrib.openapi._reading import Operation, operations_at
from lilya.contrib.openapi._schema import Schema, Schemas
from lilya.contrib.security._scheme import SecurityScheme
from lilya.exceptions import ImproperlyConfigured
from lilya.introspection._walk import Place, walk
from lilya.routing._path import Path

__all__ = ["write_document"]

# The methods that have a field of their own in a Path Item; `query` has one from OpenAPI 3.2 on.
FIELDS: Final = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace"})

Requirement = dict[str, list[str]]


def write_document(app: Any, version: str, security: Sequence[Any] | None = None) -> Schema:
    """The `paths`, `components` and `security` of an application, for that version of OpenAPI.

    Raises `ImproperlyConfigured` for security that is none.
    """
    writing = _Writing(version)
    for place in walk(app):
        if isinstance(place.route, Path):
            writing.route(place)
    required = None if security is None else [writing.schemes.requirement(each) for each in security]
    components = {"schemas": writing.schemas.components, "securitySchemes": writing.schemes.components}
    there = {name: dict(sorted(each.items())) for name, each in components.items() if each}
    return {
        "paths": writing.paths,
        **({"components": there} if there else {}),
        **({} if required is None else {"security": required}),
    }


class _Writing:
    """A document while it is written."""

    def __init__(self, version: str) -> None:
        self.is_newer = not version.startswith("3.1")
        self.paths: dict[str, Schema] = {}
        self.schemas = Schemas()
        self.schemes = _Schemes()
        self._contents = Contents(self.schemas, self.is_newer)
        self._texts: dict[str, str] = {}
        self._ids: set[str] = set()

    def route(self, place: Place) -> None:
        """Put the operations of a route to its path; one that is there already would answer first, and stays."""
        template = PathTemplate.parse(place.path, keep_slash=place.path != "/")
        host = None if place.host is None else PathTemplate.parse(f"/{place.host}")
        names = [*template.names, *(host.names if host is not None else ())]
        # Two paths that differ in the names of their parameters alone are one to OpenAPI (3.2, section 4.8.2).
        text = self._texts.setdefault(re.sub(r"\{[^}]*\}", "{}", template.format), template.format)
        renamed = dict(zip(template.names, re.findall(r"\{([^}]*)\}", text), strict=True))
        for operation in operations_at(place, names):
            item = self.paths.setdefault(text, {})
            field = operation.method.lower()
            if field not in FIELDS and (field != "query" or not self.is_newer):
                if self.is_newer:
                    item, field = item.setdefault("additionalOperations", {}), operation.method
                else:
                    field = f"x-{field}"
            if field not in item:
                item[field] = self._operation(operation, template, renamed, host)

    def _operation(
        self, operation: Operation, template: PathTemplate, renamed: Mapping[str, str], host: PathTemplate | None
    ) -> Schema:
        said = operation.told[0]
        summary, description = _doc(operation)
        written: Schema = {"operationId": self._free_id(operation), "summary": summary}
        if description:
            written["description"] = description
        if said.tags:
            written["tags"] = list(said.tags)
        if operation.deprecated:
            written["deprecated"] = True
        if host is not None:
            written["servers"] = [_host_server(host)]
        parameters = self._contents.parameters(operation, template, renamed)
        if parameters:
            written["parameters"] = parameters
        body = self._contents.body(operation)
        if body is not None:
            written["requestBody"] = body
        security = self._security(operation)
        written["responses"] = self._contents.responses(
            operation,
            refuses=bool(security and {} not in security),
            checks=body is not None or bool(operation.reading.asked),
        )
        if security is not None:
            written["security"] = security
        return written

    def _free_id(self, operation: Operation) -> str:
        """Its own name if it is free; else with the method and the path, which are its alone."""
        wanted = _word(operation.told[0].operation_id or operation.name)
        path = _word(operation.place.path)
        host = _word(operation.place.host or "")
        longer = "_".join(each for each in (wanted, operation.method.lower(), path, host) if each)
        name = wanted if wanted and wanted not in self._ids else longer
        number = 2
        while name in self._ids:
            name, number = f"{longer}_{number}", number + 1
        self._ids.add(name)
        return name

    def _security(self, operation: Operation) -> list[Requirement] | None:
        """Any one of these lets in; None where nothing is asked for."""
        if operation.told[0].security is not None:
            return [self.schemes.requirement(each) for each in operation.told[0].security]
        found = [(scheme, self.schemes.requirement(scheme, scopes)) for scheme, scopes in operation.reading.schemes]
        ways: list[Requirement] = [_all_of(each for scheme, each in found if scheme.auto_error)]
        for said in operation.told[1:]:
            if said.security:
                more = [self.schemes.requirement(each) for each in said.security]
                ways = [_all_of((way, each)) for way in ways for each in more]
        optional = [each for scheme, each in found if not scheme.auto_error]
        ways = [*(_all_of((way, each)) for each in optional for way in ways), *ways]
        return None if ways == [{}] else ways


class _Schemes:
    """The security schemes of a document; two that say the same under one name are one."""

    def __init__(self) -> None:
        self.components: dict[str, Schema] = {}

    def requirement(self, given: Any, scopes: Collection[str] = ()) -> Requirement:
        """What users write for one way in, as a Security Requirement Object."""
        if isinstance(given, Security):
            return self.requirement(given.dependency, given.scopes)
        if isinstance(given, type) and issubclass(given, SecurityScheme):
            given = self._made(given)
        if isinstance(given, SecurityScheme):
            return {self._name(given): list(scopes)}
        if isinstance(given, Mapping) and all(isinstance(each, list | tuple) for each in given.values()):
            return {name: list(each) for name, each in given.items()}
        raise ImproperlyConfigured(
            f"security: {given!r} is none; give a security scheme, Security(scheme, scopes=[...]), or scopes by name"
        )

    @staticmethod
    def _made(kind: Any) -> Any:
        """A scheme of a class that needs nothing said."""
        try:
            return kind()
        except TypeError as exc:
            raise ImproperlyConfigured(f"security: {kind.__name__}() cannot be made ({exc}): give an instance") from exc

    def _name(self, scheme: SecurityScheme[Any]) -> str:
        written = scheme.to_openapi() | ({"description": scheme.description} if scheme.description else {})
        wanted = name = _word(scheme.scheme_name)
        number = 2
        while self.components.setdefault(name, written) != written:
            name, number = f"{wanted}_{number}", number + 1
        return name


def _all_of(requirements: Iterable[Requirement]) -> Requirement:
    merged: Requirement = {}
    for each in requirements:
        for name, scopes in each.items():
            merged[name] = sorted({*merged.get(name, ()), *scopes})
    return merged


def _doc(operation: Operation) -> tuple[str, str]:
    """The summary and the description: what is said, else the docstring, else the name in words."""
    said = operation.told[0]
    first, _, rest = operation.doc.partition("\n")
    summary = said.summary or first.strip().rstrip(".") or operation.name.replace("_", " ").capitalize()
    return summary, said.description or rest.strip()


def _host_server(host: PathTemplate) -> Schema:
    """The server of a host's operations: a network-path reference (RFC 3986, section 4.2), so of the same scheme."""
    server: Schema = {"url": f"/{host.format}"}
    if host.names:
        server["variables"] = {name: {"default": name} for name in host.names}
    return server


def _word(text: str) -> str:
    """Text as a name that programs can be generated with."""
    return re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_")
