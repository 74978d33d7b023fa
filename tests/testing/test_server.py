from __future__ import annotations

import anyio
import pytest

from lilya.testing.options import ServerOptions
from lilya.testing.server import MemoryServer, http_scope, websocket_scope
from lilya.types import Receive, Scope, Send
from tests.testing.asgi_apps import app_of, hello, reply, wait_disconnect


class Boom(Exception):
    pass


class Bang(Exception):
    pass


async def test_without_lifespan_only_connections_reach_the_application() -> None:
    async with MemoryServer(hello, lifespan=False) as server:
        exchange = server.request(http_scope("GET", "/"))
        assert (await exchange.head()).status == 200
        await exchange.aclose()


async def test_a_server_that_is_not_running_says_so() -> None:
    server = MemoryServer(hello, lifespan=False)
    with pytest.raises(RuntimeError, match="async with MemoryServer"):
        server.request(http_scope("GET", "/"))
    async with server:
        pass
    with pytest.raises(RuntimeError, match="async with MemoryServer"):
        server.websocket(websocket_scope("/"))


async def test_leaving_the_server_leaves_every_connection_at_once() -> None:
    ended: list[str] = []

    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "more_body": True})
        try:
            if scope["path"] == "/listens":
                await wait_disconnect(receive)
            else:
                await anyio.sleep_forever()
        finally:
            ended.append(scope["path"])

    began = anyio.current_time()
    async with MemoryServer(app_of(http), options=ServerOptions(disconnect_grace=5)) as server:
        for path in ("/a", "/listens", "/b"):
            await server.request(http_scope("GET", path)).head()
    assert ended[0] == "/listens"
    assert sorted(ended) == ["/a", "/b", "/listens"]
    assert anyio.current_time() - began == pytest.approx(5)


async def test_failures_nobody_has_seen_are_raised_on_leaving() -> None:
    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        raise {"/boom": Boom, "/bang": Bang}[scope["path"]]

    async def leave(*paths: str) -> None:
        async with MemoryServer(app_of(http)) as server:
            for path in paths:
                server.request(http_scope("GET", path))

    await leave()
    with pytest.raises(Boom):
        await leave("/boom")
    with pytest.raises(ExceptionGroup) as caught:
        await leave("/boom", "/bang")
    assert {type(each) for each in caught.value.exceptions} == {Boom, Bang}


async def test_background_work_can_be_waited_for_later() -> None:
    done: list[float] = []

    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        await reply(send)
        await anyio.sleep(60)
        done.append(anyio.current_time())
        if scope["path"] == "/boom":
            raise Boom

    async with MemoryServer(app_of(http), options=ServerOptions(wait_for_background=False)) as server:
        for path in ("/", "/boom"):
            exchange = server.request(http_scope("GET", path))
            await exchange.head()
            await exchange.aclose()
        still_open = server.request(http_scope("GET", "/"))
        assert not done
        with pytest.raises(Boom):
            await server.wait_idle()
        assert len(done) >= 2
        await server.wait_idle()
        await still_open.head()


async def test_a_response_that_is_left_unread_but_whole_lets_background_work_finish() -> None:
    done: list[bool] = []

    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        await reply(send)
        await anyio.sleep(60)
        done.append(True)

    async with MemoryServer(app_of(http), options=ServerOptions(disconnect_grace=1)) as server:
        exchange = server.request(http_scope("GET", "/"))
        await exchange.head()
        await exchange.aclose()
    assert done == [True]


async def test_the_caller_can_add_to_state_and_extensions() -> None:
    seen: list[Scope] = []

    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)
        await reply(send)

    async with MemoryServer(app_of(http), state={"a": 1}) as server:
        scope = http_scope("GET", "/", headers=[(b"Host", b"x")], root_path="/r", scheme="https", server=("h", 1))
        exchange = server.request({**scope, "state": {"b": 2}, "extensions": {"mine": {}}})
        await exchange.head()
        await exchange.aclose()
    assert seen[0]["state"] == {"a": 1, "b": 2}
    assert "mine" in seen[0]["extensions"]
    assert seen[0]["headers"] == [(b"host", b"x")]
    assert (seen[0]["root_path"], seen[0]["scheme"], seen[0]["server"]) == ("/r", "https", ["h", 1])


async def test_the_tasks_have_names_to_be_found_by() -> None:
    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        await wait_disconnect(receive)

    async with MemoryServer(app_of(http, websocket=http)) as server:
        server.request(http_scope("GET", "/a"))
        server.websocket(websocket_scope("/b"))
        await anyio.wait_all_tasks_blocked()
        names = {task.name for task in anyio.get_running_tasks()}
        assert {"lifespan", "GET /a", "WEBSOCKET /b"} <= names


@pytest.mark.parametrize("when", ["startup", "request", "crash", "shutdown"])
async def test_a_group_the_application_raised_is_not_unwrapped_and_not_wrapped(when: str) -> None:
    group = ExceptionGroup("mine", [Boom()])

    async def lifespan(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        if when == "startup":
            raise group
        await send({"type": "lifespan.startup.complete"})
        if when == "crash":
            raise group
        await receive()
        if when == "shutdown":
            raise group
        await send({"type": "lifespan.shutdown.complete"})

    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        raise group

    async def use() -> None:
        async with MemoryServer(app_of(http, lifespan=lifespan)) as server:
            await anyio.wait_all_tasks_blocked()
            if when in ("request", "crash"):
                await server.request(http_scope("GET", "/")).head()

    with pytest.raises(ExceptionGroup) as caught:
        await use()
    assert caught.value is group


async def test_a_failure_on_leaving_keeps_what_the_block_raised_as_its_context() -> None:
    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        raise Boom

    async def use() -> None:
        async with MemoryServer(app_of(http)) as server:
            server.request(http_scope("GET", "/"))
            raise Bang

    with pytest.raises(Boom) as caught:
        await use()
    assert isinstance(caught.value.__context__, Bang)


async def test_an_exception_of_the_block_passes_through() -> None:
    with pytest.raises(Bang):
        async with MemoryServer(hello, lifespan=False):
            raise Bang
