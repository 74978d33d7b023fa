from __future__ import annotations

import logging
import socket

import anyio
import pytest

from lilya.apps import Lilya
from lilya.concurrency.nursery import open_nursery
from lilya.routing import Path
from lilya.servers._engine import Job
from lilya.servers._errors import ApplicationFailed
from lilya.servers._life import END_SECONDS, LOOK_AGAIN_SECONDS, Life
from lilya.servers._served import FAREWELL_SECONDS
from lilya.servers._sockets import Listeners
from lilya.types import Receive, Scope, Send
from tests.servers.fakes import FakeEngine, Sent, WellBehaved, http_scope, loopback

GRACE = 5.0
LINGER = FakeEngine.linger


async def hang(scope: Scope, receive: Receive, send: Send) -> None:
    await anyio.sleep_forever()


async def run_until_stopped(life: Life, after: float = 0.0) -> None:
    """Run a life and ask for its end, `after` seconds from when it is ready."""
    async with open_nursery() as nursery:
        nursery.start_soon(life.run)
        await life.ready.wait()
        await anyio.sleep(after)
        life.stop()


def connect(listeners: Listeners) -> tuple[socket.socket, socket.socket]:
    """A client, and the connection that the server accepted from it."""
    client = socket.create_connection(listeners.sockets[0].getsockname())
    listeners.sockets[0].setblocking(True)
    accepted, _ = listeners.sockets[0].accept()
    return client, accepted


async def test_a_quiet_life_starts_serves_drains_closes_and_shuts_down_in_this_order() -> None:
    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        await anyio.sleep(2)

    async def work(engine: FakeEngine) -> None:
        engine.call(http_scope("/slow"))

    app, engine, listeners = WellBehaved(answer), FakeEngine(work), loopback()
    port = listeners.sockets[0].getsockname()[1]
    life = Life(app, engine, listeners, GRACE)
    await run_until_stopped(life, after=1)
    assert app.log == ["startup", "drain", "end of /slow", "shutdown"]
    assert life.urls == [f"http://127.0.0.1:{port}"]
    assert app.drained_at == pytest.approx(1)
    assert engine.closed_at == pytest.approx(1 + LINGER)
    assert anyio.current_time() == pytest.approx(2)
    assert life.over.is_set()
    assert listeners.sockets[0].fileno() == -1


async def test_calls_are_cancelled_at_the_end_of_grace_and_end_before_the_lifespan_does(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sent: list[Sent] = []

    async def work(engine: FakeEngine) -> None:
        sent.append(engine.call(http_scope("/hang")))

    app = WellBehaved(hang)
    await run_until_stopped(Life(app, FakeEngine(work), loopback(), GRACE))
    assert app.log == ["startup", "drain", "end of /hang", "shutdown"]
    assert sent[0][0]["status"] == 503
    assert anyio.current_time() == pytest.approx(GRACE)
    assert "cancelled after 5 s of grace: GET /hang (" in caplog.text


async def test_an_application_is_told_how_long_it_has_where_it_takes_that() -> None:
    told: list[object] = []

    class Asking(WellBehaved):
        def drain(self, timeout: float | None = None) -> None:
            told.append(timeout)

    await run_until_stopped(Life(Asking(), FakeEngine(), loopback(), GRACE))
    assert told == [GRACE]


async def test_requests_and_tasks_share_one_budget_from_the_wish_to_stop_on() -> None:
    log: list[str] = []

    async def outlasts(name: str) -> None:
        try:
            await anyio.sleep(100)
        finally:
            log.append(f"{name} cancelled after {anyio.current_time():.0f} s")

    async def handler() -> None:
        app.start_soon(outlasts, "task")
        await outlasts("request")

    async def work(engine: FakeEngine) -> None:
        engine.call({**http_scope("/"), "query_string": b"", "root_path": "", "scheme": "http"})

    app = Lilya(routes=[Path("/", handler)], drain_timeout=60)
    await run_until_stopped(Life(app, FakeEngine(work), loopback(), GRACE))
    assert log == ["request cancelled after 5 s", "task cancelled after 5 s"]


async def test_clean_up_that_outlasts_its_bound_is_named_and_the_server_is_dropped(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def stubborn(scope: Scope, receive: Receive, send: Send) -> None:
        with anyio.CancelScope(shield=True):
            await anyio.sleep(100)

    async def work(engine: FakeEngine) -> None:
        engine.call(http_scope("/stubborn"))

    app = WellBehaved(stubborn)
    await run_until_stopped(Life(app, FakeEngine(work), loopback(), GRACE))
    assert app.log == ["startup", "drain", "end of /stubborn", "shutdown"]
    assert "cancelled 15 s ago and still not done: GET /stubborn (" in caplog.text
    assert anyio.current_time() == pytest.approx(100)


async def test_a_connection_that_stays_open_is_cut_after_the_grace(caplog: pytest.LogCaptureFixture) -> None:
    async def work(engine: FakeEngine) -> None:
        client, accepted = connect(listeners)
        with client, accepted:
            await engine.job.wait_closing()
            await anyio.sleep(GRACE + FAREWELL_SECONDS / 2)
            client.setblocking(False)
            with pytest.raises(BlockingIOError):
                client.recv(1)
            await anyio.sleep(FAREWELL_SECONDS)
            assert client.recv(1) == b""

    listeners = loopback()
    await run_until_stopped(Life(WellBehaved(), FakeEngine(work), listeners, GRACE))
    assert "cut 1 connections whose clients do not read" in caplog.text


async def test_a_server_that_ends_only_when_nobody_is_connected_gets_the_time() -> None:
    async def work(engine: FakeEngine) -> None:
        client, accepted = connect(listeners)
        with client, accepted:
            await engine.job.wait_closing()
            await anyio.sleep(GRACE - 1)

    listeners = loopback()
    await run_until_stopped(Life(WellBehaved(), FakeEngine(work), listeners, GRACE))
    assert anyio.current_time() == pytest.approx(LINGER + GRACE - 1)


async def test_a_server_that_does_not_end_though_nobody_is_connected_is_dropped(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def work(engine: FakeEngine) -> None:
        await anyio.sleep_forever()

    caplog.set_level(logging.DEBUG)
    app = WellBehaved()
    await run_until_stopped(Life(app, FakeEngine(work), loopback(), GRACE))
    assert app.log == ["startup", "drain", "shutdown"]
    assert "dropped a server" in caplog.text
    assert anyio.current_time() == pytest.approx(LINGER + END_SECONDS, abs=LOOK_AGAIN_SECONDS)


async def test_calls_a_server_left_behind_are_awaited_before_the_lifespan_shuts_down(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        with anyio.CancelScope(shield=True):
            await anyio.sleep(3)

    class Careless(FakeEngine):
        async def serve(self, job: Job) -> None:
            self.job, self.calls = job, elsewhere
            self.call(http_scope("/left"))
            await anyio.wait_all_tasks_blocked()

    app = WellBehaved(slow)
    async with open_nursery() as elsewhere:
        await Life(app, Careless(), loopback(), GRACE).run()
    assert app.log == ["startup", "end of /left", "shutdown"]
    assert caplog.text == ""


async def test_a_server_that_has_had_enough_ends_the_life() -> None:
    class Limited(FakeEngine):
        async def serve(self, job: Job) -> None:
            job.started()
            await anyio.sleep(1)

    app = WellBehaved()
    await Life(app, Limited(), loopback(), GRACE).run()
    assert app.log == ["startup", "shutdown"]


async def test_what_the_server_raises_is_raised_as_it_is_after_the_shutdown() -> None:
    async def work(engine: FakeEngine) -> None:
        raise OSError("no more sockets")

    app = WellBehaved()
    with pytest.raises(OSError, match="no more sockets"):
        await Life(app, FakeEngine(work), loopback(), GRACE).run()
    assert app.log == ["startup", "shutdown"]


async def test_a_crash_of_the_application_stops_the_server() -> None:
    async def crashing(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await anyio.sleep(10)
        raise RuntimeError("lost the database")

    engine = FakeEngine()
    with pytest.raises(ApplicationFailed, match="crashed while it was served: RuntimeError") as caught:
        await Life(crashing, engine, loopback(), GRACE).run()
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert engine.closed_at == pytest.approx(10 + LINGER)


async def test_an_application_that_does_not_start_is_never_served() -> None:
    async def failing(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        raise RuntimeError("no database")

    engine, listeners = FakeEngine(), loopback()
    life = Life(failing, engine, listeners, GRACE)
    with pytest.raises(ApplicationFailed, match="did not start"):
        await life.run()
    assert not hasattr(engine, "job")
    assert life.ready.is_set()
    assert life.urls == []
    assert listeners.sockets[0].fileno() == -1


async def test_stopping_during_start_up_cancels_it() -> None:
    cleaned: list[bool] = []

    async def starting(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await anyio.sleep_forever()
        finally:
            cleaned.append(True)

    life = Life(starting, FakeEngine(), loopback(), GRACE)
    async with open_nursery() as nursery:
        nursery.start_soon(life.run)
        await anyio.wait_all_tasks_blocked()
        life.stop()
    assert cleaned == [True]
    assert life.urls == []


@pytest.mark.parametrize("served", [True, False])
async def test_hurrying_cancels_everything_at_once(served: bool) -> None:
    cleaned: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" and served:
            await receive()
            await send({"type": "lifespan.startup.complete"})
        try:
            await anyio.sleep_forever()
        finally:
            cleaned.append(scope["type"])

    async def work(engine: FakeEngine) -> None:
        engine.call()

    life = Life(app, FakeEngine(work), loopback(), GRACE)
    async with open_nursery() as nursery:
        nursery.start_soon(life.run)
        await anyio.wait_all_tasks_blocked()
        life.hurry()
    assert sorted(cleaned) == (["http", "lifespan"] if served else ["lifespan"])
    assert anyio.current_time() == 0


async def test_a_drain_that_fails_is_logged_and_the_stop_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(WellBehaved):
        def drain(self) -> None:
            raise RuntimeError("cannot drain")

    app = Broken()
    await run_until_stopped(Life(app, FakeEngine(), loopback(), GRACE))
    assert app.log == ["startup", "shutdown"]
    assert "cannot drain" in caplog.text


async def test_cancellation_from_outside_waits_for_the_end_that_was_asked_for() -> None:
    app = WellBehaved()
    life = Life(app, FakeEngine(), loopback(), GRACE)
    async with open_nursery() as nursery:
        nursery.start_soon(life.run)
        await life.ready.wait()
        nursery.cancel_scope.cancel()
        life.stop()
    assert app.log == ["startup", "drain", "shutdown"]
