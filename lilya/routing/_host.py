"""Routes of one host name: `Host("api.example.org", app=api)`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from anyio import CapacityLimiter

from lilya._define import import_string
from lilya._handling.call import OnDisconnect
from lilya._handling.provide import provide_all
from lilya._paths.template import PathTemplate
from lilya.concurrency.capacity import Capacity
from lilya.datastructures._headers import Header
from lilya.datastructures._url import URLPath
from lilya.exceptions import ImproperlyConfigured
from lilya.routing._alone import Alone
from lilya.routing._base import Bed, Layers, Leaf, check_on_disconnect, compile_below
from lilya.routing._bounds import bounds_of
from lilya.routing._reverse import reverse_inside
from lilya.types import ASGIApp, Dependencies, ExceptionHandlers, Scope

__all__ = ["Host"]


class Host(Alone):
    """An app for one host name: `Host("{tenant}.example.org", app=tenants)`.

    The name may hold parameters; the port of the `Host` header does not matter, one in the pattern is used for URLs
    only. The app is opaque: it gets every path, and answers its own 404. `timeout` (seconds) and `limiter` are those of
    an `Include`: one timeout for each request, one limiter for all of them together; websockets pass.
    """

    def __init__(
        self,
        host: str,
        app: ASGIApp | str,
        name: str | None = None,
        *,
        middleware: Iterable[Any] | None = None,
        permissions: Iterable[Any] | None = None,
        exception_handlers: ExceptionHandlers | None = None,
        dependencies: Dependencies | None = None,
        before_request: Iterable[Any] | None = None,
        after_request: Iterable[Any] | None = None,
        on_disconnect: OnDisconnect | None = None,
        timeout: float | None = None,
        limiter: int | CapacityLimiter | Capacity | None = None,
    ) -> None:
        if host.startswith("/"):
            raise AssertionError(f"A host does not start with '/', got {host!r}: did you mean Include?")
        self.host = host
        self.path = "/"
        self.name = name
        self.app: ASGIApp = import_string(app) if isinstance(app, str) else app
        if not callable(self.app):
            raise ImproperlyConfigured(f"Host({host!r}): {app!r} is no ASGI app, it cannot be called")
        self.layers = Layers(middleware, permissions, exception_handlers, before_request, after_request)
        self.dependencies = provide_all(dependencies, f"Host({host!r})")
        self.on_disconnect = check_on_disconnect(on_disconnect, f"Host({host!r})")
        self.bounds = bounds_of(timeout, limiter, f"Host({host!r})")
        self.stack = self.layers.around(self.bounds.around(self.app))
        # A host name is matched as one path segment: the same parameters, the same transformers.
        self._template = PathTemplate.parse(f"/{host}")
        name_only, _, port = host.rpartition(":")
        matched = PathTemplate.parse(f"/{name_only}") if port.isdigit() else self._template
        self._regex = re.compile(matched.regex.pattern, re.IGNORECASE)
        self._params = {param.name: param.transformer for param in matched.params}

    @property
    def routes(self) -> Any:
        """The routes of the app."""
        return getattr(self.app, "routes", None) or []

    def gate(self, scope: Scope) -> dict[str, Any] | None:
        """The parameters of the host name, or None where the request is for another host."""
        name = re.sub(r":\d*$", "", Header.from_scope(scope).get("host") or "")
        match = self._regex.match(f"/{name}")
        if match is None:
            return None
        try:
            return {key: self._params[key].transform(value) for key, value in match.groupdict().items()}
        except ValueError:
            return None

    def plant(self, bed: Bed) -> None:
        """Put the app into the trees, behind the gate of its host name."""
        template = bed.prefix_template()
        outer = [*bed.outer, *template.names, *self._params]
        compile_below(self.app, outer, self, bed.offer.under(self.dependencies))
        stack = bed.bounds.beyond(self.bounds).around(self.stack)
        for tree in (bed.http, bed.websocket):
            leaf = Leaf(self, template, stack, self.app, prefix=True, gate=self.gate, name=self.name or "")
            bed.plant(tree, leaf)
        bed.leaves.pop()  # the one of websockets: reversing needs it once

    def reverse(self, own_name: str, name: str, path_params: dict[str, Any]) -> URLPath | None:
        """The path of a route of the app, with its host; None where the name is another's. `own_name` is the host's."""
        own = {key: value for key, value in path_params.items() if key in self._params}
        if set(own) != set(self._params):
            return None
        host = self._template.build(own)[1:]
        rest = {key: value for key, value in path_params.items() if key not in own}
        found = reverse_inside(self.app, own_name, name, rest)
        return None if found is None else URLPath(str(found), protocol=found.protocol, host=host)

    def __repr__(self) -> str:
        return f"Host(host={self.host!r}, name={self.name or ''!r}, app={self.app!r})"
