"""Every response class of ours is an ASGI app: by itself, mounted in another framework, returned by its handlers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.requests import Request as StarletteRequest
from starlette.routing import Route

from lilya.exceptions import HTTPException
from lilya.requests import Request
from lilya.responses import (
    CSVResponse,
    DispositionResponse,
    Error,
    EventStreamResponse,
    FileResponse,
    HTMLResponse,
    ImageResponse,
    JSONResponse,
    MessagePackResponse,
    NDJSONResponse,
    Ok,
    PlainText,
    RedirectResponse,
    Response,
    SimpleFileResponse,
    StreamingResponse,
    TemplateResponse,
    XMLResponse,
    YAMLResponse,
    make_response,
)
from lilya.templating import Jinja2Template
from tests.interop.hosts import EVERYWHERE, PREFIX, Host
from tests.routing.client import call


async def events() -> Any:
    yield {"data": "one"}


class Greeting:
    """A template, as any engine may have it."""

    name = "greeting"

    def render(self, context: Mapping[str, Any]) -> str:
        return "hello"


RESPONSES: Mapping[str, tuple[Callable[[], Any], int, str, bytes]] = {
    "Response": (lambda: Response(b"x", media_type="a/b"), 200, "a/b", b"x"),
    "PlainText": (lambda: PlainText("x"), 200, "text/plain; charset=utf-8", b"x"),
    "HTMLResponse": (lambda: HTMLResponse("<p>"), 200, "text/html; charset=utf-8", b"<p>"),
    "Error": (lambda: Error("<p>"), 500, "text/html; charset=utf-8", b"<p>"),
    "JSONResponse": (lambda: JSONResponse({"a": 1}), 200, "application/json", b'{"a":1}'),
    "Ok": (lambda: Ok([1]), 200, "application/json", b"[1]"),
    "make_response": (lambda: make_response({"a": 1}, status_code=201), 201, "application/json", b'{"a":1}'),
    "RedirectResponse": (lambda: RedirectResponse("/y"), 307, "", b""),
    "StreamingResponse": (lambda: StreamingResponse(["a", b"b"], media_type="a/b"), 200, "a/b", b"ab"),
    "EventStreamResponse": (
        lambda: EventStreamResponse(events(), ping_interval=1000),
        200,
        "text/event-stream; charset=utf-8",
        b"data: one\n\n",
    ),
    "FileResponse": (lambda: FileResponse(__file__, media_type="a/b"), 200, "a/b", b'"""Every response class'),
    "SimpleFileResponse": (lambda: SimpleFileResponse(b"x", filename="x.png"), 200, "image/png", b"x"),
    "ImageResponse": (lambda: ImageResponse(b"x", media_type="image/gif"), 200, "image/gif", b"x"),
    "DispositionResponse": (
        lambda: DispositionResponse(content=b"x", filename="x", media_type="a/b"),
        200,
        "a/b",
        b"x",
    ),
    "CSVResponse": (lambda: CSVResponse([{"a": 1}]), 200, "text/csv; charset=utf-8", b"a\n1"),
    "NDJSONResponse": (lambda: NDJSONResponse([1, 2]), 200, "application/x-ndjson", b"1\n2"),
    "XMLResponse": (lambda: XMLResponse({"a": 1}), 200, "application/xml", b"<root><a>1</a></root>"),
    "YAMLResponse": (lambda: YAMLResponse({"a": 1}), 200, "application/x-yaml", b"a: 1\n"),
    "MessagePackResponse": (lambda: MessagePackResponse([1]), 200, "application/x-msgpack", b"\x91\x01"),
    "TemplateResponse": (lambda: TemplateResponse(Greeting()), 200, "text/html; charset=utf-8", b"hello"),
}
# Libraries that some of them need, where they are installed.
NEEDS: Mapping[str, str] = {"YAMLResponse": "yaml", "MessagePackResponse": "msgpack"}


def usable(name: str) -> Any:
    """The case of a response, skipped where its library is not installed."""
    lacking = name in NEEDS and find_spec(NEEDS[name]) is None
    return pytest.param(*RESPONSES[name], id=name, marks=pytest.mark.skipif(lacking, reason=f"{name} needs a library"))


ALL = pytest.mark.parametrize(("make", "status", "media_type", "body"), [usable(name) for name in RESPONSES])


@EVERYWHERE
@ALL
async def test_it_answers_by_itself(
    host: Host, make: Callable[[], Any], status: int, media_type: str, body: bytes
) -> None:
    app = host(make())
    answer = await call(app, PREFIX + "/")
    assert (answer.status, answer.headers.get("content-type", "")) == (status, media_type)
    assert answer.body.startswith(body)
    head = await call(host(make()), PREFIX + "/", "HEAD")
    assert (head.status, head.body) == (status, b"")


@ALL
async def test_a_handler_of_starlette_may_return_it(
    make: Callable[[], Any], status: int, media_type: str, body: bytes
) -> None:
    async def home(request: StarletteRequest) -> Any:
        return make()

    answer = await call(Starlette(routes=[Route("/", home)]))
    assert answer.status == status
    assert answer.body.startswith(body)


async def test_a_request_of_ours_reads_what_another_framework_was_asked() -> None:
    async def home(request: StarletteRequest) -> Any:
        ours = Request({**request.scope}, request.receive)
        return JSONResponse({"body": await ours.json(), "query": ours.query_params["q"]})

    app = Starlette(routes=[Route("/", home, methods=["POST"])])
    answer = await call(app, "/", "POST", body=b"[1]", query_string=b"q=2")
    assert answer.json == {"body": [1], "query": "2"}


async def test_a_template_of_ours_is_rendered_for_another_framework() -> None:
    jinja2 = pytest.importorskip("jinja2")
    templates = Jinja2Template(env=jinja2.Environment(loader=jinja2.DictLoader({"a": "hello {{ name }}"})))

    async def home(request: StarletteRequest) -> Any:
        return templates.get_template_response(Request({**request.scope}), "a", {"name": "Ada"})

    assert (await call(Starlette(routes=[Route("/", home)]))).text == "hello Ada"


async def test_an_exception_of_ours_is_answered_where_the_other_framework_has_a_handler_for_it() -> None:
    app = FastAPI()

    @app.exception_handler(HTTPException)
    async def handle(request: StarletteRequest, exc: HTTPException) -> Any:
        return PlainText(str(exc.detail), status_code=exc.status_code)

    @app.get("/")
    async def home() -> None:
        raise HTTPException(status_code=418, detail="I brew")

    answer = await call(app)
    assert (answer.status, answer.text) == (418, "I brew")
