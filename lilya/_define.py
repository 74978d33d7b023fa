"""Layers that are named now and built later: middleware and permissions.

    DefineMiddleware(CORSMiddleware, allow_origins=["*"])
    DefinePermission("my.module.IsAdmin")

A layer is an ASGI class called as `cls(app, *args, **kwargs)`; what it wraps comes first, positionally.

Permissions can be composed: `IsAdmin | IsOwner`, `IsStaff & ~IsSuspended`. A permission *grants* when it calls what
it wraps, and *refuses* when it raises an `HTTPException` below 500, or a `WebSocketException`, without having called
it. So the answer is known without running anything twice and without holding anything back: of `a | b`, `b` is asked
when `a` has refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from types import UnionType
from typing import Any, Final, Self

from lilya.exceptions import HTTPException, ImproperlyConfigured, PermissionDenied, WebSocketException
from lilya.types import ASGIApp, Receive, Scope, Send

__all__ = ["DefineMiddleware", "DefinePermission", "Layer", "build_stack", "define_all", "import_string"]

# The scope key under which what stands inside a composed permission says that it was reached.
ASKED: Final = "lilya.permission"


def import_string(dotted: str) -> Any:
    """The object at `package.module.name`, or `package.module:name`.

    Raises `ImproperlyConfigured` with what is missing.
    """
    module_path, _, name = dotted.rpartition(":" if ":" in dotted else ".")
    if not module_path or module_path.startswith("."):
        raise ImproperlyConfigured(f"{dotted!r} is not the dotted path of an object, like 'package.module.name'")
    try:
        module = import_module(module_path)
    except ModuleNotFoundError as exc:
        if exc.name is None or not f"{module_path}.".startswith(f"{exc.name}."):
            raise  # what is missing is not this module but one it imports
        raise ImproperlyConfigured(f"{dotted!r} cannot be imported: there is no module {exc.name!r}") from exc
    try:
        return getattr(module, name)
    except AttributeError as exc:
        raise ImproperlyConfigured(f"{dotted!r} cannot be imported: {module_path!r} has no {name!r}") from exc


class Layer:
    """An ASGI class with the arguments it will get; iterates as `(cls, args, kwargs)`."""

    __slots__ = ("_target", "args", "kwargs")

    def __init__(self, cls: Callable[..., ASGIApp] | str, /, *args: Any, **kwargs: Any) -> None:
        self._target = cls
        self.args = args
        self.kwargs = kwargs

    @property
    def cls(self) -> Callable[..., ASGIApp]:
        """The class; a dotted path is imported when it is first asked for."""
        if isinstance(self._target, str):
            self._target = import_string(self._target)
        return self._target  # type: ignore[return-value]

    def __call__(self, app: ASGIApp) -> ASGIApp:
        """Wrap `app`. Raises `ImproperlyConfigured` when the class does not take the arguments."""
        try:
            layer = self.cls(app, *self.args, **self.kwargs)
        except TypeError as exc:
            if exc.__traceback__ is None or exc.__traceback__.tb_next is None:  # the call itself failed
                raise ImproperlyConfigured(f"{self!r} cannot be built around an application: {exc}") from exc
            raise
        if layer is not app and getattr(layer, "app", None) is None and hasattr(layer, "__dict__"):
            layer.app = app  # type: ignore[attr-defined]
        return layer

    def __iter__(self) -> Iterator[Any]:
        yield from (self.cls, self.args, self.kwargs)

    def __repr__(self) -> str:
        name = self._target if isinstance(self._target, str) else getattr(self._target, "__name__", repr(self._target))
        args = [name, *map(repr, self.args), *(f"{key}={value!r}" for key, value in self.kwargs.items())]
        return f"{type(self).__name__}({', '.join(args)})"


class DefineMiddleware(Layer):
    """A middleware class with its arguments."""

    __slots__ = ()


class DefinePermission(Layer):
    """A permission class with its arguments. Composed by `|`, `&` and `~`, also with a class or a dotted path."""

    __slots__ = ()

    def __or__(self, other: Any) -> DefinePermission:
        return _composed(AnyOf, self, other)

    def __ror__(self, other: Any) -> DefinePermission:
        return _composed(AnyOf, other, self)

    def __and__(self, other: Any) -> DefinePermission:
        return _composed(all_of, self, other)

    def __rand__(self, other: Any) -> DefinePermission:
        return _composed(all_of, other, self)

    def __invert__(self) -> DefinePermission:
        return DefinePermission(Not, self)

    @classmethod
    def of(cls, permission: Any) -> Self | None:
        """What a user wrote for a permission as a definition; None for what is none. `A | B` of classes is any of them.

        Python itself makes a `UnionType` of two plain classes.
        """
        if isinstance(permission, UnionType):
            return cls(AnyOf, *(cls(each) for each in permission.__args__))
        if isinstance(permission, str) or (callable(permission) and not isinstance(permission, Layer)):
            return cls(permission)
        return permission if isinstance(permission, cls) else None


def _composed(kind: Callable[..., ASGIApp], *given: Any) -> DefinePermission:
    parts = [DefinePermission.of(each) for each in given]
    return NotImplemented if None in parts else DefinePermission(kind, *parts)


def all_of(app: ASGIApp, *permissions: Layer) -> ASGIApp:
    """Who all permissions grant: that is what one inside the other means."""
    return build_stack(app, permissions)


class _Asked:
    """One connection's way through a composed permission; `outer` is the composition around it."""

    __slots__ = ("granted", "outer")

    def __init__(self, outer: _Asked | None) -> None:
        self.granted = False
        self.outer = outer

    @classmethod
    def begin(cls, scope: Scope) -> _Asked:
        """Note in the scope that a permission is being asked."""
        asked = scope[ASKED] = cls(scope.get(ASKED))
        return asked

    def end(self, scope: Scope) -> None:
        """The permission was asked: what stands further in is of the composition around, if there is one."""
        if self.outer is None:
            scope.pop(ASKED, None)
        else:
            scope[ASKED] = self.outer


def _granted(scope: Scope) -> None:
    """A permission called what it wraps."""
    asked: _Asked | None = scope.get(ASKED)
    if asked is None:
        raise RuntimeError("a composed permission handed on a scope of its own making: it must be the one it got")
    asked.granted = True
    asked.end(scope)


def _is_refusal(exc: HTTPException | WebSocketException) -> bool:
    """Whether an exception refuses, and does not only say that the server failed."""
    return isinstance(exc, WebSocketException) or exc.status_code < 500


class AnyOf:
    """Who one of the permissions grants. They are asked in order; where all refuse, the first refusal is raised.

    What raises after it has called the application, or raises anything else, has failed: nobody else is asked. One that
    answers by itself has decided.
    """

    def __init__(self, app: ASGIApp, *permissions: Layer) -> None:
        self.app = app
        self._permissions = [permission(self._reached) for permission in permissions]

    async def _reached(self, scope: Scope, receive: Receive, send: Send) -> None:
        _granted(scope)
        await self.app(scope, receive, send)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve inside of the first that grants; a lifespan passes."""
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        refusals: list[Exception] = []
        for permission in self._permissions:
            asked = _Asked.begin(scope)
            try:
                return await permission(scope, receive, send)
            except (HTTPException, WebSocketException) as exc:
                if asked.granted or not _is_refusal(exc):
                    raise
                refusals.append(exc)
            finally:
                asked.end(scope)
        try:
            raise refusals[0]
        finally:
            refusals.clear()  # an exception and the frame that holds it would hold each other


class Not:
    """Who the permission refuses. Who it grants is refused with `PermissionDenied`."""

    def __init__(self, app: ASGIApp, permission: Layer) -> None:
        self.app = app
        self._permission = permission(self._reached)

    async def _reached(self, scope: Scope, receive: Receive, send: Send) -> None:
        _granted(scope)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve inside when the permission has refused; a lifespan passes."""
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        refused = False
        asked = _Asked.begin(scope)
        try:
            await self._permission(scope, receive, send)
        except (HTTPException, WebSocketException) as exc:
            if asked.granted or not _is_refusal(exc):
                raise
            refused = True
        finally:
            asked.end(scope)
        if asked.granted:
            raise PermissionDenied()
        if refused:
            await self.app(scope, receive, send)


def define_all(layers: Iterable[Any] | None, kind: type[Layer]) -> list[Layer]:
    """A list as users write it, of classes and definitions, as definitions."""
    defined: list[Layer] = []
    for layer in layers or ():
        if isinstance(layer, Layer):
            defined.append(layer)
        elif isinstance(layer, str) or callable(layer):
            defined.append(kind(layer))
        elif kind is DefinePermission and (permission := DefinePermission.of(layer)) is not None:
            defined.append(permission)
        else:
            raise ImproperlyConfigured(
                f"{layer!r} is no layer: give an ASGI class, its dotted path, or {kind.__name__}(cls, ...)"
            )
    return defined


def build_stack(app: ASGIApp, layers: Iterable[Layer]) -> ASGIApp:
    """`app` inside its layers, the first outermost."""
    for layer in reversed(tuple(layers)):
        app = layer(app)
    return app
