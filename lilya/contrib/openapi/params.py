"""A parameter of the query string, for documentation alone: one that the handler reads by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["Query"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What `@openapi(query={"page": Query(default=1, schema=int)})` says of a parameter.

    `schema` is a type or a schema; `style` and `explode` say how lists and objects are written (OpenAPI 3.2, section
    4.12).
    """

    default: Any = None
    description: str | None = None
    required: bool = False
    schema: Any = None
    style: str = "form"
    explode: bool = True
