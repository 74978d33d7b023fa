"""Routes added by method call and by decorator, to routers and applications alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lilya.apps import ChildLilya, Lilya
from lilya.routing import Router, RoutingMethodsMixin
from lilya.websockets import WebSocket
from tests.routing.client import call, talk

MAKERS = {"app": Lilya, "child": ChildLilya, "router": Router}


@pytest.fixture(params=MAKERS)
def owner(request: pytest.FixtureRequest) -> Any:
    return MAKERS[request.param]()


async def handler() -> str:
    return "here"


async def socket(websocket: WebSocket) -> None:
    await websocket.accept()


@pytest.mark.parametrize("method", ["get", "head", "query", "post", "put", "patch", "delete", "trace", "options"])
async def test_there_is_a_decorator_for_every_method(owner: Any, method: str) -> None:
    decorated = getattr(owner, method)("/x", "a name")(handler)
    assert decorated is handler
    assert (await call(owner, "/x", method.upper())).status == 200
    allowed = (await call(owner, "/x", "BREW")).headers["allow"]
    assert allowed == ("GET, HEAD" if method == "get" else method.upper())
    assert owner.path_for("a name") == "/x"


async def test_a_decorator_takes_the_options_of_a_route(owner: Any) -> None:
    async def handled(request: Any, exc: Exception) -> str:
        return "handled"

    async def broken(n: int) -> None:
        raise ValueError

    owner.get("/x/{n:int}", name="x", exception_handlers={ValueError: handled})(broken)
    assert (await call(owner, "/x/3")).json == "handled"
    assert owner.path_for("x", n=3) == "/x/3"


async def test_several_methods_are_decorated_at_once(owner: Any) -> None:
    assert owner.route("/x", ["PUT", "POST"], "x")(handler) is handler
    for method in ("PUT", "POST"):
        assert (await call(owner, "/x", method)).status == 200
    assert (await call(owner, "/x")).headers["allow"] == "POST, PUT"
    assert owner.path_for("x") == "/x"


async def test_a_websocket_is_decorated(owner: Any) -> None:
    assert owner.websocket("/ws", "chat")(socket) is socket
    assert (await talk(owner, "/ws")).types == ["websocket.accept", "websocket.close"]
    assert owner.path_for("chat") == "/ws"


@pytest.mark.parametrize(
    ("add", "path"),
    [
        (lambda owner: owner.add_route("/x", handler), "/x"),
        (lambda owner: owner.add_route("/x", handler, ["GET"], "name"), "/x"),
        (lambda owner: owner.add_route("/x", handler, name="name", include_in_schema=False), "/x"),
        (lambda owner: owner.include("/in", Router(), "name") or owner.add_route("/x", handler), "/x"),
        (lambda owner: owner.include("/in", routes=[*sub().routes]), "/in/x"),
        (lambda owner: owner.include("/in", sub()), "/in/x"),
        (lambda owner: owner.host("example.org", sub(), "sub"), "/x"),
    ],
)
async def test_routes_are_added_by_methods_as_by_their_classes(
    owner: Any, add: Callable[[Any], Any], path: str
) -> None:
    add(owner)
    assert (await call(owner, path)).json == "here"


def sub() -> Router:
    router = Router()
    router.add_route("/x", handler)
    return router


async def test_websocket_routes_are_added(owner: Any) -> None:
    owner.add_websocket_route("/ws", socket, "chat")
    assert (await talk(owner, "/ws")).types == ["websocket.accept", "websocket.close"]
    assert owner.path_for("chat") == "/ws"


async def test_a_child_is_added_to_an_app_and_nothing_else() -> None:
    app = Lilya()
    child = ChildLilya()
    child.add_route("/x", handler)
    app.add_child_lilya("/child", child, name="child")
    assert (await call(app, "/child/x")).json == "here"
    assert app.path_for("child:handler") == "/child/x"
    with pytest.raises(ValueError, match=r"The child must be an instance of a ChildLilya\."):
        app.add_child_lilya("/x", Router())  # type: ignore[arg-type]


def test_who_mixes_the_methods_in_says_what_adding_is() -> None:
    with pytest.raises(NotImplementedError):
        RoutingMethodsMixin().add_route("/x", handler)
