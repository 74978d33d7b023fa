"""A template is rendered where nothing blocks the loop: in a thread, or on the loop where it is async."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import anyio
import pytest

from lilya.apps import Lilya
from lilya.background import Task
from lilya.exceptions import ClientDisconnect, ImproperlyConfigured
from lilya.responses import TemplateResponse
from lilya.routing import Path, WebSocketPath
from lilya.types import Message
from lilya.websockets import WebSocket
from tests.routing.client import Answer, call, fail
from tests.support.wire import CONNECT, Wire, http_scope, request, websocket_scope

DEBUG: dict[str, Any] = {"http.response.debug": {}}


class Template:
    """Blocks, and knows where it was rendered."""

    def __init__(self) -> None:
        self.threads: list[threading.Thread] = []

    def render(self, context: Mapping[str, Any]) -> str:
        self.threads.append(threading.current_thread())
        return f"<p>{context['name']}"

    def render_loud(self, context: Mapping[str, Any]) -> str:
        return self.render(context).upper()

    @property
    def in_main_thread(self) -> bool:
        return self.threads == [threading.main_thread()]


class AsyncTemplate(Template):
    """Awaits."""

    class environment:
        is_async = True

    def render(self, context: Mapping[str, Any]) -> str:
        raise AssertionError("would start a loop")

    async def render_async(self, context: Mapping[str, Any]) -> str:
        await anyio.sleep(1)
        return super().render(context)


async def test_it_is_an_html_answer() -> None:
    async def handler() -> TemplateResponse:
        return TemplateResponse(Template(), 201, {"name": "ada"}, headers={"x-a": "b"})

    answer = await call(Lilya(routes=[Path("/", handler)]))
    assert (answer.status, answer.text) == (201, "<p>ada")
    assert answer.headers == {"content-type": "text/html; charset=utf-8", "content-length": "6", "x-a": "b"}


async def test_an_async_handler_s_is_rendered_in_a_worker_thread_when_it_is_sent() -> None:
    template = Template()

    async def handler() -> TemplateResponse:
        response = TemplateResponse(template, context={"name": "ada"})
        assert template.threads == []
        return response

    assert (await call(Lilya(routes=[Path("/", handler)]))).text == "<p>ada"
    assert len(template.threads) == 1
    assert not template.in_main_thread


async def test_a_sync_handler_s_is_rendered_where_it_is() -> None:
    template = Template()
    threads: list[Any] = []

    def handler() -> TemplateResponse:
        response = TemplateResponse(template, context={"name": "ada"})
        threads.append(threading.current_thread())
        assert response.body == b"<p>ada"
        return response

    assert (await call(Lilya(routes=[Path("/", handler)]))).text == "<p>ada"
    assert template.threads == threads


def test_without_a_loop_it_is_rendered_at_once() -> None:
    template = Template()
    assert TemplateResponse(template, context={"name": "ada"}).body == b"<p>ada"
    assert template.in_main_thread


async def test_an_async_template_is_rendered_on_the_loop() -> None:
    template = AsyncTemplate()
    wire = Wire(request())
    await TemplateResponse(template, context={"name": "ada"})(http_scope(), wire.receive, wire.send)
    assert wire.body == b"<p>ada"
    assert template.in_main_thread


async def test_an_async_template_of_a_sync_handler_is_rendered_on_the_loop_too() -> None:
    template = AsyncTemplate()

    def handler() -> TemplateResponse:
        return TemplateResponse(template, context={"name": "ada"})

    assert (await call(Lilya(routes=[Path("/", handler)]))).text == "<p>ada"
    assert template.in_main_thread


async def test_awaited_it_is_rendered_now_and_once() -> None:
    template = Template()
    response = await TemplateResponse(template, context={"name": "ada"})
    assert response.body == b"<p>ada"
    assert (await response) is response
    wire = Wire(request())
    await response(http_scope(), wire.receive, wire.send)
    assert wire.body == b"<p>ada"
    assert len(template.threads) == 1


async def test_one_that_nobody_sends_leaves_nothing_behind() -> None:
    _ = TemplateResponse(AsyncTemplate(), context={"name": "ada"})
    _ = TemplateResponse(Template(), context={"name": "ada"})


async def test_another_method_may_render_it() -> None:
    response = await TemplateResponse(Template(), context={"name": "ada"}, render_function_name="render_loud")
    assert response.body == b"<P>ADA"


def test_the_sync_method_of_an_async_template_is_refused() -> None:
    with pytest.raises(
        ImproperlyConfigured, match="is of an async environment, its 'render' would start an event loop"
    ):
        _ = TemplateResponse(AsyncTemplate(), context={"name": "ada"}, render_function_name="render")


async def test_the_context_is_copied() -> None:
    context = {"name": "ada"}
    response = TemplateResponse(Template(), context=context)
    context["name"] = "changed"
    assert (await response).body == b"<p>ada"


async def test_what_rendering_raises_reaches_the_exception_handlers() -> None:
    async def handler() -> TemplateResponse:
        return TemplateResponse(Template())

    assert isinstance((await fail(Lilya(routes=[Path("/", handler)]))).error, KeyError)


async def test_what_it_was_made_of_is_shown_to_a_server_that_asks() -> None:
    template = Template()

    async def handler() -> TemplateResponse:
        return TemplateResponse(template, context={"name": "ada"})

    answer = await call(Lilya(routes=[Path("/", handler)]), extensions=DEBUG)
    assert answer.types == ["http.response.debug", "http.response.start", "http.response.body"]
    assert answer.sent[0]["info"] == {"template": template, "context": {"name": "ada"}}
    assert (await call(Lilya(routes=[Path("/", handler)]))).types == ["http.response.start", "http.response.body"]


async def test_it_may_refuse_a_websocket() -> None:
    async def handler(websocket: WebSocket) -> None:
        response = TemplateResponse(Template(), 403, {"name": "ada"})
        await response(websocket.scope, websocket.receive, websocket.send)

    wire = Answer(CONNECT)
    extensions = {"websocket.http.response": {}, **DEBUG}
    await Lilya(routes=[WebSocketPath("/", handler)])(websocket_scope(extensions=extensions), wire.receive, wire.send)
    assert wire.types == ["http.response.debug", "websocket.http.response.start", "websocket.http.response.body"]


@pytest.mark.parametrize("extensions", [{}, DEBUG])
async def test_the_background_task_runs_when_the_client_is_gone(extensions: Any) -> None:
    done: list[str] = []

    def lose(message: Message) -> None:
        raise ConnectionResetError

    wire = Wire(request())
    wire.fail = lose
    response = TemplateResponse(Template(), context={"name": "ada"}, background=Task(done.append, "done"))

    async def handler() -> TemplateResponse:
        return response

    await Lilya(routes=[Path("/", handler)])(http_scope(extensions=extensions), wire.receive, wire.send)
    assert done == ["done"]
    with pytest.raises((ClientDisconnect, OSError)):
        await response(http_scope(extensions=extensions), wire.receive, wire.send)


async def test_cancelled_before_it_has_a_thread_it_is_not_rendered() -> None:
    template = Template()
    with anyio.CancelScope() as scope:
        scope.cancel()
        _ = await TemplateResponse(template, context={"name": "ada"})
    assert template.threads == []
