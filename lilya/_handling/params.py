"""Markers for what is read from the query string, a header or a cookie: how it is found, and what is said where it
is missing or wrong.

The text of the request is cast to `cast` or, where there is none, to the parameter's annotation, as `casts` says. What
is missing or cannot be cast is answered with 422 (RFC 9110, section 15.5.21). Whether it can be cast at all is checked
when the application is built.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from copy import copy
from types import NoneType
from typing import TYPE_CHECKING, Any, ClassVar

from lilya._connection import Connection
from lilya._handling.provide import Marker
from lilya._lazy import lazily
from lilya.exceptions import ImproperlyConfigured, UnprocessableEntity

if TYPE_CHECKING:
    from lilya._handling import casts
else:
    casts = lazily("lilya._handling.casts")

__all__ = ["Cookie", "Header", "Param", "Query"]


class Param(Marker):
    """What the three have in common.

    `default` is the value where the request has none; it is cast, too. `required`: there has to be one. `cast`: the
    type of the value. `description` is for documentation.
    """

    kind: ClassVar[str]

    def __init__(
        self,
        *,
        default: Any = None,
        alias: str | None = None,
        required: bool = False,
        cast: Any = None,
        description: str | None = None,
    ) -> None:
        self.default = default
        self.alias = alias
        self.required = required
        self.cast = cast
        self.description = description

    def key(self, name: str) -> str:
        """What it is called in the request, as the parameter called `name`."""
        return self.alias or name

    def found(self, connection: Connection, key: str) -> Sequence[str]:
        """The texts in the request under that key."""
        raise NotImplementedError(f"{type(self).__name__} does not say where in a request it is found")

    def reader(self, parameter: inspect.Parameter, where: str) -> Callable[[Connection], Any]:
        """What reads it from a request, as that parameter. Raises `ImproperlyConfigured` for an impossible cast."""
        key = self.key(parameter.name)
        place = f"{where}: the {self.kind} parameter {key!r}"
        cast = self._cast(parameter, place)
        default, required = self._default(parameter, cast, place)
        missing = f"Missing mandatory {self.kind} parameter '{key}'"
        changeable = isinstance(default, list | dict | set)

        def read(connection: Connection) -> Any:
            texts = self.found(connection, key)
            if not texts:
                if required:
                    raise UnprocessableEntity(missing)
                return copy(default) if changeable else default
            try:
                return cast.read(texts)
            except (ValueError, TypeError, ArithmeticError) as exc:
                raise UnprocessableEntity(
                    f"Invalid value for {self.kind} parameter '{key}': expected {cast.name}"
                ) from exc

        return read

    def wanted(self, parameter: inspect.Parameter) -> Any:
        """The type of its value, as that parameter."""
        if self.cast is not None:
            return self.cast
        annotation = parameter.annotation
        return Any if annotation is parameter.empty or isinstance(annotation, str) else annotation

    def missing(self, parameter: inspect.Parameter) -> tuple[Any, bool]:
        """The value where the request has none, and whether that is an error, as that parameter."""
        return self._default(parameter, self._cast(parameter, ""), "")

    def _cast(self, parameter: inspect.Parameter, place: str) -> casts.Cast:
        return casts.cast_to(self.wanted(parameter), place)

    def _default(self, parameter: inspect.Parameter, cast: casts.Cast, place: str) -> tuple[Any, bool]:
        """The value where the request has none, and whether that is an error."""
        if self.required:
            return None, True
        default = self.default
        if default is None and not isinstance(parameter.default, Param):  # it stands in `Annotated`
            if parameter.default is parameter.empty:
                return None, NoneType not in casts.members(parameter.annotation)
            default = parameter.default
        if isinstance(default, str):
            try:
                default = cast.read([default])
            except (ValueError, TypeError, ArithmeticError) as exc:
                raise ImproperlyConfigured(f"{place}: the default {default!r} is no {cast.name}") from exc
        return default, False


class Query(Param):
    """A parameter of the query string, called `alias` there, or as the parameter itself: `page: int = Query(1)`."""

    kind = "query"

    def __init__(
        self,
        default: Any = None,
        alias: str | None = None,
        required: bool = False,
        cast: Any = None,
        description: str | None = None,
    ) -> None:
        super().__init__(default=default, alias=alias, required=required, cast=cast, description=description)

    def found(self, connection: Connection, key: str) -> Sequence[str]:
        """All values of that key."""
        values: list[str] = connection.query_params.getlist(key)
        return values


class _Named(Param):
    """A parameter that is called `value` in the request, whatever the handler calls it."""

    def __init__(
        self,
        value: str,
        alias: str | None = None,
        required: bool = False,
        cast: Any = None,
        description: str | None = None,
        default: Any = None,
    ) -> None:
        super().__init__(default=default, alias=alias, required=required, cast=cast, description=description)
        self.value = value

    def key(self, name: str) -> str:
        """The name in the request."""
        return self.value


class Header(_Named):
    """A header of the request: `agent: str = Header("user-agent")`.

    Lines of one name are one value, with ", " between them (RFC 9110, section 5.3), for who asks for a text; for who
    asks for a list, each is an item of it.
    """

    kind = "header"

    def found(self, connection: Connection, key: str) -> Sequence[str]:
        """The lines of that name."""
        lines: list[str] = connection.headers.getlist(key)
        return lines

    def _cast(self, parameter: inspect.Parameter, place: str) -> casts.Cast:
        cast = super()._cast(parameter, place)
        return casts.Cast(cast.name, lambda texts: cast.read([", ".join(texts)])) if cast.name == "str" else cast


class Cookie(_Named):
    """A cookie of the request: `session: str = Cookie("session", required=True)`."""

    kind = "cookie"

    def found(self, connection: Connection, key: str) -> Sequence[str]:
        """The last cookie of that name."""
        return [connection.cookies[key]] if key in connection.cookies else ()
