from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from anyio.abc import TaskGroup

from lilya.concurrency.nursery import open_nursery
from lilya.testing.exceptions import UncleanExit
from lilya.testing.script import (
    AfterSent,
    Disconnect,
    Fail,
    ScriptedExchange,
    Sleep,
    cancel_everywhere,
    disconnect_everywhere,
)
from lilya.testing.server import MemoryServer, http_scope, websocket_scope
from lilya.types import ASGIApp, Message, Receive, Scope, Send
from tests.testing.asgi_apps import app_of, read_body, reply, wait_disconnect

BODY: list[dict[str, Any]] = [
    {"type": "http.request", "body": b"a", "more_body": True},
    {"type": "http.request", "body": b"b", "more_body": False},
]
START: dict[str, Any] = {"type": "http.response.start", "status": 200, "headers": []}


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    body = b""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message["body"]
        more = message["more_body"]
    await reply(send, body)


def bodies(exchange: ScriptedExchange) -> list[bytes]:
    return [sent.message["body"] for sent in exchange.sent if "body" in sent.message]


async def test_a_script_is_played_and_what_is_sent_is_recorded_with_its_time() -> None:
    exchange = ScriptedExchange(echo, http_scope("POST", "/"), [BODY[0], Sleep(30), BODY[1]])
    await exchange.run()
    assert exchange.received == BODY
    assert bodies(exchange) == [b"ab"]
    assert [sent.time for sent in exchange.sent] == [pytest.approx(30), pytest.approx(30)]


async def test_a_step_can_wait_for_what_the_application_sends() -> None:
    async def talk(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        async with open_nursery() as nursery:

            async def stream() -> None:
                while True:
                    await anyio.sleep(1)
                    await send({"type": "http.response.body", "body": b"x", "more_body": True})

            nursery.start_soon(stream)
            await wait_disconnect(receive)
            nursery.cancel_scope.cancel()

    exchange = ScriptedExchange(talk, http_scope("GET", "/"), [AfterSent(0), AfterSent(4), Disconnect()])
    await exchange.run()
    assert bodies(exchange) == [b"x"] * 3


async def test_after_the_last_step_the_client_is_silent_until_it_is_told_to_leave() -> None:
    received: list[str] = []

    async def listen(scope: Scope, receive: Receive, send: Send) -> None:
        received.extend([(await receive())["type"], (await receive())["type"]])

    exchange = ScriptedExchange(listen, websocket_scope("/"), [])
    async with open_nursery() as nursery:
        nursery.start_soon(exchange.run)
        await anyio.wait_all_tasks_blocked()
        assert received == []
        exchange.disconnect()
    assert received == ["websocket.disconnect"] * 2


async def test_a_disconnect_message_of_the_script_is_played_as_it_is_and_the_last() -> None:
    goodbye = {"type": "websocket.disconnect", "code": 4000, "reason": "x"}
    exchange = ScriptedExchange(wait_twice, websocket_scope("/"), [goodbye, {"type": "websocket.receive"}])
    await exchange.run()
    assert exchange.received == [goodbye, {"type": "websocket.disconnect", "code": 1006, "reason": ""}]


async def wait_twice(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await receive()


async def test_a_send_can_be_made_to_fail_or_to_stall() -> None:
    async def on_send(index: int, message: Message) -> None:
        if index == 1:
            await anyio.sleep(5)
            raise ConnectionResetError(message["type"])

    exchange = ScriptedExchange(echo, http_scope("POST", "/"), BODY, on_send=on_send)
    with pytest.raises(ConnectionResetError, match=r"http\.response\.body"):
        await exchange.run()
    assert len(exchange.sent) == 1


async def test_a_receive_can_be_made_to_fail() -> None:
    exchange = ScriptedExchange(echo, http_scope("POST", "/"), [BODY[0], Fail(ConnectionResetError("broken"))])
    with pytest.raises(ConnectionResetError, match="broken"):
        await exchange.run()
    assert exchange.received == BODY[:1]


def plain(app: ASGIApp) -> Any:
    return lambda: (app, http_scope("POST", "/"))


async def test_a_clean_application_passes_both_sweeps() -> None:
    # 3 receives, then 2 sends and the run that finds no third, twice.
    assert await disconnect_everywhere(plain(echo), BODY) == 3 + 3 + 3
    assert await cancel_everywhere(plain(echo), BODY) >= 4


async def endless(scope: Scope, receive: Receive, send: Send) -> None:
    await send(START)
    async with open_nursery() as nursery:

        async def watch() -> None:
            await wait_disconnect(receive)
            nursery.cancel_scope.cancel()

        nursery.start_soon(watch)
        while True:
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
            await anyio.sleep(1)


async def test_an_endless_stream_is_swept_up_to_a_bound() -> None:
    assert await disconnect_everywhere(plain(endless), BODY[1:], max_steps=3) == 2 + 3 + 3
    assert await cancel_everywhere(plain(endless), BODY[1:], max_steps=5) == 5


async def test_an_application_that_waits_for_a_silent_client_ends_the_sweep() -> None:
    async def poll(scope: Scope, receive: Receive, send: Send) -> None:
        await wait_disconnect(receive)

    assert await cancel_everywhere(plain(poll), BODY) < 20
    assert await disconnect_everywhere(plain(poll), BODY) == 3 + 1 + 1


async def test_an_application_can_be_opened_around_each_run() -> None:
    opened: list[str] = []

    async def lifespan(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        opened.append("up")
        await send({"type": "lifespan.startup.complete"})
        await receive()
        opened.append("down")
        await send({"type": "lifespan.shutdown.complete"})

    @asynccontextmanager
    async def make() -> AsyncIterator[tuple[ASGIApp, Scope]]:
        app = app_of(echo, lifespan=lifespan)
        async with MemoryServer(app):
            yield app, http_scope("POST", "/")

    runs = await disconnect_everywhere(make, BODY)
    assert opened == ["up", "down"] * runs


async def test_an_application_that_does_not_end_is_named_with_its_step() -> None:
    async def stubborn(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        await anyio.sleep(100)

    with pytest.raises(UncleanExit, match=r"left while send 0 was under way.*did not end within 10\.0 s"):
        await disconnect_everywhere(plain(stubborn), [])


async def test_an_application_that_takes_too_long_to_be_cancelled_is_named() -> None:
    async def stubborn(scope: Scope, receive: Receive, send: Send) -> None:
        with anyio.CancelScope(shield=True):
            await anyio.sleep(100)
        await anyio.lowlevel.checkpoint()

    with pytest.raises(UncleanExit, match="cancelled at suspension 1: the application did not end"):
        await cancel_everywhere(plain(stubborn), [])


async def test_a_task_or_a_generator_left_behind_is_named_with_its_step(backend: str) -> None:
    async def leak(nursery: TaskGroup, receive: Receive) -> None:
        if (await receive())["type"] == "http.disconnect":
            nursery.start_soon(anyio.sleep_forever, name="forgotten")

    async with open_nursery() as nursery:

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await leak(nursery, receive)

        with pytest.raises(UncleanExit, match="instead of message 0: task 'forgotten' is still running"):
            await disconnect_everywhere(plain(app), BODY)
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("allowed", [True, False])
async def test_only_what_is_allowed_may_be_raised(allowed: bool) -> None:
    async def fails(scope: Scope, receive: Receive, send: Send) -> None:
        await read_body(receive)  # raises ConnectionError
        await reply(send)

    if allowed:
        assert await disconnect_everywhere(plain(fails), BODY, allow=(ConnectionError,)) > 3
    else:
        with pytest.raises(UncleanExit, match="instead of message 0: the application raised ConnectionError"):
            await disconnect_everywhere(plain(fails), BODY)


async def test_a_failing_cleanup_is_found_by_cancelling_everywhere() -> None:
    async def fails(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await read_body(receive)
        except anyio.get_cancelled_exc_class():
            raise ZeroDivisionError from None

    with pytest.raises(UncleanExit, match="ZeroDivisionError"):
        await cancel_everywhere(plain(fails), BODY)


@pytest.mark.parametrize("answers", [True, False])
async def test_an_application_that_swallows_its_cancellation_is_named_whether_it_answers_or_not(answers: bool) -> None:
    async def swallows(scope: Scope, receive: Receive, send: Send) -> None:
        with suppress(anyio.get_cancelled_exc_class()):
            await anyio.sleep(1)
        if answers:
            with anyio.CancelScope(shield=True):
                await reply(send)

    with pytest.raises(UncleanExit, match=f"swallowed .*{'after' if answers else 'without'} a complete answer"):
        await cancel_everywhere(plain(swallows), BODY)


async def test_one_that_swallows_it_in_a_group_is_named_too() -> None:
    async def swallows(scope: Scope, receive: Receive, send: Send) -> None:
        async def fail() -> None:
            try:
                await anyio.sleep_forever()
            finally:
                raise LookupError

        with suppress(LookupError):  # the nursery gives the error alone, and the cancellation is gone
            async with open_nursery() as nursery:
                nursery.start_soon(fail)
                await anyio.sleep(1)

    with pytest.raises(UncleanExit, match="swallowed"):
        await cancel_everywhere(plain(swallows), BODY)


async def test_what_an_application_cancels_and_times_out_itself_is_its_own_matter() -> None:
    async def busy(scope: Scope, receive: Receive, send: Send) -> None:
        with anyio.move_on_after(1):
            await anyio.sleep(2)
        with anyio.CancelScope() as own:
            own.cancel()
            await anyio.lowlevel.checkpoint()
        with anyio.CancelScope(shield=True), anyio.move_on_after(1):
            await anyio.sleep(2)  # the last place to wait, and a cancellation does not reach it

    assert await cancel_everywhere(plain(busy), BODY) > 3
