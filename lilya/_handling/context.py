"""What a handler gets that asks for `context`: its route and its request, and values under way to a template."""

from __future__ import annotations

import warnings
from copy import copy
from typing import Any

from lilya.exceptions import ImproperlyConfigured
from lilya.requests import Request
from lilya.types import Scope

__all__ = ["Context"]


class Context:
    """The route that matched and the request it matched, for a handler with a parameter `context`.

    Args:
        __handler__: the route.
        __request__: the request.
    """

    __slots__ = ("_data", "_handler", "_route", "request")

    def __init__(self, __handler__: Any, __request__: Request) -> None:
        self._route = __handler__
        self._handler: Any = None
        self._data: dict[str, Any] = {}
        self.request = __request__

    @property
    def handler(self) -> Any:
        """A copy of the route: what is set on it is set for this request alone."""
        if self._handler is None:
            self._handler = copy(self._route)
        return self._handler

    @property
    def user(self) -> Any:
        """The user `AuthenticationMiddleware` found. Raises `ImproperlyConfigured` without it."""
        return self.request.user

    @property
    def scope(self) -> Scope:
        """The scope of the request."""
        return self.request.scope

    @property
    def app(self) -> Any:
        """The innermost application that serves the request, or None."""
        return self.request.app

    @property
    def settings(self) -> Any:
        """The settings of that application. Raises `ImproperlyConfigured` where there is none, or it has none."""
        settings = getattr(self.app, "settings", None)
        if settings is None:
            raise ImproperlyConfigured(
                f"context.settings are those of a Lilya application, and this route is served by {self.app!r}"
            )
        return settings

    def add_to_context(self, key: str, value: Any) -> None:
        """Keep a value for `get_context_data`. Warns when there is one under that key already, and replaces it."""
        if key in self._data:
            warnings.warn(f"the context holds {key!r} already, its value is replaced", stacklevel=2)
        self._data[key] = value

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The values that were added, and `kwargs`, which win: a new dict, as for a template."""
        return {**self._data, **kwargs}

    def path_for(self, name: str, /, **path_params: Any) -> str:
        """The absolute URL of the route called `name`, as text. Raises `NoMatchFound`."""
        return str(self.request.path_for(name, **path_params))

    url_path_for = path_for

    def __repr__(self) -> str:
        return f"Context({self._route!r}, {self.request!r})"
