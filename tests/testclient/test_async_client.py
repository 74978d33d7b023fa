from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import anyio
import httpx
import pytest

from lilya.concurrency.nursery import open_nursery
from lilya.testclient import ASGISpecViolation, AsyncTestClient
from lilya.testclient._shared import KNOWN_TARGETS, Targets
from lilya.testing import ServerOptions
from lilya.types import ASGIApp, Receive, Scope, Send
from tests.testing.asgi_apps import app_of, hello, read_body, reply, wait_disconnect

START: dict[str, Any] = {"type": "http.response.start", "status": 200, "headers": []}


class Boom(Exception):
    pass


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    await reply(send, await read_body(receive))


async def ticking(scope: Scope, receive: Receive, send: Send) -> None:
    """A tick a second until the client is gone."""
    await send(START)
    async with open_nursery() as nursery:

        async def watch() -> None:
            await wait_disconnect(receive)
            nursery.cancel_scope.cancel()

        nursery.start_soon(watch)
        while True:
            await send({"type": "http.response.body", "body": b"tick\n", "more_body": True})
            await anyio.sleep(1)


@pytest.mark.parametrize("method", ["get", "head", "options", "delete", "post", "put", "patch", "query"])
async def test_every_method_has_its_own_function(method: str) -> None:
    seen: list[Scope] = []

    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)
        await reply(send)

    async with AsyncTestClient(app_of(http), root_path="/root") as client:
        assert (await getattr(client, method)("/")).status_code == 200
    assert (seen[0]["method"], seen[0]["root_path"]) == (method.upper(), "/root")


async def test_a_request_needs_no_open_client() -> None:
    client = AsyncTestClient(echo)  # it would fail on a lifespan
    assert (await client.post("/", content=b"body")).text == "body"
    request = client.build_request("POST", "/", content=b"twice")
    assert [(await client.send(request)).text for _ in range(2)] == ["twice", "twice"]
    with pytest.raises(RuntimeError, match="async with AsyncTestClient"):
        await client.send(request, stream=True)
    await client.wait_idle()


async def test_a_client_can_be_opened_again_but_not_twice_at_once() -> None:
    client = AsyncTestClient(app_of(hello))
    async with client:
        with pytest.raises(RuntimeError, match="open already"):
            await client.__aenter__()
    async with client:
        assert (await client.get("/")).text == "hello"


async def test_the_application_lives_in_the_callers_nursery_and_time() -> None:
    order: list[str] = []

    async def lifespan(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await anyio.sleep(3600)
        scope["state"]["up"] = True
        await send({"type": "lifespan.startup.complete"})
        await receive()
        order.append("down")
        await send({"type": "lifespan.shutdown.complete"})

    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        await anyio.sleep(3600)
        await reply(send, str(scope["state"]["up"]).encode())

    began = anyio.current_time()
    async with AsyncTestClient(app_of(http, lifespan=lifespan)) as client:
        assert (await client.get("/")).text == "True"
        assert client.app_state == {"up": True}
    assert anyio.current_time() - began == pytest.approx(7200)
    assert order == ["down"]


@pytest.mark.parametrize("opened", [True, False])
async def test_a_stream_yields_pieces_as_they_are_sent_and_can_be_left(opened: bool) -> None:
    ended: list[bool] = []

    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await ticking(scope, receive, send)
        finally:
            ended.append(True)

    async def read(client: AsyncTestClient) -> None:
        began = anyio.current_time()
        async with client.stream("GET", "/", follow_redirects=True, extensions={"mine": 1}) as response:
            lines: list[str] = []
            async for line in response.aiter_lines():
                lines.append(line)
                if len(lines) == 3:
                    break
            assert lines == ["tick"] * 3
            assert anyio.current_time() - began == pytest.approx(2)
        assert ended == [True]

    client = AsyncTestClient(app_of(http))
    if opened:
        async with client:
            await read(client)
    else:
        await read(client)


async def test_a_cancelled_request_is_a_client_that_leaves() -> None:
    seen: list[str] = []

    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        await read_body(receive)
        seen.append((await receive())["type"])

    async with AsyncTestClient(app_of(http)) as client:
        with anyio.move_on_after(30) as scope:
            await client.get("/")
        assert scope.cancelled_caught
        assert seen == ["http.disconnect"]


async def test_requests_overlap() -> None:
    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        await anyio.sleep(10)
        await reply(send)

    began = anyio.current_time()
    async with AsyncTestClient(app_of(http)) as client, open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(client.get, "/")
    assert anyio.current_time() - began == pytest.approx(10)


@pytest.mark.parametrize("known_length", [True, False])
async def test_a_generator_streams_and_is_closed_when_it_is_not_read(known_length: bool) -> None:
    closed: list[bool] = []

    async def body() -> AsyncIterator[bytes]:
        try:
            yield b"one"
            yield b"two"
        finally:
            closed.append(True)

    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        message = await receive()
        await reply(send, message["body"])

    headers = {"content-length": "6"} if known_length else {}
    async with AsyncTestClient(app_of(http)) as client:
        response = await client.post("/", content=body(), headers=headers)
        assert response.text == ("onetwo" if known_length else "one")
    assert closed == [True]


async def test_a_generator_is_not_sent_twice() -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"once"

    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        await read_body(receive)
        await send({**START, "status": 307, "headers": [(b"location", b"/again")]})
        await send({"type": "http.response.body"})

    async with AsyncTestClient(app_of(http)) as client:
        with pytest.raises(httpx.StreamConsumed):
            await client.post("/", content=body())


async def test_exceptions_reach_the_caller_as_themselves() -> None:
    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/late":
            await send(START)
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
        raise Boom

    async with AsyncTestClient(app_of(http)) as client:
        for path in ("/", "/late"):
            with pytest.raises(Boom):
                await client.get(path)
    async with AsyncTestClient(app_of(http), raise_server_exceptions=False) as client:
        assert (await client.get("/")).status_code == 500
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get("/late")


async def test_a_failed_startup_is_raised_on_entering() -> None:
    async def lifespan(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        raise Boom

    with pytest.raises(Boom):
        async with AsyncTestClient(app_of(hello, lifespan=lifespan)):
            raise AssertionError("entered")


async def test_a_violation_of_asgi_is_raised_unless_it_is_not_looked_for() -> None:
    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [("a", "b")]})
        await send({"type": "http.response.body"})

    with pytest.raises(ASGISpecViolation):
        await AsyncTestClient(app_of(http)).get("/")
    client = AsyncTestClient(app_of(http), check_asgi_conformance=False)
    assert (await client.get("/")).headers == {"a": "b"}


async def test_a_timeout_is_virtual_time_and_ends_the_exchange() -> None:
    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/background":
            await reply(send)
        await anyio.sleep_forever()

    options = ServerOptions(disconnect_grace=2)
    async with AsyncTestClient(app_of(http), timeout=10, server_options=options) as client:
        began = anyio.current_time()
        with pytest.raises(httpx.ReadTimeout, match="did not answer within 10"):
            await client.get("/")
        assert anyio.current_time() - began == pytest.approx(12)
        with pytest.raises(httpx.ReadTimeout, match="did not return"):
            await client.get("/background")


async def test_background_work_is_waited_for_now_or_later() -> None:
    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        await reply(send)
        await anyio.sleep(60)
        scope["extensions"]["lilya.background"]["failed"](Boom())

    async with AsyncTestClient(app_of(http)) as client:
        with pytest.raises(Boom):
            await client.get("/")
    async with AsyncTestClient(app_of(http), wait_for_background=False) as client:
        began = anyio.current_time()
        assert (await client.get("/")).text == "ok"
        assert anyio.current_time() == began
        with pytest.raises(Boom):
            await client.wait_idle()


async def test_a_body_that_fails_is_the_callers_own_error() -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"one"
        raise Boom

    async with AsyncTestClient(app_of(echo), raise_server_exceptions=False) as client:
        with pytest.raises(Boom):
            await client.post("/", content=body())


async def test_a_user_can_be_signed_in_and_cookies_are_kept() -> None:
    seen: list[Scope] = []

    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)
        await send({**START, "headers": [(b"set-cookie", b"kept=1; Path=/")]})
        await send({"type": "http.response.body"})

    app: ASGIApp = app_of(http)
    async with AsyncTestClient(app, cookies={"mine": "2"}) as client:
        with client.authenticated("ann"):
            await client.get("/")
        await client.get("/")
    assert [scope.get("user") for scope in seen] == ["ann", None]
    assert [dict(scope["headers"])[b"cookie"] for scope in seen] == [b"mine=2", b"mine=2; kept=1"]


async def test_a_url_is_what_base_and_parameters_make_of_it_each_time() -> None:
    seen: list[tuple[str, bytes]] = []

    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append((f"{scope['server'][0]}{scope['path']}", scope["query_string"]))
        await reply(send)

    async with AsyncTestClient(app_of(http)) as client:
        for _ in range(2):
            await client.get("/a")
            await client.get("/a", params={"q": "1"})
        client.base_url = httpx.URL("http://other/base/")
        await client.get("/a")
        client.params = httpx.QueryParams({"p": "2"})
        await client.get("/a")
        await client.get(httpx.URL("http://third/a"))
    first = [("testserver/a", b""), ("testserver/a", b"q=1")] * 2
    assert seen == [*first, ("other/base/a", b""), ("other/base/a", b"p=2"), ("third/a", b"p=2")]


async def test_no_more_urls_are_remembered_than_the_bound() -> None:
    targets = Targets()
    base = httpx.URL("http://testserver")
    for number in range(KNOWN_TARGETS + 1):
        targets.find(base, f"/{number}")
        targets.keep(f"/{number}", httpx.URL(f"http://testserver/{number}"))
    assert targets.find(base, "/0") is None
    assert targets.find(base, f"/{KNOWN_TARGETS}") == httpx.URL(f"http://testserver/{KNOWN_TARGETS}")
