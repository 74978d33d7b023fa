"""Adding routes by method call and by decorator, for routers and applications alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from lilya._lazy import lazily
from lilya.types import ASGIApp

if TYPE_CHECKING:
    from lilya.routing import _base, _host, _include, _path
else:
    _base = lazily("lilya.routing._base")
    _host = lazily("lilya.routing._host")
    _include = lazily("lilya.routing._include")
    _path = lazily("lilya.routing._path")

__all__ = ["RoutingMethodsMixin"]

F = TypeVar("F", bound=Callable[..., Any])


class RoutingMethodsMixin:
    """`add_route`, `include`, `@app.get("/")` and their kin; whoever mixes it in says what `add` does."""

    def add(self, route: _base.BasePath) -> None:
        """Add a route behind all others. A handler that cannot be called for it is an error here."""
        raise NotImplementedError

    def add_route(
        self,
        path: str,
        handler: Callable[..., Any] | str,
        methods: Iterable[str] | None = None,
        name: str | None = None,
        **options: Any,
    ) -> None:
        """Add `Path(path, handler, methods=methods, name=name, **options)`."""
        self.add(_path.Path(path, handler, methods=methods, name=name, **options))

    def add_websocket_route(
        self, path: str, handler: Callable[..., Any] | str, name: str | None = None, **options: Any
    ) -> None:
        """Add `WebSocketPath(path, handler, name=name, **options)`."""
        self.add(_path.WebSocketPath(path, handler, name=name, **options))

    def include(self, path: str, app: ASGIApp | str | None = None, name: str | None = None, **options: Any) -> None:
        """Add `Include(path, app, name=name, **options)`."""
        self.add(_include.Include(path, app, name=name, **options))

    def host(self, host: str, app: ASGIApp | str, name: str | None = None, **options: Any) -> None:
        """Add `Host(host, app, name, **options)`."""
        self.add(_host.Host(host, app, name, **options))

    def route(self, path: str, methods: Iterable[str], name: str | None = None, **options: Any) -> Callable[[F], F]:
        """Decorate the handler of `Path(path, handler, methods=methods, name=name, **options)`.

        The function is returned as it is.
        """

        def decorate(handler: F) -> F:
            self.add_route(path, handler, methods, name, **options)
            return handler

        return decorate

    def websocket(self, path: str, name: str | None = None, **options: Any) -> Callable[[F], F]:
        """Decorate the handler of `WebSocketPath(path, handler, name=name, **options)`.

        The function is returned as it is.
        """

        def decorate(handler: F) -> F:
            self.add_websocket_route(path, handler, name, **options)
            return handler

        return decorate

    def get(self, path: str, name: str | None = None, **options: Any) -> Callable[[F], F]:
        """Decorate the handler of GET and HEAD requests; the function is returned as it is."""
        return self.route(path, ["GET"], name, **options)

    def head(self, path: str, name: str | None = None, **options: Any) -> Callable[[F], F]:
        """Decorate the handler of HEAD requests; the function is returned as it is."""
        return self.route(path, ["HEAD"], name, **options)

    def query(self, path: str, name: str | None = None, **options: Any) -> Callable[[F], F]:
        """Decorate the handler of QUERY requests; the function is returned as it is."""
        return self.route(path, ["QUERY"], name, **options)

    def post(self, path: str, name: str | None = None, **options: Any) -> Callable[[F], F]:
        """Decorate the handler of POST requests; the function is returned as it is."""
        return self.route(path, ["POST"], name, **options)

    def put(self, path: str, name: str | None = None, **options: Any) -> Callable[[F], F]:
        """Decorate the handler of PUT requests; the function is returned as it is."""
        return self.route(path, ["PUT"], name, **options)

    def patch(self, path: str, name: str | None = None, **options: Any) -> Callable[[F], F]:
        """Decorate the handler of PATCH requests; the function is returned as it is."""
        return self.route(path, ["PATCH"], name, **options)

    def delete(self, path: str, name: str | None = None, **options: Any) -> Callable[[F], F]:
        """Decorate the handler of DELETE requests; the function is returned as it is."""
        return self.route(path, ["DELETE"], name, **options)

    def trace(self, path: str, name: str | None = None, **options: Any) -> Callable[[F], F]:
        """Decorate the handler of TRACE requests; the function is returned as it is."""
        return self.route(path, ["TRACE"], name, **options)

    def options(self, path: str, name: str | None = None, **options: Any) -> Callable[[F], F]:
        """Decorate the handler of OPTIONS requests; the function is returned as it is."""
        return self.route(path, ["OPTIONS"], name, **options)
