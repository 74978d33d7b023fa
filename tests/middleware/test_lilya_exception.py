"""Handlers around the middleware of an app, and a stack that is left with the request; both in any framework."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from lilya.apps import Lilya
from lilya.exceptions import HTTPException, WebSocketException
from lilya.middleware.asyncexit import STACK, AsyncExitStackMiddleware
from lilya.middleware.lilya_exception import LilyaExceptionMiddleware
from lilya.requests import Request
from lilya.responses import PlainText
from lilya.routing import Path
from lilya.types import Receive, Scope, Send
from tests.routing.client import call, fail, fail_talk, talk
from tests.support.life import running


def raising(exc: Exception) -> Any:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        async with anyio.create_task_group():
            raise exc

    return app


def sync_handler(request: Request, exc: Exception) -> PlainText:
    return PlainText(f"handled {type(exc).__name__}", status_code=418)


async def test_what_a_handler_answers_is_over_whatever_nursery_it_came_from() -> None:
    app = LilyaExceptionMiddleware(raising(KeyError("x")), {LookupError: sync_handler})
    answer = await call(app)
    assert (answer.status, answer.text) == (418, "handled KeyError")
    app = LilyaExceptionMiddleware(raising(HTTPException(status_code=404)))
    assert (await call(app)).status == 404
    app.add_exception_handler(404, sync_handler)
    assert (await call(app)).status == 418
    assert (await talk(LilyaExceptionMiddleware(raising(WebSocketException(4000))))).closed[0] == 4000


@pytest.mark.parametrize("key", [500, Exception])
async def test_an_accident_is_answered_without_its_words_and_reaches_the_server(key: Any) -> None:
    answer = await fail(LilyaExceptionMiddleware(raising(KeyError("secret"))))
    assert (answer.status, type(answer.error)) == (500, KeyError)
    assert "secret" not in answer.text
    answer = await fail(LilyaExceptionMiddleware(raising(KeyError("secret")), {key: sync_handler}))
    assert (answer.status, type(answer.error)) == (418, KeyError)
    assert (await fail_talk(LilyaExceptionMiddleware(raising(KeyError("secret"))))).closed[0] in (1000, 1011)


async def test_a_lifespan_passes() -> None:
    async with running(AsyncExitStackMiddleware(LilyaExceptionMiddleware(Lilya()))):
        pass


# -- the stack ---------------------------------------------------------------------------------------------------------


async def test_what_is_entered_is_left_behind_the_answer_in_the_reverse_order() -> None:
    log: list[str] = []

    @asynccontextmanager
    async def resource(name: str) -> AsyncIterator[None]:
        yield
        await anyio.lowlevel.checkpoint()
        log.append(f"close {name}")

    async def handler(request: Request) -> str:
        stack = request.scope[STACK]
        await stack.enter_async_context(resource("a"))
        await stack.enter_async_context(resource("b"))
        log.append("handler")
        return "x"

    app = Lilya(routes=[Path("/", handler)], middleware=[AsyncExitStackMiddleware])
    answer = await call(app)
    assert (answer.text, log) == ('"x"', ["handler", "close b", "close a"])


async def test_what_is_entered_sees_the_exception_and_may_not_keep_it() -> None:
    seen: list[Any] = []

    async def keep(*exc: Any) -> bool:
        seen.append(exc[0])
        return True

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope[STACK].push_async_exit(keep)
        raise KeyError("x")

    answer = await fail(AsyncExitStackMiddleware(app, debug=True))
    assert (seen, type(answer.error)) == ([KeyError], KeyError)


@pytest.mark.parametrize(("takes", "ends"), [(1, True), (100, False)])
async def test_a_cancellation_waits_for_the_clean_up_and_not_for_ever(takes: float, ends: bool) -> None:
    ended: list[bool] = []

    async def clean() -> None:
        await anyio.sleep(takes)
        ended.append(True)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope[STACK].push_async_callback(clean)
        await anyio.sleep_forever()

    begun = anyio.current_time()
    with anyio.move_on_after(1) as scope:
        await call(AsyncExitStackMiddleware(app))
    assert scope.cancelled_caught
    assert bool(ended) is ends
    assert anyio.current_time() - begun < 12
