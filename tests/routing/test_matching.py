"""Which route answers: the first declared that has the path and the method; and what is said when none has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lilya.apps import Lilya
from lilya.exceptions import ContinueRouting, HTTPException
from lilya.requests import Request
from lilya.responses import PlainText
from lilya.routing import Include, Path, Router, WebSocketPath
from lilya.types import Receive, Scope, Send
from lilya.websockets import WebSocket
from tests.routing.client import Answer, call, talk


def named(name: str) -> Callable[..., Any]:
    """A handler that answers with a word."""

    async def handler() -> str:
        return name

    return handler


async def app_below(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainText('"app"')(scope, receive, send)


class Below:
    """An app to be mounted."""

    __call__ = staticmethod(app_below)


async def accepts(websocket: WebSocket) -> None:
    await websocket.accept()


async def which(routes: list[Any], path: str, method: str = "GET") -> object:
    """The word of whoever answers, else the status."""
    answer = await call(Lilya(routes=routes, redirect_slashes=False), path, method)
    return answer.json if answer.status == 200 else answer.status


# -- declared order ---------------------------------------------------------------------------------------------------

STATIC = Path("/a/b", named("static"))
PARAM = Path("/a/{x}", named("param"))
TAIL = Path("/a/{x:path}", named("tail"))
MOUNT = Include("/a", app=Below())
ROOT = Include("/", app=Below())
INCLUDED = Include("/a", routes=[Path("/b", named("included"))])


@pytest.mark.parametrize(
    "other", [PARAM, TAIL, MOUNT, ROOT, INCLUDED], ids=["param", "tail", "mount", "root", "include"]
)
async def test_of_several_that_match_the_first_declared_answers(other: Any) -> None:
    second = {PARAM: "param", TAIL: "tail", MOUNT: "app", ROOT: "app", INCLUDED: "included"}[other]
    assert await which([STATIC, other], "/a/b") == "static"
    assert await which([other, STATIC], "/a/b") == second


async def test_a_websocket_route_and_an_http_route_share_a_path_whatever_their_order() -> None:
    routes = [WebSocketPath("/a", accepts), Path("/a", named("http"))]
    for order in (routes, routes[::-1]):
        app = Lilya(routes=order)
        assert (await call(app, "/a")).json == "http"
        assert (await talk(app, "/a")).types == ["websocket.accept", "websocket.close"]


async def test_a_mount_before_a_websocket_route_gets_its_websockets() -> None:
    heard: list[str] = []

    async def mounted(scope: Scope, receive: Receive, send: Send) -> None:
        heard.append(scope["type"])
        await send({"type": "websocket.close"})

    class Mounted:
        __call__ = staticmethod(mounted)

    await talk(Lilya(routes=[Include("/a", app=Mounted()), WebSocketPath("/a/b", accepts)]), "/a/b")
    assert heard == ["websocket"]


async def test_the_same_path_may_be_declared_once_for_each_method() -> None:
    routes = [Path("/", named(method), methods=[method]) for method in ("GET", "POST", "PUT")]
    for method in ("GET", "POST", "PUT"):
        assert await which(routes, "/", method) == method


async def test_a_transformer_that_refuses_the_text_leaves_it_to_the_next_route() -> None:
    routes = [Path("/{n:int}", named("int")), Path("/{when:datetime}", named("datetime")), Path("/{x}", named("str"))]
    assert await which(routes, "/12") == "int"
    assert await which(routes, "/2024-02-28T00:00:00") == "datetime"
    assert await which(routes, "/2024-02-31T00:00:00") == "str"


async def test_path_parameters_are_transformed() -> None:
    async def handler(n: int, rest: str) -> list[object]:
        return [n, rest]

    assert await which([Path("/{n:int}/x/{rest:path}", handler)], "/007/x/a/b/") == [7, "a/b/"]


async def test_paths_are_matched_as_they_are_decoded() -> None:
    async def handler(name: str) -> str:
        return name

    assert await which([Path("/f/{name}", handler)], "/f/a b%é") == "a b%é"


# -- methods ----------------------------------------------------------------------------------------------------------


async def refused(routes: list[Any], path: str, method: str) -> Answer:
    answer = await call(Lilya(routes=routes), path, method)
    assert (answer.status, answer.text) == (405, "Method Not Allowed")
    return answer


async def test_get_brings_head() -> None:
    answer = await call(Lilya(routes=[Path("/", named("word"))]), "/", "HEAD")
    assert (answer.status, answer.body) == (200, b"")


async def test_methods_are_read_in_any_case() -> None:
    assert await which([Path("/", named("word"), methods=["post"])], "/", "POST") == "word"


async def test_a_path_without_the_method_is_a_405_that_allows_what_all_its_routes_do() -> None:
    routes = [
        Path("/x", named("get")),
        Path("/{y}", named("post"), methods=["POST"]),
        Include("/", routes=[Path("/x", named("put"), methods=["PUT", "PATCH"])]),
        Path("/other", named("other"), methods=["DELETE"]),
    ]
    answer = await refused(routes, "/x", "DELETE")
    assert answer.headers["allow"] == "GET, HEAD, PATCH, POST, PUT"


async def test_a_405_can_be_handled() -> None:
    async def handler(request: Request, exc: HTTPException) -> PlainText:
        return PlainText(str(exc.headers), status_code=405)

    app = Lilya(routes=[Path("/", named("x"))], exception_handlers={405: handler})
    assert (await call(app, "/", "POST")).text == "{'Allow': 'GET, HEAD'}"


async def test_a_full_match_declared_later_goes_before_a_405() -> None:
    assert await which([Path("/x", named("get")), MOUNT, ROOT], "/x", "POST") == "app"


async def test_a_route_for_all_methods_allows_all() -> None:
    assert await which([Path("/x", Below())], "/x", "BREW") == "app"


async def test_nothing_matched_is_a_404() -> None:
    answer = await call(Lilya(routes=[Path("/x", named("x"))]), "/y")
    assert (answer.status, answer.text) == (404, "Not Found")


async def test_a_router_may_have_something_else_for_what_it_does_not_know() -> None:
    router = Router([Path("/x", named("x"))], default=app_below)
    assert await which([Include("/r", app=router)], "/r/y") == "app"
    assert await which([Include("/r", app=router)], "/r/x") == "x"


# -- a route that declines --------------------------------------------------------------------------------------------


async def declines(request: Request) -> None:
    raise ContinueRouting


async def declines_all(scope: Scope, receive: Receive, send: Send) -> None:
    raise ContinueRouting


class Declines:
    """An app that declines."""

    __call__ = staticmethod(declines_all)


@pytest.mark.parametrize(
    "first",
    [
        Path("/{a}", declines),
        Path("/{a}", Declines()),
        Include("/{a}", app=Declines()),
        Include("/", routes=[Path("/{a}", declines)]),
    ],
    ids=["function", "app", "mount", "include"],
)
async def test_the_next_route_answers_where_one_declines(first: Any) -> None:
    async def second(request: Request) -> dict[str, object]:
        return request.path_params

    assert await which([first, Path("/{b}", second)], "/x") == {"b": "x"}


async def test_a_mounted_router_whose_routes_all_decline_answers_its_own_404() -> None:
    assert await which([Include("/", app=Router([Path("/", declines)])), Path("/", named("second"))], "/") == 404


async def test_a_sync_handler_may_decline_too() -> None:
    def first() -> None:
        raise ContinueRouting

    assert await which([Path("/", first), Path("/", named("second"))], "/") == "second"


async def test_where_all_decline_it_is_a_404() -> None:
    routes = [Path("/", declines), Path("/", declines), Path("/", named("post"), methods=["POST"])]
    assert await which(routes, "/") == 404


async def test_who_declines_after_a_look_at_the_body_hands_it_on_whole() -> None:
    async def looks(request: Request) -> None:
        message, whole = await request.sniff()
        assert (message["body"], whole) == (b"abc", True)
        raise ContinueRouting

    async def reads(request: Request) -> str:
        return await request.text()

    app = Lilya(routes=[Path("/", looks, methods=["POST"]), Path("/", reads, methods=["POST"])])
    assert (await call(app, "/", "POST", body=b"abc")).json == "abc"


async def test_a_websocket_route_may_decline() -> None:
    async def first(websocket: WebSocket) -> None:
        raise ContinueRouting

    app = Lilya(routes=[WebSocketPath("/", first), WebSocketPath("/", accepts)])
    assert (await talk(app)).types == ["websocket.accept", "websocket.close"]
