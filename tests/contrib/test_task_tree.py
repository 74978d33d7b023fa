"""The task tree: who is shown, where each waits, to whom, and how much of it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from anyio.abc import TaskGroup

from lilya.apps import Lilya
from lilya.background import Task
from lilya.concurrency import Service
from lilya.contrib.inspect import TaskTree
from lilya.exceptions import ImproperlyConfigured
from lilya.permissions.allow_all import AllowAll
from lilya.permissions.deny_all import DenyAll
from lilya.responses import PlainText, StreamingResponse
from lilya.routing import Include, Path, WebSocketPath
from lilya.testclient import AsyncTestClient
from lilya.testing import cancel_everywhere, disconnect_everywhere
from lilya.websockets import WebSocket
from tests.routing.client import call
from tests.support.life import running
from tests.support.wire import Wire, http_scope, request

HERE: dict[str, Any] = {"client": ("127.0.0.1", 4000), "headers": [(b"host", b"localhost:8000")]}


def asking(accept: str) -> dict[str, Any]:
    return {**HERE, "headers": [*HERE["headers"], (b"accept", accept.encode())]}


async def waits_for_ever() -> None:
    await anyio.Event().wait()


async def poll(topic: str) -> None:
    await waits_for_ever()


async def parts(task_group: TaskGroup) -> None:
    secret = "hunter2"  # noqa: F841 (it must not be shown)
    task_group.start_soon(waits_for_ever, name="part <one>")
    await anyio.sleep(1000)


async def ticks() -> StreamingResponse:
    async def lines() -> AsyncIterator[str]:
        while True:
            yield "tick\n"
            await anyio.sleep(100)

    return StreamingResponse(lines())


async def mail() -> PlainText:
    return PlainText("", background=Task(waits_for_ever, detached=True, name="mail \x1b[31m"))


async def socket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.receive_text()


async def clock() -> None:
    await anyio.sleep(1000)


async def flaky() -> None:
    await anyio.sleep(1)
    raise ValueError("postgresql://user:secret@db")


def app_with(tree: TaskTree) -> Lilya:
    return Lilya(
        routes=[
            Include("/tasks", app=tree),
            Path("/poll/{topic}", poll),
            Path("/parts", parts),
            Path("/ticks", ticks),
            Path("/mail", mail),
            WebSocketPath("/socket", socket),
        ],
        services=[Service(clock), Service(flaky, restart="on-failure", backoff=(0.1, 0.1))],
        drain_timeout=0.1,  # what waits for ever is not waited for: the services would go on failing meanwhile
    )


@asynccontextmanager
async def busy(app: Lilya) -> AsyncIterator[AsyncTestClient]:
    """An application at work: each of its routes is asked once."""
    async with AsyncTestClient(app) as client, anyio.create_task_group() as clients:
        await client.get("/mail")
        clients.start_soon(client.get, "/poll/secret?token=secret")
        clients.start_soon(client.get, "/parts")
        async with client.stream("GET", "/ticks") as answer, client.websocket_connect("/socket"):
            await anext(answer.aiter_raw())
            await anyio.sleep(1.5)
            yield client
            clients.cancel_scope.cancel()


def nodes_of(section: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {node["name"]: node for node in section["nodes"]}


async def test_everything_that_runs_is_shown_with_its_state_and_where_it_waits() -> None:
    async with busy(app_with(TaskTree([AllowAll]))) as client:
        picture = (await client.get("/tasks", headers={"accept": "application/json"})).json()
    assert picture["state"] == "serving"
    exchanges, services, jobs, others = picture["sections"]
    assert [each["title"] for each in picture["sections"]] == [
        "Exchanges",
        "Services",
        "Background tasks",
        "Other tasks",
    ]

    found = nodes_of(exchanges)
    assert sorted(found) == ["GET /parts", "GET /poll/{topic}", "GET /tasks", "GET /ticks", "WEBSOCKET /socket"]
    line = r"\(contrib/test_task_tree\.py:\d+\)"
    assert re.fullmatch(rf"waits_for_ever {line}", found["GET /poll/{topic}"]["where"])
    assert found["GET /poll/{topic}"]["awaits"].endswith("Event.wait")
    assert re.fullmatch(rf"ticks\.<locals>\.lines {line}", found["GET /ticks"]["where"])
    assert re.fullmatch(rf"socket {line}", found["WEBSOCKET /socket"]["where"])
    assert (found["GET /ticks"]["state"], found["WEBSOCKET /socket"]["state"]) == ("streaming", "open")
    assert found["GET /tasks"]["where"] == "this page"
    assert 0 <= found["GET /parts"]["age"] < 100
    (child,) = found["GET /parts"]["children"]
    assert child["name"] == "part <one>"
    assert re.fullmatch(rf"waits_for_ever {line}", child["where"])

    found = nodes_of(services)
    assert list(found) == ["clock", "flaky"]
    assert re.fullmatch(rf"clock {line}", found["clock"]["where"])
    assert (found["clock"]["state"], found["clock"]["awaits"]) == ("running", "sleep")
    assert found["flaky"]["state"] == "running, 1 restart, last ValueError"

    (job,) = jobs["nodes"]
    assert job["name"] == "mail \x1b[31m"
    assert re.fullmatch(rf"waits_for_ever {line}", job["where"])

    shown = list(names_in(others["nodes"]))
    assert "lilya watch" in shown
    assert not [name for name in shown if name.startswith(("service ", "reader ", "mail"))]


def names_in(nodes: list[dict[str, Any]]) -> Iterator[str]:
    for node in nodes:
        yield node["name"]
        yield from names_in(node["children"])


@pytest.mark.parametrize("accept", ["*/*", "text/html", "application/json"])
async def test_nothing_secret_is_shown(accept: str) -> None:
    app = app_with(TaskTree())
    async with busy(app):
        answer = await call(app, "/tasks", **asking(accept))
    assert "secret" not in answer.text
    assert "hunter2" not in answer.text


async def test_a_terminal_gets_text_without_anything_it_would_obey() -> None:
    app = app_with(TaskTree())
    async with busy(app):
        answer = await call(app, "/tasks", **asking("*/*"))
    assert answer.headers["content-type"].startswith("text/plain")
    assert "\x1b" not in answer.text
    assert re.search(r"^└─ mail \?\[31m  \d+ ms  waits_for_ever \(", answer.text, re.MULTILINE)
    assert re.search(r"^├─ GET /parts .*\n│  └─ part <one>  ", answer.text, re.MULTILINE)


ODD_NAMES = ["<b>bold</b>", "half \ud83d", "\u202egnp.exe", "a\r\n\nevent: bad\ndata: x", "service ", ""]


@pytest.mark.parametrize("accept", ["*/*", "text/html", "application/json", "text/event-stream"])
async def test_a_task_may_be_called_anything(accept: str) -> None:
    app = app_with(TaskTree())
    async with running(app), anyio.create_task_group() as group:
        for name in ODD_NAMES:
            app.start_soon(anyio.sleep, 60, name=name)
            group.start_soon(anyio.sleep, 60, name=name)
        wire = Wire(request())
        with anyio.move_on_after(3):  # the stream does not end
            await app(http_scope("/tasks", **asking(accept)), wire.receive, wire.send)
        assert wire.status == 200
        text = wire.body.decode()
        assert "half ?" in text
        assert ("<b>bold" in text) is (accept in ("*/*", "application/json"))
        assert ("\u202e" in text) is (accept != "*/*")
        assert "\nevent: bad" not in text or accept == "text/html"
        group.cancel_scope.cancel()
        app.task_group.cancel_scope.cancel()


async def test_a_browser_gets_a_page_that_runs_nothing_but_its_own_script() -> None:
    app = app_with(TaskTree())
    async with busy(app):
        answer = await call(app, "/tasks", **asking("text/html,application/xhtml+xml,*/*;q=0.8"))
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["cache-control"] == "no-store"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "part &lt;one&gt;" in answer.text
    assert "part <one>" not in answer.text


async def test_the_page_is_told_every_second_and_the_stream_ends_when_the_app_drains() -> None:
    app = app_with(TaskTree([AllowAll], interval=1))
    headers = {"accept": "text/event-stream"}
    seen = []
    async with AsyncTestClient(app) as client:
        began = anyio.current_time()
        async with client.stream("GET", "/tasks", headers=headers) as answer:
            async for line in answer.aiter_lines():
                if line.startswith("data: "):
                    seen.append(line)
                    if len(seen) == 3:
                        app.drain()
        assert anyio.current_time() - began == pytest.approx(2, abs=0.1)
    assert len(seen) == 3
    assert all("GET /tasks" in line for line in seen)


async def test_so_many_may_watch_and_one_more_is_refused_until_somebody_leaves() -> None:
    app = app_with(TaskTree([AllowAll], watchers=1))
    headers = {"accept": "text/event-stream"}
    async with AsyncTestClient(app) as client:
        for _ in range(2):
            async with client.stream("GET", "/tasks", headers=headers) as answer:
                assert answer.status_code == 200
                await anyio.sleep(0.1)
                assert (await client.get("/tasks", headers=headers)).status_code == 503
            await anyio.sleep(0.1)


@pytest.mark.parametrize("rows", [1, 3, 8])
async def test_no_more_rows_are_shown_than_asked_for_and_the_rest_is_counted(rows: int) -> None:
    app = app_with(TaskTree(rows=rows))
    async with busy(app):
        for _ in range(20):
            app.start_soon(waits_for_ever)
        await anyio.sleep(0.1)
        text = (await call(app, "/tasks", **asking("text/plain"))).text
    shown = [line for line in text.splitlines() if re.match(r"[│ ]*[├└]─ ", line)]
    assert len([line for line in shown if not re.search(r"└─ and \d+ more$", line)]) == rows
    assert re.search(r"and \d+ more$", text, re.MULTILINE)
    assert "Background tasks (21)" in text


@pytest.mark.parametrize(
    ("scope", "status"),
    [
        (HERE, 200),
        ({**HERE, "client": ("::1", 1)}, 200),
        ({**HERE, "client": ("::ffff:127.0.0.1", 1)}, 200),
        ({**HERE, "headers": [(b"host", b"[::1]:8000")]}, 200),
        ({**HERE, "client": ("10.0.0.1", 1)}, 403),
        ({**HERE, "client": ("::ffff:10.0.0.1", 1)}, 403),
        ({**HERE, "client": ("testclient", 1)}, 403),
        ({**HERE, "client": None}, 403),
        ({**HERE, "headers": []}, 403),
        ({**HERE, "headers": [(b"host", b"rebound.example")]}, 403),
        ({**HERE, "headers": [*HERE["headers"], (b"host", b"rebound.example")]}, 403),
        ({**HERE, "headers": [*HERE["headers"], (b"x-forwarded-for", b"10.0.0.1")]}, 403),
        ({**HERE, "headers": [*HERE["headers"], (b"forwarded", b"for=10.0.0.1")]}, 403),
    ],
)
async def test_without_permissions_only_this_machine_may_look(scope: dict[str, Any], status: int) -> None:
    assert (await call(app_with(TaskTree()), "/tasks", **scope)).status == status


async def test_permissions_decide_where_there_are_any() -> None:
    far: dict[str, Any] = {"client": ("10.0.0.1", 1)}
    assert (await call(app_with(TaskTree([AllowAll])), "/tasks", **far)).status == 200
    assert (await call(app_with(TaskTree([DenyAll])), "/tasks", **HERE)).status == 401


async def test_used_alone_it_shows_what_it_finds() -> None:
    answer = await call(TaskTree(), "/", **HERE)
    assert answer.text.startswith("used alone")
    assert "Other tasks" in answer.text
    assert (await call(TaskTree(), "/", client=None)).status == 403


async def test_other_methods_are_refused() -> None:
    assert (await call(app_with(TaskTree()), "/tasks", "POST", **HERE)).status == 405


@pytest.mark.parametrize(
    "make",
    [
        lambda: TaskTree([]),
        lambda: TaskTree(rows=0),
        lambda: TaskTree(watchers=0),
        lambda: TaskTree(interval=0),
    ],
)
def test_what_makes_no_sense_is_refused(make: Callable[[], TaskTree]) -> None:
    with pytest.raises((ImproperlyConfigured, ValueError)):
        make()


@pytest.mark.parametrize("accept", [b"text/plain", b"text/event-stream"])
async def test_who_looks_may_leave_or_be_cancelled_at_any_step(accept: bytes) -> None:
    tree = TaskTree([AllowAll])
    scope = http_scope(headers=[(b"accept", accept)])
    assert await disconnect_everywhere(lambda: (tree, {**scope}), [request()], max_steps=5) > 2
    assert await cancel_everywhere(lambda: (tree, {**scope}), [request()], max_steps=20) > 1
    assert tree._watching == 0
