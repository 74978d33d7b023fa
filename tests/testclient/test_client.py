from __future__ import annotations

import contextvars
import signal
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import Any, Literal

import anyio
import anyio.lowlevel
import httpx
import pytest

from lilya.concurrency.nursery import open_nursery
from lilya.exceptions import ImproperlyConfigured
from lilya.testclient import ASGISpecViolation, LifespanFailed, TestClient
from lilya.testing import ServerOptions
from lilya.types import ASGIApp, Receive, Scope, Send
from tests.testing.asgi_apps import app_of, hello, read_body, reply, wait_disconnect

Backend = Literal["asyncio", "trio"]

VARIABLE: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")

START: dict[str, Any] = {"type": "http.response.start", "status": 200, "headers": []}


class Boom(Exception):
    pass


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    await reply(send, await read_body(receive))


def seeing(seen: list[Scope], http: ASGIApp = hello) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)
        await http(scope, receive, send)

    return app_of(app)


@pytest.mark.parametrize("method", ["get", "head", "options", "delete", "post", "put", "patch", "query"])
def test_every_method_has_its_own_function(backend: Backend, method: str) -> None:
    seen: list[Scope] = []
    with TestClient(seeing(seen), backend=backend) as client:
        assert getattr(client, method)("/").status_code == 200
    assert seen[0]["method"] == method.upper()


def test_the_scope_is_that_of_a_server(backend: Backend) -> None:
    seen: list[Scope] = []
    client = TestClient(seeing(seen), "https://example.org:8000", root_path="/root", backend=backend)
    client.get("/a%2Fb/ü", params={"q": "1 2"}, headers={"X-Mixed": "Case"})
    scope = seen[0]
    assert scope["type"] == "http"
    assert scope["http_version"] == "1.1"
    assert scope["scheme"] == "https"
    assert scope["path"] == "/a/b/ü"
    assert scope["raw_path"] == b"/a%2Fb/%C3%BC"
    assert scope["query_string"] == b"q=1+2"
    assert scope["root_path"] == "/root"
    assert scope["client"] is None
    assert scope["server"] == ["example.org", 8000]
    assert (b"host", b"example.org:8000") in scope["headers"]
    assert (b"x-mixed", b"Case") in scope["headers"]
    assert (b"user-agent", b"testclient") in scope["headers"]
    assert set(scope["extensions"]) == {"http.response.debug", "lilya.background"}


def test_headers_and_cookies_of_the_client_go_with_every_request() -> None:
    seen: list[Scope] = []
    client = TestClient(seeing(seen), headers={"user-agent": "mine"}, cookies={"a": "1"})
    client.get("/")
    client.cookies = httpx.Cookies({"b": "2"})
    client.get("/")
    headers = [dict(scope["headers"]) for scope in seen]
    assert headers[0][b"user-agent"] == b"mine"
    assert [each[b"cookie"] for each in headers] == [b"a=1", b"b=2"]


def test_cookies_are_kept_those_of_a_request_are_not() -> None:
    seen: list[Scope] = []

    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        await send({**START, "headers": [(b"set-cookie", b"kept=1; Path=/")]})
        await send({"type": "http.response.body"})

    client = TestClient(seeing(seen, http))
    client.get("/", cookies={"once": "2"})
    client.get("/")
    assert [dict(scope["headers"])[b"cookie"] for scope in seen] == [b"once=2", b"kept=1"]
    assert dict(client.cookies) == {"kept": "1"}


def test_redirects_are_followed_unless_told_otherwise() -> None:
    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/new":
            await reply(send, b"new")
        else:
            await send({**START, "status": 307, "headers": [(b"location", b"/new")]})
            await send({"type": "http.response.body"})

    with TestClient(app_of(http)) as client:
        assert client.get("/").text == "new"
        assert client.get("/", follow_redirects=False).status_code == 307
        assert client.request("GET", "/", follow_redirects=False).next_request is not None
    assert TestClient(app_of(http), follow_redirects=False).get("/").status_code == 307


@pytest.mark.parametrize(
    "body", [{"content": b"raw"}, {"json": {"a": 1}}, {"data": {"a": "1"}}, {"files": {"a": b"1"}}]
)
def test_bodies_arrive_whole(backend: Backend, body: dict[str, Any]) -> None:
    with TestClient(app_of(echo), backend=backend) as client:
        response = client.post("/", **body)
        assert response.content == response.request.read()


def test_a_body_of_unknown_length_streams_while_the_response_is_read(backend: Backend) -> None:
    answered = threading.Event()

    def body() -> Iterator[bytes]:
        yield b"one"
        assert answered.wait(10)
        yield b"two"

    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        more = True
        while more:
            message = await receive()
            more = message["more_body"]
            await send({"type": "http.response.body", "body": message["body"], "more_body": more})

    with TestClient(app_of(http), backend=backend) as client, client.stream("POST", "/", content=body()) as response:
        chunks = response.iter_raw()
        assert next(chunks) == b"one"
        answered.set()
        assert list(chunks) == [b"two"]


def test_a_failing_body_raises_its_own_error(backend: Backend) -> None:
    def body() -> Iterator[bytes]:
        yield b"one"
        raise Boom

    with TestClient(app_of(echo), backend=backend, raise_server_exceptions=False) as client:
        with pytest.raises(Boom):
            client.post("/", content=body())


def test_leaving_does_not_wait_for_a_body_that_blocks(backend: Backend) -> None:
    gate = threading.Event()

    def body() -> Iterator[bytes]:
        yield b"one"
        gate.wait(10)

    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await reply(send)

    with TestClient(app_of(http), backend=backend) as client:
        assert client.post("/", content=body()).text == "ok"
    gate.set()


def test_the_lifespan_state_is_copied_to_each_request(backend: Backend) -> None:
    seen: list[Scope] = []

    async def lifespan(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        scope["state"]["db"] = "open"
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)
        scope["state"]["mine"] = True
        await reply(send)

    client = TestClient(app_of(http, lifespan=lifespan), backend=backend)
    client.get("/")
    with client:
        client.get("/")
        assert client.app_state == {"db": "open"}
    assert [scope["state"] for scope in seen] == [{"mine": True}, {"db": "open", "mine": True}]


def test_a_client_can_be_opened_again_but_not_twice_at_once(backend: Backend) -> None:
    client = TestClient(app_of(hello), backend=backend)
    with client:
        with pytest.raises(RuntimeError, match="open already"):
            client.__enter__()
    with client:
        assert client.get("/").text == "hello"
    assert client.get("/").text == "hello"


@pytest.mark.parametrize("says", [True, False])
def test_a_startup_failure_is_raised_on_entering(backend: Backend, says: bool) -> None:
    async def lifespan(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        if not says:
            raise Boom
        await send({"type": "lifespan.startup.failed", "message": "no database"})

    client = TestClient(app_of(hello, lifespan=lifespan), backend=backend)
    with pytest.raises(LifespanFailed if says else Boom), client:
        raise AssertionError("entered")
    assert client.get("/").text == "hello"


@pytest.mark.parametrize("request_first", [True, False])
def test_a_crash_while_serving_is_raised_by_the_next_request_or_on_leaving(
    backend: Backend, request_first: bool
) -> None:
    crashed = threading.Event()

    async def lifespan(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        crashed.set()
        raise Boom

    def use() -> None:
        with TestClient(app_of(hello, lifespan=lifespan), backend=backend) as client:
            assert crashed.wait(10)
            if request_first:
                client.get("/")

    with pytest.raises(Boom):
        use()


@pytest.mark.parametrize("error", [Boom, SystemExit, pytest.fail.Exception])
def test_an_exception_of_the_application_is_raised_and_the_client_works_on(
    backend: Backend, error: type[BaseException]
) -> None:
    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/boom":
            raise error("boom")
        await reply(send)

    with TestClient(app_of(http), backend=backend) as client:
        with pytest.raises(error):
            client.get("/boom")
        assert client.get("/").text == "ok"
    with pytest.raises(error):
        TestClient(app_of(http), backend=backend).get("/boom")


def test_an_exception_can_be_a_500_instead(backend: Backend) -> None:
    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/late":
            await send(START)
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
        raise Boom

    with TestClient(app_of(http), backend=backend, raise_server_exceptions=False) as client:
        assert client.get("/").status_code == 500
        with pytest.raises(httpx.RemoteProtocolError, match="in the middle"):
            client.get("/late")


def test_a_violation_of_asgi_is_raised_unless_it_is_not_looked_for(backend: Backend) -> None:
    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [("a", "b")]})
        await send({"type": "http.response.body"})

    with pytest.raises(ASGISpecViolation):
        TestClient(app_of(http), backend=backend).get("/")
    client = TestClient(app_of(http), backend=backend, check_asgi_conformance=False)
    assert client.get("/").headers == {"a": "b"}


async def endless(scope: Scope, receive: Receive, send: Send) -> None:
    await send(START)
    async with open_nursery() as nursery:

        async def watch() -> None:
            await wait_disconnect(receive)
            nursery.cancel_scope.cancel()

        nursery.start_soon(watch)
        while True:
            await send({"type": "http.response.body", "body": b"line\n", "more_body": True})


@pytest.mark.parametrize("opened", [True, False])
def test_an_endless_stream_can_be_read_in_part_and_left(backend: Backend, opened: bool) -> None:
    ended: list[bool] = []

    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await endless(scope, receive, send)
        finally:
            ended.append(True)

    client = TestClient(app_of(http), backend=backend)

    def read() -> None:
        with client.stream("GET", "/") as response:
            lines = response.iter_lines()
            assert [next(lines), next(lines)] == ["line", "line"]
            assert not ended
        assert ended

    if opened:
        with client:
            read()
    else:
        read()


def test_a_request_can_return_an_open_response(backend: Backend) -> None:
    with TestClient(app_of(endless), backend=backend) as client:
        response = client.request("GET", "/", stream=True)
        assert next(response.iter_lines()) == "line"
        response.close()


def test_a_response_left_open_is_left_with_the_client(backend: Backend) -> None:
    with TestClient(app_of(endless), backend=backend) as client:
        response = client.request("GET", "/", stream=True)
    assert response.status_code == 200


def test_requests_of_several_threads_overlap(backend: Backend) -> None:
    arrived = threading.Barrier(3)

    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        await anyio.to_thread.run_sync(arrived.wait, 10)
        await reply(send)

    with TestClient(app_of(http), backend=backend) as client:
        threads = [threading.Thread(target=client.get, args=("/",)) for _ in range(2)]
        for thread in threads:
            thread.start()
        assert client.get("/").text == "ok"
        for thread in threads:
            thread.join()


def test_context_variables_of_the_caller_are_visible(backend: Backend) -> None:
    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        await reply(send, VARIABLE.get().encode())

    with TestClient(app_of(http), backend=backend) as client:
        VARIABLE.set("from-test")
        assert client.get("/").text == "from-test"


def test_a_request_waits_for_background_work_and_raises_what_it_raised(backend: Backend) -> None:
    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        await reply(send)
        await anyio.lowlevel.checkpoint()
        if scope["path"] == "/boom":
            raise Boom
        scope["extensions"]["lilya.background"]["failed"](ZeroDivisionError())

    with TestClient(app_of(http), backend=backend) as client:
        with pytest.raises(Boom):
            client.get("/boom")
        with pytest.raises(ZeroDivisionError):
            client.get("/")


def test_a_request_need_not_wait_for_background_work(backend: Backend) -> None:
    gate = threading.Event()

    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        await reply(send)
        await anyio.to_thread.run_sync(gate.wait, 10)
        raise Boom

    with TestClient(app_of(http), backend=backend, wait_for_background=False) as client:
        assert client.get("/").text == "ok"
        gate.set()
        with pytest.raises(Boom):
            client.wait_idle()
        client.wait_idle()


def test_an_answer_that_does_not_come_is_a_timeout_and_the_client_works_on(backend: Backend) -> None:
    cancelled: list[str] = []

    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        try:
            if path == "/started":
                await send(START)
                await send({"type": "http.response.body", "body": b"x", "more_body": True})
            if path != "/never":
                await reply(send) if path != "/started" else None
            if path != "/":
                await anyio.sleep_forever()
        finally:
            cancelled.append(path)

    options = ServerOptions(disconnect_grace=0)
    with TestClient(app_of(http), backend=backend, timeout=0.05, server_options=options) as client:
        with pytest.raises(httpx.ReadTimeout, match="did not answer within"):
            client.get("/never")
        with pytest.raises(httpx.ReadTimeout, match="did not send on within"):
            client.get("/started")
        with pytest.raises(httpx.ReadTimeout, match="did not return from an exchange that is over"):
            client.get("/background")
        assert client.get("/", timeout=None).text == "ok"
    assert sorted(cancelled) == ["/", "/background", "/never", "/started"]


@pytest.mark.parametrize("stage", ["start up", "shut down"])
def test_a_lifespan_that_hangs_is_a_named_error(backend: Backend, stage: str) -> None:
    async def lifespan(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        if stage == "start up":
            await anyio.sleep_forever()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await anyio.sleep_forever()

    with pytest.raises(TimeoutError, match=f"did not {stage} within"):
        with TestClient(app_of(hello, lifespan=lifespan), backend=backend, timeout=0.05):
            assert stage == "shut down"


def functions_of(thread: int, count: int) -> list[str]:
    """The innermost functions a thread is in."""
    frame: FrameType | None = sys._current_frames()[thread]
    names: list[str] = []
    while frame is not None and len(names) < count:
        names.append(frame.f_code.co_name)
        frame = frame.f_back
    return names


def test_an_interrupted_call_leaves_its_exchange(backend: Backend) -> None:
    ended: list[str] = []
    waiting = threading.get_ident()

    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        while functions_of(waiting, 3) != ["wait", "result", "call"]:
            await anyio.lowlevel.checkpoint()
        signal.pthread_kill(waiting, signal.SIGINT)
        ended.append((await receive())["type"])

    with TestClient(app_of(http), backend=backend) as client:
        with pytest.raises(KeyboardInterrupt):
            client.get("/")
    assert ended == ["http.disconnect"]


def test_an_hour_of_virtual_time_costs_nothing() -> None:
    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        await anyio.sleep(3600)
        await reply(send)

    with TestClient(app_of(http), backend="trio", clock="autojump") as client:
        assert client.get("/").text == "ok"
        client.call(anyio.sleep, 3600)


def test_virtual_time_stands_still_between_the_calls() -> None:
    ticks: list[float] = []

    async def lifespan(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        async with open_nursery() as nursery:

            async def service() -> None:
                while True:
                    await anyio.sleep(1)
                    ticks.append(anyio.current_time())

            nursery.start_soon(service)
            await send({"type": "lifespan.startup.complete"})
            await receive()
            nursery.cancel_scope.cancel()
        await send({"type": "lifespan.shutdown.complete"})

    with TestClient(app_of(hello, lifespan=lifespan), backend="trio", clock="autojump") as client:
        began = client.call(current_time)
        client.get("/")
        assert client.call(current_time) == began
        client.call(anyio.sleep, 10.5)
        assert len(ticks) == 10


async def current_time() -> float:
    return anyio.current_time()


def test_a_streamed_body_takes_no_virtual_time() -> None:
    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        with anyio.fail_after(5):
            body = await read_body(receive)
        await reply(send, body)

    with TestClient(app_of(http), backend="trio", clock="autojump") as client:
        assert client.post("/", content=iter([b"a", b"b"])).text == "ab"


def test_a_thread_of_a_body_that_is_slow_for_real_takes_no_virtual_time() -> None:
    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        with anyio.fail_after(5):
            body = await read_body(receive)
        await reply(send, body)

    def pieces() -> Iterator[bytes]:
        time.sleep(0.1)  # as on a crowded machine, or for a file on a slow disk
        yield b"a"

    with TestClient(app_of(http), backend="trio", clock="autojump") as client:
        assert client.post("/", content=pieces()).text == "a"


def test_a_body_that_waits_for_the_clock_itself_is_slow_and_not_stuck() -> None:
    slept = threading.Event()

    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        await anyio.sleep(3600)
        slept.set()
        await reply(send, await read_body(receive))

    def pieces() -> Iterator[bytes]:
        assert slept.wait(10)
        yield b"a"

    with TestClient(app_of(http), backend="trio", clock="autojump") as client:
        assert client.post("/", content=pieces()).text == "a"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"backend": "curio"}, "got 'curio'"),
        ({"clock": "real"}, "got 'real'"),
        ({"clock": "autojump"}, "backend='trio'"),
        ({"clock": "autojump", "backend": "trio", "backend_options": {"clock": None}}, "two clocks"),
    ],
)
def test_a_loop_that_cannot_be_is_refused_when_the_client_is_built(arguments: Any, complaint: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=complaint):
        TestClient(hello, **arguments)


def test_a_call_wants_an_open_client() -> None:
    with pytest.raises(RuntimeError, match="with TestClient"):
        TestClient(hello).call(anyio.lowlevel.checkpoint)


def test_a_user_can_be_signed_in_without_middleware() -> None:
    seen: list[Scope] = []
    client = TestClient(seeing(seen))
    client.authenticate("ann")
    client.get("/")
    with client.authenticated("bob"):
        client.get("/")
    client.get("/")
    client.logout()
    client.get("/")
    assert [scope.get("user") for scope in seen] == ["ann", "bob", "ann", None]
    assert [scope["state"].get("user") for scope in seen] == ["ann", "bob", "ann", None]


def test_the_routes_are_those_of_the_application() -> None:
    class App:
        routes = ("a", "b")

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            await hello(scope, receive, send)

    assert TestClient(App()).routes == ("a", "b")
    assert TestClient(App()).get("/").text == "hello"
    assert TestClient(hello).routes == ()


def test_the_rendered_template_is_told() -> None:
    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        info = {"template": "page.html", "context": {"a": 1}}
        await send({"type": "http.response.debug", "info": info})
        await reply(send)

    response: Any = TestClient(app_of(http)).get("/")
    assert (response.template, response.context) == ("page.html", {"a": 1})
    response = TestClient(app_of(hello)).get("/")
    assert (response.template, response.context) == (None, None)


def test_an_asgi2_application_is_wrapped() -> None:
    class App:
        def __init__(self, scope: Scope) -> None:
            self.scope = scope

        async def __call__(self, receive: Receive, send: Send) -> None:
            await reply(send, self.scope["path"].encode())

    assert TestClient(App).get("/two").text == "/two"


def test_a_callable_without_a_signature_is_taken_for_asgi3() -> None:
    class App:
        __signature__ = "none"

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            await hello(scope, receive, send)

    assert TestClient(App()).get("/").text == "hello"
