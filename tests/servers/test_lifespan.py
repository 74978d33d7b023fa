from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

import anyio
import pytest

from lilya.concurrency.nursery import open_nursery
from lilya.servers._errors import ApplicationFailed
from lilya.servers._lifespan import RETURN_SECONDS, Lifespan
from lilya.types import Receive, Scope, Send

Body = Callable[[Receive, Send], Awaitable[None]]


class App:
    """An application that is nothing but its lifespan."""

    failure: BaseException | None = None

    def __init__(self, body: Body) -> None:
        self.body = body
        self.scope: Scope = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        await self.body(receive, send)


async def live(app: App, *, crash: bool = False) -> Lifespan:
    """Start and stop the application; with `crash` wait for that in between."""
    lifespan = Lifespan(app, 60, 30)
    async with open_nursery() as nursery:
        nursery.start_soon(lifespan.run)
        await lifespan.start()
        if crash:
            await lifespan.crashed.wait()
        await lifespan.stop()
        nursery.cancel_scope.cancel()
    return lifespan


async def failure_of(app: App, *, crash: bool = False) -> ApplicationFailed:
    with pytest.raises(ApplicationFailed) as caught:
        await live(app, crash=crash)
    return caught.value


async def started(receive: Receive, send: Send) -> None:
    assert await receive() == {"type": "lifespan.startup"}
    await send({"type": "lifespan.startup.complete"})


async def test_startup_and_shutdown_are_told_once_each_and_state_is_kept() -> None:
    seen: list[str] = []

    async def body(receive: Receive, send: Send) -> None:
        app.scope["state"]["answer"] = 42
        for _ in range(2):
            message = await receive()
            seen.append(message["type"])
            await send({"type": f"{message['type']}.complete"})

    app = App(body)
    lifespan = await live(app)
    assert seen == ["lifespan.startup", "lifespan.shutdown"]
    assert lifespan.state == {"answer": 42}
    assert app.scope["type"] == "lifespan"
    assert app.scope["asgi"] == {"version": "3.0", "spec_version": "2.0"}


async def test_an_application_that_asks_for_more_after_its_shutdown_is_cancelled() -> None:
    async def body(receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            await send({"type": f"{message['type']}.complete"})

    await live(App(body))
    assert anyio.current_time() == pytest.approx(RETURN_SECONDS)


async def test_an_exception_before_startup_was_read_means_no_lifespan(caplog: pytest.LogCaptureFixture) -> None:
    async def body(receive: Receive, send: Send) -> None:
        raise AssertionError("only http")

    await live(App(body))
    assert "does not speak lifespan (AssertionError('only http'))" in caplog.text


async def test_returning_at_once_means_no_lifespan(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    async def body(receive: Receive, send: Send) -> None:
        return

    await live(App(body))
    assert "does not speak lifespan; it is served without" in caplog.text


async def test_answering_a_lifespan_like_a_request_means_no_lifespan(caplog: pytest.LogCaptureFixture) -> None:
    async def body(receive: Receive, send: Send) -> None:
        await receive()
        async with open_nursery():
            await send({"type": "http.response.start", "status": 200})

    await live(App(body))
    assert "sent 'http.response.start' in its lifespan, where 'lifespan.startup.complete' or" in caplog.text


async def test_an_exception_after_startup_was_read_is_a_failed_start() -> None:
    error = RuntimeError("no database")

    async def body(receive: Receive, send: Send) -> None:
        await receive()
        raise ExceptionGroup("wrapped", [error])

    failure = await failure_of(App(body))
    assert (failure.stage, failure.told, failure.exit_code) == ("startup", False, 3)
    assert str(failure) == "the application did not start: RuntimeError('no database')"
    assert failure.__cause__ is error


async def test_startup_failed_is_a_failed_start_and_its_clean_up_runs_first() -> None:
    cleaned: list[bool] = []

    async def body(receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})
        await anyio.sleep(0.5)
        cleaned.append(True)

    failure = await failure_of(App(body))
    assert (failure.stage, failure.told, failure.message) == ("startup", True, "no database")
    assert failure.__cause__ is None
    assert cleaned == [True]


async def test_what_is_raised_behind_startup_failed_is_the_cause() -> None:
    error = RuntimeError("no database")

    async def body(receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed"})
        raise error

    failure = await failure_of(App(body))
    assert str(failure) == "the application did not start"
    assert failure.__cause__ is error


async def test_the_applications_own_account_is_the_cause() -> None:
    async def body(receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})

    app = App(body)
    app.failure = ConnectionError("refused")
    assert (await failure_of(app)).__cause__ is app.failure


async def test_a_start_that_takes_too_long_is_given_up() -> None:
    async def body(receive: Receive, send: Send) -> None:
        await anyio.sleep_forever()

    failure = await failure_of(App(body))
    assert "did not answer lifespan.startup within 60 s" in str(failure)
    assert anyio.current_time() == pytest.approx(60)


async def test_raising_while_serving_is_a_crash() -> None:
    error = RuntimeError("lost the database")

    async def body(receive: Receive, send: Send) -> None:
        await started(receive, send)
        await anyio.sleep(5)
        raise error

    failure = await failure_of(App(body), crash=True)
    assert (failure.stage, failure.told, failure.exit_code) == ("serving", False, 1)
    assert failure.__cause__ is error


async def test_shutdown_failed_while_serving_is_a_crash() -> None:
    async def body(receive: Receive, send: Send) -> None:
        await started(receive, send)
        await send({"type": "lifespan.shutdown.failed", "message": "a service gave up"})

    failure = await failure_of(App(body), crash=True)
    assert (failure.stage, failure.told) == ("serving", True)
    assert str(failure) == "the application crashed while it was served: a service gave up"


async def test_returning_while_serving_is_no_crash() -> None:
    await live(App(started))


@pytest.mark.parametrize("told", [True, False])
async def test_failing_when_asked_to_shut_down_is_a_failed_stop(told: bool) -> None:
    async def body(receive: Receive, send: Send) -> None:
        await started(receive, send)
        assert await receive() == {"type": "lifespan.shutdown"}
        if told:
            await send({"type": "lifespan.shutdown.failed", "message": "cannot flush"})
        else:
            raise RuntimeError("cannot flush")

    failure = await failure_of(App(body))
    assert (failure.stage, failure.told, failure.exit_code) == ("shutdown", told, 1)
    assert "cannot flush" in str(failure)


async def test_raising_behind_shutdown_complete_is_a_failed_stop() -> None:
    async def body(receive: Receive, send: Send) -> None:
        await started(receive, send)
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        raise RuntimeError("too late")

    assert (await failure_of(App(body))).stage == "shutdown"


async def test_returning_without_an_answer_to_shutdown_is_a_good_stop() -> None:
    async def body(receive: Receive, send: Send) -> None:
        await started(receive, send)
        await receive()

    await live(App(body))


async def test_a_stop_that_takes_too_long_is_given_up() -> None:
    async def body(receive: Receive, send: Send) -> None:
        await started(receive, send)
        await anyio.sleep_forever()

    failure = await failure_of(App(body))
    assert "did not answer lifespan.shutdown within 30 s" in str(failure)
    assert anyio.current_time() == pytest.approx(30)


async def test_cancellation_reaches_the_application() -> None:
    cancelled: list[bool] = []

    async def body(receive: Receive, send: Send) -> None:
        await started(receive, send)
        try:
            await receive()
        except anyio.get_cancelled_exc_class():
            cancelled.append(True)
            raise

    lifespan = Lifespan(App(body), 60, 30)
    async with open_nursery() as nursery:
        nursery.start_soon(lifespan.run)
        await lifespan.start()
        nursery.cancel_scope.cancel()
    assert cancelled == [True]
    assert lifespan.failure is None
