"""How a body that is made while it is sent ends, whoever ends it: closed, in its own task, and nothing is lost."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager, nullcontext
from functools import partial
from typing import Any

import anyio
import pytest
from anyio.abc import TaskGroup
from anyio.streams.memory import MemoryObjectSendStream

from lilya.apps import Lilya
from lilya.concurrency import as_channel
from lilya.exceptions import ClientDisconnect
from lilya.requests import Request
from lilya.responses import StreamingResponse
from lilya.responses.sse import EventStreamResponse
from lilya.routing import Path
from lilya.testing.steps import cancelled_at
from lilya.types import Message
from tests.support.life import running
from tests.support.wire import GONE, Wire, http_scope, request

Log = list[Any]


async def send(response: StreamingResponse, wire: Wire | None = None, method: str = "GET") -> Wire:
    """Send it alone, over a wire of its own."""
    wire = wire or Wire(request())
    await response(http_scope(method=method), wire.receive, wire.send)
    return wire


def app_with(content: Callable[[], Any]) -> Lilya:
    async def handler() -> StreamingResponse:
        return StreamingResponse(content())

    return Lilya(routes=[Path("/", handler)])


class Body:
    """Bodies of every kind that say where they were closed; each yields until it is stopped."""

    def __init__(self) -> None:
        self.log: Log = []
        self.tasks: set[int] = set()

    def _here(self) -> None:
        self.tasks.add(anyio.get_current_task().id)

    @contextmanager
    def _open(self) -> Iterator[None]:
        self._here()
        try:
            yield
        finally:
            self._here()
            self.log.append("closed")

    async def plain(self) -> AsyncIterator[Any]:
        self._here()
        try:
            for n in range(1000):
                yield b"%d" % n
                await anyio.sleep(1)
        finally:
            self._here()
            self.log.append("closed")

    async def busy(self) -> AsyncIterator[Any]:
        """Waits nowhere but at its yields."""
        self._here()
        try:
            for n in range(1000):
                yield b"%d" % n
        finally:
            self._here()
            self.log.append("closed")

    async def in_a_scope(self) -> AsyncGenerator[Any]:
        with self._open(), anyio.CancelScope():
            for n in range(1000):
                yield b"%d" % n
                await anyio.sleep(1)

    async def in_a_nursery(self) -> AsyncGenerator[Any]:
        with self._open():
            async with anyio.create_task_group() as group:
                group.start_soon(self._child)
                for n in range(1000):
                    yield b"%d" % n
                    await anyio.sleep(1)

    async def in_a_deadline(self) -> AsyncIterator[Any]:
        with self._open(), anyio.fail_after(100):
            for n in range(1000):
                yield b"%d" % n

    async def delegating(self) -> AsyncIterator[Any]:
        async with as_channel(Body.in_a_nursery)(self) as pieces:
            async for piece in pieces:
                yield piece

    async def __aiter__(self) -> AsyncIterator[Any]:
        async with aclosing(self.in_a_scope()) as pieces:
            async for piece in pieces:
                yield piece

    @asynccontextmanager
    async def as_context(self) -> AsyncIterator[Any]:
        try:
            yield self.in_a_scope()
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(1)

    def in_a_thread(self) -> Iterator[Any]:
        try:
            for n in range(1000):
                yield b"%d" % n
        finally:
            self.log.append("closed")

    async def _child(self) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            self.log.append("child ended")


BODIES: dict[str, Callable[[Body], Any]] = {
    "plain": Body.plain,
    "busy": Body.busy,
    "in a scope": Body.in_a_scope,
    "in a nursery": Body.in_a_nursery,
    "in a deadline": Body.in_a_deadline,
    "delegating": Body.delegating,
    "iterable": lambda body: body,
    "context": Body.as_context,
    "in a thread": Body.in_a_thread,
}

all_bodies = pytest.mark.parametrize("kind", BODIES.values(), ids=list(BODIES))


def assert_closed(body: Body) -> None:
    """It was closed, once, in the task that began it; whatever it had started has ended."""
    assert [entry for entry in body.log if entry == "closed"] == ["closed"]
    assert len(body.tasks) <= 1
    assert body.log[-1] == "closed"


class Leaving(Wire):
    """A wire whose client leaves while the message with that index is being sent, or just after. Sending takes time."""

    def __init__(self, at: int, inside: bool) -> None:
        super().__init__(request())
        self.at = at
        self.inside = inside

    async def send(self, message: Message) -> None:
        if len(self.sent) == self.at:
            self.put(GONE)
            if self.inside:
                await anyio.sleep(10)
        await anyio.sleep(0.01)
        await super().send(message)


@all_bodies
@pytest.mark.parametrize("inside", [True, False], ids=["in a send", "between two"])
@pytest.mark.parametrize("lifespan", [True, False])
async def test_it_is_closed_when_the_client_leaves(kind: Any, inside: bool, lifespan: bool) -> None:
    for at in (1, 2, 5):
        body = Body()
        app = app_with(lambda body=body: kind(body))  # type: ignore[misc]
        wire = Leaving(at, inside)
        async with running(app) if lifespan else nullcontext():
            await app(http_scope(), wire.receive, wire.send)
        assert_closed(body)
        assert wire.readers == 0
        assert wire.sent[-1] != {"type": "http.response.body", "body": b""}  # nobody was told that it is whole


@all_bodies
async def test_it_is_closed_when_a_send_says_that_the_client_is_gone(kind: Any) -> None:
    for at in (1, 2, 5):
        body = Body()
        wire = Wire(request())

        def fail(message: Message, at: int = at, wire: Wire = wire) -> None:
            if len(wire.sent) == at:
                raise BrokenPipeError("gone")

        wire.fail = fail
        await app_with(lambda body=body: kind(body))(http_scope(), wire.receive, wire.send)  # type: ignore[misc]
        assert_closed(body)


@all_bodies
async def test_it_is_closed_when_a_send_fails(kind: Any) -> None:
    body = Body()
    wire = Wire(request())

    def fail(message: Message) -> None:
        if len(wire.sent) == 3:
            raise ZeroDivisionError("in a middleware")

    wire.fail = fail
    with pytest.raises(ZeroDivisionError, match="in a middleware"):
        await send(StreamingResponse(kind(body)), wire)
    assert_closed(body)


@all_bodies
async def test_it_is_closed_when_the_exchange_is_cancelled(kind: Any) -> None:
    for seconds in (0.5, 2.5):
        body = Body()
        wire = Wire(request())

        async def slow(message: Message, wire: Wire = wire) -> None:
            await anyio.sleep(1)
            await wire.send(message)

        with anyio.move_on_after(seconds) as scope:
            await StreamingResponse(kind(body))(http_scope(), wire.receive, slow)
        assert scope.cancelled_caught
        if seconds > 1:
            assert_closed(body)


@all_bodies
async def test_it_is_closed_unstarted_when_the_start_cannot_be_sent(kind: Any) -> None:
    body = Body()
    wire = Wire(request())

    def fail(message: Message) -> None:
        raise BrokenPipeError("gone")

    wire.fail = fail
    await app_with(lambda: kind(body))(http_scope(), wire.receive, wire.send)
    assert body.log == []  # it never began, and the test runner sees that nothing is left open


@all_bodies
@pytest.mark.parametrize("status", [200, 204, 304])
async def test_for_head_and_answers_without_content_it_is_closed_and_not_run(kind: Any, status: int) -> None:
    body = Body()
    content = kind(body)
    response = StreamingResponse(content, status_code=status, media_type="text/plain")
    wire = await send(response, method="HEAD" if status == 200 else "GET")
    assert body.log == []
    assert wire.sent == [
        {
            "type": "http.response.start",
            "status": status,
            "headers": [(b"content-type", b"text/plain; charset=utf-8")] if status == 200 else [],
        },
        {"type": "http.response.body", "body": b""},
    ]
    for name in ("ag_frame", "gi_frame"):
        assert getattr(content, name, None) is None


async def test_head_closes_a_stream_that_somebody_feeds_also_when_the_start_cannot_be_sent() -> None:
    for broken in (False, True):
        give, take = anyio.create_memory_object_stream[bytes](0)
        wire = Wire(request())
        if broken:
            wire.fail = lambda message: (_ for _ in ()).throw(BrokenPipeError)
        await app_with(lambda take=take: take)(http_scope(method="HEAD"), wire.receive, wire.send)  # type: ignore[misc]
        with give, pytest.raises(anyio.BrokenResourceError):
            await give.send(b"to nobody")


async def test_a_memory_stream_is_closed_when_the_client_leaves_so_that_who_feeds_it_learns_of_it() -> None:
    give, take = anyio.create_memory_object_stream[bytes](0)
    wire = Leaving(2, False)

    async def feed() -> None:
        with give:
            while True:
                await give.send(b"x")

    async with anyio.create_task_group() as group:

        async def fed() -> None:
            with pytest.raises(anyio.BrokenResourceError):
                await feed()

        group.start_soon(fed)
        await app_with(lambda: take)(http_scope(), wire.receive, wire.send)


async def test_the_clean_up_of_a_body_may_await_under_a_shield_and_is_waited_for() -> None:
    log: Log = []

    def cleaning(inner: bool) -> Callable[[], Any]:
        async def pieces() -> AsyncGenerator[bytes]:
            try:
                while True:
                    yield b"x"
                    await anyio.sleep(1)
            finally:
                with anyio.CancelScope(shield=True):
                    await anyio.sleep(5)
                log.append("cleaned")

        async def in_a_scope() -> AsyncIterator[bytes]:
            with anyio.CancelScope():
                async with aclosing(pieces()) as inner:
                    async for piece in inner:
                        yield piece

        return in_a_scope if inner else pieces

    for inner in (True, False):
        for at in (1, 2):
            wire = Leaving(at, at == 1)
            await app_with(cleaning(inner))(http_scope(), wire.receive, wire.send)
            assert log == ["cleaned"]
            log.clear()


async def test_a_body_that_is_used_up_early_by_its_own_deadline_ends_the_response_as_it_says() -> None:
    async def until_it_is_late() -> AsyncIterator[bytes]:
        with anyio.move_on_after(2.5):
            while True:
                yield b"x"
                await anyio.sleep(1)
        yield b" late"

    async def or_fails() -> AsyncIterator[bytes]:
        with anyio.fail_after(2.5):
            while True:
                yield b"x"
                await anyio.sleep(1)

    assert (await send(StreamingResponse(until_it_is_late))).body == b"xxx late"
    wire = Wire(request())
    with pytest.raises(TimeoutError):
        await send(StreamingResponse(or_fails), wire)
    assert wire.body == b"xxx"
    assert wire.sent[-1]["more_body"] is True


async def test_a_deadline_of_the_body_that_ends_while_it_is_being_sent_is_the_bodys_own() -> None:
    log: Log = []

    async def pieces() -> AsyncIterator[bytes]:
        with anyio.move_on_after(1.5) as scope:
            for n in range(10):
                yield b"%d" % n
        log.append(scope.cancelled_caught)
        yield b" over"

    wire = Wire(request())

    async def slow(message: Message) -> None:
        await anyio.sleep(1)
        await wire.send(message)

    await StreamingResponse(pieces)(http_scope(), wire.receive, slow)
    assert log == [True]
    assert wire.body.endswith(b" over")
    assert wire.sent[-1] == {"type": "http.response.body", "body": b""}


async def test_a_failing_child_of_the_bodys_nursery_fails_the_response_plainly() -> None:
    async def child() -> None:
        await anyio.sleep(1)
        raise ZeroDivisionError("in the child")

    async def pieces() -> AsyncIterator[bytes]:
        async with anyio.create_task_group() as group:
            group.start_soon(child)
            while True:
                yield b"x"
                await anyio.sleep(10)

    wire = Wire(request())
    with pytest.raises(ZeroDivisionError, match="in the child"):
        await send(StreamingResponse(pieces), wire)
    assert wire.body == b"x"
    assert anyio.current_time() == 1


async def test_an_error_in_the_middle_comes_out_plain_and_leaves_the_response_unfinished() -> None:
    async def plain() -> AsyncIterator[bytes]:
        yield b"a"
        raise ZeroDivisionError("mine")

    async def in_a_scope() -> AsyncIterator[bytes]:
        with anyio.CancelScope():
            yield b"a"
            raise ZeroDivisionError("mine")

    def in_a_thread() -> Iterator[bytes]:
        yield b"a"
        raise ZeroDivisionError("mine")

    for content in (plain, in_a_scope, in_a_thread):
        for lifespan in (True, False):
            app = app_with(lambda content=content: content)  # type: ignore[misc]
            wire = Wire(request())
            async with running(app) if lifespan else nullcontext():
                with pytest.raises(ZeroDivisionError, match=r"^mine$"):
                    await app(http_scope(), wire.receive, wire.send)
            assert wire.body == b"a"
            assert wire.sent[-1]["more_body"] is True


@pytest.mark.parametrize("piece", [1, None, {"a": 1}, ["x"]])
async def test_a_piece_of_a_wrong_type_is_a_clear_error_and_aborts_the_response(piece: Any) -> None:
    log: Log = []

    async def pieces() -> AsyncIterator[Any]:
        try:
            yield b"a"
            yield piece
        finally:
            log.append("closed")

    def in_a_thread() -> Iterator[Any]:
        try:
            yield b"a"
            yield piece
        finally:
            log.append("closed")

    for content in (pieces, in_a_thread):
        wire = Wire(request())
        with pytest.raises(TypeError, match=f"made of str or bytes, not of {type(piece).__name__}: "):
            await send(StreamingResponse(content), wire)
        assert wire.body == b"a"
        assert wire.sent[-1]["more_body"] is True
    assert log == ["closed", "closed"]


async def test_an_error_in_the_clean_up_of_a_cancelled_body_is_not_lost() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x"
                await anyio.sleep(1)
        finally:
            raise ZeroDivisionError("in the clean-up")

    wire = Leaving(2, False)
    with pytest.raises(ZeroDivisionError, match="in the clean-up"):
        await app_with(pieces)(http_scope(), wire.receive, wire.send)


async def test_a_departure_is_reported_to_the_layers_above() -> None:
    reported: Log = []

    class Raw:
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            try:
                await StreamingResponse(Body().plain())(scope, receive, send)
            except ClientDisconnect as exc:
                reported.append(str(exc))
                raise

    wire = Leaving(2, False)
    await Lilya(routes=[Path("/", Raw())])(http_scope(), wire.receive, wire.send)
    assert reported == ["the client left before the response was complete"]


async def test_used_alone_a_departure_ends_quietly_and_the_scope_is_left_as_it_was() -> None:
    body = Body()
    wire = Leaving(2, False)
    scope = http_scope()
    await StreamingResponse(body.plain())(scope, wire.receive, wire.send)
    assert_closed(body)
    assert scope == http_scope()


async def test_a_disconnect_while_the_last_message_is_being_sent_is_no_event() -> None:
    wire = Leaving(3, True)
    await app_with(lambda: [b"a", b"b"])(http_scope(), wire.receive, wire.send)
    assert wire.body == b"ab"
    assert wire.sent[-1] == {"type": "http.response.body", "body": b""}


async def test_the_body_of_the_request_can_be_streamed_back_while_it_comes() -> None:
    async def handler(request: Request) -> StreamingResponse:
        async def pieces() -> AsyncIterator[bytes]:
            async for piece in request.stream():
                yield piece.upper()

        return StreamingResponse(pieces())

    app = Lilya(routes=[Path("/", handler, methods=["POST"])])
    for lifespan in (True, False):
        wire = Wire(request(b"a", True))

        async def client(wire: Wire = wire) -> None:
            await anyio.sleep(1)
            assert wire.body == b"A"
            wire.put(request(b"b"))

        async with anyio.create_task_group() as group:
            group.start_soon(client)
            async with running(app) if lifespan else nullcontext():
                await app(http_scope(method="POST"), wire.receive, wire.send)
        assert wire.body == b"AB"


async def test_a_body_that_is_not_sent_is_not_begun() -> None:
    log: Log = []

    async def pieces() -> AsyncIterator[bytes]:
        log.append("began")
        yield b"x"

    StreamingResponse(pieces)
    StreamingResponse(pieces())
    assert log == []


def fed(feed: Callable[[Any], Any], kind: str) -> Callable[..., Any]:
    """A handler whose body comes from a task of its nursery."""

    async def handler(task_group: TaskGroup) -> StreamingResponse:
        sending, receiving = anyio.create_memory_object_stream[Any](1)

        async def pieces() -> AsyncIterator[Any]:
            async with receiving:
                async for piece in receiving:
                    yield piece

        task_group.start_soon(feed, sending)
        if kind == "events":
            return EventStreamResponse(receiving)
        return StreamingResponse(receiving if kind == "stream" else pieces())

    return handler


@pytest.mark.parametrize("pause", [None, 0, 1])
@pytest.mark.parametrize("kind", ["stream", "generator", "events"])
async def test_a_body_whose_feeder_fails_is_never_complete(kind: str, pause: float | None) -> None:
    async def feed(sending: MemoryObjectSendStream[Any]) -> None:
        async with sending:  # so it is closed before anybody hears of the failure
            for n in range(3):
                await sending.send({"data": n} if kind == "events" else f"{n}")
                if pause is not None:
                    await anyio.sleep(pause)
            raise ValueError("the feeder failed")

    wire = Hasty(request())
    async with running(app := Lilya(routes=[Path("/", fed(feed, kind))])):
        with pytest.raises(ValueError, match="the feeder failed"):
            await app(http_scope(), wire.receive, wire.send)
    answered = [message for message in wire.sent if message["type"] == "http.response.body"]
    assert all(message.get("more_body", False) for message in answered) or wire.status == 500


class Hasty(Wire):
    """A wire whose `send` does not wait, as servers' often do not: what it is given is out."""

    async def send(self, message: Message) -> None:
        self.sent.append(message)


async def test_nor_is_one_that_is_cancelled() -> None:
    async def feed(sending: MemoryObjectSendStream[Any]) -> None:
        async with sending:
            for n in range(3):
                await sending.send(f"{n}")
                await anyio.sleep(1)

    async with running(app := Lilya(routes=[Path("/", fed(feed, "stream"))])):
        for step in range(1, 50):
            wire = Wire(request())
            cancelled, steps = await cancelled_at(step, partial(app, http_scope(), wire.receive, wire.send))
            complete = bool(wire.sent) and not wire.sent[-1].get("more_body", wire.sent[-1]["type"].endswith("start"))
            assert wire.body == b"012" if complete else cancelled
            if steps < step:
                return
    pytest.fail("it never came to its end")
