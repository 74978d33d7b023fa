"""All there is to say of a failed request, as data: made once, then written as HTML or as text."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Final
from urllib.parse import urlencode

from lilya import __version__
from lilya._asgi.exchange import EXCHANGE
from lilya._asgi.statistics import Statistics
from lilya._handling._debug_trace import Trace, Tracer, frames_of
from lilya._handling._debug_values import Values, cut, is_secret, scrub, shown_header
from lilya.datastructures._multi import parse_query
from lilya.datastructures._secret import MASK
from lilya.datastructures._url import URL
from lilya.types import Scope

__all__ = ["Asked", "Report", "make_report"]

LINES: Final = 60  # of headers, of query parameters
TEXT: Final = 1000  # characters of one of them

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """The request, with what is secret masked. `target` is its path and query."""

    method: str
    target: str
    url: str
    version: str
    client: str
    route: str
    handler: str
    path_params: Pairs
    query: Pairs
    headers: Pairs


@dataclass(frozen=True, slots=True)
class Report:
    """What went wrong, what was asked, and what else was going on."""

    trace: Trace
    asked: Asked
    statistics: Statistics | None
    about: str
    when: str


def make_report(exc: BaseException, scope: Scope, statistics: Statistics | None, backend: str) -> Report:
    """Look at everything. Reads files and calls anybody's `repr`: not on the loop."""
    values = Values()
    asked = _asked(_innermost(exc, scope), values)
    return Report(
        trace=Tracer(values).trace(exc),
        asked=asked,
        statistics=statistics,
        about=f"Lilya {__version__}, {backend}, Python {platform.python_version()}",
        when=datetime.now().astimezone().isoformat(" ", "seconds"),
    )


def _innermost(exc: BaseException, scope: Scope) -> Scope:
    """The scope as the layer had it that failed: what the routes find stays inside them, and we are outside."""
    exchange = scope.get(EXCHANGE)
    for frame in frames_of(exc):
        names = frame.f_locals
        found = names.get("inside") or names.get("scope")  # who calls a handler by itself has both
        if isinstance(found, dict) and exchange is not None and found.get(EXCHANGE) is exchange:
            return found
    return scope


def _asked(scope: Scope, values: Values) -> Asked:
    query = tuple(
        (cut(name, TEXT), MASK if is_secret(name) else cut(scrub(value), TEXT))
        for name, value in islice(parse_query(scope.get("query_string", b"").decode("latin-1")), LINES)
    )
    path = cut(scope.get("path", ""), TEXT)
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope.get("headers", [])[:LINES]]
    client = scope.get("client")
    route: Any = scope.get("route")
    handler = scope.get("handler")
    params: Mapping[str, Any] = scope.get("path_params") or {}
    return Asked(
        method=scope.get("method", ""),
        target=f"{path}?{urlencode(query, safe='*')}" if query else path,
        url=cut(str(URL.build_from_scope({**scope, "query_string": b""})), TEXT),
        version=f"HTTP/{scope.get('http_version', '1.1')}",
        client=":".join(str(part) for part in client) if client else "",
        route=scope.get("route_path_template") or getattr(route, "path", None) or "",
        handler=f"{getattr(handler, '__module__', '')}.{getattr(handler, '__qualname__', '')}".strip("."),
        path_params=tuple((name, values.show(name, value)) for name, value in islice(params.items(), LINES)),
        query=query,
        headers=tuple((name, shown_header(name, value)) for name, value in headers),
    )
