"""What an application says of itself: its graph, and the documentation of its API.

The documentation lives behind a door, and the roof knows no door. So `Lilya` is not the one that documents: it is given
an object with a method `enable(app)`, which adds routes to it as anybody could. Where nobody gives one, it is found by
the dotted name that stands here, as a middleware or a handler is that was given by name; it is imported only then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from lilya._define import import_string
from lilya._lazy import lazily
from lilya.exceptions import ImproperlyConfigured

if TYPE_CHECKING:
    from lilya.introspection import _graph as graphs
else:
    graphs = lazily("lilya.introspection._graph")

__all__ = ["Described"]

DEFAULT_CONFIG: Final = "lilya.contrib.openapi.config.OpenAPIConfig"


class Described:
    """Introspection and documentation of an application."""

    enable_openapi: bool
    openapi_config: Any
    _graph: graphs.ApplicationGraph | None = None

    @property
    def graph(self) -> graphs.ApplicationGraph:
        """What the application is made of; made when it is first asked for, and again when something was added."""
        graph = self._graph
        if graph is None or not graph.shows(self):
            graph = self._graph = graphs.ApplicationGraph.of(self)
        return graph

    def configure_openapi(self, openapi_config: Any = None) -> None:
        """Document the API: `enable_openapi=True`, said later, or said anew with another configuration.

        `openapi_config` is an `OpenAPIConfig`, its class, the dotted name of either, or anything with a method
        `enable(app)`; None means the one the application was made with, else the default one. Its routes stand before
        all others, in place of those it had before. Raises `ImproperlyConfigured` for what has no such method.
        """
        given = self.openapi_config if openapi_config is None else openapi_config
        config = DEFAULT_CONFIG if given is None else given
        if isinstance(config, str):
            config = import_string(config)
        if isinstance(config, type):
            config = config()
        if not callable(getattr(config, "enable", None)):
            raise ImproperlyConfigured(
                f"openapi_config is {config!r}: wanted an OpenAPIConfig, or anything with a method `enable(app)`"
            )
        self.openapi_config = config
        self.enable_openapi = True
        config.enable(self)
