"""WSGI applications by the letter of PEP 3333, on threads that never stay behind."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, cast
from wsgiref.validate import validator

import anyio
import django
import flask
import pytest
from django.conf import settings as django_settings
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.http import StreamingHttpResponse as DjangoStream
from django.urls import path as django_path

from lilya.apps import Lilya
from lilya.exceptions import HTTPException, ImproperlyConfigured
from lilya.middleware._wsgi_call import environ_of
from lilya.middleware.wsgi import WSGIMiddleware
from lilya.requests import Request
from lilya.responses import PlainText
from lilya.routing import Include
from lilya.testing import disconnect_everywhere
from lilya.testing.steps import cancelled_at
from lilya.types import ASGIApp, Message, Scope
from tests.routing.client import call, fail
from tests.support.life import running
from tests.support.wire import Wire, http_scope, request, websocket_scope

Start = Callable[..., Callable[[bytes], None]]
TEXT = [("Content-Type", "text/plain")]


def hello(environ: dict[str, Any], start_response: Start) -> list[bytes]:
    start_response("200 OK", TEXT)
    return [b"hello"]


# -- frameworks --------------------------------------------------------------------------------------------------------

flask_app = flask.Flask("shop")


@flask_app.route("/items/<name>", methods=["GET", "POST"])
def items(name: str) -> Any:
    link = flask.url_for("items", name="x")
    return {"name": name, "body": flask.request.get_data(as_text=True), "q": flask.request.args.get("q"), "link": link}


@flask_app.route("/stream")
def stream() -> Any:
    return flask.Response((f"{n}\n" for n in range(3)), mimetype="text/plain")


@flask_app.route("/broken")
def broken() -> Any:
    raise LookupError("hidden")


@pytest.fixture
def mounted() -> Lilya:
    return Lilya(routes=[Include("/flask", app=WSGIMiddleware(flask_app))])


async def test_flask_is_mounted(mounted: Lilya) -> None:
    async with running(mounted):
        answer = await call(mounted, "/flask/items/ä", query_string=b"q=1")
        assert answer.json == {"name": "ä", "body": "", "q": "1", "link": "/flask/items/x"}
        headers = [(b"content-type", b"text/plain")]  # and no Content-Length: a chunked body
        posted = await call(mounted, "/flask/items/b", "POST", body=b"some", headers=headers)
        assert posted.json["body"] == "some"
        assert (await call(mounted, "/flask/stream")).text == "0\n1\n2\n"
        assert (await call(mounted, "/flask/nothing")).status == 404
        assert (await call(mounted, "/flask/broken")).status == 500
        head = await call(mounted, "/flask/items/c", "HEAD")
        assert (head.status, head.body) == (200, b"")


def django_hello(request: HttpRequest, name: str) -> HttpResponse:
    return HttpResponse(f"{name} {request.path} {request.body.decode()} {request.META['SCRIPT_NAME']}")


def django_stream(request: HttpRequest) -> DjangoStream:
    return DjangoStream([b"a", b"b"])


urlpatterns = [django_path("hello/<name>", django_hello), django_path("stream", django_stream)]


@pytest.fixture(scope="module")
def django_app() -> WSGIHandler:
    if not django_settings.configured:
        django_settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="x", LOGGING_CONFIG=None)
        django.setup(set_prefix=False)
    sys.modules.setdefault(__name__, sys.modules[test_flask_is_mounted.__module__])
    return WSGIHandler()


async def test_django_is_mounted(django_app: WSGIHandler) -> None:
    app = Lilya(routes=[Include("/django", app=WSGIMiddleware(django_app))])
    headers = [(b"content-length", b"4"), (b"host", b"example.org")]
    answer = await call(app, "/django/hello/you", "POST", body=b"body", headers=headers)
    assert answer.text == "you /django/hello/you body /django"
    assert (await call(app, "/django/stream")).text == "ab"


# -- the letter --------------------------------------------------------------------------------------------------------


def valid(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    first = environ["wsgi.input"].readline()
    rest = environ["wsgi.input"].read(100)
    environ["wsgi.errors"].write("noted\n")
    environ["wsgi.errors"].flush()
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-Path", environ["PATH_INFO"])])
    return [first, rest]


async def test_the_validator_of_the_standard_library_has_nothing_to_say(caplog: pytest.LogCaptureFixture) -> None:
    headers = [(b"content-length", b"9"), (b"host", b"h"), (b"content-type", b"text/plain")]
    answer = await call(WSGIMiddleware(cast(Any, validator(valid))), "/a", "POST", body=b"one\nthree", headers=headers)
    assert (answer.text, answer.headers["x-path"]) == ("one\nthree", "/a")
    assert [(record.name, record.getMessage()) for record in caplog.records] == [("lilya.wsgi", "noted")]


async def test_a_body_of_one_piece_has_its_length_and_an_empty_one_too() -> None:
    def empty(environ: dict[str, Any], start_response: Start) -> list[bytes]:
        start_response("200 OK", TEXT)
        return []

    assert (await call(WSGIMiddleware(hello))).headers["content-length"] == "5"
    answer = await call(WSGIMiddleware(empty))
    assert (answer.status, answer.headers["content-length"], answer.body) == (200, "0", b"")


async def test_headers_wait_for_the_first_byte_and_may_be_replaced_until_then() -> None:
    def app(environ: dict[str, Any], start_response: Start) -> Iterator[bytes]:
        start_response("200 OK", TEXT)
        yield b""
        try:
            raise KeyError
        except KeyError:
            start_response("500 Sorry", TEXT, sys.exc_info())
        yield b"sorry"

    answer = await call(WSGIMiddleware(app))
    assert (answer.status, answer.text) == (500, "sorry")


async def test_once_the_headers_are_out_the_exception_is_raised() -> None:
    def app(environ: dict[str, Any], start_response: Start) -> Iterator[bytes]:
        start_response("200 OK", TEXT)
        yield b"begun"
        try:
            raise KeyError("late")
        except KeyError:
            start_response("500 Sorry", TEXT, sys.exc_info())

    answer = await fail(WSGIMiddleware(app))
    assert isinstance(answer.error, KeyError)
    assert (answer.status, answer.body) == (200, b"begun")


async def test_write_sends_at_once_before_what_is_returned() -> None:
    def app(environ: dict[str, Any], start_response: Start) -> list[bytes]:
        write = start_response("200 OK", TEXT)
        write(b"a")
        write(b"b")
        return [b"c"]

    answer = await call(WSGIMiddleware(app))
    assert [message.get("body") for message in answer.sent[1:]] == [b"a", b"b", b"c", b""]


def answering(status: Any = "200 OK", headers: Any = (), body: Any = (b"x",), times: int = 1) -> Any:
    def app(environ: dict[str, Any], start_response: Start) -> Any:
        for _ in range(times):
            start_response(status, list(headers))
        return body

    return app


@pytest.mark.parametrize(
    ("app", "message"),
    [
        (answering(times=2), "start_response twice"),
        (answering(times=0), "before it called start_response"),
        (answering(times=0, body=()), "never called start_response"),
        (answering(200), "must be a str like"),
        (answering("200"), "must be a str like"),
        (answering("100 Continue"), "must be a str like"),
        (answering("200 OK\r\nX: y"), "must be a str like"),
        (answering(headers=[("a", 1)]), "pairs of str"),
        (answering(headers=[["a", "b"]]), "pairs of str"),
        (answering(headers=[("a b", "c")]), "may not be sent"),
        (answering(headers=[("a", "c\r\nd: e")]), "may not be sent"),
        (answering(headers=[("a", "\u20ac")]), "may not be sent"),
        (answering(headers=[("Connection", "close")]), "only a server may"),
        (answering(headers=[("Content-Length", "x")]), "is no number"),
        (answering(headers=[("Content-Length", "0")]), "longer than its Content-Length"),
        (answering(headers=[("Content-Length", "2")]), "1 bytes before its Content-Length"),
        (answering(body="text"), "wanted an iterable of bytes"),
        (answering(body=["text"]), "made of bytes, got a str"),
    ],
)
async def test_what_the_letter_forbids_is_said_to_the_application(app: Any, message: str) -> None:
    answer = await fail(WSGIMiddleware(app))
    assert isinstance(answer.error, AssertionError)
    assert message in str(answer.error)


@pytest.mark.parametrize(("method", "status"), [("HEAD", "200 OK"), ("GET", "204 No Content"), ("GET", "304 Same")])
async def test_an_answer_without_a_body_has_none_and_is_closed(method: str, status: str) -> None:
    closed = []

    def app(environ: dict[str, Any], start_response: Start) -> Iterator[bytes]:
        start_response(status, [("Content-Length", "7")] if method == "HEAD" else [])
        try:
            yield b"seven"
            raise AssertionError("asked for more than the headers")
        finally:
            closed.append(True)

    answer = await call(WSGIMiddleware(app), "/", method)
    assert (answer.body, closed) == (b"", [True])


def test_the_environment_of_a_call() -> None:
    scope = http_scope(
        "/root/caf\xe9",
        raw_path=b"/root/caf%C3%A9",
        root_path="/root",
        query_string=b"q=%20",
        http_version="2",
        scheme="https",
        server=("host", None),
        client=("192.0.2.1", 5),
        headers=[
            (b"x-a", b"1"),
            (b"x-a", b"2"),
            (b"cookie", b"a=1"),
            (b"cookie", b"b=2"),
            (b"x_a", b"forged"),
            (b"proxy", b"evil"),
            (b"content-type", b"text/plain"),
            (b"content-length", b"3"),
        ],
    )
    assert environ_of(scope) == {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "/root",
        "PATH_INFO": "/caf\xc3\xa9",
        "QUERY_STRING": "q=%20",
        "SERVER_NAME": "host",
        "SERVER_PORT": "443",
        "SERVER_PROTOCOL": "HTTP/2",
        "REMOTE_ADDR": "192.0.2.1",
        "REMOTE_PORT": "5",
        "HTTP_X_A": "1,2",
        "HTTP_COOKIE": "a=1; b=2",
        "CONTENT_TYPE": "text/plain",
        "CONTENT_LENGTH": "3",
    }


def test_a_path_that_is_no_utf_8_arrives_as_it_was_sent() -> None:
    scope = http_scope("/\ufffd", raw_path=b"/%ff")
    assert environ_of(scope)["PATH_INFO"] == "/\xff"
    assert environ_of(http_scope("/in", raw_path=b"/in", root_path="/in"))["PATH_INFO"] == ""
    assert environ_of(http_scope("/inside", raw_path=b"", root_path="/in"))["PATH_INFO"] == "/inside"


# -- back-pressure, departures, cancellation ---------------------------------------------------------------------------


async def test_a_body_is_streamed_both_ways_and_a_slow_client_slows_the_application_down() -> None:
    made = 0

    def app(environ: dict[str, Any], start_response: Start) -> Iterator[bytes]:
        nonlocal made
        start_response("200 OK", TEXT)
        for line in environ["wsgi.input"]:
            made += 1
            yield line.upper()

    pieces = iter(range(50))
    ahead = 0

    async def receive() -> Message:
        piece = next(pieces)
        return {"type": "http.request", "body": b"x" * 70_000 + b"\n", "more_body": piece < 49}

    sent: list[Message] = []

    async def send(message: Message) -> None:
        nonlocal ahead
        await anyio.sleep(1)
        sent.append(message)
        ahead = max(ahead, made - len(sent))

    await WSGIMiddleware(app, send_queue_size=2)(http_scope("/", "POST"), receive, send)
    assert sum(len(message.get("body", b"")) for message in sent) == 50 * 70_001
    assert ahead <= 5


def endless(closed: list[str]) -> Any:
    def app(environ: dict[str, Any], start_response: Start) -> Iterator[bytes]:
        start_response("200 OK", TEXT)
        try:
            while True:
                yield b"tick"
        finally:
            closed.append(threading.current_thread().name)

    return app


async def test_a_client_that_leaves_ends_the_iteration_and_closes_it() -> None:
    closed: list[str] = []
    sent = 0
    left = anyio.Event()
    messages = iter([request()])

    async def receive() -> Message:
        for message in messages:
            return message
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        nonlocal sent
        sent += 1
        if sent == 3:
            left.set()
        await anyio.sleep(0.1)

    app = Lilya(routes=[Include("/", app=WSGIMiddleware(endless(closed)))])
    async with running(app):
        with anyio.fail_after(10):
            await app(http_scope("/"), receive, send)
    assert len(closed) == 1


async def test_a_send_that_breaks_ends_the_iteration() -> None:
    closed: list[str] = []

    async def receive() -> Message:
        await anyio.sleep_forever()
        raise AssertionError

    async def send(message: Message) -> None:
        raise OSError("gone")

    with anyio.fail_after(10):
        await WSGIMiddleware(endless(closed))(http_scope("/"), receive, send)
    assert len(closed) == 1


@pytest.mark.parametrize("after", [0, 1, 2, 3, 5, 8])
async def test_cancelled_at_any_piece_it_leaves_no_thread_at_work(after: int) -> None:
    closed: list[str] = []
    count = 0

    async def send(message: Message) -> None:
        nonlocal count
        count += 1
        if count > after:
            scope.cancel()
        await anyio.lowlevel.checkpoint()

    async def receive() -> Message:
        return request()

    with anyio.fail_after(10), anyio.CancelScope() as scope:
        await WSGIMiddleware(endless(closed))(http_scope("/"), receive, send)
        raise AssertionError("not reached")
    assert scope.cancelled_caught
    assert len(closed) == 1


async def test_cancelled_while_it_reads_the_application_sees_an_error_and_cleans_up() -> None:
    seen: list[BaseException] = []

    def app(environ: dict[str, Any], start_response: Start) -> list[bytes]:
        try:
            environ["wsgi.input"].read()
        except OSError as exc:
            seen.append(exc)
            raise
        return []

    async def receive() -> Message:
        await anyio.sleep_forever()
        raise AssertionError

    async def send(message: Message) -> None: ...

    with anyio.move_on_after(1) as scope:
        await WSGIMiddleware(app)(http_scope("/", "POST"), receive, send)
    assert scope.cancelled_caught
    assert len(seen) == 1


async def test_a_client_that_leaves_in_the_middle_of_its_request_is_an_error_to_who_reads_it() -> None:
    seen: list[BaseException] = []

    def app(environ: dict[str, Any], start_response: Start) -> list[bytes]:
        try:
            environ["wsgi.input"].read()
        except OSError as exc:
            seen.append(exc)
            raise
        return []

    messages = iter([request(b"half", more=True), {"type": "http.disconnect"}])

    async def receive() -> Message:
        await anyio.sleep(1)
        return next(messages)

    async def send(message: Message) -> None: ...

    await WSGIMiddleware(app)(http_scope("/", "POST"), receive, send)
    assert len(seen) == 1


async def test_no_more_threads_than_workers_are_at_work() -> None:
    lock = threading.Lock()
    now, most = 0, 0
    release = threading.Event()

    def app(environ: dict[str, Any], start_response: Start) -> list[bytes]:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
            if now == 2:
                release.set()
        release.wait(5)
        with lock:
            now -= 1
        start_response("200 OK", TEXT)
        return [b""]

    site = WSGIMiddleware(app, workers=2)
    async with anyio.create_task_group() as nursery:
        for _ in range(6):
            nursery.start_soon(call, site)
    assert most == 2


# -- the rest ----------------------------------------------------------------------------------------------------------


async def test_refusals_become_exceptions_where_that_is_wanted() -> None:
    async def handle(request: Request, exc: HTTPException) -> PlainText:
        return PlainText(f"{exc.status_code} {exc.detail}", status_code=exc.status_code)

    site = WSGIMiddleware(flask_app, redirect_exceptions=True)
    app = Lilya(routes=[Include("/flask", app=site)], exception_handlers={404: handle})
    answer = await call(app, "/flask/nothing")
    assert (answer.status, answer.text) == (404, "404 NOT FOUND")
    assert (await call(app, "/flask/stream")).status == 200


async def test_websockets_are_refused_and_a_lifespan_has_nothing_to_do() -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    await WSGIMiddleware(hello)(websocket_scope("/"), receive, send)
    assert sent[0]["type"] == "websocket.close"
    async with running(WSGIMiddleware(hello)) as messages:
        assert messages == [{"type": "lifespan.startup.complete"}]


def test_what_it_is_made_of_is_checked() -> None:
    assert repr(WSGIMiddleware(f"{hello.__module__}:hello")).startswith("WSGIMiddleware(<function hello")
    for options in ({"workers": 0}, {"send_queue_size": -1}):
        with pytest.raises(ImproperlyConfigured, match="wants workers >= 1"):
            WSGIMiddleware(hello, **options)  # type: ignore[arg-type]
    with pytest.raises(ImproperlyConfigured, match="WSGI application"):
        WSGIMiddleware(7)  # type: ignore[arg-type]


logging.getLogger("shop").propagate = False


def reads_and_writes(environ: Any, start_response: Any) -> Iterator[bytes]:
    environ["wsgi.input"].read()
    start_response("200 OK", [])
    yield b"a"
    yield b"b"


PIECES = [request(b"one", more=True), request(b"two")]


async def test_it_ends_cleanly_wherever_the_client_leaves() -> None:
    def make() -> tuple[ASGIApp, Scope]:
        return Lilya(routes=[Include("/", app=WSGIMiddleware(reads_and_writes))]), http_scope(method="POST")

    assert await disconnect_everywhere(make, PIECES) > 5


@pytest.mark.parametrize("options", [{}, {"timeout": 5.0}], ids=["", "timed"])
async def test_it_never_returns_without_an_answer_wherever_it_is_cancelled(options: Any) -> None:
    app = Lilya(routes=[Include("/", app=WSGIMiddleware(reads_and_writes), **options)])
    async with running(app):
        for step in range(1, 50):
            wire = Wire(*PIECES)
            cancelled, steps = await cancelled_at(step, partial(app, http_scope(), wire.receive, wire.send))
            assert cancelled or wire.body == b"ab"
            if steps < step:
                return
    pytest.fail("it never came to its end")
