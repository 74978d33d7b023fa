"""The routes of an application as rows: what `show-urls` prints, and where a mounted part is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from lilya.apps import Lilya
from lilya.concurrency.threads import is_async_callable
from lilya.routing._base import BasePath, Layers
from lilya.routing._host import Host
from lilya.routing._include import Include
from lilya.routing._path import Path, WebSocketPath, is_function, says_how

__all__ = ["Row", "rows_of"]

PARAMETER: Final = re.compile(r"\{(\w+)(?::(\w+))?\}")
# Middleware around an application keeps it as `app`; nobody stacks more by hand.
MAX_LAYERS: Final = 50


@dataclass(frozen=True)
class Row:
    """One route. `kind` is async, sync, controller, asgi (an opaque app, which answers below the path) or websocket;
    `methods` is empty where any is answered; `layers` are named from the outside.
    """

    path: str
    parameters: tuple[str, ...]
    handler: str
    kind: str
    methods: tuple[str, ...]
    host: str = ""
    layers: tuple[str, ...] = ()
    documented: bool = True
    app: Any = None


def rows_of(app: Lilya) -> Iterator[Row]:
    """All routes of an application, those of included ones too, in declared order."""
    yield from _inside(app, Row("", (), "", "", ()))


def _inside(app: Any, above: Row) -> Iterator[Row]:
    """The routes of an application, or of a router; `above` holds what is known outside of it."""
    layers = (*above.layers, *_app_layers(app))
    yield from _below(app.routes, replace(above, layers=layers))


def _below(routes: Iterable[Any], above: Row) -> Iterator[Row]:
    for route in routes:
        here = replace(
            above,
            path=above.path + route.path if not isinstance(route, Host) else above.path,
            layers=(*above.layers, *_layers(route.layers, type(route).__name__)),
            documented=above.documented and getattr(route, "include_in_schema", True),
        )
        if isinstance(route, Host):
            yield from _mounted(route, replace(here, host=route.host))
        elif isinstance(route, Include):
            yield from _mounted(route, here) if route.app is not None else _below(route.routes, here)
        else:
            yield _row(route, here)


def _mounted(route: Include | Host, here: Row) -> Iterator[Row]:
    app: Any = route.app
    names = []
    for _ in range(MAX_LAYERS):
        if app is None or hasattr(app, "routes"):
            break
        names.append(f"middleware {type(app).__name__}")
        app = getattr(app, "app", None)
    if app is None:
        name = route.name or type(route.app).__name__
        yield _with_parameters(replace(here, path=here.path or "/", handler=name, kind="asgi", app=route.app))
    else:
        yield from _inside(app, replace(here, layers=(*here.layers, *names)))


def _row(route: BasePath, here: Row) -> Row:
    handler = getattr(route, "handler", None)
    name = route.name or ""
    if isinstance(route, WebSocketPath):
        return _with_parameters(replace(here, handler=name, kind="websocket", app=handler))
    if says_how(handler):
        kind = "controller"
    elif is_function(handler):
        kind = "async" if is_async_callable(handler) else "sync"
    else:
        kind = "asgi"
    methods = tuple(sorted(route.methods or ())) if isinstance(route, Path) else ()
    return _with_parameters(replace(here, handler=name, kind=kind, methods=methods, app=handler))


def _with_parameters(row: Row) -> Row:
    path = re.sub("/{2,}", "/", row.path)
    found = [f"{name}:{kind or 'str'}" for name, kind in PARAMETER.findall(f"{row.host}{path}")]
    return replace(row, path=path, parameters=tuple(found))


def _app_layers(app: Any) -> Iterator[str]:
    where = type(app).__name__
    if isinstance(app, Lilya):
        for kind, defined in (("middleware", app.custom_middleware), ("permission", app.custom_permissions)):
            yield from (f"{kind} {_name(each.cls)} ({where})" for each in defined)
        yield from (f"exception handler {_name(each)} ({where})" for each in app.exception_handlers)
    layers = getattr(app, "layers", None)
    if isinstance(layers, Layers):
        yield from _layers(layers, where)


def _layers(layers: Layers, where: str) -> Iterator[str]:
    yield from (f"exception handler {_name(each)} ({where})" for each in layers.exception_handlers)
    yield from (f"middleware {_name(each.cls)} ({where})" for each in layers.middleware)
    yield from (f"permission {_name(each.cls)} ({where})" for each in layers.permissions)


def _name(thing: Any) -> str:
    return str(getattr(thing, "__name__", thing))
