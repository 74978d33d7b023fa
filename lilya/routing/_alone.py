"""A part of the routing used alone: an ASGI app of its own, inside any framework or none."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Protocol

from lilya._asgi.exchange import exchange_of, run_alone
from lilya._asgi.lifespan import Life
from lilya._handling.errors import Rescuing, default_answer
from lilya._handling.injection import Offer
from lilya._handling.refusing import RESCUED, in_application
from lilya.datastructures._url import URLPath
from lilya.routing._base import BasePath
from lilya.routing._dispatch import Dispatcher
from lilya.routing._lifespan import Part, parts_below, services_below
from lilya.routing._reverse import reverse
from lilya.types import ASGIApp, Receive, Scope, Send

__all__ = ["Alone", "serve", "serve_lifespan"]


class Standing(Protocol):
    """What can be used alone."""

    def path_for(self, name: str, /, **path_params: Any) -> URLPath:
        """The path of a route of its own."""

    def lifespan_parts(self, life: Life | None = None) -> list[Part]:
        """The lifespans of what it mounts."""

    def all_services(self) -> list[Any]:
        """The services of what it mounts."""


async def serve_lifespan(part: Standing, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer the lifespan call of a server for `part`."""
    life = Life(services=part.all_services())
    await life.run(part.lifespan_parts(life), scope, receive, send)


async def serve(part: Standing, entrance: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Serve `part` by way of its `entrance`.

    In an application of ours it raises what is that one's to answer. Alone, or in another framework, it keeps the same
    promises: it is an exchange of its own, and answers 404, 405 and every other `HTTPException`.
    """
    if in_application(scope):
        return await entrance(scope, receive, send)
    if scope["type"] == "lifespan":
        return await serve_lifespan(part, scope, receive, send)
    # What another framework has put there is of no use to us: reversing begins here.
    own = {**scope, "router": part, "app_root_path": scope.get("root_path", ""), RESCUED: scope.get("app")}
    own.pop("route", None)
    app = Rescuing(entrance, default_answer)
    if exchange_of(scope) is None:
        return await run_alone(app, own, receive, send)
    await app(own, receive, send)


class Alone(BasePath):
    """A route that can be used alone."""

    redirect_slashes = False

    @cached_property
    def _tree(self) -> Dispatcher:
        """A tree that holds this route and nothing else, built when it is first asked for."""
        return Dispatcher([self], redirect_slashes=self.redirect_slashes)

    def compile(
        self, outer: frozenset[str] = frozenset(), mount: BasePath | None = None, offer: Offer | None = None
    ) -> None:
        """Build its tree, for `mount`, where it is mounted, which adds path parameters and dependencies.

        Raises `ImproperlyConfigured` for a handler whose parameters nothing can fill.
        """
        self._tree.compile(outer, mount, offer)

    def path_for(self, name: str, /, **path_params: Any) -> URLPath:
        """The path of a route of its own, percent-encoded. Raises `NoMatchFound`."""
        return reverse(self._tree, name, path_params)

    url_path_for = path_for

    def lifespan_parts(self, life: Life | None = None) -> list[Part]:
        """The lifespans of the applications it mounts."""
        self._tree.compile()
        return [*parts_below([self], life), self._tree.instances.life]

    def all_services(self) -> list[Any]:
        """The services of the applications it mounts."""
        return services_below([self])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve this route alone, inside any framework."""
        await serve(self, self._tree, scope, receive, send)
