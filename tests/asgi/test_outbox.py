"""The one writer: what breaks in the server's `send`, and what is said of it."""

from __future__ import annotations

import sys
from typing import Any

import anyio
import pytest
import trio

from lilya._asgi.outbox import Outbox, is_lost
from lilya._sansio import http
from lilya.exceptions import ClientDisconnect
from lilya.requests import no_receive
from lilya.responses.base import Response
from lilya.types import Message

START: Message = {"type": "http.response.start", "status": 200, "headers": []}
MORE: Message = {"type": "http.response.body", "body": b"x", "more_body": True}
LAST: Message = {"type": "http.response.body", "body": b"x"}

LOST = [
    OSError("cut"),
    ConnectionResetError("cut"),
    BrokenPipeError("cut"),
    anyio.BrokenResourceError("cut"),
    anyio.ClosedResourceError("cut"),
    anyio.BusyResourceError("using"),
    trio.BrokenResourceError("cut"),
    trio.ClosedResourceError("cut"),
    trio.BusyResourceError("cut"),
    ClientDisconnect(detail="cut"),
]


def failing(exc: BaseException) -> Any:
    async def send(message: Message) -> None:
        await anyio.lowlevel.checkpoint()
        raise exc

    return send


@pytest.mark.parametrize("exc", LOST, ids=lambda exc: type(exc).__module__ + "." + type(exc).__name__)
async def test_what_says_that_the_connection_broke_is_a_departure(exc: Exception) -> None:
    outbox = Outbox(failing(exc), http.HEADERS)
    with pytest.raises(ClientDisconnect, match=r"^the client left before the response was complete$") as caught:
        await outbox.send(START)
    assert caught.value.__cause__ is exc
    assert outbox.gone


@pytest.mark.parametrize("exc", [ValueError("mine"), RuntimeError("mine"), KeyError("mine"), trio.WouldBlock()])
async def test_any_other_error_is_that_error(exc: Exception) -> None:
    outbox = Outbox(failing(exc), http.HEADERS)
    with pytest.raises(type(exc)) as caught:
        await outbox.send(START)
    assert caught.value is exc
    assert not outbox.gone


def test_errors_are_told_apart_without_importing_a_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_lost(trio.BrokenResourceError())
    monkeypatch.delitem(sys.modules, "trio")
    assert not is_lost(trio.BrokenResourceError())
    assert is_lost(anyio.BrokenResourceError())


async def test_a_client_that_is_gone_is_sent_nothing_more() -> None:
    sent: list[Message] = []

    async def sink(message: Message) -> None:
        sent.append(message)

    outbox = Outbox(sink, http.HEADERS)
    await outbox.send(START)
    outbox.disconnected()
    for message in (MORE, LAST, {"type": "nonsense"}):
        with pytest.raises(ClientDisconnect):
            await outbox.send(message)
    assert sent == [START]


async def test_a_disconnect_after_the_last_message_is_no_event() -> None:
    async def sink(message: Message) -> None:
        if message == LAST:
            outbox.disconnected()  # while it is on its way

    outbox = Outbox(sink, http.HEADERS)
    await outbox.send(START)
    await outbox.send(LAST)
    outbox.disconnected()
    assert not outbox.gone


async def test_a_connection_that_breaks_at_the_last_message_is_a_departure_to_who_sends_it() -> None:
    outbox = Outbox(failing(OSError("cut")), http.BODY)
    with pytest.raises(ClientDisconnect):
        await outbox.send(LAST)
    assert outbox.phase is http.DONE


async def test_a_message_that_is_refused_changes_nothing() -> None:
    outbox = Outbox(failing(AssertionError("sent")), http.HEADERS)
    with pytest.raises(
        RuntimeError,
        match=r"^Expected ASGI message 'http.response.start', 'http.response.early_hint', 'http.response.push' or "
        r"'http.response.debug', but got 'http.response.body'.$",
    ):
        await outbox.send(LAST)
    assert outbox.phase is http.HEADERS


async def test_cancelling_a_send_lets_the_cancellation_through() -> None:
    async def blocked(message: Message) -> None:
        await anyio.sleep_forever()

    outbox = Outbox(blocked, http.HEADERS)
    with anyio.move_on_after(1) as scope:
        await outbox.send(START)
    assert scope.cancelled_caught
    assert not outbox.gone


def recording(log: list[Any], then: Any = None) -> Any:
    async def send(message: Message) -> None:
        log.append((message["type"], outbox[0].phase))
        if then is not None:
            then(outbox[0])

    outbox: list[Outbox] = []
    outbox.append(Outbox(send, http.HEADERS))
    return outbox[0]


async def send_whole(outbox: Outbox) -> None:
    """Send a response that is all there, for which there is no layer of the writer's."""
    await Response(b"x")({"type": "http", "method": "GET"}, no_receive, outbox.send)


async def test_a_whole_response_moves_as_its_two_messages_do() -> None:
    log: list[Any] = []
    outbox = recording(log)
    await send_whole(outbox)
    assert log == [("http.response.start", http.BODY), ("http.response.body", http.DONE)]
    with pytest.raises(RuntimeError, match="after the response was complete"):
        await send_whole(outbox)


async def test_a_whole_response_after_a_start_is_refused_as_its_start_is() -> None:
    outbox = recording([])
    await outbox.send(START)
    with pytest.raises(RuntimeError, match=r"but got 'http\.response\.start'"):
        await send_whole(outbox)


async def test_a_client_that_leaves_between_the_two_messages_gets_no_body() -> None:
    log: list[Any] = []
    outbox = recording(log, Outbox.disconnected)
    with pytest.raises(ClientDisconnect):
        await send_whole(outbox)
    assert [kind for kind, _ in log] == ["http.response.start"]
    with pytest.raises(ClientDisconnect):
        await send_whole(outbox)


@pytest.mark.parametrize("step", [0, 1])
async def test_a_whole_response_says_what_broke_in_the_server(step: int) -> None:
    async def send(message: Message) -> None:
        if message["type"] == (START, LAST)[step]["type"]:
            raise BrokenPipeError("cut")

    outbox = Outbox(send, http.HEADERS)
    with pytest.raises(ClientDisconnect) as caught:
        await send_whole(outbox)
    assert isinstance(caught.value.__cause__, BrokenPipeError)
    assert outbox.gone == (step == 0)  # once the last message is on its way, a disconnect is no event any more
