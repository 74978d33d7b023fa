"""An application and its client in one call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from lilya.apps import Lilya
from lilya.routing._base import BasePath
from lilya.testclient._httpx import CookieTypes
from lilya.testclient.async_client import A_DAY, AsyncTestClient
from lilya.testclient.client import TestClient
from lilya.types import ExceptionHandlers, Lifespan, LifespanEvent

__all__ = ["create_async_client", "create_client"]


def create_client(
    routes: Sequence[BasePath] | None = None,
    *,
    settings_module: Any = None,
    base_url: str = "http://testserver",
    backend: Literal["asyncio", "trio"] = "asyncio",
    backend_options: dict[str, Any] | None = None,
    clock: Literal["autojump"] | None = None,
    timeout: float | None = 60.0,
    permissions: Sequence[Any] | None = None,
    middleware: Sequence[Any] | None = None,
    exception_handlers: ExceptionHandlers | None = None,
    on_startup: Sequence[LifespanEvent] | None = None,
    on_shutdown: Sequence[LifespanEvent] | None = None,
    include_in_schema: bool = True,
    raise_server_exceptions: bool = True,
    lifespan: Lifespan | None = None,
    redirect_slashes: bool = True,
    debug: bool = False,
    root_path: str = "",
    cookies: CookieTypes | None = None,
    headers: Mapping[str, str] | None = None,
    follow_redirects: bool = True,
    check_asgi_conformance: bool = True,
    before_request: Sequence[Any] | None = None,
    after_request: Sequence[Any] | None = None,
    dependency_overrides: Mapping[Any, Callable[..., Any]] | None = None,
    **kwargs: Any,
) -> TestClient:
    """A `TestClient` of a `Lilya` application made for it: `with create_client([Path("/", home)]) as client:`.

    The keywords are those of `TestClient` and of `Lilya`; what is not named here (`dependencies`, `services`,
    `enable_openapi`, ...) goes to `Lilya` as it is given, and what is not given is left to it. The application is
    `client.app`. `dependency_overrides` are set on it by `override_dependency`.
    """
    app = _application(
        dict(
            kwargs,
            settings_module=settings_module,
            routes=routes,
            permissions=permissions,
            middleware=middleware,
            exception_handlers=exception_handlers,
            on_startup=on_startup,
            on_shutdown=on_shutdown,
            include_in_schema=include_in_schema,
            lifespan=lifespan,
            redirect_slashes=redirect_slashes,
            debug=debug,
            before_request=before_request,
            after_request=after_request,
        ),
        dependency_overrides,
    )
    return TestClient(
        app,
        base_url,
        raise_server_exceptions,
        root_path,
        backend,
        backend_options,
        cookies,
        headers,
        follow_redirects,
        check_asgi_conformance,
        clock,
        timeout=timeout,
    )


def create_async_client(
    routes: Sequence[BasePath] | None = None,
    *,
    settings_module: Any = None,
    base_url: str = "http://testserver",
    backend: Literal["asyncio", "trio"] | None = None,
    timeout: float | None = A_DAY,
    permissions: Sequence[Any] | None = None,
    middleware: Sequence[Any] | None = None,
    exception_handlers: ExceptionHandlers | None = None,
    on_startup: Sequence[LifespanEvent] | None = None,
    on_shutdown: Sequence[LifespanEvent] | None = None,
    include_in_schema: bool = True,
    raise_server_exceptions: bool = True,
    lifespan: Lifespan | None = None,
    redirect_slashes: bool = True,
    debug: bool = False,
    root_path: str = "",
    cookies: CookieTypes | None = None,
    headers: Mapping[str, str] | None = None,
    follow_redirects: bool = True,
    check_asgi_conformance: bool = True,
    before_request: Sequence[Any] | None = None,
    after_request: Sequence[Any] | None = None,
    dependency_overrides: Mapping[Any, Callable[..., Any]] | None = None,
    **kwargs: Any,
) -> AsyncTestClient:
    """The same as an `AsyncTestClient`, in the event loop and on the clock of the test: `async with` it."""
    app = _application(
        dict(
            kwargs,
            settings_module=settings_module,
            routes=routes,
            permissions=permissions,
            middleware=middleware,
            exception_handlers=exception_handlers,
            on_startup=on_startup,
            on_shutdown=on_shutdown,
            include_in_schema=include_in_schema,
            lifespan=lifespan,
            redirect_slashes=redirect_slashes,
            debug=debug,
            before_request=before_request,
            after_request=after_request,
        ),
        dependency_overrides,
    )
    return AsyncTestClient(
        app,
        base_url,
        raise_server_exceptions,
        root_path,
        cookies,
        headers,
        follow_redirects,
        check_asgi_conformance,
        timeout=timeout,
        backend=backend,
    )


def _application(keywords: dict[str, Any], overrides: Mapping[Any, Callable[..., Any]] | None) -> Lilya:
    """What is None was not given: the application's own default, or its settings, decide."""
    app: Any = Lilya(**{name: value for name, value in keywords.items() if value is not None})
    for name, override in (overrides or {}).items():
        app.override_dependency(name, override)
    return app  # type: ignore[no-any-return]
