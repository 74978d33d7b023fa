from __future__ import annotations

import logging

import anyio
import pytest

from lilya.concurrency.nursery import open_nursery
from lilya.servers._served import FAREWELL_SECONDS, NAMED, Served
from lilya.types import Message, Receive, Scope, Send
from tests.servers.fakes import Sent, http_scope, nothing_to_receive, websocket_scope


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"connection", b"x"), (b"a", b"b")]})
    await send({"type": "http.response.body", "body": b"hello"})


async def hang(scope: Scope, receive: Receive, send: Send) -> None:
    await anyio.sleep_forever()


async def cut(served: Served, scope: Scope, sent: Send) -> None:
    """Let the call run until it blocks, then cancel it."""
    async with open_nursery() as nursery:
        nursery.start_soon(served, scope, nothing_to_receive, sent)
        await anyio.wait_all_tasks_blocked()
        served.cancel()


async def test_messages_pass_unchanged_while_it_does_not_drain() -> None:
    sent = Sent()
    await Served(hello, {})(http_scope(), nothing_to_receive, sent)
    assert sent[0]["headers"] == [(b"connection", b"x"), (b"a", b"b")]
    assert sent.types() == ["http.response.start", "http.response.body"]


@pytest.mark.parametrize(
    ("http_version", "headers"),
    [
        ("1.1", [(b"a", b"b"), (b"connection", b"close")]),
        ("1.0", [(b"a", b"b"), (b"connection", b"close")]),
        ("2", [(b"connection", b"x"), (b"a", b"b")]),  # RFC 9113, section 8.2.2: no connection header in HTTP/2
    ],
)
async def test_a_response_says_connection_close_while_draining(
    http_version: str, headers: list[tuple[bytes, bytes]]
) -> None:
    served, sent = Served(hello, {}), Sent()
    served.draining = True
    await served(http_scope(http_version=http_version), nothing_to_receive, sent)
    assert sent[0]["headers"] == headers


async def test_the_servers_lifespan_learns_the_state_and_nothing_reaches_the_application() -> None:
    served, sent = Served(hang, {"answer": 42}), Sent()
    messages = iter(["lifespan.startup", "lifespan.shutdown"])

    async def receive() -> Message:
        return {"type": next(messages)}

    scope: Scope = {"type": "lifespan", "state": {}}
    await served(scope, receive, sent)
    assert scope["state"] == {"answer": 42}
    assert sent.types() == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    await served.release()


async def test_the_lifespan_call_of_a_dropped_server_is_ended() -> None:
    served, sent = Served(hang, {}), Sent()
    async with open_nursery() as nursery:
        nursery.start_soon(served, {"type": "lifespan"}, nothing_to_receive, sent)
        await anyio.wait_all_tasks_blocked()
        await served.release()
    assert sent == []


async def test_a_request_that_is_cut_before_its_response_is_answered_with_503() -> None:
    sent = Sent()
    await cut(Served(hang, {}), http_scope(), sent)
    assert sent.types() == ["http.response.start", "http.response.body"]
    assert sent[0]["status"] == 503
    assert (b"connection", b"close") in sent[0]["headers"]


async def test_a_response_that_is_cut_is_left_incomplete() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200})
        await anyio.sleep_forever()

    sent = Sent()
    await cut(Served(app, {}), http_scope(), sent)
    assert sent.types() == ["http.response.start"]


@pytest.mark.parametrize("accept", [True, False])
async def test_a_websocket_that_is_cut_is_closed_with_1012(accept: bool) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if accept:
            await send({"type": "websocket.accept"})
        await anyio.sleep_forever()

    sent = Sent()
    await cut(Served(app, {}), websocket_scope(), sent)
    assert (sent[-1]["type"], sent[-1]["code"]) == ("websocket.close", 1012)


async def test_a_websocket_that_has_closed_is_not_closed_again() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.close", "code": 4000})
        await anyio.sleep_forever()

    sent = Sent()
    await cut(Served(app, {}), websocket_scope(), sent)
    assert [message.get("code") for message in sent] == [4000]


async def test_a_farewell_nobody_takes_is_bounded() -> None:
    async def blocked(message: Message) -> None:
        await anyio.sleep_forever()

    await cut(Served(hang, {}), http_scope(), blocked)
    assert anyio.current_time() == pytest.approx(FAREWELL_SECONDS)


async def test_a_farewell_to_somebody_who_left_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    async def gone(message: Message) -> None:
        raise ConnectionError("gone")

    caplog.set_level(logging.DEBUG)
    await cut(Served(hang, {}), http_scope("/path"), gone)
    assert "no farewell for GET /path (0.0 s): ConnectionError('gone')" in caplog.text


async def test_whoever_comes_after_the_cut_gets_the_farewell_at_once() -> None:
    served, sent = Served(hang, {}), Sent()
    served.cancel()
    await served(http_scope(), nothing_to_receive, sent)
    assert sent[0]["status"] == 503


async def test_an_exception_goes_to_the_server_and_cancellation_to_the_application() -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        await Served(broken, {})(http_scope(), nothing_to_receive, Sent())
    sent = Sent()
    with anyio.move_on_after(1) as scope:
        await Served(hang, {})(http_scope(), nothing_to_receive, sent)
    assert scope.cancelled_caught
    assert sent == []


async def test_quiet_waits_for_the_last_call_for_everybody_who_waits() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await anyio.sleep(float(scope["path"]))

    served = Served(app, {})
    await served.quiet()
    async with open_nursery() as nursery:
        for seconds in ("1", "3"):
            nursery.start_soon(served, http_scope(seconds), nothing_to_receive, Sent())
        await anyio.wait_all_tasks_blocked()
        nursery.start_soon(served.quiet)
        await served.quiet()
        assert anyio.current_time() == pytest.approx(3)


async def test_open_calls_are_named_oldest_first_and_the_rest_is_counted() -> None:
    served = Served(hang, {})
    async with open_nursery() as nursery:
        for index in range(NAMED + 2):
            nursery.start_soon(served, http_scope(f"/{index}"), nothing_to_receive, Sent())
            await anyio.wait_all_tasks_blocked()
        names = served.open()
        nursery.cancel_scope.cancel()
    assert names[0].startswith("GET /0 (")
    assert names[NAMED:] == ["and 2 more"]
    assert served.open() == []
