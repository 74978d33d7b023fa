"""With `debug` an exception nobody handled is answered by all there is to know about it; without, by nothing of it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest

from lilya.apps import Lilya
from lilya.concurrency.service import Service
from lilya.datastructures import Secret
from lilya.exceptions import HTTPException
from lilya.requests import Request
from lilya.responses import PlainText, StreamingResponse
from lilya.routing import Include, Path, WebSocketPath
from lilya.types import ASGIApp, Receive, Scope, Send
from lilya.websockets import WebSocket
from tests.handling.pages import Element, Page
from tests.routing.client import Answer, call, fail, fail_talk
from tests.support.life import running

Handler = Callable[..., Awaitable[object]]
MASK = "***********"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


def headers(*pairs: tuple[str, str]) -> list[tuple[bytes, bytes]]:
    return [(b"host", b"example.org"), *((name.encode(), value.encode()) for name, value in pairs)]


async def answer_of(handler: Handler, accept: str = BROWSER, path: str = "/", route: str = "/", **scope: Any) -> Answer:
    """What a handler that fails is answered with in debug mode."""
    scope.setdefault("headers", headers(("accept", accept)))
    return await fail(Lilya(debug=True, routes=[Path(route, handler)]), path, **scope)


async def page_of(handler: Handler, **options: Any) -> Element:
    """The same, as a page that was read."""
    return Page((await answer_of(handler, **options)).text).root


async def call_app(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    await app(scope, receive, send)


async def broken() -> None:
    raise ValueError("bad <b>news</b>")


# -- which form -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("accept", [BROWSER, "text/html", "*/*, text/html;q=0.1", "text/plain, Text/HTML"])
async def test_a_browser_gets_a_page(accept: str) -> None:
    answer = await answer_of(broken, accept)
    assert answer.status == 500
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.text.startswith("<!DOCTYPE html>")


@pytest.mark.parametrize("accept", ["*/*", "text/plain", "application/json", "text/*", "text/html;q=0", "", "html"])
async def test_everybody_else_gets_text(accept: str) -> None:
    answer = await answer_of(broken, accept)
    assert answer.status == 500
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.text.startswith("Traceback (most recent call last):\n")


async def test_who_does_not_say_what_it_accepts_gets_text() -> None:
    assert (await answer_of(broken, headers=[])).text.startswith("Traceback")


@pytest.mark.parametrize("accept", [BROWSER, "*/*"])
async def test_the_answer_is_kept_by_nobody_and_nothing_in_it_can_run(accept: str) -> None:
    sent = (await answer_of(broken, accept)).headers
    assert sent["cache-control"] == "no-store"
    assert sent["vary"] == "Accept"
    assert sent["x-content-type-options"] == "nosniff"
    assert sent["content-security-policy"].startswith("default-src 'none'; style-src 'unsafe-inline'")


@pytest.mark.parametrize("accept", [BROWSER, "*/*", "application/problem+json"])
async def test_without_debug_nothing_leaks(accept: str) -> None:
    answer = await fail(Lilya(routes=[Path("/", broken)]), headers=headers(("accept", accept)))
    assert answer.status == 500
    assert "bad" not in answer.text
    assert "ValueError" not in answer.text
    assert __file__ not in answer.text


async def test_the_error_still_reaches_the_server() -> None:
    assert isinstance((await answer_of(broken)).error, ValueError)


async def test_what_is_said_by_an_http_exception_is_no_failure_and_gets_no_page() -> None:
    async def refuse() -> None:
        raise HTTPException(status_code=403, detail="no")

    answer = await call(Lilya(debug=True, routes=[Path("/", refuse)]), headers=headers(("accept", BROWSER)))
    assert (answer.status, answer.text) == (403, "no")


async def test_the_page_goes_before_the_handler_of_last_resort() -> None:
    async def handler(request: Request, exc: Exception) -> PlainText:
        raise AssertionError

    app = Lilya(debug=True, routes=[Path("/", broken)], exception_handlers={Exception: handler})
    assert "Traceback" in (await fail(app)).text


async def test_a_handler_for_its_class_goes_before_the_page() -> None:
    async def handler(request: Request, exc: Exception) -> PlainText:
        return PlainText("handled")

    app = Lilya(debug=True, routes=[Path("/", broken)], exception_handlers={ValueError: handler})
    assert (await call(app)).text == "handled"


async def test_once_the_response_has_started_no_page_is_made() -> None:
    async def stream() -> StreamingResponse:
        async def pieces() -> Any:
            yield "begun"
            raise ValueError

        return StreamingResponse(pieces())

    answer = await answer_of(stream)
    assert (answer.status, answer.text) == (200, "begun")


async def test_a_websocket_is_told_nothing() -> None:
    async def talk(websocket: WebSocket) -> None:
        await websocket.accept()
        raise ValueError("bad")

    answer = await fail_talk(Lilya(debug=True, routes=[WebSocketPath("/", talk)]))
    assert answer.closed == (1011, "internal error")


async def test_head_has_the_headers_of_the_page_alone() -> None:
    answer = await fail(Lilya(debug=True, routes=[Path("/", broken)]), "/", "HEAD")
    assert int(answer.headers["content-length"]) > 500
    assert answer.body == b""


async def test_a_group_with_one_leaf_from_a_middleware_is_shown_as_that_leaf() -> None:
    class Layer:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            async with anyio.create_task_group() as nursery:
                nursery.start_soon(call_app, self.app, scope, receive, send)

    app = Lilya(debug=True, routes=[Path("/", broken)], middleware=[Layer])
    assert "ExceptionGroup" not in (await fail(app)).text


# -- what the page says -----------------------------------------------------------------------------------------------


async def test_the_page_says_first_what_was_raised_and_where() -> None:
    page = await page_of(broken)
    header = page.one("header")
    assert header.one("h1").text == "ValueError"
    assert header.one("p", "message").text == "bad <b>news</b>"
    assert header.one("p", "where").text.startswith("in broken, tests/handling/test_debug.py:")
    assert page.one("title").text == "ValueError: bad <b>news</b> · GET /"


async def test_its_own_frames_are_open_and_those_of_libraries_folded() -> None:
    page = await page_of(broken)
    (own,) = page.all("details", "own")
    assert own.is_open
    assert own.one("span", "failed").text.rstrip().endswith('    raise ValueError("bad <b>news</b>")')
    assert own.one("code").attributes["title"] == __file__
    (fold,) = page.all("details", "fold")
    assert not fold.is_open
    assert fold.one("summary").text.endswith(" frames in lilya")
    assert page.all("details", "library") == fold.all("details", "library")


async def test_the_most_recent_call_stands_first() -> None:
    async def inner() -> None:
        await broken()

    names = [each.one("b").text for each in (await page_of(inner)).all("details", "own")]
    assert names[0] == "broken"
    assert names[1].endswith("inner")


async def test_what_a_library_raised_shows_its_frame_and_opens_the_own_one_that_called() -> None:
    async def handler() -> None:
        int.__call__("x")
        await anyio.sleep_until("never")  # type: ignore[arg-type]

    page = await page_of(handler)
    first = page.one("section", "exception").all("details")[0]
    assert first.attributes["class"] == "frame own"

    async def deeper() -> None:
        import json

        json.loads("{")

    page = await page_of(deeper)
    first, *_ = page.one("section", "exception").all("details", "frame")
    assert first.attributes["class"] == "frame library"
    assert not first.is_open
    assert page.one("details", "own").is_open


async def test_variables_are_behind_a_click_with_the_secret_ones_masked() -> None:
    class Unwilling:
        def __repr__(self) -> str:
            raise RuntimeError

    async def handler(request: Request) -> None:
        basket = {"tea": 2, "token": "t0k"}
        password = "".join(["hunt", "er2"])
        secret_thing, vault = Secret("swordfish"), Secret("swordfish")
        unwilling = Unwilling()
        huge = b"x" * 100_000_000
        raise ValueError(len(basket) + len(password) + len(secret_thing) + len(vault) + len(huge) + bool(unwilling))

    variables = (await page_of(handler)).one("details", "variables")
    assert not variables.is_open
    assert variables.one("summary").text == "8 variables"
    shown = variables.rows()
    assert shown["request"] == "Request()"
    assert shown["basket"] == f"{{'tea': 2, 'token': {MASK}}}"
    assert shown["password"] == MASK
    assert shown["vault"] == f"Secret('{MASK}')"
    assert shown["unwilling"] == "<Unwilling whose repr raises RuntimeError>"
    assert "100,000,000 bytes" in shown["huge"]
    assert not [value for value in shown.values() for secret in ("hunter2", "swordfish", "t0k") if secret in value]


async def test_notes_and_the_chain_are_shown_in_order() -> None:
    async def handler() -> None:
        try:
            try:
                raise KeyError("first")
            except KeyError as exc:
                raise ValueError("second") from exc
        except ValueError:
            error = RuntimeError("third")
            error.add_note("look <here>")
            raise error  # noqa: B904

    page = await page_of(handler)
    assert page.one("header").one("p", "note").text == "look <here>"
    sections = page.all("section", "exception")
    assert [each.all("h2")[0].text for each in sections[1:]] == ["ValueError", "KeyError"]
    assert [each.one("p", "relation").text for each in sections[1:]] == [
        "It was raised while handling",
        "It was raised from",
    ]
    assert [link.text for link in page.one("nav").all("a")] == [
        "RuntimeError third",
        "ValueError second",
        "KeyError 'first'",
    ]


async def test_a_group_is_shown_as_a_tree() -> None:
    async def one() -> None:
        raise KeyError("one")

    async def two() -> None:
        async with anyio.create_task_group() as nursery:
            nursery.start_soon(broken)
            nursery.start_soon(one)

    async def handler() -> None:
        async with anyio.create_task_group() as nursery:
            nursery.start_soon(two)
            raise TimeoutError("late")

    page = await page_of(handler)
    tree = page.one("nav").one("ul", "tree")

    def branches(element: Element) -> list[Any]:
        return [
            [
                item.one("b").text,
                *(branches(inner) for inner in item.children if isinstance(inner, Element) and inner.tag == "ul"),
            ]
            for item in element.children
            if isinstance(item, Element)
        ]

    (root,) = branches(tree)
    assert root[0] == "ExceptionGroup"
    assert sorted(branch[0] for branch in root[1]) == ["ExceptionGroup", "TimeoutError"]
    (inner,) = [branch for branch in root[1] if branch[0] == "ExceptionGroup"]
    assert sorted(branch[0] for branch in inner[1]) == ["KeyError", "ValueError"]
    outer = page.one("section", "exception")
    assert len(outer.one("div", "parts").all("section", "exception")) == 4
    assert outer.one("div", "parts").one("p", "relation").text == "1 of 2"


async def test_what_is_left_out_of_groups_chains_and_recursions_is_said() -> None:
    def ping(depth: int) -> None:
        pong(depth - 1)

    def pong(depth: int) -> None:
        if depth <= 0:
            raise ValueError("deep")
        ping(depth - 1)

    async def recursive() -> None:
        ping(100)

    async def crowded() -> None:
        raise ExceptionGroup("many", [ValueError(number) for number in range(30)])

    async def chained() -> None:
        error = ValueError(0)
        for number in range(1, 60):
            following = ValueError(number)
            following.__cause__ = error
            error = following
        raise error

    async def repeated() -> None:
        def dive(depth: int) -> None:
            dive(depth - 1) if depth else print(1 / 0)  # noqa: T201

        dive(9)

    gaps = [each.text for each in (await page_of(recursive)).all("p", "gap")]
    assert any(gap.endswith("frames are left out here.") for gap in gaps)
    assert "frames are left out]" in (await answer_of(recursive, "*/*")).text
    page = await page_of(crowded)
    assert "10 more exceptions of this group are left out." in [each.text for each in page.all("p", "gap")]
    assert "and 10 more" in page.one("nav").text
    assert "and 10 more" in (await answer_of(crowded, "*/*")).text
    gaps = [each.text for each in (await page_of(chained)).all("p", "gap")]
    assert "It was raised from another one, which is left out." in gaps
    assert "(more exceptions are left out)" in (await answer_of(chained, "*/*")).text
    assert "\N{MULTIPLICATION SIGN} 10" in (await page_of(repeated)).one("main").text
    assert "[Previous line repeated" in (await answer_of(repeated, "*/*")).text


async def test_a_frame_without_source_says_so() -> None:
    names: dict[str, Any] = {}
    exec("async def handler():\n    v0 = 1\n" + "".join(f"    v{n} = 1\n" for n in range(1, 60)) + "    1 / 0", names)
    page = await page_of(names["handler"])
    assert page.one("p", "nothing").text == "Its source is not at hand."
    variables = page.one("details", "variables")
    assert variables.one("summary").text == "60 variables"
    assert variables.one("p", "gap").text == "20 more"


async def test_an_exception_that_was_never_raised_has_no_place() -> None:
    async def handler() -> None:
        raise ExceptionGroup("a group", [ValueError(), KeyError()])

    page = await page_of(handler)
    inner = page.one("div", "parts").one("section", "exception")
    assert inner.all("p", "order") == []
    assert inner.all("p", "message") == []


async def test_the_request_is_shown_with_its_secrets_masked() -> None:
    async def handler(name: str, id: int) -> None:
        raise ValueError

    given = headers(
        ("accept", BROWSER),
        ("authorization", "Bearer s3cret"),
        ("cookie", "theme=s3cret"),
        ("x-api-key", "s3cret"),
        ("referer", "http://x/?token=s3cret"),
    )
    app = Lilya(debug=True, routes=[Include("/shop/{name}", routes=[Path("/orders/{id:int}", handler)])])
    query = b"page=2&api_key=s3cret&q=<i>"
    answer = await fail(app, "/shop/ada/orders/3", headers=given, query_string=query)
    assert "s3cret" not in answer.text
    page = Page(answer.text).root
    section = page.titled("Request")
    tables = section.all("table")
    facts = tables[0].rows()
    assert facts["Request"] == "GET http://example.org/shop/ada/orders/3 HTTP/1.1"
    assert facts["Client"] == "127.0.0.1:50000"
    assert facts["Route"] == "/shop/{name}/orders/{id:int}"
    assert facts["Handler"].endswith("handler")
    assert tables[1].rows() == {"name": "'ada'", "id": "3"}
    assert tables[2].rows() == {"page": "2", "api_key": MASK, "q": "<i>"}
    shown = section.one("details", "headers").rows()
    assert shown["authorization"] == f"Bearer {MASK}"
    assert shown["cookie"] == f"theme={MASK}"
    assert shown["x-api-key"] == MASK
    assert shown["referer"] == f"http://x/?token={MASK}"
    target = f"/shop/ada/orders/3?page=2&api_key={MASK}&q=%3Ci%3E"
    assert page.one("p", "asked").text == f"GET {target} 500"


async def test_the_text_ends_with_the_request() -> None:
    async def handler(id: int) -> None:
        raise ValueError

    text = (await answer_of(handler, "*/*", "/3", "/{id:int}", query_string=b"token=x&y=1")).text
    assert text.endswith(f"ValueError\n\nGET /3?token={MASK}&y=1 HTTP/1.1 (route /{{id:int}})\n")


async def test_of_a_request_that_no_route_matched_there_is_no_route_to_show() -> None:
    async def fails(scope: Scope, receive: Receive, send: Send) -> None:
        raise ValueError

    app = Lilya(debug=True)
    app.router.default = fails
    app = Lilya(debug=True, middleware=[Failing])
    text = (await fail(app, client=None)).text
    assert text.endswith("\nGET / HTTP/1.1\n")
    page = Page((await fail(app, client=None, headers=headers(("accept", BROWSER)))).text).root
    assert page.titled("Request").one("table").rows().keys() == {"Request"}


class Failing:
    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raise ValueError


async def test_what_else_is_going_on_is_shown() -> None:
    async def wait() -> None:
        await anyio.sleep_forever()

    async def serve() -> None:
        await anyio.sleep_forever()

    async def several() -> None:
        raise ValueError

    app = Lilya(
        debug=True, routes=[Path("/", broken), Path("/wait", wait)], services=[Service(serve, name="a service")]
    )
    async with running(app):
        app.start_soon(wait, name="a job")
        async with anyio.create_task_group() as nursery:
            for _ in range(60):
                nursery.start_soon(call, app, "/wait")
            await anyio.wait_all_tasks_blocked()
            answer = await fail(app, headers=headers(("accept", BROWSER)))
            app.drain()
            again = await fail(app, headers=headers(("accept", BROWSER)))
            nursery.cancel_scope.cancel()
    section = Page(answer.text).root.titled("What else is going on")
    assert section.one("p").text == "0 busy threads, 0 failed tasks since the start."
    connections, tasks, services = section.all("table", "grid")
    assert [cell.text for cell in connections.all("tr")[1].all("td")][::3] == ["GET", "handling"]
    assert len(connections.all("tr")) == 51
    assert "11 more" in section.text
    assert "a job" in tasks.text
    assert "a service" in services.text
    assert "The application is shutting down." in again.text


async def test_the_page_ends_with_the_traceback_as_text() -> None:
    page = await page_of(broken)
    text = page.one("details", "text")
    assert not text.is_open
    assert text.one("pre").text.startswith("Traceback (most recent call last):")
    assert "debug=True" in page.one("footer").text


async def test_the_page_names_the_backend(backend: str) -> None:
    assert f", {backend}, Python 3" in (await page_of(broken)).one("footer").text


@pytest.mark.parametrize("accept", [BROWSER, "*/*"])
async def test_everything_is_escaped(accept: str) -> None:
    evil = "<script>alert(1)</script>\"'&\x00\x1b[2J\udcff"

    class Evil(Exception):
        pass

    Evil.__name__ = Evil.__qualname__ = "<script>"

    async def handler(request: Request) -> None:
        variable = {evil: [evil]}
        error = Evil(evil, variable)
        error.add_note(evil)
        raise error

    given = headers(("accept", accept), ("x-evil", "<script>"), ("cookie", "<script>=1"))
    answer = await answer_of(
        handler, path="/<script>", route="/{name}", headers=given, query_string=b"<script>=<script>"
    )
    assert "\x1b" not in answer.text
    assert "\x00" not in answer.text
    if accept == BROWSER:
        Page(answer.text)
        assert "<script" not in answer.text


# -- that it never hurts ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("accept", [BROWSER, "*/*"])
async def test_the_answer_is_bounded_whatever_was_raised(accept: str) -> None:
    async def handler() -> None:
        huge = "<" * 100_000_000
        errors = []
        for number in range(100):
            try:
                raise (ValueError, KeyError)[number % 2](huge)
            except ValueError as error:
                error.add_note(huge)
                errors.append(error)
        raise ExceptionGroup(huge, errors)

    began = time.perf_counter()
    answer = await answer_of(handler, accept)
    assert len(answer.body) < 3_000_000
    assert time.perf_counter() - began < 30


async def test_it_is_made_in_a_thread() -> None:
    threads: list[threading.Thread] = []

    class Curious:
        def __repr__(self) -> str:
            threads.append(threading.current_thread())
            return "curious"

    async def handler() -> None:
        curious = Curious()
        raise ValueError(bool(curious))

    await answer_of(handler)
    assert threads
    assert threading.main_thread() not in threads


@pytest.mark.parametrize("accept", [BROWSER, "*/*"])
async def test_when_it_cannot_be_made_a_line_of_text_says_so_and_the_log_why(
    accept: str, caplog: pytest.LogCaptureFixture
) -> None:
    class Unwell(Lilya):
        def statistics(self) -> Any:
            raise ZeroDivisionError

    with caplog.at_level(logging.ERROR, "lilya.debug"):
        app = Unwell(debug=True, routes=[Path("/", broken)])
        answer = await fail(app, headers=headers(("accept", accept)))
    assert answer.status == 500
    assert answer.text == "Internal Server Error (the debug page could not be made: see the log)"
    assert "the debug page could not be made" in caplog.text
    assert isinstance(answer.error, ValueError)


async def test_statistics_that_are_not_ours_are_left_out() -> None:
    class Foreign:
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            scope["app"] = self
            raise ValueError

        def statistics(self) -> str:
            return "mine"

    app = Lilya(debug=True, middleware=[lambda app: Foreign()])
    answer = await fail(app, headers=headers(("accept", BROWSER)))
    assert "What else is going on" not in answer.text
    assert "<h1>ValueError</h1>" in answer.text
