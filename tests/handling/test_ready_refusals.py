"""What no route matches is answered from what was made in advance: the same, to the byte, as by way of an exception."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import pytest

from lilya._handling.problems import PROBLEM, form_of, refused, told
from lilya.apps import ChildLilya, Lilya
from lilya.exceptions import ContinueRouting, HTTPException, LilyaException
from lilya.protocols.observer import Observer
from lilya.requests import Request
from lilya.responses import PlainText, Response
from lilya.routing import Host, Include, Path, Router
from lilya.serializers import CompactSerializer, SerializerConfig
from lilya.types import ASGIApp, Message, Receive, Scope, Send
from tests.routing.client import Answer, call, fail
from tests.support.life import running
from tests.support.wire import http_scope, request

BROWSER = b"text/html,application/xhtml+xml,application/json;q=0.9,*/*;q=0.8"
ACCEPTS = [
    *([], [b"*/*"], [b""], [BROWSER], [b"application/json"], [PROBLEM.encode()], [b"text/plain;q=0.1, */*"]),
    *([b"text/html"], [b"text/plain;q=0.5", PROBLEM.encode()], [b"\xff\xfe, application/*"], [b"nonsense;;,q="]),
    [b"application/json;x=" + b"y" * 300 + b", application/problem+json"],
]
PATHS = [
    *(
        "/none",
        "/",
        "",
        "//",
        "/~x._-",
        "/a b%20",
        "/q\"uo'te\\",
        "/<script>alert(1)</script>",
        "/_path_",
        "/ü/€/\U0001f600",
    ),
    *("/\x00\r\n\x7f", "/%00", "/" + "long/" * 1000 + "x", "/" + "ü" * 5000),
]


def headers(accepts: list[bytes]) -> list[tuple[bytes, bytes]]:
    return [(b"host", b"example.org"), *((b"accept", accept) for accept in accepts)]


def accepting(*accepts: bytes) -> dict[str, Any]:
    return {"headers": headers(list(accepts))}


async def handler() -> PlainText:
    return PlainText("here")


async def by_exception(status: int, allow: str, scope: Scope) -> list[Message]:
    """What is sent where the exception is told by itself."""
    wire = Answer(request())
    exc = refused(status, allow)
    await told(exc, form_of(exc, scope), scope)(scope, wire.receive, wire.send)
    return wire.sent


@pytest.mark.parametrize("accepts", ACCEPTS, ids=range(len(ACCEPTS)))
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
async def test_a_miss_is_answered_as_its_exception_would_be(accepts: list[bytes], method: str) -> None:
    app = Lilya(routes=[Path("/here", handler)])
    for path in (*PATHS, *PATHS):  # made the first time, ready the second
        answer = await call(app, path, method, headers=headers(accepts))
        assert answer.sent == await by_exception(404, "", http_scope(path, method, headers=headers(accepts)))
        assert answer.status == 404


@pytest.mark.parametrize("accepts", ACCEPTS, ids=range(len(ACCEPTS)))
async def test_a_refused_method_is_answered_as_its_exception_would_be(accepts: list[bytes]) -> None:
    routes = [Path("/{rest:path}", handler, methods=["PUT"]), Path("/{rest:path}", handler, methods=["PATCH", "GET"])]
    app = Lilya(routes=routes)
    for path in ("/", '/q"', '/q"', "/<script>"):
        answer = await call(app, path, "DELETE", headers=headers(accepts))
        scope = http_scope(path, "DELETE", headers=headers(accepts))
        assert answer.sent == await by_exception(405, "GET, HEAD, PATCH, PUT", scope)


@pytest.mark.parametrize("accept", [b"*/*", BROWSER])
async def test_the_length_is_that_of_the_body_and_the_type_is_said_once(accept: bytes) -> None:
    for path in ("/a", "/ü", "/" + "x" * 10_000):
        answer = await call(Lilya(), path, **accepting(accept))
        names = [name for name, _ in answer.sent[0]["headers"]]
        assert sorted(names) == [b"content-length", b"content-type", b"vary"]
        assert int(answer.headers["content-length"]) == len(answer.body)


async def test_a_path_no_server_should_hand_on_is_a_miss_like_any_other() -> None:
    scope = {**http_scope("/none"), "path": "/\udcff", **accepting(PROBLEM.encode())}
    wire = Answer(request())
    await Lilya()(scope, wire.receive, wire.send)
    assert (wire.status, wire.json["instance"]) == (404, "/%3F")


async def test_what_a_layer_adds_to_one_answer_is_not_in_the_next() -> None:
    class Adding:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            async def adding(message: Message) -> None:
                if message["type"] == "http.response.start":
                    message["headers"].append((b"x-added", b"1"))
                await send(message)

            await self.app(scope, receive, adding)

    app = Lilya(middleware=[Adding])
    for accept in (b"*/*", PROBLEM.encode()) * 2:
        answer = await call(app, "/none", **accepting(accept))
        assert [name for name, _ in answer.sent[0]["headers"]].count(b"x-added") == 1


# -- who is asked -----------------------------------------------------------------------------------------------------


async def teapot(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, HTTPException)
    return PlainText(f"{type(exc).__name__} {exc.status_code} {exc.headers or ''}", status_code=418)


@pytest.mark.parametrize("key", [404, HTTPStatus.NOT_FOUND, HTTPException, LilyaException, BaseException, object])
async def test_a_handler_that_may_answer_is_asked(key: Any) -> None:
    app = Lilya(exception_handlers={key: teapot})
    assert (await call(app, "/none")).text == "HTTPException 404 "
    late = Lilya()
    assert (await call(late, "/none")).status == 404
    late.add_exception_handler(key, teapot)
    assert (await call(late, "/none")).status == 418


@pytest.mark.parametrize("key", [405, 500, Exception, ValueError, OSError])
async def test_a_handler_of_something_else_is_not(key: Any) -> None:
    assert (await call(Lilya(exception_handlers={key: teapot}), "/none")).text == "Not Found"


async def test_a_handler_of_refused_methods_is_told_which_there_are() -> None:
    app = Lilya(routes=[Path("/x", handler, methods=["PUT"])], exception_handlers={405: teapot})
    assert (await call(app, "/x")).text == "HTTPException 405 {'Allow': 'PUT'}"


async def test_each_miss_is_an_exception_of_its_own() -> None:
    seen: list[Exception] = []

    async def keep(request: Request, exc: Exception) -> Response:
        seen.append(exc)
        return PlainText("kept", status_code=404)

    app = Lilya(exception_handlers={404: keep})
    await call(app, "/none")
    await call(app, "/none")
    assert seen[0] is not seen[1]


async def test_nothing_is_answered_twice() -> None:
    async def half(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ContinueRouting

    answer = await fail(Lilya(routes=[Include("/x", app=half)]), "/x/y")
    assert isinstance(answer.error, HTTPException)
    assert [message["type"] for message in answer.sent] == ["http.response.start"]


# -- where it is missed -----------------------------------------------------------------------------------------------


def nested(routes: list[Any]) -> Mapping[str, Callable[[], Lilya]]:
    return {
        "include": lambda: Lilya(routes=[Include("/a", routes=[Include("/b", routes=routes)])]),
        "layers": lambda: Lilya(routes=[Include("/a/b", routes=routes, exception_handlers={418: teapot})]),
        "child": lambda: Lilya(routes=[Include("/a", app=ChildLilya(routes=[Include("/b", routes=routes)]))]),
        "router": lambda: Lilya(routes=[Include("/a/b", app=Router(routes))]),
        "host": lambda: Lilya(routes=[Host("example.org", app=ChildLilya(routes=[Include("/a/b", routes=routes)]))]),
        "hooks": lambda: Lilya(routes=[Include("/a/b", routes=routes)], before_request=[_nothing]),
    }


async def _nothing(scope: Scope, receive: Receive, send: Send) -> None: ...


@pytest.mark.parametrize("where", sorted(nested([])))
@pytest.mark.parametrize("accept", [b"*/*", BROWSER, PROBLEM.encode()])
async def test_a_miss_is_the_same_wherever_it_is(where: str, accept: bytes) -> None:
    app = nested([Path("/x", handler, methods=["GET"])])[where]()
    for path, method, status, allow in (("/a/b/none", "GET", 404, ""), ("/a/b/x", "PUT", 405, "GET, HEAD")):
        scope = http_scope(path, method, **accepting(accept))
        assert (await call(app, path, method, **accepting(accept))).sent == await by_exception(status, allow, scope)


async def test_a_child_asks_its_own_handlers() -> None:
    child = ChildLilya(exception_handlers={404: teapot})
    app = Lilya(routes=[Include("/a", app=child)])
    assert (await call(app, "/a/none")).status == 418
    assert (await call(app, "/none")).status == 404


async def test_an_observer_sees_a_miss_as_any_other_request() -> None:
    class Book(Observer):
        def __init__(self) -> None:
            self.seen: list[Any] = []

        def exchange_started(self, scope: Any) -> None:
            self.seen.append(scope["path"])

        def exchange_ended(self, scope: Any, outcome: Any, status: Any, seconds: float) -> None:
            self.seen.append((outcome, status))

    book = Book()
    app = Lilya(observers=[book])
    async with running(app):
        await call(app, "/none", **accepting(BROWSER))
    assert book.seen == ["/none", ("completed", 404)]


async def test_an_application_with_a_serializer_of_its_own_has_its_refusals_written_by_that() -> None:
    class Spaced(SerializerConfig):
        def get_serializer(self) -> CompactSerializer:
            return CompactSerializer(indent=1)

    plain, spaced = Lilya(), Lilya(serializer_config=Spaced())
    for _ in range(2):
        assert b"\n" not in (await call(plain, "/none", **accepting(PROBLEM.encode()))).body
        assert b"\n" in (await call(spaced, "/none", **accepting(PROBLEM.encode()))).body
        assert (await call(spaced, "/none")).text == "Not Found"
