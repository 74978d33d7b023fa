"""The guides to handlers, requests and responses: their programs, and the rows of their tables."""

from __future__ import annotations

import math
import pathlib
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

import anyio
import pytest

from lilya.apps import Lilya
from lilya.context import Context
from lilya.exceptions import ImproperlyConfigured
from lilya.requests import Request
from lilya.responses import JSONResponse, PlainText, Response
from lilya.routing import Path
from lilya.testclient import AsyncTestClient
from tests.docs.pages import program, rows

HANDLERS = "docs/guide/handlers.md"
REQUESTS = "docs/guide/requests.md"
RESPONSES = "docs/guide/responses.md"


def returning(value: Any) -> Lilya:
    async def handler() -> Any:
        return value

    return Lilya(routes=[Path("/", handler)])


async def answer_of(value: Any) -> Any:
    async with AsyncTestClient(returning(value), raise_server_exceptions=False) as client:
        return await client.get("/")


async def test_the_program_of_handlers_answers() -> None:
    async with AsyncTestClient(program(HANDLERS).app) as client:
        assert (await client.get("/user/ada")).json() == {"name": "ada", "age": 36}
        assert (await client.get("/agent")).json() == {"you are": "testclient"}
        assert (await client.get("/page")).json() == {"page": 1}
        assert (await client.get("/page?page=7")).json() == {"page": 7}
        assert (await client.get("/hello/ada")).text == "ada was greeted in a thread"
        assert (await client.get("/prices")).json() == {"north": 42.0, "south": 42.0}


async def test_a_sync_handler_that_asks_gives_up_when_its_client_leaves() -> None:
    app = program(HANDLERS, 3).app
    async with AsyncTestClient(app) as client:
        with anyio.move_on_after(0.5):
            await client.get("/count")
            raise AssertionError("it counted to the end")
        assert app.statistics().idle


async def test_a_nursery_of_your_own() -> None:
    async with AsyncTestClient(program(HANDLERS, 4).app) as client:
        assert (await client.get("/prices")).json() == {"north": 42.0, "south": 42.0}


def test_a_nursery_of_trio_is_an_error_on_asyncio_when_the_application_starts(run: Any, backend: str) -> None:
    async def handler(nursery: Any) -> str:
        return type(nursery).__name__

    async def start() -> str:
        async with AsyncTestClient(Lilya(routes=[Path("/", handler)])) as client:
            return str((await client.get("/")).json())

    if backend == "trio":
        assert run(start) == "Nursery"
    else:
        with pytest.raises(ImproperlyConfigured, match="ask for `task_group`"):
            run(start)


async def test_context_is_injected_too() -> None:
    async def handler(context: Context) -> str:
        return context.request.method

    async with AsyncTestClient(Lilya(routes=[Path("/", handler)])) as client:
        assert (await client.get("/")).json() == "GET"


async def test_a_task_of_the_request_may_outlive_the_handler_and_is_waited_for() -> None:
    ended: list[float] = []

    async def handler(task_group: Any) -> str:
        async def work() -> None:
            await anyio.sleep(5)
            ended.append(anyio.current_time())

        task_group.start_soon(work)
        return "at once"

    app = Lilya(routes=[Path("/", handler)])
    async with AsyncTestClient(app, wait_for_background=False) as client:
        began = anyio.current_time()
        assert (await client.get("/")).json() == "at once"
        assert anyio.current_time() == began
        await client.wait_idle()
        assert ended == [pytest.approx(began + 5)]


async def test_a_failing_task_cancels_the_handler_and_is_the_exception_of_the_request() -> None:
    async def handler(task_group: Any) -> None:
        async def work() -> None:
            raise KeyError("lost")

        task_group.start_soon(work)
        await anyio.sleep_forever()

    async with AsyncTestClient(Lilya(routes=[Path("/", handler)])) as client:
        with pytest.raises(KeyError, match="lost"):
            await client.get("/")


async def test_cancelling_the_nursery_before_the_return_ends_its_tasks() -> None:
    async def handler(task_group: Any) -> str:
        task_group.start_soon(anyio.sleep_forever)
        task_group.cancel_scope.cancel()
        return "done"

    async with AsyncTestClient(Lilya(routes=[Path("/", handler)])) as client:
        assert (await client.get("/")).json() == "done"


@dataclass
class Point:
    x: int


class Answer:
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await PlainText("an app")(scope, receive, send)


async def test_what_a_handler_may_return() -> None:
    assert (await answer_of(PlainText("plain"))).text == "plain"
    assert (await answer_of(Answer())).text == "an app"
    for value, text in [({"a": 1}, '{"a":1}'), ([1], "[1]"), ((1,), "[1]"), ({1}, "[1]"), ("text", '"text"'), (1, "1")]:
        response = await answer_of(value)
        assert (response.text, response.headers["content-type"]) == (text, "application/json")
    assert [(await answer_of(value)).text for value in (1.5, True, None)] == ["1.5", "true", "null"]
    known = [Point(1), UUID(int=0), Decimal("1.5"), pathlib.PurePosixPath("/x")]
    assert [(await answer_of(value)).json() for value in known] == [{"x": 1}, str(UUID(int=0)), "1.5", "/x"]
    assert (await answer_of(iter([1, 2]))).json() == [1, 2]
    assert (await answer_of(b"bytes")).json() == "Ynl0ZXM="
    assert (await answer_of(object())).status_code == 500


async def test_the_program_of_requests_answers() -> None:
    async with AsyncTestClient(program(REQUESTS).app) as client:
        about = await client.get("/about?tag=a&tag=b", headers={"accept-language": "de"}, cookies={"theme": "dark"})
        assert about.json() == {
            "method": "GET",
            "path": "/about",
            "language": "de",
            "tags": ["a", "b"],
            "theme": "dark",
            "client": None,
        }
        assert (await client.post("/measure", content=bytes(100_000))).json() == {"bytes": 100_000}
        large = await client.post("/measure", content=bytes(2_000_000))
        assert (large.status_code, large.text) == (413, "At most 1048576 bytes, please.")
        assert (await client.post("/total", json=[1, 2.5])).json() == {"sum": 3.5}


def test_a_request_has_what_the_table_says() -> None:
    names = re.findall(r"`(\w+)[`(]", " ".join(row[0] for row in rows(REQUESTS, "What was asked")))
    assert len(names) > 15
    assert [name for name in names if not hasattr(Request, name)] == ["scope"]


async def test_each_way_to_read_a_body_refuses_what_the_table_says() -> None:
    async def read(request: Request, how: str) -> Any:
        value = await getattr(request, how)()
        return value if not isinstance(value, bytes) else value.decode("latin-1")

    bad = {
        "text": [b"\xff"],
        "json": [b"{", b"\xff", b"NaN", b"[" * 100_000, b"1" * 10_000],
        "form": [b"no boundary"],
    }
    async with AsyncTestClient(Lilya(routes=[Path("/{how}", read, methods=["POST"])])) as client:
        for how, bodies in bad.items():
            for body in bodies:
                headers = {"content-type": "multipart/form-data"} if how == "form" else {}
                assert (await client.post(f"/{how}", content=body, headers=headers)).status_code == 400, (how, body[:9])
        assert (await client.post("/json", content=b"")).json() is None
        assert (
            await client.post("/data", content=b'{"a":1}', headers={"content-type": "application/json"})
        ).json() == {"a": 1}
        assert (
            await client.post("/text", content=b"x", headers={"content-type": "text/plain; charset=none"})
        ).status_code == 400


async def test_a_body_is_shared_and_a_stream_is_read_once() -> None:
    async def twice(request: Request) -> list[str]:
        again = Request(request.scope, request.receive)
        whole = await request.body()
        pieces = [piece async for piece in again.stream()]
        return [whole.decode(), b"".join(pieces).decode()]

    async def streamed(request: Request) -> str:
        async for _ in request.stream():
            pass
        with pytest.raises(RuntimeError):
            await request.body()
        return "once"

    routes = [Path("/twice", twice, methods=["POST"]), Path("/streamed", streamed, methods=["POST"])]
    async with AsyncTestClient(Lilya(routes=routes)) as client:
        assert (await client.post("/twice", content=b"abc")).json() == ["abc", "abc"]
        assert (await client.post("/streamed", content=b"abc")).json() == "once"


async def test_clean_up_runs_behind_the_answer() -> None:
    async with AsyncTestClient(program(REQUESTS, 2).app) as client:
        response = await client.get("/report")
        assert response.text == "All is well.\n"
        assert 'filename="report.txt"' in response.headers["content-disposition"]


async def test_what_a_middleware_reads_is_not_lost() -> None:
    async with AsyncTestClient(program(REQUESTS, 3).app) as client:
        assert (await client.post("/echo", content=b"abc")).json() == {"length": 3, "text": "abc"}


async def test_the_program_of_responses_answers() -> None:
    async with AsyncTestClient(program(RESPONSES).app, follow_redirects=False) as client:
        assert (await client.get("/")).headers["content-type"] == "text/html; charset=utf-8"
        created = await client.post("/created")
        assert (created.status_code, created.text) == (201, '{"since":"2026-01-31"}')
        assert created.headers["location"] == "http://testserver/"
        signed = await client.post("/sign-in")
        assert (signed.status_code, signed.headers["location"]) == (303, "/")
        assert signed.headers["set-cookie"] == "theme=dark; HttpOnly; Max-Age=3600; Path=/; SameSite=lax; Secure"
        nothing = await client.get("/nothing")
        assert (nothing.status_code, nothing.content) == (204, b"")
        assert "content-length" not in nothing.headers
        assert (await client.get("/picture")).headers["content-type"] == "image/svg+xml"
        assert (await client.get("/text")).headers["cache-control"] == "no-store"


async def test_encoders_and_responses_of_your_own() -> None:
    async with AsyncTestClient(program(RESPONSES, 2).app) as client:
        assert (await client.get("/price")).json() == {"price": "42.00"}
    assert (await AsyncTestClient(program(RESPONSES, 3).app).get("/x")).text == "You asked for /x."
    async with AsyncTestClient(program(RESPONSES, 4).app) as client:
        assert (await client.get("/table")).text == "name,age\r\nAda,36\r\n"


def test_what_may_not_stand_in_a_response_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="nan"):
        JSONResponse(math.nan)
    with pytest.raises(ValueError, match="x-a"):
        Response(headers={"x-a": "b\r\nc"})


async def test_content_may_be_awaitable() -> None:
    async def text() -> str:
        return "later"

    async def handler() -> PlainText:
        return PlainText(text())

    async with AsyncTestClient(Lilya(routes=[Path("/", handler)])) as client:
        assert (await client.get("/")).text == "later"
