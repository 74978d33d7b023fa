"""The real servers, in this process and on loopback sockets: what they leave behind is found by the test runner."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import anyio
import hypercorn
import pytest
import uvicorn
from anyio.abc import SocketStream

from lilya.concurrency.nursery import open_nursery
from lilya.servers import ApplicationFailed, run, serve
from lilya.servers._engine import Job
from lilya.servers._hypercorn import Hypercorn
from lilya.types import Receive, Scope, Send
from tests.servers.fakes import WellBehaved, loopback

pytestmark = [pytest.mark.realtime]

everywhere = pytest.mark.parametrize(
    ("backend", "server"), [("trio", "hypercorn"), ("asyncio", "hypercorn"), ("asyncio", "uvicorn")]
)


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


async def hang(scope: Scope, receive: Receive, send: Send) -> None:
    await anyio.sleep_forever()


@asynccontextmanager
async def serving(app: Any, **options: Any) -> AsyncIterator[str]:
    """Serve in a nursery; leaving the block cancels it, which is an orderly stop."""
    async with open_nursery() as nursery:
        (url,) = await nursery.start(partial(serve, app, "127.0.0.1:0", **options))
        yield url
        nursery.cancel_scope.cancel()


async def get(url: str, path: str = "/") -> SocketStream:
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    stream = await anyio.connect_tcp(parts.hostname, parts.port)
    await stream.send(f"GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode())
    return stream


async def read_all(stream: SocketStream) -> bytes:
    received = b""
    async with stream:
        try:
            async for chunk in stream:
                received += chunk
        except anyio.BrokenResourceError:
            pass
    return received


@everywhere
async def test_a_nursery_serves_and_its_cancellation_leaves_nothing_behind(backend: str, server: str) -> None:
    app = WellBehaved(hello)
    async with serving(app, backend=backend, server=server) as url:
        stream = await get(url)
        assert (await stream.receive()).startswith(b"HTTP/1.1 200")
    await stream.aclose()
    assert sorted(app.log[1:-1]) == ["drain", "end of /"]
    assert (app.log[0], app.log[-1]) == ("startup", "shutdown")


@everywhere
async def test_calls_that_outlast_the_grace_leave_nothing_behind_either(backend: str, server: str) -> None:
    hanging = anyio.Event()

    async def hang_noticed(scope: Scope, receive: Receive, send: Send) -> None:
        hanging.set()
        await hang(scope, receive, send)

    app = WellBehaved(hang_noticed)
    async with serving(app, backend=backend, server=server, drain_timeout=0.1) as url:
        stream = await get(url, "/hang")
        await hanging.wait()
    assert (await read_all(stream)).startswith(b"HTTP/1.1 503")
    assert app.log == ["startup", "drain", "end of /hang", "shutdown"]


@everywhere
async def test_a_client_that_does_not_read_leaves_nothing_behind_either(backend: str, server: str) -> None:
    async def flood(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while True:
            await send({"type": "http.response.body", "body": bytes(1_000_000), "more_body": True})
            await anyio.lowlevel.checkpoint()

    app = WellBehaved(flood)
    async with serving(app, backend=backend, server=server, drain_timeout=0.1) as url:
        stream = await get(url)
        await stream.receive(1)
    await stream.aclose()
    assert app.log == ["startup", "drain", "end of /", "shutdown"]


@everywhere
async def test_a_crash_leaves_as_what_it_is(backend: str, server: str) -> None:
    error = RuntimeError("lost the database")
    lost = anyio.Event()

    async def crashing(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await lost.wait()
        raise error

    async def lose() -> None:
        async with serving(crashing, backend=backend, server=server):
            lost.set()
            await anyio.sleep_forever()

    with pytest.raises(ApplicationFailed, match="crashed while it was served") as caught:
        await lose()
    assert caught.value.__cause__ is error


class Signalled(WellBehaved):
    """Sends signals to its own process: the first once it serves, the second once it drains."""

    def __init__(self, *numbers: signal.Signals, fail: BaseException | None = None) -> None:
        super().__init__()
        self.numbers = list(numbers)
        self.fail = fail

    def drain(self) -> None:
        super().drain()
        self.send_signal()

    def send_signal(self) -> None:
        if self.numbers:
            os.kill(os.getpid(), self.numbers.pop(0))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        if self.fail is not None:
            raise self.fail
        await send({"type": "lifespan.startup.complete"})
        self.send_signal()
        await receive()
        self.log.append("shutdown")
        if len(self.numbers) == 0 and self.log == ["drain", "shutdown"]:
            await send({"type": "lifespan.shutdown.complete"})


@everywhere
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_run_which_returns(backend: str, server: str, number: signal.Signals) -> None:
    before = signal.getsignal(number)
    app = Signalled(number)
    run(app, "127.0.0.1:0", backend=backend, server=server)
    assert app.log == ["drain", "shutdown"]
    assert signal.getsignal(number) is before


@everywhere
def test_a_second_signal_is_the_exit_code_of_run(backend: str, server: str) -> None:
    app = Signalled(signal.SIGTERM, signal.SIGTERM)
    with pytest.raises(SystemExit) as caught:
        run(app, "127.0.0.1:0", backend=backend, server=server)
    assert caught.value.code == 128 + signal.SIGTERM
    assert app.log == ["drain"]


@everywhere
def test_a_failed_start_is_the_exit_code_of_run_and_logged_once(
    backend: str, server: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(SystemExit) as caught:
        run(Signalled(fail=RuntimeError("no database")), "127.0.0.1:0", backend=backend, server=server)
    assert caught.value.code == 3
    assert caplog.text.count("Traceback") == 1
    assert caplog.text.count("did not start") == 1


@pytest.mark.parametrize(("message", "tracebacks"), [("told: no database", 0), ("", 1)])
def test_run_logs_the_traceback_of_a_failure_that_the_application_did_not_explain(
    message: str, tracebacks: int, caplog: pytest.LogCaptureFixture
) -> None:
    async def failing(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": message})
        raise RuntimeError("no database")

    with pytest.raises(SystemExit):
        run(failing, "127.0.0.1:0")
    assert caplog.text.count("Traceback") == tracebacks
    assert caplog.text.count("no database") >= 1


@everywhere
def test_run_in_another_thread_watches_no_signals(backend: str, server: str) -> None:
    codes: list[object] = []

    async def brief(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.failed", "message": "enough"})

    def work() -> None:
        with pytest.raises(SystemExit) as caught:
            run(brief, "127.0.0.1:0", backend=backend, server=server)
        codes.append(caught.value.code)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert codes == [1]


@pytest.mark.parametrize(
    ("server", "config", "loop"),
    [
        ("hypercorn", {"worker_class": "uvloop"}, "uvloop"),
        ("hypercorn", None, "asyncio"),
        ("uvicorn", {"loop": "uvloop"}, "uvloop"),
        ("uvicorn", {"loop": "asyncio"}, "asyncio"),
        ("uvicorn", {"loop": "none"}, "asyncio"),
    ],
)
def test_the_configuration_chooses_the_loop_of_run(server: str, config: dict[str, Any] | None, loop: str) -> None:
    loops: list[str] = []

    class Curious(Signalled):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            loops.append(type(anyio.lowlevel.current_token().native_token).__module__.partition(".")[0])
            await super().__call__(scope, receive, send)

    run(Curious(signal.SIGTERM), "127.0.0.1:0", backend="asyncio", server=server, config=config)
    assert loops == [loop]


@pytest.mark.parametrize(
    ("backend", "server", "given"),
    [
        ("trio", "hypercorn", hypercorn.Config.from_mapping(root_path="/api")),
        ("asyncio", "hypercorn", hypercorn.Config.from_mapping(root_path="/api")),
        ("asyncio", "uvicorn", uvicorn.Config(hang, root_path="/api")),
    ],
)
async def test_a_configuration_object_is_read_and_not_changed(backend: str, server: str, given: Any) -> None:
    before = dict(vars(given))
    roots: list[str] = []

    async def root(scope: Scope, receive: Receive, send: Send) -> None:
        roots.append(scope["root_path"])
        await hello(scope, receive, send)

    async with serving(WellBehaved(root), backend=backend, server=server, config=given) as url:
        async with await get(url) as stream:
            await stream.receive()
    assert roots == ["/api"]
    assert vars(given) == before


def test_hypercorn_gets_our_sockets_as_secure_ones_beside_insecure_ones_of_its_own() -> None:
    engine = Hypercorn({"certfile": "cert.pem", "keyfile": "key.pem", "insecure_bind": ["127.0.0.1:0"]})
    assert engine.secure
    listeners = loopback()
    job = Job(hello, listeners.sockets, list, anyio.sleep_forever, anyio.sleep_forever, 26.0)
    config = engine.config_for(job)
    sockets = config.create_sockets()
    assert sockets.secure_sockets == listeners.sockets
    assert config.graceful_timeout == 26.0
    (insecure,) = sockets.insecure_sockets
    insecure.close()
    listeners.close()


@everywhere
async def test_a_lifespan_that_does_not_answer_is_bounded_by_the_configuration(backend: str, server: str) -> None:
    with pytest.raises(ApplicationFailed, match=r"did not answer lifespan\.startup within 0.1 s"):
        async with serving(hang, backend=backend, server=server, config={"startup_timeout": 0.1}):
            raise AssertionError("it never starts")
