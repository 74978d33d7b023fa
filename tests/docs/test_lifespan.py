"""The guides to lifespan, shutdown and deployment: what their tables say of `Lilya`, `run` and `serve`."""

from __future__ import annotations

import inspect
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from hypercorn.config import Config

from lilya.apps import Lilya
from lilya.concurrency import Service
from lilya.exceptions import ImproperlyConfigured
from lilya.requests import Request
from lilya.responses import JSONResponse
from lilya.routing import Path
from lilya.servers import ApplicationFailed, run, serve
from lilya.testclient import AsyncTestClient
from tests.docs.pages import program, read, rows

PAGE = "docs/guide/lifespan-and-shutdown.md"
DEPLOYMENT = "docs/guide/deployment.md"


async def test_what_a_lifespan_yields_is_a_copy_for_each_request() -> None:
    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[dict[str, int]]:
        yield {"count": 1}

    async def count(request: Request) -> int:
        request.state.count += 1
        return int(request.state.count)

    async with AsyncTestClient(Lilya(routes=[Path("/", count)], lifespan=lifespan)) as client:
        assert [(await client.get("/")).json() for _ in range(2)] == [2, 2]


async def test_hooks_are_called_in_order_and_a_lifespan_takes_none() -> None:
    log: list[str] = []
    app = Lilya(on_startup=[lambda: log.append("up")], on_shutdown=[lambda: log.append("down")])

    @app.on_event("startup")
    async def later() -> None:
        log.append("later")

    async with AsyncTestClient(app):
        assert log == ["up", "later"]
    assert log == ["up", "later", "down"]
    with pytest.raises(AssertionError, match="not both"):
        Lilya(lifespan=lambda app: None, on_startup=[later])  # type: ignore[arg-type, return-value]


async def test_what_is_open_is_closed_when_a_later_one_fails_to_open() -> None:
    log: list[str] = []

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        log.append("open")
        try:
            yield
        finally:
            log.append("close")

    async def service(*, task_status: Any) -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        async with AsyncTestClient(Lilya(lifespan=lifespan, services=[Service(service)])):
            raise AssertionError("it started")
    assert log == ["open", "close"]


async def test_draining_cancels_nothing_and_wakes_who_waits_for_it() -> None:
    async def patient() -> str:
        await anyio.sleep(10)
        return "finished"

    async def polite(request: Request) -> JSONResponse:
        await request.wait_draining()
        return JSONResponse(request.draining)

    app = Lilya(routes=[Path("/patient", patient), Path("/polite", polite)])
    answers: dict[str, float] = {}

    async with AsyncTestClient(app) as client, anyio.create_task_group() as clients:

        async def get(path: str) -> None:
            assert (await client.get(path)).status_code == 200
            answers[path] = anyio.current_time() - began

        began = anyio.current_time()
        clients.start_soon(get, "/patient")
        clients.start_soon(get, "/polite")
        await anyio.sleep(1)
        app.drain()
        await app.wait_draining()
        assert app.draining
    assert answers == {"/polite": pytest.approx(1), "/patient": pytest.approx(10)}


async def test_readiness_says_no_as_soon_as_the_application_drains() -> None:
    app = program(DEPLOYMENT).app
    async with AsyncTestClient(app) as client:
        assert (await client.get("/ready")).text == "ready"
        app.drain()
        assert (await client.get("/ready")).status_code == 503
        assert (await client.get("/hello")).json() == {"hello": "world"}


def test_run_and_serve_take_the_arguments_of_the_table() -> None:
    names = [row[0].strip("`") for row in rows(DEPLOYMENT, "`run` and `serve`")]
    for function in (run, serve):
        parameters = set(inspect.signature(function).parameters) - {"app", "task_status"}
        assert parameters == set(names), function


def test_the_exit_codes_are_those_of_the_code() -> None:
    table = re.search(r"\| exit code of `run` \|.*?\n\n", read(PAGE), re.DOTALL)
    assert table is not None
    codes = [int(code) for code in re.findall(r"^\| (\d+)", table[0], re.MULTILINE)]
    assert codes == [0, ApplicationFailed("startup", "").exit_code, ApplicationFailed("serving", "").exit_code, 130]
    assert ApplicationFailed("shutdown", "").exit_code == 1


def test_options_of_the_server_that_the_page_names_exist_and_those_of_serve_are_refused() -> None:
    config = Config()
    assert all(hasattr(config, name) for name in ("certfile", "keyfile", "root_path", "workers", "graceful_timeout"))
    for config_of, hint in [
        ({"workers": 3}, "start several"),
        ({"graceful_timeout": 1}, "drain_timeout"),
        ({"certifle": ""}, "certfile"),
    ]:
        with pytest.raises(ImproperlyConfigured, match=hint):
            run(Lilya(), config=config_of)
