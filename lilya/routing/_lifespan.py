"""The lifespans of a tree of applications: the owner's own, then those of what it includes."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from inspect import isasyncgenfunction, isgeneratorfunction
from typing import Any, Final, TypeAlias

from lilya._asgi.exchange import CLEANUP_SECONDS
from lilya._asgi.guest import guest_lifespan
from lilya.concurrency.nursery import shielded
from lilya.concurrency.service import Service
from lilya.concurrency.threads import enforce_async_callable
from lilya.exceptions import ImproperlyConfigured
from lilya.routing._base import BasePath
from lilya.types import ASGIApp, Lifespan, LifespanEvent

__all__ = ["Hooks", "Part", "all_routes", "applications_in"]

logger = logging.getLogger("lilya.lifespan")

Part: TypeAlias = Callable[[], AbstractAsyncContextManager[Mapping[str, Any] | None]]

EVENTS: Final[Mapping[str, str]] = {
    "startup": "startup",
    "on_startup": "startup",
    "shutdown": "shutdown",
    "on_shutdown": "shutdown",
}


class Hooks:
    """What an application does when it starts and when it stops: a lifespan, or functions called in order."""

    def __init__(
        self,
        lifespan: Lifespan | None = None,
        on_startup: Sequence[LifespanEvent] | None = None,
        on_shutdown: Sequence[LifespanEvent] | None = None,
    ) -> None:
        if lifespan is not None and (on_startup or on_shutdown):
            raise AssertionError("Use either 'lifespan' or 'on_startup'/'on_shutdown', not both")
        if isasyncgenfunction(lifespan) or isgeneratorfunction(lifespan):
            raise ImproperlyConfigured(
                f"the lifespan {getattr(lifespan, '__name__', lifespan)!r} is a bare generator: "
                "decorate it with @contextlib.asynccontextmanager"
            )
        self.lifespan = lifespan
        self.on_startup = list(on_startup or ())
        self.on_shutdown = list(on_shutdown or ())

    def add(self, event: str, hook: LifespanEvent) -> None:
        """Call `hook`, sync or async, on "startup" or "shutdown"."""
        if event not in EVENTS:
            raise AssertionError(f"the events are {', '.join(map(repr, EVENTS))}, not {event!r}")
        if self.lifespan is not None:
            raise AssertionError("the application has a lifespan: what belongs to its start and end goes there")
        (self.on_startup if EVENTS[event] == "startup" else self.on_shutdown).append(hook)

    def parts(self, owner: Any) -> list[Part]:
        """The lifespan to enter, if there is one."""
        if self.lifespan is not None:
            lifespan = self.lifespan
            return [lambda: lifespan(owner)]
        return [self._run] if self.on_startup or self.on_shutdown else []

    async def startup(self) -> None:
        """Call what is to be called at the start, in order."""
        for hook in self.on_startup:
            await enforce_async_callable(hook)()

    async def shutdown(self) -> None:
        """Call what is to be called at the end, in order: each of them, whatever the others do."""
        async with AsyncExitStack() as stack:
            for hook in reversed(self.on_shutdown):
                stack.push_async_callback(enforce_async_callable(hook))

    @asynccontextmanager
    async def _run(self) -> AsyncIterator[None]:
        try:
            await self.startup()
        except BaseException:
            await self._undo()
            raise
        try:
            yield
        finally:
            await self.shutdown()

    async def _undo(self) -> None:
        """Half a start is undone as a whole one is. Why it failed is said by what failed first: the rest is logged."""
        try:
            with shielded(CLEANUP_SECONDS):
                await self.shutdown()
        except Exception:
            logger.exception("a shutdown hook failed where the start had failed before")


def all_routes(routes: Iterable[Any]) -> Iterator[Any]:
    """All routes of a tree, those of mounted applications too, in declared order."""
    for route in routes:
        yield route
        yield from all_routes(getattr(route, "routes", None) or ())


class Guest:
    """An app of another framework that a route mounts: it has a lifespan, and nothing we know of below it."""

    routes: Sequence[Any] = ()

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    def own_parts(self, life: Any) -> list[Part]:
        """Its lifespan."""
        return [partial(guest_lifespan, self.app)]


def applications_in(routes: Iterable[Any]) -> list[Any]:
    """The applications, routers and guests that routes mount, at any depth: each once, parents before children."""
    found: dict[int, Any] = {}
    _collect(routes, found)
    return list(found.values())


def _collect(routes: Iterable[Any], found: dict[int, Any]) -> None:
    for route in routes:
        mounted = app = getattr(route, "app", None)
        while app is not None and not hasattr(app, "own_parts") and not hasattr(app, "routes"):
            app = getattr(app, "app", None)  # a layer around it
        if isinstance(app, BasePath):  # a route in the place of an app
            _collect([app], found)
        elif app is not None and hasattr(app, "own_parts"):
            if id(app) not in found:
                found[id(app)] = app
                _collect(app.routes, found)
        elif mounted is not None:
            found.setdefault(id(mounted), Guest(mounted))
        else:
            _collect(getattr(route, "routes", None) or (), found)


def parts_below(routes: Iterable[Any], life: Any) -> list[Part]:
    """The lifespans of the applications that routes mount; `life` is whose nursery they share."""
    return [part for app in applications_in(routes) for part in app.own_parts(life)]


def services_below(routes: Iterable[Any]) -> list[Service]:
    """The services of the applications that routes mount."""
    return [service for app in applications_in(routes) for service in getattr(app, "services", ())]
