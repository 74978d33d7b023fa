"""The graph of an application: its layers, routes and handlers, as they stand around each other.

It is a tree. An application wraps itself in its middleware and permissions and dispatches to its router, that one to
its routes; a route wraps itself in its layers and dispatches to its handler, an include or a host to what it mounts.
What is mounted in two places stands in it twice.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, Self

from lilya._define import Layer
from lilya.introspection._nodes import EdgeKind, GraphEdge, GraphNode, NodeKind
from lilya.introspection._walk import Place, layers_of, mounted, name_of, own_layers, pieces
from lilya.routing._host import Host
from lilya.routing._include import Include
from lilya.routing._path import WebSocketPath

__all__ = ["ApplicationGraph"]

ROUTES: Final = (NodeKind.ROUTE, NodeKind.WEBSOCKET)
LAYERS: Final = (NodeKind.MIDDLEWARE, NodeKind.PERMISSION)


class ApplicationGraph:
    """What an application is made of, at one moment: `app.graph`. It never changes; the application makes another one.

    `nodes` are the nodes by id, `edges` lead from the outside in; both in declared order.
    """

    __slots__ = ("_inward", "_outward", "_pieces", "edges", "nodes")

    nodes: Mapping[str, GraphNode]
    edges: tuple[GraphEdge, ...]
    _inward: Mapping[str, Sequence[GraphEdge]]
    _outward: Mapping[str, str]
    _pieces: tuple[Any, ...]

    def __init__(self, nodes: Iterable[GraphNode], edges: Iterable[GraphEdge]) -> None:
        self._keep("nodes", MappingProxyType({node.id: node for node in nodes}))
        self._keep("edges", tuple(edges))
        inward: dict[str, list[GraphEdge]] = {each: [] for each in self.nodes}
        for edge in self.edges:
            inward[edge.source].append(edge)
        self._keep("_inward", inward)
        self._keep("_outward", {edge.target: edge.source for edge in self.edges})
        self._keep("_pieces", ())

    def _keep(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"a graph does not change: {name!r} cannot be set")

    @classmethod
    def of(cls, app: Any) -> Self:
        """The graph of an application as it is now."""
        drawing = _Drawing()
        drawing.application(app, (), "/", None)
        graph = cls(drawing.nodes, drawing.edges)
        graph._keep("_pieces", tuple(pieces(app)))
        return graph

    def shows(self, app: Any) -> bool:
        """Whether the application is still made of the parts it had."""
        now = tuple(pieces(app))
        return len(now) == len(self._pieces) and all(a is b for a, b in zip(now, self._pieces, strict=True))

    # -- nodes ------------------------------------------------------------------------------------------------------

    def by_kind(self, kind: NodeKind | str) -> tuple[GraphNode, ...]:
        """All nodes of a kind. Raises `ValueError` for what is no kind."""
        wanted = NodeKind(kind)
        return tuple(node for node in self.nodes.values() if node.kind is wanted)

    def application(self) -> GraphNode:
        """The application itself; those it includes come behind it in `by_kind("application")`."""
        return self.by_kind(NodeKind.APPLICATION)[0]

    def middlewares(self) -> tuple[GraphNode, ...]:
        """The middleware of the application itself, outermost first."""
        return self._layers(self.application(), NodeKind.MIDDLEWARE)

    def routes(self) -> tuple[GraphNode, ...]:
        """The routes of HTTP and of websockets, those of included applications too."""
        return tuple(node for node in self.nodes.values() if node.kind in ROUTES)

    def includes(self) -> tuple[GraphNode, ...]:
        """The includes, on all levels."""
        return self.by_kind(NodeKind.INCLUDE)

    def route_by_path(self, path: str) -> GraphNode | None:
        """The first route whose whole template is `path`, as it is written, such as `/items/{id:int}`; else None."""
        wanted = path.rstrip("/")
        return next((node for node in self.routes() if node.metadata["path"].rstrip("/") == wanted), None)

    def route_middlewares(self, node: GraphNode) -> tuple[GraphNode, ...]:
        """The middleware of a route alone, outermost first. Raises `TypeError` for what is no route."""
        return self._layers(self._checked(node, ROUTES), NodeKind.MIDDLEWARE)

    def permissions_for(self, node: GraphNode) -> tuple[GraphNode, ...]:
        """The permissions of a route, an include, a host, a router or an application alone, outermost first.

        Raises `TypeError` for a node that has none of its own.
        """
        kinds = (*ROUTES, NodeKind.INCLUDE, NodeKind.HOST, NodeKind.ROUTER, NodeKind.APPLICATION)
        return self._layers(self._checked(node, kinds), NodeKind.PERMISSION)

    def include_layers(self, node: GraphNode) -> dict[str, tuple[GraphNode, ...]]:
        """The `middlewares` and `permissions` of an include or a host. Raises `TypeError` for what is neither."""
        self._checked(node, (NodeKind.INCLUDE, NodeKind.HOST))
        return {
            "middlewares": self._layers(node, NodeKind.MIDDLEWARE),
            "permissions": self._layers(node, NodeKind.PERMISSION),
        }

    def explain(self, path: str) -> dict[str, Any]:
        """What stands between a server and the handler of a route, in plain values.

        `app` is the application; `route` the route whose template is `path`; `middlewares` and `permissions` the names
        of those of every level on the way, outermost first. Raises `ValueError` where there is no such route.
        """
        route = self.route_by_path(path)
        if route is None:
            known = ", ".join(repr(node.metadata["path"]) for node in self.routes()) or "none"
            raise ValueError(f"no route has the path {path!r}: templates are given as they are written; known: {known}")
        way = [*self._way_to(route), *self._chain(route)]
        return {
            "app": {"debug": self.application().metadata["debug"]},
            "middlewares": tuple(node.metadata["name"] for node in way if node.kind is NodeKind.MIDDLEWARE),
            "route": {"path": route.metadata["path"], "methods": route.metadata["methods"]},
            "permissions": tuple(node.metadata["name"] for node in way if node.kind is NodeKind.PERMISSION),
        }

    def _checked(self, node: Any, kinds: Sequence[NodeKind]) -> GraphNode:
        if not isinstance(node, GraphNode) or node.kind not in kinds:
            got = node.kind.value if isinstance(node, GraphNode) else repr(node)
            raise TypeError(f"wanted a node of the kind {' or '.join(kinds)}, got {got}")
        if self.nodes.get(node.id) is not node:
            raise ValueError(f"{node.id!r} is a node of another graph")
        checked: GraphNode = node
        return checked

    def _layers(self, node: GraphNode, kind: NodeKind) -> tuple[GraphNode, ...]:
        return tuple(each for each in self._chain(node) if each.kind is kind)

    def _chain(self, node: GraphNode) -> list[GraphNode]:
        """The layers a node wraps itself in."""
        chain: list[GraphNode] = []
        at = node.id
        while edge := next((each for each in self._inward[at] if each.kind is EdgeKind.WRAPS), None):
            chain.append(self.nodes[edge.target])
            at = edge.target
        return chain

    def _way_to(self, node: GraphNode) -> list[GraphNode]:
        """The nodes outside of a node, the outermost first."""
        way: list[GraphNode] = []
        at = self._outward.get(node.id)
        while at is not None:
            way.append(self.nodes[at])
            at = self._outward.get(at)
        return way[::-1]

    # -- as data ----------------------------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """The graph in plain values, for JSON: `nodes` (`ref` as a dotted name) and `edges`."""
        return {
            "nodes": [
                {"id": node.id, "kind": node.kind.value, "ref": _dotted(node.ref), "metadata": dict(node.metadata)}
                for node in self.nodes.values()
            ],
            "edges": [{"source": edge.source, "target": edge.target, "kind": edge.kind.value} for edge in self.edges],
        }

    def to_json(self, indent: int | None = 2, sort_keys: bool = False) -> str:
        """`to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=indent, sort_keys=sort_keys)

    def __repr__(self) -> str:
        return f"ApplicationGraph({len(self.nodes)} nodes, {len(self.edges)} edges)"


class _Drawing:
    """A graph while it is drawn, from the outside in."""

    def __init__(self) -> None:
        self.nodes: list[GraphNode] = []
        self.edges: list[GraphEdge] = []
        self._count: dict[NodeKind, int] = {}

    def application(self, app: Any, above: tuple[Any, ...], path: str, source: str | None) -> None:
        """An application, or a router that is mounted as one; `path` is the prefix it stands under."""
        at = source
        if hasattr(app, "router"):
            facts = {"name": type(app).__name__, "path": path, "debug": app.debug, "version": app.version}
            at = self._node(NodeKind.APPLICATION, app, facts, at)
            at = self._around(at, *own_layers(app))
        router = getattr(app, "router", app)
        at = self._node(NodeKind.ROUTER, router, {"name": type(router).__name__, "path": path}, at)
        self._routes(app, above, self._around(at, *own_layers(router)))

    def _routes(self, owner: Any, above: tuple[Any, ...], source: str) -> None:
        for route in owner.routes:
            self._route(Place(route, (*above, owner)), source)

    def _route(self, place: Place, source: str) -> None:
        route: Any = place.route
        facts: dict[str, Any] = {"name": route.name, "path": place.path, "local_path": route.path, "host": place.host}
        if isinstance(route, Include | Host):
            kind = NodeKind.INCLUDE if isinstance(route, Include) else NodeKind.HOST
            self._mount(place, self._around(self._node(kind, route, facts, source), *own_layers(route)))
            return
        methods = getattr(route, "methods", None)
        facts["methods"] = None if methods is None else tuple(sorted(methods))
        facts["include_in_schema"] = getattr(route, "include_in_schema", True)
        kind = NodeKind.WEBSOCKET if isinstance(route, WebSocketPath) else NodeKind.ROUTE
        at = self._around(self._node(kind, route, facts, source), *layers_of(route))
        if hasattr(route, "handler"):
            self._handler(route.handler, at)

    def _mount(self, place: Place, source: str) -> None:
        route: Any = place.route
        if route.app is None:
            self._routes(route, place.above, source)
            return
        around, inner = mounted(route.app)
        if inner is None:
            self._handler(route.app, source)
            return
        for layer in around:
            source = self._layer(NodeKind.MIDDLEWARE, layer, name_of(layer), source)
        self.application(inner, (*place.above, route), place.path, source)

    def _handler(self, handler: Any, source: str) -> None:
        facts = {"name": name_of(handler), "module": getattr(handler, "__module__", None)}
        self._node(NodeKind.HANDLER, handler, facts, source)

    def _around(self, source: str, middleware: Iterable[Layer], permissions: Iterable[Layer]) -> str:
        """The layers around what a node leads to; returns the innermost."""
        for kind, layers in zip(LAYERS, (middleware, permissions), strict=True):
            for layer in layers:
                source = self._layer(kind, layer, name_of(layer.cls), source)
        return source

    def _layer(self, kind: NodeKind, ref: Any, name: str, source: str) -> str:
        return self._node(kind, ref, {"name": name}, source, EdgeKind.WRAPS)

    def _node(
        self,
        kind: NodeKind,
        ref: Any,
        facts: dict[str, Any],
        source: str | None,
        edge: EdgeKind = EdgeKind.DISPATCHES_TO,
    ) -> str:
        number = self._count[kind] = self._count.get(kind, -1) + 1
        node = GraphNode(f"{kind.value}:{number}", kind, ref, MappingProxyType(facts))
        self.nodes.append(node)
        if source is not None:
            self.edges.append(GraphEdge(source, node.id, edge))
        return node.id


def _dotted(ref: Any) -> str:
    named = ref.cls if isinstance(ref, Layer) else ref
    module = getattr(named, "__module__", None) or type(named).__module__
    return f"{module}.{name_of(named)}"
