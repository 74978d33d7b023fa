"""Dispatch: from a path and a method to the one leaf that answers.

The cost of finding it depends on the segments of the path, not on the number of routes. Of several that match, the one
declared first answers; one that has the path but not the method answers only when none has both, and then with a 405
that lists the methods of all.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, TypeAlias

from lilya._handling.call import Invoke, OnDisconnect, response_of
from lilya._handling.errors import Rescuer, rescue_with
from lilya._handling.injection import Offer
from lilya._handling.instances import Instances
from lilya._handling.problems import refused
from lilya._handling.provide import Provide
from lilya._handling.result import DATA
from lilya._paths.tree import NOWHERE, Found, PathTree
from lilya.concurrency.nursery import raise_plain, unwrap
from lilya.datastructures._url import URL
from lilya.exceptions import ContinueRouting, HTTPException, ImproperlyConfigured
from lilya.responses.base import Ok, RedirectResponse, Response
from lilya.routing._base import ABOVE, LEAF, BasePath, Bed, Leaf
from lilya.routing._bounds import UNBOUNDED, Bounds
from lilya.types import ASGIApp, Receive, Scope, Send

__all__ = ["Dispatcher", "get_route_path"]

Met: TypeAlias = tuple[Invoke | None, Scope, str, Sequence[Found[Leaf]]]


# A status, the value of `Allow`, and the match inside whose layers it is to be raised, where it has some.
Miss: TypeAlias = tuple[int, str, Found[Leaf] | None]
# What a path is answered with that exists with a slash more, or one less: 307 keeps the method.
REDIRECT: Final = RedirectResponse.status_code
NOT_FOUND: Final[Miss] = (404, "", None)


def get_route_path(scope: Scope) -> str:
    """The part of the path that is left for routing: without the `root_path` it was mounted under."""
    path: str = scope["path"]
    root: str = (scope.get("root_path") or "").rstrip("/")
    if root and (path == root or path.startswith(f"{root}/")):
        return path[len(root) :]
    return path


def tell_above(scope: Scope, leaf: Leaf) -> None:
    """Say what matched in the scopes of the applications above, too: their middleware looks at it on the way back."""
    template = leaf.template.path
    for outer, prefix in reversed(scope[ABOVE]):
        template = prefix.rstrip("/") + template
        outer["route"], outer["handler"] = scope.get("route"), scope.get("handler")
        outer["route_path_template"] = template


class Dispatcher:
    """The matching trees of a list of routes, and the ASGI app that dispatches by them.

    The trees are built when they are first needed. `default` answers what no route matches, a 404 where it is None.
    `rescue` answers what the routes raise, where whoever owns the dispatcher has set it. `dependencies` are those of
    all the routes, `instances` those of them that live as long as the application.
    """

    leaves: list[Leaf]
    # By paths without parameters that were met: how to call the handler, the methods it takes, what the scope is told,
    # and how to call it with nothing, where it asks for nothing. There are no more of them than routes.
    ready: dict[str, tuple[Invoke, frozenset[str], dict[str, Any], Callable[[], Awaitable[Any]] | None]]
    _http: PathTree[Leaf]
    _websocket: PathTree[Leaf]

    def __init__(
        self,
        routes: list[BasePath],
        *,
        redirect_slashes: bool = True,
        default: ASGIApp | None = None,
        on_disconnect: OnDisconnect | None = None,
        bounds: Bounds = UNBOUNDED,
        dependencies: Mapping[str, Provide] | None = None,
        infer_body: bool | None = None,
    ) -> None:
        self.routes = routes
        self.ready = {}
        self.redirect_slashes = redirect_slashes
        self.default = default
        self.on_disconnect = on_disconnect
        self.bounds = bounds
        self.rescue: Rescuer | None = None
        self.dependencies = dict(dependencies or {})
        self.overrides: dict[str, Provide] = {}
        self.infer_body = infer_body
        self.instances = Instances()
        self._outer: frozenset[str] = frozenset()
        self._mounts: dict[BasePath, frozenset[str]] = {}
        self._offer: Offer | None = None
        self._bed: Bed | None = None

    def compile(
        self, outer: frozenset[str] = frozenset(), mount: BasePath | None = None, offer: Offer | None = None
    ) -> None:
        """Build the trees, where that was not done already.

        `outer` are path parameters that come from outside, by way of `mount`, and `offer` the dependencies that do.
        Where there are several mounts, handlers may ask for the parameters that all of them have.

        Raises `ImproperlyConfigured` for a handler whose parameters nothing can fill, and where two places that mount
        these routes disagree on a dependency.
        """
        if mount is not None:
            self._mounts[mount] = outer
            outer = frozenset.intersection(*self._mounts.values())
        elif self._mounts:
            outer = self._outer
        before = self._offer
        if offer is not None and before is not None and offer.build is before.build:
            if offer.dependencies != before.dependencies or offer.infer_body != before.infer_body:
                raise ImproperlyConfigured(
                    f"{self.routes!r} are mounted in two places with dependencies of their own each: what a handler is "
                    "given is found out once, so mount an application (or Router) of its own in each place"
                )
            if offer.overrides == before.overrides:
                offer = None
        if self._bed is not None and offer is None and outer == self._outer:
            return
        self._outer, self._offer, self._bed = outer, offer or before, None
        try:
            self._build()
        except ImproperlyConfigured as exc:
            if len(self._mounts) < 2:
                raise
            raise ImproperlyConfigured(
                f"{exc} It is mounted in {len(self._mounts)} places, such as {next(reversed(self._mounts))!r}: "
                "handlers may ask for the path parameters that all of them have."
            ) from exc

    def override(self, overrides: dict[str, Provide]) -> None:
        """Put these dependencies before all others, in place of those that were put there before.

        The trees are built anew; requests under way finish by the old ones. Raises `ImproperlyConfigured` for what
        cannot be built, and leaves everything as it was.
        """
        before, self.overrides = self.overrides, overrides
        try:
            if self._bed is not None:
                self._build()
        except ImproperlyConfigured:
            self.overrides = before
            self._build()
            raise

    def _build(self) -> None:
        if self._offer is None:
            self.instances.build()
            offer = Offer({}, {}, False, self.instances, object())
        else:
            offer = self._offer
        offer = offer.under(self.dependencies, self.infer_body, self.overrides)
        self.ready = {}
        trees: tuple[PathTree[Leaf], PathTree[Leaf]] = PathTree(), PathTree()
        bed = Bed(*trees, [], offer, outer=self._outer, on_disconnect=self.on_disconnect, bounds=self.bounds)
        bed.plant_all(self.routes)
        self._http, self._websocket, self.leaves, self._bed = bed.http, bed.websocket, bed.leaves, bed

    def add(self, route: BasePath) -> None:
        """Add a route behind all others."""
        self.ready = {}
        if self._bed is not None:
            try:
                self._bed.plant_all([route])
            except Exception:
                self._build()  # half of it may stand
                raise
        self.routes.append(route)

    @property
    def outside(self) -> tuple[frozenset[str], Offer | None]:
        """What comes from where it is mounted: path parameters, and dependencies."""
        return self._outer, self._offer

    def arrange(self, routes: Sequence[BasePath]) -> None:
        """Let these be the routes, in this order. Where they cannot be built everything is left as it was."""
        before, self.routes[:] = self.routes[:], routes
        try:
            if self._bed is not None:
                self._build()
        except Exception:
            self.routes[:] = before
            self._build()
            raise

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send, path: str = "", found: Sequence[Found[Leaf]] | None = None
    ) -> None:
        """Let the route that matches answer, and `rescue` what it raises.

        What no route matches is an `HTTPException` with 404, or with 405 and `Allow`. `found` is all that has `path`,
        the part of the path that is left for routing, where the caller has looked.
        """
        if self._bed is None:
            self.compile()
        matches: Sequence[Found[Leaf]] = () if found is None else found  # `NOWHERE` is empty, and says more
        try:
            if found is None:
                invoke: Invoke | None
                bare = None
                ready = self.ready.get(scope["path"])
                if (
                    ready is not None
                    and scope.get("method") in ready[1]
                    and not scope.get("root_path")
                    and "path_params" not in scope
                ):
                    invoke, _, told, bare = ready
                    scope |= told
                    inside = scope.copy()
                    inside["path_params"] = {}
                else:
                    invoke, inside, path, matches = self.meet(scope, alone=False)
                if invoke is not None:
                    try:
                        try:
                            result = await (bare() if bare is not None else invoke(inside, receive, send))
                        except BaseExceptionGroup as group:
                            raise_plain(unwrap(group))
                        if not isinstance(result, Response):
                            result = Ok(result) if isinstance(result, DATA) else await response_of(result)
                        await result.__call__(inside, receive, send)
                        return
                    except ContinueRouting:
                        path, matches = get_route_path(scope), ()
            method = scope.get("method")  # a websocket has none, and its routes take any
            for leaf, params, end in matches:
                if leaf.methods is None or method in leaf.methods:
                    if leaf.gate is not None:
                        more = leaf.gate(scope)
                        if more is None:
                            continue
                        params = {**params, **more}
                    if found is not None and len(found) == 1 and leaf.plain:  # of the entrance, see `meet`
                        scope |= leaf.told
                        scope["path_params"] = dict(params)
                        inside = scope
                    else:
                        inside = self._tell(scope, path, leaf, params, end)
                    try:
                        await leaf.app(inside, receive, send)
                        return
                    except ContinueRouting:
                        continue
                    except BaseExceptionGroup as group:  # the same, out of a nursery in a layer
                        if not isinstance(unwrap(group), ContinueRouting):
                            raise
            status, allow, match = NOT_FOUND if matches is NOWHERE else self._miss(matches, path, scope)
            if status == REDIRECT or match is not None or (status == 404 and self.default is not None):
                return await self._elsewhere(status, allow, match, path, scope, receive, send)
        except Exception as exc:
            return await rescue_with(self.rescue, exc, scope, receive, send)
        # To raise it only to catch it here would take as long again.
        rescue = self.rescue
        if rescue is not None and (answer := rescue.ready(status, allow, scope)) is not None:
            return await answer(scope, receive, send)
        refusal = refused(status, allow)
        if rescue is None or not await rescue(refusal, scope, receive, send):
            raise refusal

    def meet(self, scope: Scope, *, alone: bool = True) -> Met:
        """What a path leads to.

        The trees are built. Where one leaf alone answers it, and nothing is around its handler: how to call that, and
        the scope for it. For who is `alone`, with nothing around the dispatcher and nothing between it and the server,
        that is the scope of the connection itself, unless the leaf is an include's: there is nobody left from whom to
        hide what a route changes. What comes out goes to `failed`. Otherwise what to call this with.
        """
        path = get_route_path(scope) if scope.get("root_path") else scope["path"]
        found = (self._http if scope["type"] == "http" else self._websocket).find(path)
        if len(found) != 1:
            match = _only(found, scope.get("method")) if found else None
            if match is None:
                return None, scope, path, found
            leaf, params, end = match
            params = dict(params)  # those of a path that is declared without any are shared
        else:
            leaf, params, end = found[0]
        invoke = leaf.invoke
        methods = leaf.methods
        if invoke is None or (methods is not None and scope.get("method") not in methods):
            return None, scope, path, found
        if not params:
            params = {}  # one of its own: what is found may be shared
            if leaf.plain and methods is not None and path is scope["path"]:
                self.ready[path] = invoke, methods, leaf.told, leaf.bare
        if not alone or not leaf.plain:
            return invoke, self._tell(scope, path, leaf, params, end), path, found
        scope |= leaf.told
        scope["path_params"] = params
        return invoke, scope, path, found

    def _tell(self, scope: Scope, path: str, leaf: Leaf, params: Mapping[str, Any], end: int) -> Scope:
        """The scope for a leaf that has matched.

        What matched is set in `scope` itself, for middleware that looks at it on the way back; everything else in a
        shallow copy, so that what the route changes stays inside.
        """
        scope |= leaf.told
        if ABOVE in scope:
            tell_above(scope, leaf)
        inside = scope.copy()
        if "path_params" in scope:
            inside["path_params"] = {**scope["path_params"], **params}
        else:
            inside["path_params"] = dict(params) if params else {}
        if not leaf.plain:
            self._descend(scope, inside, path, leaf, end)
        return inside

    async def failed(self, exc: Exception | ContinueRouting, scope: Scope, receive: Receive, send: Send) -> None:
        """The handler that was met has raised `exc`: on from there."""
        if isinstance(exc, ContinueRouting):
            return await self(scope, receive, send, get_route_path(scope), ())
        await rescue_with(self.rescue, exc, scope, receive, send)

    def _descend(self, scope: Scope, child: Scope, path: str, leaf: Leaf, end: int) -> None:
        """Move the part of the path that includes have matched to `root_path`."""
        if leaf.above is not None:
            prefix = leaf.above
        elif leaf.prefix or leaf.edge:
            prefix = path[:end].rstrip("/")
        elif leaf.own:
            prefix = path.rsplit("/", leaf.own)[0]
        else:
            prefix = "/".join(path.split("/", leaf.depth + 1)[: leaf.depth + 1])
        root = scope.get("root_path")
        if root:
            root = root.rstrip("/")
            prefix = root + prefix
            if path is scope["path"]:
                child["path"] = root + path  # some servers leave the root out of the path (ASGI puts it in)
        if "app_root_path" not in child:
            child["app_root_path"] = root or ""
        child["root_path"] = prefix
        if leaf.inner:
            child[LEAF] = leaf
        if leaf.prefix:
            child[ABOVE] = (*scope.get(ABOVE, ()), (scope, leaf.template.path))

    def _miss(self, found: Sequence[Found[Leaf]], path: str, scope: Scope) -> Miss:
        """Nothing answered: 405 where the path exists, a redirect where it does but for its slash, else 404."""
        if found and scope["type"] == "http":
            partial = [match for match in found if match[0].methods]
            if partial and not any(scope["method"] in match[0].methods for match in partial):  # type: ignore[operator]
                allow = _allow(tuple([match[0].methods for match in partial]))
                return 405, allow, partial[0] if partial[0][0].inner else None
        if found is not NOWHERE and self._redirects(path, scope):
            return REDIRECT, "", None
        edges = [match for match in found if match[0].edge] if found else ()
        return 404, "", max(edges, key=lambda match: match[0].depth) if edges else None

    def _redirects(self, path: str, scope: Scope) -> bool:
        if not self.redirect_slashes or scope["type"] != "http" or path == "/":
            return False
        other = path[:-1] if path.endswith("/") else path + "/"
        found = self._http.find(other)
        # What has a prefix would have matched without its slash as well.
        return bool(found) and any(leaf.redirects and not leaf.edge and not leaf.prefix for leaf, _, _ in found)

    async def _elsewhere(
        self,
        status: int,
        allow: str,
        match: Found[Leaf] | None,
        path: str,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        """Redirect, raise the refusal inside of the layers around `match`, or let `default` answer."""
        if status == REDIRECT:
            url = URL.build_from_scope(scope)
            toggled = url.path[:-1] if url.path.endswith("/") else url.path + "/"
            await RedirectResponse(url.replace(path=toggled))(scope, receive, send)
        elif match is not None:
            await self._raise_inside(match, refused(status, allow), path, scope, receive, send)
        elif self.default is not None:
            await self.default(scope, receive, send)

    async def _raise_inside(
        self, match: Found[Leaf], refusal: HTTPException, path: str, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Raise a refusal where the route stands, inside the layers of the includes above it."""

        async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
            raise refusal

        leaf, params, end = match
        app: ASGIApp = refuse
        stand_in = Leaf(leaf.route, leaf.template, refuse, inner={})
        for crossing in leaf.inner:  # innermost first
            stand_in.inner[crossing] = app
            app = crossing.stack
        child = {**scope, "path_params": {**(scope.get("path_params") or {}), **params}}
        self._descend(scope, child, path, leaf, end)
        child[LEAF] = stand_in
        await app(child, receive, send)


def _only(found: Sequence[Found[Leaf]], method: str | None) -> Found[Leaf] | None:
    """The one match that takes the method, where there is one and no second."""
    matches = [match for match in found if match[0].methods is None or method in match[0].methods]
    return matches[0] if len(matches) == 1 else None


# Of lists of methods an application has a few, declared by its routes.
@lru_cache(maxsize=128)
def _allow(methods: tuple[frozenset[str], ...]) -> str:
    """The value of `Allow` for routes with these methods (RFC 9110, section 10.2.1)."""
    return ", ".join(sorted(frozenset().union(*methods)))
