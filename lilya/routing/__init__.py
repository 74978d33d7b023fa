"""Routing: paths, includes, routers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lilya._lazy import face

if TYPE_CHECKING:
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
else:
    __getattr__, __dir__ = face(
        __name__,
        {
            "lilya._paths.template": "compile_path",
            "lilya.exceptions": "ContinueRouting PassPartialMatches=ContinueRouting",
            "._base": "BasePath NoMatchFound get_name",
            "._dispatch": "get_route_path",
            "._host": "Host",
            "._include": "Include",
            "._methods": "RoutingMethodsMixin",
            "._path": "Path WebSocketPath RoutePath=Path Route=Path PathHandler=Path WebSocketRoute=WebSocketPath",
            "._router": "Router BaseRouter=Router",
        },
    )

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
