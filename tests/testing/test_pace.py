from __future__ import annotations

from typing import Any

import anyio
import pytest

from lilya.apps import Lilya
from lilya.exceptions import ImproperlyConfigured
from lilya.requests import Request
from lilya.routing import Path
from lilya.testclient import AsyncTestClient
from lilya.testing.exceptions import ResponseAborted
from lilya.testing.options import ServerOptions
from lilya.testing.pace import read_slowly, trickle
from lilya.testing.server import MemoryServer, http_scope
from lilya.types import Receive, Scope, Send
from tests.testing.asgi_apps import app_of, read_body, reply

START: dict[str, Any] = {"type": "http.response.start", "status": 200, "headers": []}


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    await reply(send, await read_body(receive))


async def test_a_body_may_come_one_byte_at_a_time() -> None:
    sizes: list[int] = []

    async def upload(request: Request) -> int:
        sizes.extend([len(piece) async for piece in request.stream()])
        return sum(sizes)

    app = Lilya(routes=[Path("/", upload, methods=["POST"])])
    async with AsyncTestClient(app) as client:
        assert (await client.post("/", content=trickle(b"x" * 60, delay=60))).json() == 60
        assert anyio.current_time() >= 3600
    assert set(sizes) <= {0, 1}


@pytest.mark.parametrize("numbers", [{"size": 0}, {"delay": -1}])
def test_a_pace_that_makes_no_sense_is_refused(numbers: dict[str, int]) -> None:
    with pytest.raises(ImproperlyConfigured, match="wants at least"):
        trickle(b"x", **numbers)


async def test_a_slow_reader_holds_the_application_back() -> None:
    sent: list[float] = []

    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        for number in range(3):
            await send({"type": "http.response.body", "body": b"x" * 10, "more_body": number < 2})
            sent.append(anyio.current_time())

    async with MemoryServer(app_of(http)) as server:
        began = anyio.current_time()
        exchange = server.request(http_scope("GET", "/"))
        await exchange.head()
        assert await read_slowly(exchange, delay=10) == [b"x" * 10] * 3
    assert [round(time - began) for time in sent] == [10, 20, 20]


async def test_a_half_closed_client_is_told_as_gone_and_still_reads() -> None:
    seen: list[str] = []

    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        seen.extend([(await receive())["type"], (await receive())["type"]])
        await reply(send, b"bye")

    async with MemoryServer(app_of(http)) as server:
        exchange = server.request(http_scope("POST", "/"), b"body")
        await anyio.wait_all_tasks_blocked()
        exchange.half_close()
        assert (await exchange.head()).status == 200
        assert await exchange.chunk() == b"bye"
        await exchange.aclose()
    assert seen == ["http.request", "http.disconnect"]


async def test_pipelined_requests_are_answered_in_their_order() -> None:
    running: list[str] = []

    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        running.append(f"{scope['path']} called")
        await anyio.sleep(10 if scope["path"] == "/slow" else 0)
        await reply(send, scope["path"].encode())
        running.append(f"{scope['path']} answered")
        await anyio.sleep(5)  # background work does not hold the connection up

    async with MemoryServer(app_of(http)) as server:
        slow = server.request(http_scope("GET", "/slow"))
        quick = server.request(http_scope("GET", "/quick"), after=slow)
        last = server.request(http_scope("GET", "/last"), after=quick)
        for exchange, body in ((slow, b"/slow"), (quick, b"/quick"), (last, b"/last")):
            await exchange.head()
            assert await exchange.chunk() == body
        for exchange in (slow, quick, last):
            await exchange.aclose()
    order = ["/slow", "/quick", "/last"]
    assert running == [f"{path} {what}" for path in order for what in ("called", "answered")]


@pytest.mark.parametrize("leaves", [True, False])
async def test_a_pipelined_request_goes_down_with_the_one_before(leaves: bool) -> None:
    called: list[str] = []

    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        called.append(scope["path"])
        await receive()
        await receive() if leaves else None

    options = ServerOptions(check_conformance=False)
    async with MemoryServer(app_of(http), options=options) as server:
        first = server.request(http_scope("GET", "/first"))
        second = server.request(http_scope("GET", "/second"), after=first)
        if leaves:
            await anyio.wait_all_tasks_blocked()
            first.disconnect()
        with pytest.raises(ResponseAborted, match="before the application was called"):
            await second.head()
        await second.aclose()
        await first.aclose()
    assert called == ["/first"]


async def test_a_pipelined_request_may_be_left_before_its_turn() -> None:
    called: list[str] = []

    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        called.append(scope["path"])
        await anyio.sleep(10)
        await reply(send)

    async with MemoryServer(app_of(http)) as server:
        first = server.request(http_scope("GET", "/first"))
        second = server.request(http_scope("GET", "/second"), after=first)
        await anyio.wait_all_tasks_blocked()
        await second.aclose()
        await first.head()
        await first.aclose()
    assert called == ["/first"]


@pytest.mark.parametrize("descriptor", [True, False])
@pytest.mark.parametrize(
    ("where", "body"),
    [({}, b"3456789"), ({"offset": 1}, b"123456789"), ({"offset": 1, "count": 2}, b"12"), ({"count": 4}, b"3456")],
)
async def test_a_file_is_sent_without_copying_where_that_is_offered(
    where: dict[str, int], body: bytes, descriptor: bool, tmp_path: Any
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")

    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        assert "http.response.zerocopysend" in scope["extensions"]
        with path.open("rb", buffering=0) as file:
            file.seek(3)
            await send(START)
            await send({"type": "http.response.zerocopysend", "file": file.fileno() if descriptor else file, **where})

    options = ServerOptions(extensions=frozenset({"http.response.zerocopysend"}), message_size=3)
    async with AsyncTestClient(app_of(http), server_options=options) as client:
        assert (await client.get("/")).content == body


async def test_pushes_hints_and_trailers_are_kept_for_the_test() -> None:
    sent: list[dict[str, Any]] = [
        {"type": "http.response.early_hint", "links": [b"</a.css>; rel=preload"]},
        {"type": "http.response.push", "path": "/a.css", "headers": []},
        {"type": "http.response.trailers", "headers": [(b"checksum", b"1")]},
    ]

    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        await send(sent[0])
        await send(sent[1])
        await send({**START, "trailers": True})
        await send({"type": "http.response.body", "body": b"x"})
        await send(sent[2])

    names = frozenset(str(message["type"]) for message in sent)
    async with AsyncTestClient(app_of(http), server_options=ServerOptions(extensions=names)) as client:
        response = await client.get("/")
    assert response.extensions["asgi"] == {message["type"]: [message] for message in sent}
