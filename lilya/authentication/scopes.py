"""What only some may do: scopes that a handler, a controller or a route requires."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, Final, TypeVar, cast

from lilya._define import DefinePermission
from lilya.authentication.users import scope_names
from lilya.concurrency.threads import is_async_callable
from lilya.exceptions import HTTPException, ImproperlyConfigured, NotAuthorized, PermissionDenied
from lilya.permissions.base import BasePermission
from lilya.requests import Connection
from lilya.responses.base import RedirectResponse
from lilya.types import ASGIApp, Receive, Scope, Send

__all__ = ["RequiredScopes", "has_required_scope", "requires"]

F = TypeVar("F", bound=Callable[..., Any])

# Parameters that are the connection, unless another is named.
NAMES: Final = ("request", "websocket", "connection", "conn")


def has_required_scope(conn: Connection, scopes: str | Iterable[str]) -> bool:
    """Whether whoever is there has all of these scopes.

    Raises `ImproperlyConfigured` where no `AuthenticationMiddleware` has found out.
    """
    return set(scope_names(scopes)) <= set(conn.auth.scopes)


class _Guard:
    """What is required, and what happens to those who do not have it."""

    def __init__(self, scopes: str | Iterable[str], status_code: int, redirect: str | None) -> None:
        if not isinstance(scopes, Iterable):
            raise ImproperlyConfigured(f"requires got {scopes!r}: write @requires('a scope') above the handler")
        self.scopes = scope_names(scopes)
        if not self.scopes:
            raise ImproperlyConfigured("requires got no scope: everybody would be let in")
        if not 400 <= status_code <= 499:
            raise ImproperlyConfigured(f"requires got status_code={status_code}: a refusal is a 4xx")
        self.arguments = (self.scopes, status_code, redirect)
        self._status_code = status_code
        self._redirect = redirect

    def check(self, connection: Connection) -> None:
        """Raises what refuses: it closes a websocket, and answers a request."""
        if has_required_scope(connection, self.scopes):
            return
        if self._redirect is not None:
            target = connection.path_for(self._redirect).include_query_params(next=str(connection.url))
            raise HTTPException(status_code=303, response=RedirectResponse(target, status_code=303))
        if self._status_code == 401:
            raise NotAuthorized()
        if self._status_code == 403:
            raise PermissionDenied()
        raise HTTPException(status_code=self._status_code)


class RequiredScopes(BasePermission):
    """A permission: only those who have all of these scopes. The arguments are those of `requires`.

    DefinePermission(RequiredScopes, "reports:read") | IsOwner
    """

    def __init__(
        self, app: ASGIApp, scopes: str | Iterable[str], status_code: int = 403, redirect: str | None = None
    ) -> None:
        super().__init__(app)
        self._guard = _Guard(scopes, status_code, redirect)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve inside; a lifespan passes. Raises what `requires` raises."""
        if scope["type"] in ("http", "websocket"):
            self._guard.check(Connection(scope, receive))
        await self.app(scope, receive, send)


def requires(
    scopes: str | Iterable[str],
    status_code: int = 403,
    redirect: str | None = None,
    raise_for_missing_conn: bool = True,
    conn_param: str | None = None,
) -> Callable[[F], F]:
    """Let only those who have all of these scopes call a handler, a method of a controller, or any of its methods.

        @requires("authenticated", redirect="login")
        async def account(request: Request) -> str: ...

    Works on functions and methods, sync and async, for requests and websockets, whether they get their connection by
    keyword or by position. On a controller, which it puts a permission on, it guards all methods; one derived from it
    that lists `permissions` of its own lists this one, too.

    Args:
        scopes: one, or several of which all are needed.
        status_code: what refuses a request: 403, 401 or any other 4xx; a websocket is refused, or closed with 1008.
        redirect: the name of a route to send requests to instead (303), with `?next=` and the URL that was asked for.
        raise_for_missing_conn: whether a function without a parameter for the connection is an error here. If not, it
            is looked for among the arguments of each call; where it is not there, the call fails.
        conn_param: which parameter is the connection; by default `request`, `websocket`, `connection`, `conn`, or the
            one that is annotated as one.

    Raises:
        ImproperlyConfigured: it stands on what it cannot guard, here and not when the first request comes.
    """
    guard = _Guard(scopes, status_code, redirect)

    def decorate(target: F) -> F:
        if isinstance(target, type):
            return cast("F", _guard_controller(target, guard))
        if isinstance(target, staticmethod | classmethod) or not callable(target):
            raise ImproperlyConfigured(f"@requires stands on {target!r}: put it below, on the function itself")
        connection_of = _finder(target, conn_param, raise_for_missing_conn)

        if is_async_callable(target):

            @wraps(target)
            async def guarded(*args: Any, **kwargs: Any) -> Any:
                guard.check(connection_of(args, kwargs))
                return await target(*args, **kwargs)

        else:

            @wraps(target)
            def guarded(*args: Any, **kwargs: Any) -> Any:
                guard.check(connection_of(args, kwargs))
                return target(*args, **kwargs)

        return cast("F", guarded)

    return decorate


def _guard_controller(controller: Any, guard: _Guard) -> Any:
    if not hasattr(controller, "as_route_app") or not hasattr(controller, "permissions"):
        raise ImproperlyConfigured(f"@requires stands on the class {controller.__name__}, which is no controller")
    controller.permissions = (DefinePermission(RequiredScopes, *guard.arguments), *controller.permissions)
    return controller


def _finder(function: Callable[..., Any], wanted: str | None, needed: bool) -> Callable[[Any, Any], Connection]:
    """What finds the connection among the arguments of a call. It never finds none in silence."""
    name = getattr(function, "__qualname__", repr(function))
    parameters = _parameters(function)
    chosen = wanted if wanted in parameters else None if wanted else _connection_parameter(parameters)
    if chosen is None and (needed or wanted):
        raise ImproperlyConfigured(
            f"@requires: {name} has no parameter {wanted or 'request or websocket'!r} to know the connection by; "
            f"it has {', '.join(parameters) or 'none'}. Name another one with conn_param=..."
        )
    index = list(parameters).index(chosen) if chosen is not None else 0

    def find(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Connection:
        if chosen is not None:
            given = kwargs[chosen] if chosen in kwargs else args[index] if index < len(args) else None
        else:
            given = next((each for each in (*args, *kwargs.values()) if isinstance(each, Connection)), None)
        if not isinstance(given, Connection):
            raise ImproperlyConfigured(f"@requires: {name} was called without its connection, with {given!r}")
        return given

    return find


def _parameters(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    try:
        signature = inspect.signature(function, eval_str=True)
    except Exception:  # whatever the evaluation of somebody's annotation raises: the names will do
        signature = inspect.signature(function)
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return {name: each for name, each in signature.parameters.items() if each.kind not in variadic}


def _connection_parameter(parameters: dict[str, inspect.Parameter]) -> str | None:
    annotated = (
        name
        for name, each in parameters.items()
        if isinstance(each.annotation, type) and issubclass(each.annotation, Connection)
    )
    return next((name for name in NAMES if name in parameters), None) or next(annotated, None)
