from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from lilya.concurrency.nursery import open_nursery
from lilya.exceptions import ClientDisconnect
from lilya.testing.exceptions import ASGISpecViolation, ResponseAborted
from lilya.testing.exchange import MemoryExchange
from lilya.testing.options import ServerOptions
from lilya.testing.server import MemoryServer, http_scope
from lilya.types import ASGIApp, Receive, Scope, Send
from tests.testing.asgi_apps import app_of, read_body, reply, wait_disconnect

START: dict[str, Any] = {"type": "http.response.start", "status": 200, "headers": []}


class Boom(Exception):
    pass


def serve(http: ASGIApp, **options: Any) -> MemoryServer:
    return MemoryServer(app_of(http), options=ServerOptions(**options))


async def fetch(server: MemoryServer, body: bytes | AsyncIterator[bytes] = b"", method: str = "POST") -> bytes:
    exchange = server.request(http_scope(method, "/"), body)
    await exchange.head()
    return await rest(exchange)


async def rest(exchange: MemoryExchange) -> bytes:
    found = b""
    while (chunk := await exchange.chunk()) is not None:
        found += chunk
    await exchange.aclose()
    return found


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    await reply(send, await read_body(receive))


async def endless(scope: Scope, receive: Receive, send: Send) -> None:
    """Sends for ever, until it is told, or cancelled, or its `send` fails."""
    await send(START)
    async with open_nursery() as nursery:

        async def watch() -> None:
            await wait_disconnect(receive)
            nursery.cancel_scope.cancel()

        nursery.start_soon(watch)
        while True:
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
            await anyio.sleep(1)


async def test_a_request_is_answered() -> None:
    async with serve(echo) as server:
        exchange = server.request(http_scope("POST", "/a%20b?q=1", headers=[(b"X-A", b"b")]), b"body")
        head = await exchange.head()
        assert (head.status, head.headers) == (200, [(b"content-type", b"text/plain")])
        assert await rest(exchange) == b"body"
    scope = exchange.scope
    assert (scope["path"], scope["raw_path"], scope["query_string"]) == ("/a b", b"/a%20b", b"q=1")
    assert scope["headers"] == [(b"host", b"testserver"), (b"x-a", b"b")]
    assert (scope["client"], scope["server"]) == (None, ["testserver", 80])
    assert scope["asgi"] == {"version": "3.0", "spec_version": "2.3"}
    assert set(scope["extensions"]) == {"http.response.debug", "lilya.background"}


async def test_a_large_body_is_cut_into_messages() -> None:
    sizes: list[int] = []

    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        more = True
        while more:
            message = await receive()
            sizes.append(len(message["body"]))
            more = message["more_body"]
        await reply(send)

    async with serve(http, message_size=4) as server:
        await fetch(server, b"x" * 10)
    assert sizes == [4, 4, 2]


async def test_a_streamed_body_is_read_as_the_application_receives() -> None:
    produced: list[int] = []
    at_first: list[int] = []

    async def body() -> AsyncIterator[bytes]:
        for number in range(3):
            produced.append(number)
            yield b"%d" % number

    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        await anyio.wait_all_tasks_blocked()
        at_first.extend(produced)
        await reply(send, await read_body(receive))

    async with serve(http) as server:
        assert await fetch(server, body()) == b"012"
    assert at_first == [0]


async def test_the_response_is_readable_while_the_request_is_being_sent() -> None:
    answered = anyio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield b"one"
        await answered.wait()
        yield b"two"

    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        for _ in range(3):
            message = await receive()
            more = {"more_body": message["more_body"]}
            await send({"type": "http.response.body", "body": message["body"], **more})

    async with serve(http) as server:
        exchange = server.request(http_scope("POST", "/"), body())
        await exchange.head()
        assert await exchange.chunk() == b"one"
        answered.set()
        assert await rest(exchange) == b"two"


async def test_a_failing_request_body_is_the_clients_failure_and_a_disconnect_for_the_application() -> None:
    seen: list[str] = []

    async def body() -> AsyncIterator[bytes]:
        yield b"one"
        raise Boom

    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append((await receive())["type"])
        seen.append((await receive())["type"])

    async with serve(http) as server:
        with pytest.raises(Boom):
            await fetch(server, body())
    assert seen == ["http.request", "http.disconnect"]


@pytest.mark.parametrize("where", ["in the generator", "at its yield"])
async def test_a_request_body_is_closed_when_the_application_does_not_read_it(where: str) -> None:
    closed: list[bool] = []

    async def body() -> AsyncIterator[bytes]:
        try:
            yield b"one"
            if where == "in the generator":
                await anyio.sleep_forever()
            yield b"two"
            yield b"three"
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.lowlevel.checkpoint()
            closed.append(True)

    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await anyio.wait_all_tasks_blocked()
        await reply(send)

    async with serve(http) as server:
        assert await fetch(server, body()) == b"ok"
    assert closed == [True]


async def test_a_request_body_may_be_any_async_iterator() -> None:
    class Numbers:
        def __init__(self) -> None:
            self.left = [b"1", b"2"]

        def __aiter__(self) -> Numbers:
            return self

        async def __anext__(self) -> bytes:
            if not self.left:
                raise StopAsyncIteration
            return self.left.pop()

    async with serve(echo) as server:
        assert await fetch(server, Numbers()) == b"21"


async def test_send_waits_until_the_client_has_the_piece() -> None:
    sent: list[int] = []

    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        for number in range(4):
            await send({"type": "http.response.body", "body": b"%d" % number, "more_body": number < 3})
            sent.append(number)

    async with serve(http) as server:
        exchange = server.request(http_scope("GET", "/"))
        await exchange.head()
        await anyio.wait_all_tasks_blocked()
        assert sent == []
        assert await exchange.chunk() == b"0"
        await anyio.wait_all_tasks_blocked()
        assert sent == [0]
        assert await rest(exchange) == b"123"


async def test_the_server_takes_as_much_as_its_buffer_holds() -> None:
    sent: list[int] = []

    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        for number in range(4):
            await send({"type": "http.response.body", "body": b"%d" % number, "more_body": number < 3})
            sent.append(number)

    async with serve(http, response_buffer=2) as server:
        exchange = server.request(http_scope("GET", "/"))
        await anyio.wait_all_tasks_blocked()
        assert sent == [0, 1]
        await exchange.head()
        assert await rest(exchange) == b"0123"


async def test_a_last_piece_larger_than_a_message_is_waited_for() -> None:
    done: list[bool] = []

    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        await reply(send, b"x" * 5)
        done.append(True)

    async with serve(http, message_size=4) as server:
        exchange = server.request(http_scope("GET", "/"))
        await anyio.wait_all_tasks_blocked()
        assert not done
        await exchange.head()
        await rest(exchange)
    assert done


async def test_the_head_comes_with_the_first_body_message() -> None:
    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        await anyio.sleep(10)
        await send({"type": "http.response.body", "more_body": True})
        await anyio.sleep(10)
        await send({"type": "http.response.body", "body": b"ok"})

    async with serve(http) as server:
        began = anyio.current_time()
        exchange = server.request(http_scope("GET", "/"))
        await exchange.head()
        assert anyio.current_time() - began == pytest.approx(10)
        assert await rest(exchange) == b"ok"


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)])
async def test_a_response_that_may_have_no_body_has_none(method: str, status: int) -> None:
    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        await reply(send, b"dropped", status)

    async with serve(http) as server:
        assert await fetch(server, method=method) == b""


async def test_leaving_early_is_a_disconnect_the_application_sees_and_is_awaited() -> None:
    ended: list[float] = []

    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        await endless(scope, receive, send)
        await anyio.sleep(0.5)
        ended.append(anyio.current_time())

    async with serve(http) as server:
        exchange = server.request(http_scope("GET", "/"))
        await exchange.head()
        await exchange.aclose()
        assert ended == [anyio.current_time()]


async def test_an_application_that_goes_on_after_its_client_left_is_cancelled_after_a_grace() -> None:
    ended: list[float] = []

    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        await send({"type": "http.response.body", "more_body": True})
        try:
            await anyio.sleep_forever()
        finally:
            ended.append(anyio.current_time())

    async with serve(http, disconnect_grace=7.0) as server:
        exchange = server.request(http_scope("GET", "/"))
        await exchange.head()
        began = anyio.current_time()
        await exchange.aclose()
        await exchange.aclose()
    assert ended == [pytest.approx(began + 7)]


async def test_a_cancelled_wait_for_the_head_is_a_client_that_leaves() -> None:
    seen: list[str] = []

    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        await read_body(receive)
        seen.append((await receive())["type"])

    async with serve(http) as server:
        with anyio.move_on_after(5) as scope:
            await server.request(http_scope("GET", "/")).head()
        assert scope.cancelled_caught
        assert seen == ["http.disconnect"]


async def test_a_cancelled_wait_after_the_end_of_the_response_leaves_background_work_to_the_server() -> None:
    done: list[float] = []

    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        await reply(send)
        await anyio.sleep(100)
        done.append(anyio.current_time())

    async with serve(http) as server:
        exchange = server.request(http_scope("GET", "/"))
        await exchange.head()
        assert await exchange.chunk() == b"ok"
        with anyio.move_on_after(5):
            await exchange.aclose()
        assert not done
    assert done


async def test_the_body_comes_before_the_disconnect_unless_it_is_dropped() -> None:
    for drop in (False, True):
        seen: list[str] = []

        async def http(scope: Scope, receive: Receive, send: Send, seen: list[str] = seen) -> None:
            await anyio.sleep(0.5)
            seen.extend([(await receive())["type"], (await receive())["type"]])

        async with serve(http, drop_unread_body=drop) as server:
            exchange = server.request(http_scope("POST", "/"), b"body")
            await anyio.wait_all_tasks_blocked()
            exchange.disconnect()
            await exchange.aclose()
        assert seen == ["http.disconnect" if drop else "http.request", "http.disconnect"]


async def test_receive_after_the_response_waits_for_the_client_to_be_through() -> None:
    at: list[float] = []

    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        await read_body(receive)
        await reply(send)
        await wait_disconnect(receive)
        at.append(anyio.current_time())

    async with serve(http) as server:
        exchange = server.request(http_scope("GET", "/"))
        await exchange.head()
        await anyio.sleep(3)
        assert not at
        assert await rest(exchange) == b"ok"
        assert at == [anyio.current_time()]


async def test_a_poll_of_receive_in_a_cancelled_scope_takes_nothing() -> None:
    polled: list[str] = []

    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        with anyio.CancelScope() as poll:
            poll.cancel()
            polled.append((await receive())["type"])
        await reply(send, await read_body(receive))

    async with serve(http) as server:
        assert await fetch(server, b"whole") == b"whole"
    assert polled == []


@pytest.mark.parametrize("mode", ["ignore", "ignore_without_yield", "raise"])
async def test_what_send_does_after_a_disconnect_is_a_choice(mode: str) -> None:
    outcome: list[str] = []

    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        try:
            await send({"type": "http.response.body", "body": b"waits", "more_body": True})
            await send({"type": "http.response.body", "body": b"late", "more_body": True})
            outcome.append("ignored")
        except OSError as exc:
            outcome.append(type(exc).__name__)
            raise

    async with serve(http, send_after_disconnect=mode) as server:
        exchange = server.request(http_scope("GET", "/"))
        await exchange.head()
        await exchange.aclose()
    assert outcome == ["ClientDisconnect" if mode == "raise" else "ignored"]
    assert exchange.scope["asgi"]["spec_version"] == ("2.4" if mode == "raise" else "2.3")


@pytest.mark.parametrize("mode", ["ignore", "ignore_without_yield"])
async def test_a_send_that_is_ignored_is_a_checkpoint_or_not(mode: str) -> None:
    ran: list[str] = []

    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        await wait_disconnect(receive)
        async with open_nursery() as nursery:

            async def other() -> None:
                ran.append("other")

            nursery.start_soon(other)
            for _ in range(3):
                await send(START)
            ran.append("sent")

    async with serve(http, send_after_disconnect=mode) as server:
        await server.request(http_scope("GET", "/")).aclose()
    assert ran == (["other", "sent"] if mode == "ignore" else ["sent", "other"])


@pytest.mark.parametrize("send_first", [0, 1, 2])
async def test_an_exception_of_the_application_reaches_the_client_as_itself(send_first: int) -> None:
    messages = [START, {"type": "http.response.body", "body": b"x", "more_body": True}]

    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        for message in messages[:send_first]:
            await send(message)
        raise Boom

    async with serve(http) as server:
        with pytest.raises(Boom):
            await fetch(server)


async def test_an_exception_after_the_response_reaches_the_client_once_it_is_through() -> None:
    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        await reply(send)
        raise Boom

    async with serve(http) as server:
        exchange = server.request(http_scope("GET", "/"))
        await exchange.head()
        assert await exchange.chunk() == b"ok"
        assert await exchange.chunk() is None
        with pytest.raises(Boom):
            await exchange.aclose()
        await exchange.aclose()


async def test_a_base_exception_of_the_application_reaches_the_client_too() -> None:
    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        raise SystemExit(3)

    async with serve(http, raise_app_exceptions=False) as server:
        with pytest.raises(SystemExit):
            await fetch(server)


async def test_exceptions_can_be_answered_as_servers_do() -> None:
    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        raise Boom

    async with serve(http, raise_app_exceptions=False) as server:
        exchange = server.request(http_scope("GET", "/"))
        assert (await exchange.head()).status == 500
        assert await rest(exchange) == b"Internal Server Error"


@pytest.mark.parametrize("fails", [True, False])
async def test_a_response_cut_short_is_an_error_of_its_own(fails: bool) -> None:
    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        await send({"type": "http.response.body", "body": b"x", "more_body": True})
        if fails:
            raise Boom

    async with serve(http, raise_app_exceptions=False, check_conformance=False) as server:
        with pytest.raises(ResponseAborted):
            await fetch(server)


async def test_a_failing_cleanup_after_a_disconnect_is_seen() -> None:
    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await endless(scope, receive, send)
        finally:
            raise Boom

    async with serve(http, send_after_disconnect="raise") as server:
        exchange = server.request(http_scope("GET", "/"))
        await exchange.head()
        with pytest.raises(Boom):
            await exchange.aclose()


@pytest.mark.parametrize("how", ["plain", "cause", "group"])
async def test_an_exception_that_only_says_the_client_left_is_quiet(how: str) -> None:
    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        await wait_disconnect(receive)
        gone = ClientDisconnect("gone")
        if how == "plain":
            raise gone
        if how == "cause":
            raise Boom from gone
        raise ExceptionGroup("several", [gone, ClientDisconnect("again")])

    async with serve(http) as server:
        await server.request(http_scope("GET", "/")).aclose()


async def test_a_violation_is_raised_where_it_is_made_and_reaches_the_client_even_if_swallowed() -> None:
    raised: list[Exception] = []

    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await send({"type": "http.response.start", "status": 200, "headers": [("a", "b")]})
        except ASGISpecViolation as exc:
            raised.append(exc)
        await reply(send)

    async with serve(http, raise_app_exceptions=False) as server:
        with pytest.raises(ASGISpecViolation, match="bytes"):
            await fetch(server)
    assert len(raised) == 1


async def test_without_conformance_checks_text_is_taken_for_bytes_and_disorder_is_the_applications_error() -> None:
    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [("a", "b")]})
        await send({"type": "http.response.body", "body": "text"})
        await send(START)

    async with serve(http, check_conformance=False, raise_app_exceptions=False) as server:
        exchange = server.request(http_scope("GET", "/"))
        assert (await exchange.head()).headers == [(b"a", b"b")]
        assert await rest(exchange) == b"text"


@pytest.mark.parametrize("kind", [iter, tuple, None])
async def test_headers_may_be_any_iterable(kind: Any) -> None:
    headers = kind and kind([(b"a", b"b")])

    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body"})

    async with serve(http) as server:
        exchange = server.request(http_scope("GET", "/"))
        if headers is None:
            with pytest.raises(ASGISpecViolation):
                await exchange.head()
        else:
            assert (await exchange.head()).headers == [(b"a", b"b")]


async def test_extensions_that_are_offered_are_collected(tmp_path: Path) -> None:
    extensions = frozenset(f"http.response.{name}" for name in ("push", "trailers", "early_hint", "pathsend", "debug"))
    file = tmp_path / "file"
    file.write_bytes(b"abcde")

    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.early_hint", "links": [b"</a>"]})
        await send({"type": "http.response.push", "path": "/a", "headers": []})
        await send({"type": "http.response.debug", "info": {"template": "t"}})
        await send({**START, "trailers": True})
        await send({"type": "http.response.pathsend", "path": str(file)})
        await send({"type": "http.response.trailers", "headers": [(b"a", b"b")]})

    async with serve(http, extensions=extensions, message_size=2) as server:
        exchange = server.request(http_scope("GET", "/"))
        assert set(exchange.scope["extensions"]) == {*extensions, "lilya.background"}
        await exchange.head()
        assert await rest(exchange) == b"abcde"
    assert {kind: len(messages) for kind, messages in exchange.extras.items()} == {
        "http.response.early_hint": 1,
        "http.response.push": 1,
        "http.response.debug": 1,
        "http.response.trailers": 1,
    }


async def test_a_file_is_sent_no_faster_than_it_is_read_and_no_further(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x" * 100)
    returned: list[bool] = []

    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        await send({"type": "http.response.pathsend", "path": str(file)})
        returned.append(True)

    async with serve(http, extensions=frozenset({"http.response.pathsend"}), message_size=10) as server:
        exchange = server.request(http_scope("GET", "/"))
        await exchange.head()
        assert await exchange.chunk() == b"x" * 10
        assert not returned
        await exchange.aclose()
    assert returned == [True]


@pytest.mark.parametrize("count", [1, 2])
async def test_failed_background_work_is_raised_by_the_call_that_started_it(count: int) -> None:
    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        await reply(send)
        for _ in range(count):
            scope["extensions"]["lilya.background"]["failed"](Boom())

    async with serve(http) as server:
        with pytest.raises(Boom if count == 1 else ExceptionGroup):
            await fetch(server)
    async with serve(http, raise_app_exceptions=False) as server:
        assert await fetch(server) == b"ok"


async def test_outer_cancellation_cancels_the_application_and_propagates() -> None:
    ended: list[bool] = []

    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with open_nursery() as nursery:
                nursery.start_soon(anyio.sleep_forever)
                await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.lowlevel.checkpoint()
            ended.append(True)

    with anyio.move_on_after(3) as scope:
        async with serve(http) as server:
            await server.request(http_scope("GET", "/")).head()
    assert scope.cancelled_caught
    assert ended == [True]
