"""`app.graph`: what an application is made of, on every level, at one moment."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lilya.apps import ChildLilya, Lilya
from lilya.controllers import Controller
from lilya.introspection import ApplicationGraph, EdgeKind, GraphEdge, GraphNode, NodeKind
from lilya.permissions import DefinePermission
from lilya.routing import Host, Include, Path, Router, WebSocketPath
from lilya.types import ASGIApp, Receive, Scope, Send
from lilya.websockets import WebSocket


class Layer:
    def __init__(self, app: ASGIApp, **options: Any) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


class Outer(Layer): ...


class Inner(Layer): ...


class Child(Layer): ...


class ByHand(Layer): ...


class May(Layer): ...


class MayInclude(Layer): ...


class MayRoute(Layer): ...


class MayMethod(Layer): ...


async def home() -> str:
    return "home"


async def show(id: int) -> int:
    return id


async def chat(websocket: WebSocket) -> None: ...


class Users(Controller):
    permissions = (MayMethod,)

    async def get(self) -> str:
        return "users"


async def foreign(scope: Scope, receive: Receive, send: Send) -> None: ...


def whole() -> Lilya:
    child = ChildLilya(routes=[Path("/", home, name="child-home"), Path("/users", Users)], middleware=[Child])
    router = Router([Path("/r", home)], permissions=[May])
    return Lilya(
        routes=[
            Path("/a", home),
            WebSocketPath("/ws", chat),
            Include(
                "/api",
                routes=[Path("/items/{id:int}", show, middleware=[Inner], permissions=[DefinePermission(MayRoute)])],
                middleware=[Inner],
                permissions=[MayInclude],
                name="api",
            ),
            Include("/child", app=ByHand(child)),
            Include("/router", app=router),
            Include("/foreign", app=foreign),
            Host("{tenant}.example.org", app=ChildLilya(routes=[Path("/t", home)])),
        ],
        middleware=[Outer, Inner],
        permissions=[May],
    )


def names(nodes: tuple[GraphNode, ...]) -> list[str]:
    return [node.metadata["name"] for node in nodes]


def route(graph: ApplicationGraph, path: str) -> GraphNode:
    node = graph.route_by_path(path)
    assert node is not None
    return node


def test_explaining_a_plain_route_says_what_is_around_it() -> None:
    assert Lilya(routes=[Path("/a", home)]).graph.explain("/a") == {
        "app": {"debug": False},
        "middlewares": (),
        "route": {"path": "/a", "methods": ("GET", "HEAD")},
        "permissions": (),
    }


def test_every_route_stands_under_its_whole_path() -> None:
    paths = [node.metadata["path"] for node in whole().graph.routes()]
    assert paths == ["/a", "/ws", "/api/items/{id:int}", "/child/", "/child/users", "/router/r", "/t"]
    assert route(whole().graph, "/t").metadata["host"] == "{tenant}.example.org"
    assert route(whole().graph, "/child/users").metadata["local_path"] == "/users"


def test_explaining_names_the_layers_of_all_levels_outermost_first() -> None:
    graph = whole().graph
    explained = graph.explain("/api/items/{id:int}")
    assert explained["middlewares"] == ("Outer", "Inner", "Inner", "Inner")
    assert explained["permissions"] == ("May", "MayInclude", "MayRoute")
    explained = graph.explain("/child/users")
    assert explained["middlewares"] == ("Outer", "Inner", "ByHand", "Child")
    assert explained["permissions"] == ("May", "MayMethod")
    assert graph.explain("/router/r")["permissions"] == ("May", "May")


def test_each_level_tells_its_own_layers_alone() -> None:
    graph = whole().graph
    assert names(graph.middlewares()) == ["Outer", "Inner"]
    node = route(graph, "/api/items/{id:int}")
    assert names(graph.route_middlewares(node)) == ["Inner"]
    assert names(graph.permissions_for(node)) == ["MayRoute"]
    include = graph.includes()[0]
    assert {kind: names(layers) for kind, layers in graph.include_layers(include).items()} == {
        "middlewares": ["Inner"],
        "permissions": ["MayInclude"],
    }
    assert names(graph.permissions_for(graph.application())) == ["May"]
    assert graph.include_layers(graph.by_kind("host")[0]) == {"middlewares": (), "permissions": ()}


def test_nodes_are_counted_by_kind_and_hold_what_they_stand_for() -> None:
    app = whole()
    graph = app.graph
    assert graph.application().ref is app
    assert graph.application().id == "application:0"
    assert len(graph.by_kind(NodeKind.APPLICATION)) == 3
    assert len(graph.by_kind(NodeKind.ROUTER)) == 4
    assert [node.ref for node in graph.by_kind(NodeKind.WEBSOCKET)] == [app.routes[1]]
    assert route(graph, "/a").ref is app.routes[0]
    assert foreign in [node.ref for node in graph.by_kind("handler")]


def test_edges_lead_from_the_application_to_each_node_once() -> None:
    graph = whole().graph
    assert len(graph.edges) == len(graph.nodes) - 1
    assert {edge.target for edge in graph.edges} == set(graph.nodes) - {"application:0"}
    assert graph.edges[0] == GraphEdge("application:0", "middleware:0", EdgeKind.WRAPS)


def test_an_unknown_path_is_a_value_error_that_names_the_known_ones() -> None:
    graph = Lilya(routes=[Path("/a", home)]).graph
    assert graph.route_by_path("/b") is None
    with pytest.raises(ValueError, match="'/a'"):
        graph.explain("/b")


def test_a_node_of_the_wrong_kind_is_a_type_error_and_one_of_another_graph_a_value_error() -> None:
    graph = whole().graph
    with pytest.raises(TypeError, match="got application"):
        graph.route_middlewares(graph.application())
    with pytest.raises(TypeError, match="got route"):
        graph.include_layers(graph.routes()[0])
    wrong: Any = "/a"
    with pytest.raises(TypeError, match="'/a'"):
        graph.permissions_for(wrong)
    with pytest.raises(ValueError, match="another graph"):
        graph.permissions_for(whole().graph.routes()[0])


def test_the_graph_is_kept_until_something_is_added_on_any_level() -> None:
    child = ChildLilya(routes=[Path("/x", home)])
    app = Lilya(routes=[Include("/child", app=child)])
    first = app.graph
    assert app.graph is first
    child.add_route("/y", home)
    second = app.graph
    assert second is not first
    assert [node.metadata["path"] for node in second.routes()] == ["/child/x", "/child/y"]
    app.add_middleware(Outer)
    assert names(app.graph.middlewares()) == ["Outer"]
    child.add_permission(May)
    assert app.graph.explain("/child/x")["permissions"] == ("May",)
    assert len(first.routes()) == 1


def test_a_graph_cannot_be_changed() -> None:
    graph: Any = whole().graph
    with pytest.raises(AttributeError):
        graph.edges = ()
    with pytest.raises(TypeError):
        graph.nodes["route:0"] = None
    with pytest.raises(TypeError):
        graph.routes()[0].metadata["path"] = "/z"
    with pytest.raises(AttributeError):
        graph.routes()[0].kind = NodeKind.HOST


def test_a_graph_as_json_has_plain_values_and_the_names_of_things() -> None:
    graph = whole().graph
    told = json.loads(graph.to_json())
    assert told == json.loads(json.dumps(graph.to_dict()))
    node = next(each for each in told["nodes"] if each["id"] == "middleware:0")
    assert node == {
        "id": "middleware:0",
        "kind": "middleware",
        "ref": f"{__name__}.Outer",
        "metadata": {"name": "Outer"},
    }
    assert told["edges"][0] == {"source": "application:0", "target": "middleware:0", "kind": "wraps"}
    assert json.loads(graph.to_json(indent=None, sort_keys=True)) == told
