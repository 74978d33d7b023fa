"""`@openapi`: what the code itself does not say of an operation.

What the decorator is given goes before what was found out. It marks what it decorates and returns it as it is, so it
costs a request nothing. It may stand on a handler, on a method of a controller, on the factory of a dependency (then it
holds for all who ask for that) and on a permission (for all routes behind it).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeVar

from lilya.contrib.openapi.params import Query
from lilya.exceptions import ImproperlyConfigured

__all__ = ["OpenAPIResponse", "openapi"]

F = TypeVar("F", bound=Callable[..., Any])

MARK: Final = "__lilya_openapi__"


@dataclass(frozen=True, slots=True)
class OpenAPIResponse:
    """One more answer: `responses={404: OpenAPIResponse(Problem, "There is no such user")}`.

    `model` is any annotation, None for no content; a list of one type is a list of that.
    """

    model: Any
    description: str = "Additional response"
    media_type: str = "application/json"
    status_text: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a decorator says; None is not said."""

    summary: str | None = None
    description: str | None = None
    status_code: int | None = None
    content_encoding: str | None = None
    media_type: str | None = None
    include_in_schema: bool = True
    tags: Sequence[str] | None = None
    deprecated: bool | None = None
    security: Sequence[Any] | None = None
    operation_id: str | None = None
    response_description: str | None = None
    responses: Mapping[int, OpenAPIResponse] | None = None
    query: Mapping[str, Query] | None = None
    request_body: Any = None


NOTHING: Final = Said()


def openapi(
    summary: str | None = None,
    description: str | None = None,
    status_code: int | None = None,
    content_encoding: str | None = None,
    media_type: str | None = None,
    include_in_schema: bool = True,
    tags: Sequence[str] | None = None,
    deprecated: bool | None = None,
    security: Sequence[Any] | None = None,
    operation_id: str | None = None,
    response_description: str | None = None,
    responses: Mapping[int, OpenAPIResponse] | None = None,
    query: Mapping[str, Query] | Iterable[str] | None = None,
    request_body: Any = None,
) -> Callable[[F], F]:
    """Say of an operation what its code does not.

    Args:
        summary: one line; by default the first of the docstring.
        description: in CommonMark; by default the rest of the docstring.
        status_code: of the usual answer.
        content_encoding: how the usual answer's content is written as text, such as "base64".
        media_type: of the usual answer.
        include_in_schema: False leaves the operation out.
        tags: what it belongs to.
        deprecated: whether it should no longer be used.
        security: what of may be shown, any one of these: security schemes, `Security(scheme, scopes=[...])`, or
            Security Requirement Objects. `[]` says that nothing need be.
        operation_id: a name of its own; where several operations would have it, all but the first get more to it.
        response_description: of the usual answer.
        responses: more answers by status.
        query: parameters that the handler reads by itself: names, or `Query` by name.
        request_body: an annotation, or a Request Body Object as a mapping.

    Raises `ImproperlyConfigured` for responses that are none.
    """
    for status, response in (responses or {}).items():
        given: Any = response
        if not isinstance(given, OpenAPIResponse) or not 100 <= int(status) <= 599:
            raise ImproperlyConfigured(
                f"@openapi: responses are OpenAPIResponse by status, got {status!r}: {response!r}"
            )
    if isinstance(tags, str):
        raise ImproperlyConfigured(f"@openapi: tags is a list, got {tags!r}: write tags=[{tags!r}]")
    queries = query if query is None or isinstance(query, Mapping) else {name: Query(schema=str) for name in query}
    said = Said(
        summary=summary,
        description=description,
        status_code=status_code,
        content_encoding=content_encoding,
        media_type=media_type,
        include_in_schema=include_in_schema,
        tags=tags,
        deprecated=deprecated,
        security=security,
        operation_id=operation_id,
        response_description=response_description,
        responses=responses,
        query=queries,
        request_body=request_body,
    )

    def decorate(handler: F) -> F:
        setattr(handler, MARK, said)
        return handler

    return decorate


def said_of(handler: Any) -> Said:
    """What a decorator said of a handler; a class does not pass it on to those that inherit from it."""
    while isinstance(handler, partial):
        handler = handler.func
    said = handler.__dict__.get(MARK) if isinstance(handler, type) else getattr(handler, MARK, None)
    return said if isinstance(said, Said) else NOTHING
