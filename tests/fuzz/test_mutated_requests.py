"""Requests no sane client sends: nothing unhandled comes of them, and nothing is left behind.

A few hundred in the usual run; `LILYA_FUZZ=20000` asks for more.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path as FilePath
from typing import Any

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lilya.apps import Lilya
from lilya.requests import Request
from lilya.responses import FileResponse, JSONResponse, PlainText, RedirectResponse
from lilya.routing import Host, Include, Path, WebSocketPath
from lilya.staticfiles import StaticFiles
from lilya.websockets import WebSocket
from tests.support.life import running
from tests.support.wire import GONE, Wire, http_scope, websocket_scope

EXAMPLES = int(os.environ.get("LILYA_FUZZ", "200"))
# Each example has a time limit of its own. The one of a test is a signal, and its exception may come out anywhere, in a
# finalizer too, where it looks like somebody's bug: it must leave time for as many examples as were asked for.
pytestmark = pytest.mark.timeout(60 + EXAMPLES)
HERE = FilePath(__file__).parent

PATHS = [
    "/",
    "/json",
    "/text",
    "/form",
    "/meta",
    "/file",
    "/static/test_mutated_requests.py",
    "/i/5",
    "/u/x",
    "/d/x",
    "/p/x",
    "/h",
]
TYPES = [
    b"application/json",
    b"application/x-www-form-urlencoded",
    b"multipart/form-data; boundary=B",
    b"multipart/form-data",
    b"text/plain; charset=utf-16",
    b"text/plain; charset=\xff",
]
BODIES = [
    b"",
    b"{}",
    b"[" * 5000,
    b"9" * 5000,
    b"a=1&b=%zz&=&&%ff",
    b'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\nv\r\n--B--\r\n',
    b'--B\r\nContent-Disposition: form-data; name="a"; filename="f"\r\n\r\n' + b"x" * 3000 + b"\r\n--B--\r\n",
    b"--B\r\nContent-Disposition: form-data; name",
]
NAMES = [
    b"cookie",
    b"range",
    b"if-range",
    b"if-none-match",
    b"if-modified-since",
    b"accept",
    b"host",
    b"content-length",
    b"x-y",
]
VALUES = [
    b"bytes=0-4,9-",
    b"bytes=-5",
    b'W/"x", *',
    b"Sun, 06 Nov 1994 08:49:37 GMT",
    b"a=b; c=%41; d; =e",
    b"text/html;q=0.3, */*;q=x",
    b"[::1",
    b"-1",
]


async def json(request: Request) -> JSONResponse:
    return JSONResponse({"type": type(await request.json()).__name__})


async def text(request: Request) -> PlainText:
    return PlainText(await request.text())


async def form(request: Request) -> JSONResponse:
    async with request.form() as fields:
        return JSONResponse(len(fields.multi_items()))


async def meta(request: Request) -> JSONResponse:
    return JSONResponse(
        {
            "url": str(request.url),
            "base": str(request.base_url),
            "query": request.query_params.multi_items(),
            "cookies": request.cookies,
            "headers": request.headers.multi_items(),
            "type": request.content_type,
            "client": str(request.client),
        }
    )


async def moved(request: Request) -> RedirectResponse:
    return RedirectResponse(request.headers.get("x-y") or "/")


async def item(value: Any) -> PlainText:
    return PlainText(str(value))


async def file() -> FileResponse:
    return FileResponse(__file__, range_multipart_boundary=True)


async def socket(websocket: WebSocket) -> None:
    await websocket.accept()
    async for data in websocket.iter_json():
        await websocket.send_json(data)


def make_app() -> Lilya:
    everything = ["GET", "POST"]
    return Lilya(
        routes=[
            Path("/json", json, methods=everything),
            Path("/text", text, methods=everything),
            Path("/form", form, methods=everything),
            Path("/meta", meta, methods=everything),
            Path("/moved", moved, methods=everything),
            Path("/file", file),
            Include("/i", routes=[Path("/{value:int}", item)]),
            Path("/u/{value:uuid}", item),
            Path("/d/{value:datetime}", item),
            Path("/f/{value:float}", item),
            Path("/p/{value:path}", item),
            Include("/static", app=StaticFiles(directory=HERE)),
            Include("/h", routes=[Host("{value}.example.org", app=Include("/", routes=[Path("/", item)]))]),
            WebSocketPath("/ws", socket),
        ]
    )


def mutated(samples: list[bytes]) -> st.SearchStrategy[bytes]:
    """One of the samples, as it is, cut, spliced with another one, or plain noise."""

    def splice(parts: tuple[bytes, bytes, int, int]) -> bytes:
        one, other, i, j = parts
        return one[:i] + other[j:]

    given_ones = st.sampled_from(samples)
    spliced = st.tuples(given_ones, given_ones, st.integers(0, 40), st.integers(0, 40)).map(splice)
    return given_ones | spliced | st.binary(max_size=60)


segments = st.text(max_size=12) | st.sampled_from(
    ["..", "%", "\x00", "a" * 300, "5", "9" * 5000, "2020-01-01T00:00:00.1234567"]
)
paths = st.sampled_from([*PATHS, "/moved", "/f/1.5"]) | st.builds("{}/{}".format, st.sampled_from(PATHS), segments)


class Piecewise(Wire):
    """Gives a body in pieces, and then the end, or the disconnect in the middle of it."""

    def __init__(self, body: bytes, cut: int, leaves: bool) -> None:
        pieces = [body[:cut], body[cut:]]
        super().__init__({"type": "http.request", "body": pieces[0], "more_body": True})
        self.put(GONE if leaves else {"type": "http.request", "body": pieces[1]})


@pytest.fixture
def spool(tmp_path: FilePath, monkeypatch: pytest.MonkeyPatch) -> Iterator[FilePath]:
    """Temporary files land here, and none may be left."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    yield tmp_path
    assert list(tmp_path.iterdir()) == []


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    path=paths,
    method=st.sampled_from(["GET", "POST", "HEAD", "OPTIONS", "BREW", ""]),
    query=mutated([b"a=1&b=2", b"%zz=%ff&&=&a", b"a" * 3000]),
    headers=st.lists(st.tuples(st.sampled_from(NAMES) | st.binary(max_size=8), mutated(VALUES)), max_size=6),
    content_type=mutated(TYPES),
    body=mutated(BODIES),
    cut=st.integers(0, 60),
    leaves=st.booleans(),
)
async def test_a_mutated_request_is_answered_or_refused_and_leaves_nothing(
    spool: FilePath,
    path: str,
    method: str,
    query: bytes,
    headers: list[tuple[bytes, bytes]],
    content_type: bytes,
    body: bytes,
    cut: int,
    leaves: bool,
) -> None:
    app = make_app()
    scope = http_scope(path, method, query_string=query, raw_path=b"/")
    scope["headers"] = [(b"host", b"example.org"), *headers, (b"content-type", content_type)]
    wire = Piecewise(body, cut, leaves)
    async with running(app):
        with anyio.fail_after(10):
            await app(scope, wire.receive, wire.send)
        assert app.statistics().idle
    if wire.sent:
        assert wire.status < 500, wire.sent
    assert os.listdir(spool) == []


@settings(max_examples=EXAMPLES // 4, deadline=None)
@given(
    path=st.sampled_from(["/ws", "/", "/ws/"]) | segments,
    messages=st.lists(
        st.fixed_dictionaries({"text": st.text(max_size=20) | st.just("[" * 5000)})
        | st.fixed_dictionaries({"bytes": st.binary(max_size=20)})
        | st.just({}),
        max_size=4,
    ),
    code=st.none() | st.integers(0, 70000),
)
async def test_a_mutated_websocket_ends_by_a_close_or_a_refusal(
    path: str, messages: list[dict[str, Any]], code: int | None
) -> None:
    app = make_app()
    wire = Wire({"type": "websocket.connect"}, *({"type": "websocket.receive", **each} for each in messages))
    wire.put({"type": "websocket.disconnect", "code": code})
    async with running(app):
        with anyio.fail_after(10):
            await app(websocket_scope(path), wire.receive, wire.send)
        assert app.statistics().idle
    assert wire.types[0] in ("websocket.accept", "websocket.close")
