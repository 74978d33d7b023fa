"""One connection's life: who runs it, what ends with it, and what is said of it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from functools import partial
from typing import Any

import anyio
import pytest

from lilya._asgi.exchange import CLEANUP_SECONDS, Exchange, Nowhere, is_departure
from lilya.apps import Lilya
from lilya.exceptions import ClientDisconnect, WebSocketDisconnect, WebSocketRuntimeError
from lilya.requests import Request
from lilya.responses import PlainText, StreamingResponse
from lilya.routing import Path, WebSocketPath
from lilya.types import ASGIApp, Message, Receive, Scope, Send
from lilya.websockets import WebSocket
from tests.support.life import running
from tests.support.wire import CONNECT, GONE, Wire, http_scope, left, request, websocket_scope

Log = list[Any]

both_lives = pytest.mark.parametrize("lifespan", [True, False], ids=["with lifespan", "without"])


def life_of(app: Lilya, lifespan: bool) -> AbstractAsyncContextManager[Any]:
    return running(app) if lifespan else nullcontext()


def app_of(handler: Any, **options: Any) -> Lilya:
    return Lilya(routes=[Path("/", handler, methods=["GET", "POST"])], **options)


# -- clean-up -----------------------------------------------------------------------------------------------------


@both_lives
@pytest.mark.parametrize("way", ["returns", "raises", "client leaves", "cancelled"])
async def test_clean_up_runs_however_the_exchange_ends_and_may_await(way: str, lifespan: bool) -> None:
    log: Log = []

    async def clean(name: str) -> None:
        await anyio.sleep(1)
        log.append(name)

    async def handler(request: Request) -> PlainText:
        request.add_cleanup(partial(clean, "first added"))
        request.add_cleanup(partial(clean, "last added"))
        if way == "raises":
            raise KeyError
        if way in ("client leaves", "cancelled"):
            await anyio.sleep_forever()
        return PlainText("x")

    app = app_of(handler)
    wire = Wire(request())
    if way == "client leaves":
        wire.put(GONE)
    async with life_of(app, lifespan):
        with anyio.move_on_after(2 if way == "cancelled" else 100) as scope:
            try:
                await app(http_scope(), wire.receive, wire.send)
            except KeyError:
                assert way == "raises"
        assert scope.cancelled_caught == (way == "cancelled")
        assert log == ["last added", "first added"]
        assert wire.readers == 0
        assert app.statistics().exchanges == ()


@both_lives
async def test_clean_up_that_takes_too_long_is_cut_named_and_leaves_no_reader(
    lifespan: bool, caplog: pytest.LogCaptureFixture
) -> None:
    log: Log = []

    async def handler(request: Request) -> PlainText:
        await request.is_disconnected()  # a reader is at work
        request.add_cleanup(lambda: log.append("never reached"))
        request.add_cleanup(anyio.sleep_forever)
        return PlainText("x")

    app = app_of(handler)
    wire = Wire(request())
    async with life_of(app, lifespan):
        await app(http_scope("/"), wire.receive, wire.send)
        assert anyio.current_time() == CLEANUP_SECONDS
        assert wire.readers == 0
        assert app.statistics().exchanges == ()
    assert log == []
    (record,) = caplog.records
    assert record.getMessage() == f"clean-up of / took more than {CLEANUP_SECONDS} s and was cut"


async def test_clean_up_that_fails_is_logged_and_the_rest_runs(caplog: pytest.LogCaptureFixture) -> None:
    log: Log = []

    def broken() -> None:
        raise ZeroDivisionError

    async def broken_later() -> None:
        await anyio.sleep(1)
        raise ZeroDivisionError

    async def handler(request: Request) -> PlainText:
        for cleanup in (lambda: log.append("ran"), broken, broken_later):
            request.add_cleanup(cleanup)
        return PlainText("x")

    wire = Wire(request())
    await app_of(handler)(http_scope(), wire.receive, wire.send)
    assert log == ["ran"]
    assert [record.levelno for record in caplog.records] == [logging.ERROR] * 2
    assert [record.exc_info is not None for record in caplog.records] == [True, True]


async def test_clean_up_may_add_more_clean_up() -> None:
    log: Log = []
    exchange = Exchange(Nowhere(), http_scope(), Wire().receive, Wire().send)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        exchange.at_end(lambda: exchange.at_end(lambda: log.append("second")))

    await exchange.run(app)
    assert log == ["second"]


async def test_an_exchange_is_alive_until_its_clean_up_is_done_and_a_shutdown_waits_for_it() -> None:
    log: Log = []

    async def clean() -> None:
        await anyio.sleep(2)
        log.append([each.state for each in app.statistics().exchanges])

    async def handler(request: Request) -> PlainText:
        request.add_cleanup(clean)
        return PlainText("x")

    @asynccontextmanager
    async def lifespan(app: Any) -> Any:
        yield
        log.append("resources closed")

    app = app_of(handler, lifespan=lifespan)
    wire = Wire(request())
    async with anyio.create_task_group() as group:
        async with running(app):
            group.start_soon(app, http_scope(), wire.receive, wire.send)
            await anyio.sleep(1)
    assert log == [["finishing"], "resources closed"]


# -- what it says of itself ---------------------------------------------------------------------------------------


async def test_statistics_name_kind_route_age_and_state() -> None:
    seen: dict[str, tuple[str, ...]] = {}

    def note(name: str) -> None:
        (each,) = app.statistics().exchanges
        seen[name] = (each.kind, each.method, each.path, each.route, each.state)
        assert each.age >= 0

    class Layer:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            note(f"{scope['type']} begins")
            await self.app(scope, receive, send)
            note(f"{scope['type']} ends")

    async def pieces() -> Any:
        note("streams")
        yield b"x"

    async def handler(name: str) -> StreamingResponse:
        note("handles")
        return StreamingResponse(pieces())

    async def chat(websocket: WebSocket) -> None:
        await websocket.accept()
        note("talks")
        await websocket.close()

    async def gone(request: Request) -> None:
        await request.wait_disconnected()
        note("is gone")

    app = Lilya(
        routes=[Path("/gone", gone), Path("/{name}", handler), WebSocketPath("/chat/{room}", chat)], middleware=[Layer]
    )
    wire = Wire(request())
    await app(http_scope("/me"), wire.receive, wire.send)
    assert seen.pop("http begins") == ("http", "GET", "/me", "/me", "handling")
    assert seen.pop("handles") == ("http", "GET", "/me", "/{name}", "handling")
    assert seen.pop("streams") == ("http", "GET", "/me", "/{name}", "streaming")
    assert seen.pop("http ends") == ("http", "GET", "/me", "/{name}", "finishing")
    wire = Wire(CONNECT)
    await app(websocket_scope("/chat/1"), wire.receive, wire.send)
    assert seen.pop("websocket begins") == ("websocket", "", "/chat/1", "/chat/1", "connecting")
    assert seen.pop("talks") == ("websocket", "", "/chat/1", "/chat/{room}", "open")
    assert seen.pop("websocket ends") == ("websocket", "", "/chat/1", "/chat/{room}", "finishing")
    wire = Wire(request(), GONE)
    await app(http_scope("/gone"), wire.receive, wire.send)
    assert seen["is gone"] == ("http", "GET", "/gone", "/gone", "gone")
    assert app.statistics().idle


@pytest.mark.parametrize(
    ("exc", "departure"),
    [
        (ClientDisconnect(), True),
        (WebSocketDisconnect(1001), True),
        (OSError("mine"), False),
        (KeyError("mine"), False),
        (ExceptionGroup("two", [ClientDisconnect(), WebSocketDisconnect()]), True),
        (ExceptionGroup("two", [ClientDisconnect(), KeyError()]), False),
        (BaseExceptionGroup("two", [ClientDisconnect(), KeyboardInterrupt()]), False),
    ],
)
def test_a_departure_is_told_from_a_fault(exc: BaseException, departure: bool) -> None:
    assert is_departure(exc) is departure


def raised_from(exc: BaseException, cause: BaseException, explicitly: bool) -> BaseException:
    try:
        try:
            raise cause
        except BaseException as reason:
            if explicitly:
                raise exc from reason
            raise exc  # noqa: B904
    except BaseException as caught:
        return caught


class ForeignDisconnect(Exception):
    """How another framework says it."""


@pytest.mark.parametrize("explicitly", [True, False])
@pytest.mark.parametrize(
    ("make", "departure"),
    [
        (ForeignDisconnect, True),
        (ConnectionResetError, True),
        (KeyError, False),
        (FileNotFoundError, False),  # a bug in somebody's clean-up
    ],
)
def test_other_words_for_a_departure_count_where_they_come_from_one(
    make: Callable[[], BaseException], departure: bool, explicitly: bool
) -> None:
    assert is_departure(raised_from(make(), ClientDisconnect(), explicitly)) is departure
    assert not is_departure(raised_from(make(), KeyError(), explicitly))
    assert not is_departure(make())


@both_lives
async def test_a_departure_ends_quietly_and_a_fault_goes_on_to_the_server(
    lifespan: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def lets_it_through(request: Request) -> None:
        await request.body()

    async def fails_over_it(request: Request) -> None:
        try:
            await request.body()
        finally:
            raise KeyError("mine")

    for handler, expected in ((lets_it_through, nullcontext()), (fails_over_it, pytest.raises(KeyError, match="mine"))):
        app = app_of(handler)
        wire = Wire(request(b"half", True), GONE)
        async with life_of(app, lifespan):
            with expected:
                await app(http_scope(method="POST"), wire.receive, wire.send)
        assert wire.sent == []
    assert caplog.records == []


async def test_a_departure_that_nobody_saw_is_a_fault_of_who_raised_it() -> None:
    async def handler() -> None:
        raise ClientDisconnect(detail="of another server's client")

    wire = Wire(request())
    with pytest.raises(ClientDisconnect, match="another server"):
        await app_of(handler)(http_scope(), wire.receive, wire.send)
    assert wire.status == 500


# -- the reader ---------------------------------------------------------------------------------------------------


async def test_a_reader_that_is_asked_for_twice_is_one() -> None:
    wire = Wire(request())

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        exchange.read_ahead()
        exchange.read_ahead()
        await anyio.sleep(1)
        assert wire.readers == 1
        wire.put(GONE)
        await anyio.sleep(1)
        exchange.read_ahead()  # nothing more to read

    exchange = Exchange(Nowhere(), http_scope(), wire.receive, wire.send)
    await exchange.run(app)
    exchange.read_ahead()  # nor now
    assert wire.most_readers == 1


async def test_without_anybody_to_run_it_a_reader_cannot_be_had() -> None:
    exchange = Exchange(Nowhere(), http_scope(), Wire().receive, Wire().send)
    with pytest.raises(RuntimeError, match="nobody watches this connection"):
        exchange.read_ahead()


async def test_a_receive_that_breaks_is_raised_to_who_receives_and_the_reader_dies_quietly(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def broken() -> Message:
        await anyio.sleep(1)
        raise ConnectionResetError("cut")

    async def handler(request: Request) -> PlainText:
        assert not await request.is_disconnected()
        await anyio.sleep(2)
        assert not await request.is_disconnected()
        with pytest.raises(ConnectionResetError, match="cut"):
            await request.body()
        return PlainText("x")

    app = app_of(handler)
    wire = Wire()
    async with running(app):
        await app(http_scope(), broken, wire.send)
    assert wire.body == b"x"
    assert caplog.records == []


async def test_a_guard_comes_and_goes() -> None:
    exchange = Exchange(Nowhere(), http_scope(), Wire().receive, Wire().send)
    scope = anyio.CancelScope()
    exchange.unguard(scope)  # none was ever there
    exchange.guard(scope)
    exchange.unguard(scope)
    exchange.disconnected()
    assert not scope.cancel_called
    exchange.guard(scope)
    assert scope.cancel_called  # the client is gone already


async def test_a_disconnect_is_noted_once() -> None:
    exchange = Exchange(Nowhere(), http_scope(), Wire().receive, Wire().send)
    scope = anyio.CancelScope()
    exchange.disconnected()
    assert exchange.gone
    exchange._handler = scope
    exchange.disconnected()
    assert not scope.cancel_called


async def test_a_misuse_is_said_in_the_words_of_the_protocol() -> None:
    plain = Exchange(Nowhere(), http_scope(), Wire().receive, Wire().send)
    with pytest.raises(RuntimeError, match=r"Expected ASGI message 'http\.response\.start'"):
        await plain.send({"type": "websocket.accept"})
    socket = Exchange(Nowhere(), websocket_scope(), Wire().receive, Wire().send)
    with pytest.raises(WebSocketRuntimeError, match='Need to call "accept" first'):
        await socket.send({"type": "websocket.send", "text": "a"})


async def test_a_departure_from_a_websocket_has_the_code_that_was_read_and_1006_where_none_was() -> None:
    wire = Wire(CONNECT, left(4000, "bye"))
    exchange = Exchange(Nowhere(), websocket_scope(), wire.receive, wire.send)
    assert repr(exchange.departure()) == repr(WebSocketDisconnect(1006))
    for _ in range(2):
        await exchange.receive()
    assert repr(exchange.departure()) == repr(WebSocketDisconnect(4000, "bye"))
