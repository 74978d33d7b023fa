"""Routing: paths, includes, routers."""

from lilya._paths.template import compile_path
from lilya.exceptions import ContinueRouting
from lilya.routing._base import BasePath, NoMatchFound, get_name
from lilya.routing._dispatch import get_route_path
from lilya.routing._host import Host
from lilya.routing._include import Include
from lilya.routing._methods import RoutingMethodsMixin
from lilya.routing._path import Path, WebSocketPath
from lilya.routing._router import Router

# Other names the same things go by.
BaseRouter = Router
RoutePath = Route = Path
PathHandler = Path
WebSocketRoute = WebSocketPath
PassPartialMatches = ContinueRouting

__all__ = [
    "BasePath",
    "BaseRouter",
    "ContinueRouting",
    "Host",
    "Include",
    "NoMatchFound",
    "PassPartialMatches",
    "Path",
    "PathHandler",
    "Route",
    "RoutePath",
    "Router",
    "RoutingMethodsMixin",
    "WebSocketPath",
    "WebSocketRoute",
    "compile_path",
    "get_name",
    "get_route_path",
]
