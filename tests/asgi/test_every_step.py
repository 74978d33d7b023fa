"""Every kind of exchange, with the client leaving at each step, and cancelled at each suspension.

Whatever happens where: the call ends, promptly; what was begun is ended (every `enter` has its `leave`); no task,
generator or exchange is left. The test runner itself fails a test that leaves a task or a generator.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from functools import partial

import anyio
import pytest

from lilya.apps import Lilya
from lilya.testing.steps import Stepped, cancelled_at
from lilya.types import Message
from tests.asgi.kinds import KINDS, Kind, Log
from tests.support.life import running
from tests.support.wire import Wire, left


class Leaving(Wire):
    """A wire whose client leaves at the k-th call of `receive` or `send` (0: before the first)."""

    def __init__(self, kind: Kind, at: int) -> None:
        super().__init__(*kind.messages)
        self.gone = kind.gone
        if kind.scope()["type"] == "websocket":
            self.put(self.gone)  # at the latest when it has said all it had to say
        self.at = at
        self.calls = 0
        self._step()

    def _step(self) -> None:
        if self.calls == self.at:
            if self.at % 2:
                self.messages.clear()  # every other client's last messages are lost with it
            self.put(self.gone)
        self.calls += 1

    async def receive(self) -> Message:
        self._step()
        return await super().receive()

    async def send(self, message: Message) -> None:
        self._step()
        await super().send(message)


def assert_ended(log: Log, app: Lilya) -> None:
    for line in log:
        if line.startswith("enter"):
            assert line.replace("enter", "leave") in log, log
    statistics = app.statistics()
    assert statistics.exchanges == ()
    assert statistics.tasks == ()


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """No exchange may log anything: a client that leaves is no news."""
    with caplog.at_level(logging.WARNING):
        yield
        assert [record.getMessage() for record in caplog.records] == []


@pytest.mark.parametrize("lifespan", [True, False], ids=["with lifespan", "without"])
@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
async def test_a_client_that_leaves_at_any_step_leaves_nothing_behind(kind: Kind, lifespan: bool) -> None:
    for at in range(60):
        log: Log = []
        app = Lilya(routes=[kind.route(log)])
        wire = Leaving(kind, at)
        async with running(app) if lifespan else nullcontext():
            with anyio.fail_after(10):
                await app(kind.scope(), wire.receive, wire.send)
            assert_ended(log, app)
        assert wire.most_readers <= 1
        if wire.calls <= at:
            break  # the exchange was over before the client could leave
    else:
        raise AssertionError("the exchange never came to its end by itself")


@pytest.mark.parametrize("lifespan", [True, False], ids=["with lifespan", "without"])
@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
async def test_cancelling_at_any_suspension_leaves_nothing_behind(kind: Kind, lifespan: bool) -> None:
    for at in range(1, 200):
        log: Log = []
        app = Lilya(routes=[kind.route(log)])
        wire = Wire(*kind.messages)
        if kind.scope()["type"] == "websocket":
            wire.put(left())
        async with running(app) if lifespan else nullcontext():
            with anyio.fail_after(20):
                cancelled, steps = await cancelled_at(at, partial(app, kind.scope(), wire.receive, wire.send))
            assert_ended(log, app)
        assert wire.most_readers <= 1
        if steps < at:
            assert not cancelled
            break
    else:
        raise AssertionError("the exchange never came to its end by itself")


class CutWhileLeaving(Leaving):
    """A wire whose client leaves at the k-th call, and whose server cancels right before or after that call is done."""

    def __init__(self, kind: Kind, at: int, cancel: Callable[[], object], when: str) -> None:
        self.cancel = cancel
        self.when = when
        super().__init__(kind, at)

    async def receive(self) -> Message:
        with self._cut():
            return await super().receive()

    async def send(self, message: Message) -> None:
        with self._cut():
            await super().send(message)

    @contextmanager
    def _cut(self) -> Iterator[None]:
        last = self.calls == self.at
        if last and self.when == "before":
            self.cancel()
        yield
        if last and self.when == "after":
            self.cancel()


@asynccontextmanager
async def called(kind: Kind, lifespan: bool) -> AsyncIterator[Lilya]:
    """An application to be called once, and what must be so when it has been."""
    log: Log = []
    app = Lilya(routes=[kind.route(log)])
    async with running(app) if lifespan else nullcontext():
        with anyio.fail_after(20):
            yield app
        assert_ended(log, app)


REASON = "from outside"


@pytest.mark.parametrize("lifespan", [True, False], ids=["with lifespan", "without"])
@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
async def test_a_cancellation_at_any_suspension_is_not_lost_wherever_the_client_leaves(
    kind: Kind, lifespan: bool
) -> None:
    for leaving in range(60):
        left_early, at, steps = False, 0, 1
        while steps > at:
            at += 1
            wire = Leaving(kind, leaving)
            async with called(kind, lifespan) as app:
                with anyio.CancelScope() as outside:
                    call = app(kind.scope(), wire.receive, wire.send)
                    stepped = Stepped(call, at, partial(outside.cancel, REASON), REASON)
                    await stepped
                assert outside.cancelled_caught or not stepped.told, f"cancelled at {at}, left at {leaving}: lost"
            steps = stepped.count
            left_early = left_early or wire.calls > leaving
        if not left_early:
            return
    raise AssertionError("the exchange never came to its end by itself")


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("lifespan", [True, False], ids=["with lifespan", "without"])
@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
async def test_a_cancellation_in_the_moment_the_client_leaves_is_not_lost(
    kind: Kind, lifespan: bool, when: str
) -> None:
    for at in range(60):
        async with called(kind, lifespan) as app:
            with anyio.CancelScope() as outside:
                wire = CutWhileLeaving(kind, at, partial(outside.cancel, REASON), when)
                stepped = Stepped(app(kind.scope(), wire.receive, wire.send), 0, outside.cancel, REASON)
                await stepped
            assert outside.cancelled_caught or not stepped.told, f"left at {at}: lost"
        if wire.calls <= at:
            return
    raise AssertionError("the exchange never came to its end by itself")
