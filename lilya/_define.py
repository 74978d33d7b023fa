"""Layers that are named now and built later: middleware and permissions.

    DefineMiddleware(CORSMiddleware, allow_origins=["*"])
    DefinePermission("my.module.IsAdmin")

A layer is an ASGI class called as `cls(app, *args, **kwargs)`; what it wraps comes first, positionally.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from typing import Any

from lilya.exceptions import ImproperlyConfigured
from lilya.types import ASGIApp

__all__ = ["DefineMiddleware", "DefinePermission", "Layer", "build_stack", "define_all", "import_string"]


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
            raise ImproperlyConfigured(f"{self!r} cannot be built around an application: {exc}") from exc
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
    """A permission class with its arguments."""

    __slots__ = ()


def define_all(layers: Iterable[Any] | None, kind: type[Layer]) -> list[Layer]:
    """A list as users write it, of classes and definitions, as definitions."""
    defined: list[Layer] = []
    for layer in layers or ():
        if isinstance(layer, Layer):
            defined.append(layer)
        elif isinstance(layer, str) or callable(layer):
            defined.append(kind(layer))
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
