"""Compression: what is coded, what is left, and that nothing waits."""

from __future__ import annotations

import gzip
import sys
import zlib
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest

from lilya.exceptions import ClientDisconnect, ImproperlyConfigured, MissingDependency
from lilya.middleware.compression import THREAD_SIZE, CompressionMiddleware, GZipMiddleware
from lilya.responses.base import PlainText
from lilya.types import ASGIApp, Message, Receive, Scope, Send
from tests.support.wire import Wire, http_scope, websocket_scope

BIG = b"x" * 4000
START = "http.response.start"
BODY = "http.response.body"


def saying(*messages: Message) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    return app


def start(status: int = 200, **headers: str) -> Message:
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": START, "status": status, "headers": pairs}


def body(data: bytes, more: bool = False) -> Message:
    return {"type": BODY, "body": data, "more_body": more}


async def ask(app: ASGIApp, accept: str | None = "gzip", method: str = "GET", **scope: Any) -> Wire:
    wire = Wire()
    headers = [] if accept is None else [(b"accept-encoding", accept.encode())]
    await app(http_scope(method=method, headers=headers, **scope), wire.receive, wire.send)
    return wire


def fields(wire: Wire) -> dict[str, str]:
    assert type(wire.sent[0]["headers"]) is list
    return {name.decode(): value.decode() for name, value in wire.sent[0]["headers"]}


async def test_a_whole_answer_is_coded_with_its_length_vary_and_a_weak_tag() -> None:
    given = start(content_length="4000", vary="Cookie", etag='"a"', content_type="text/plain")
    wire = await ask(GZipMiddleware(saying(given, body(BIG))))
    assert gzip.decompress(wire.body) == BIG
    assert fields(wire) == {
        "content-length": str(len(wire.body)),
        "vary": "Cookie, Accept-Encoding",
        "etag": 'W/"a"',
        "content-type": "text/plain",
        "content-encoding": "gzip",
    }
    assert (
        given["headers"]
        == start(content_length="4000", vary="Cookie", etag='"a"', content_type="text/plain")["headers"]
    )


async def test_a_weak_tag_stays_as_it_is() -> None:
    assert fields(await ask(GZipMiddleware(saying(start(etag='W/"a"'), body(BIG)))))["etag"] == 'W/"a"'


@pytest.mark.parametrize(
    ("accept", "coded"),
    [
        ("gzip", True),
        ("GZIP;q=0.5", True),
        ("*", True),
        ("identity;q=0, *", True),
        ("gzip;q=0", False),
        ("gzip;q=0.0, *", False),
        ("br", False),
        ("gzip;q=0.1, identity", False),
        ("", False),
        (None, False),
        ("*;q=0", False),
    ],
)
async def test_the_client_decides(accept: str | None, coded: bool) -> None:
    wire = await ask(GZipMiddleware(saying(start(etag='"a"'), body(BIG))), accept)
    assert ("content-encoding" in fields(wire)) is coded
    assert fields(wire)["vary"] == "Accept-Encoding"
    assert fields(wire)["etag"] == ('W/"a"' if coded else '"a"')
    assert (gzip.decompress(wire.body) if coded else wire.body) == BIG


@pytest.mark.parametrize(("size", "coded"), [(499, False), (500, True)])
async def test_a_small_whole_answer_is_untouched(size: int, coded: bool) -> None:
    messages = (start(content_length=str(size)), body(b"x" * size))
    wire = await ask(GZipMiddleware(saying(*messages)))
    assert (wire.sent == list(messages)) is not coded


async def test_every_piece_of_a_stream_passes_at_once() -> None:
    seen: list[bytes] = []
    wire = Wire()
    decoder = zlib.decompressobj(wbits=31)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert receive == wire.receive
        await send(start(content_length="99", content_type="text/event-stream"))
        await send(body(b"", True))
        for number in range(3):
            before = len(wire.sent)
            await send(body(b"data: %d\n\n" % number, True))
            assert len(wire.sent) == before + 1
            seen.append(decoder.decompress(wire.sent[-1]["body"]))
        await send({"type": BODY})

    scope = http_scope(headers=[(b"accept-encoding", b"gzip")])
    await GZipMiddleware(app)(scope, wire.receive, wire.send)
    assert seen == [b"data: 0\n\n", b"data: 1\n\n", b"data: 2\n\n"]
    assert decoder.decompress(wire.sent[-1]["body"]) == b""
    assert decoder.eof
    assert fields(wire) == {
        "content-type": "text/event-stream",
        "vary": "Accept-Encoding",
        "content-encoding": "gzip",
    }
    assert wire.types == [START] + [BODY] * 5


async def test_big_pieces_are_coded_in_a_thread_in_their_order() -> None:
    pieces = [bytes([n]) * (THREAD_SIZE + n) for n in range(3)]
    messages = [body(piece, more=n < 2) for n, piece in enumerate(pieces)]
    wire = await ask(GZipMiddleware(saying(start(), *messages)))
    assert gzip.decompress(wire.body) == b"".join(pieces)


@pytest.mark.parametrize(
    "given",
    [
        start(content_encoding="br"),
        start(206, content_range="bytes 0-3999/8000"),
        start(206),
        start(204),
        start(cache_control="private, no-transform"),
        start(content_digest="sha-256=:x:"),
        start(content_type="image/png"),
        start(content_type="application/zip"),
        start(content_type="font/woff2"),
    ],
)
async def test_what_must_not_be_coded_is_untouched(given: Message) -> None:
    wire = await ask(GZipMiddleware(saying(given, body(BIG))))
    assert wire.sent == [given, body(BIG)]


async def test_a_drawing_is_text() -> None:
    wire = await ask(GZipMiddleware(saying(start(content_type="image/svg+xml"), body(BIG))))
    assert fields(wire)["content-encoding"] == "gzip"


async def test_a_304_names_the_tag_of_the_coded_answer_and_no_coding() -> None:
    wire = await ask(GZipMiddleware(saying(start(304, etag='"a"'), body(b""))))
    assert fields(wire) == {"etag": 'W/"a"', "vary": "Accept-Encoding"}
    assert wire.body == b""


@pytest.mark.parametrize("length", ["4000", None])
async def test_head_has_the_headers_of_get_but_the_length(length: str | None) -> None:
    given = start(content_length=length) if length else start()
    wire = await ask(GZipMiddleware(saying(given, body(b""))), method="HEAD")
    assert fields(wire) == {"content-encoding": "gzip", "vary": "Accept-Encoding"}
    assert wire.body == b""


async def test_head_of_a_small_answer_is_untouched() -> None:
    wire = await ask(GZipMiddleware(saying(start(content_length="4"), body(b""))), method="HEAD")
    assert fields(wire) == {"content-length": "4"}


async def test_head_without_a_coding_keeps_its_length() -> None:
    wire = await ask(GZipMiddleware(saying(start(content_length="4000"), body(b""))), None, "HEAD")
    assert fields(wire) == {"content-length": "4000", "vary": "Accept-Encoding"}


@pytest.mark.parametrize("kind", ["http.response.pathsend", "http.response.zerocopysend"])
async def test_files_the_server_sends_pass_untouched(kind: str) -> None:
    messages = [start(content_length="4000"), {"type": kind, "path": "/a", "file": None}]
    wire = await ask(GZipMiddleware(saying(*messages)))
    assert wire.sent == messages


async def test_push_and_debug_pass_at_once_and_trailers_after_the_body() -> None:
    debug: Message = {"type": "http.response.debug", "info": {}}
    push: Message = {"type": "http.response.push", "path": "/a", "headers": []}
    trailers: Message = {"type": "http.response.trailers", "headers": []}
    wire = await ask(GZipMiddleware(saying(debug, start(), push, body(BIG), trailers)))
    assert wire.types == [debug["type"], push["type"], START, BODY, trailers["type"]]


async def test_zero_copy_is_not_offered_where_it_could_meet_a_coded_body() -> None:
    offered: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        offered.append(scope["extensions"])

    extensions: dict[str, dict[str, str]] = {"http.response.zerocopysend": {}, "http.response.pathsend": {}}
    await ask(GZipMiddleware(app), extensions=extensions)
    await ask(GZipMiddleware(app), None, extensions=extensions)
    assert offered == [{"http.response.pathsend": {}}, extensions]
    assert len(extensions) == 2


async def test_a_client_that_left_is_not_hidden() -> None:
    wire = Wire()

    def lost(message: Message) -> None:
        raise ClientDisconnect()

    wire.fail = lost
    scope = http_scope(headers=[(b"accept-encoding", b"gzip")])
    with pytest.raises(ClientDisconnect):
        await GZipMiddleware(PlainText(BIG))(scope, wire.receive, wire.send)


async def test_websocket_and_lifespan_pass_with_everything_they_were_given() -> None:
    seen: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append((scope, receive, send))

    wire = Wire()
    receive, send = wire.receive, wire.send
    scopes: list[Scope] = [websocket_scope(), {"type": "lifespan"}]
    for scope in scopes:
        await GZipMiddleware(app)(scope, receive, send)
    assert seen == [(scope, receive, send) for scope in scopes]


@pytest.mark.parametrize(
    "build",
    [
        lambda: GZipMiddleware(PlainText(""), compresslevel=10),
        lambda: GZipMiddleware(PlainText(""), minimum_size=-1),
        lambda: CompressionMiddleware(PlainText(""), gzip_level=True),
        lambda: CompressionMiddleware(PlainText(""), brotli_quality=12),
        lambda: CompressionMiddleware(PlainText(""), zstd_level=0),
        lambda: CompressionMiddleware(PlainText(""), codings=["deflate"]),
    ],
)
def test_a_bad_configuration_is_told_when_built(build: Any) -> None:
    with pytest.raises(ImproperlyConfigured, match="wanted"):
        build()


@pytest.mark.parametrize(
    ("coding", "modules"), [("br", ("brotli", "brotlicffi")), ("zstd", ("compression.zstd", "backports.zstd"))]
)
def test_a_library_that_is_not_installed_is_named_only_where_it_was_asked_for(
    coding: str, modules: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in modules:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingDependency, match=r"pip install (brotli|backports.zstd)"):
        CompressionMiddleware(PlainText(""), codings=[coding])
    assert coding not in CompressionMiddleware(PlainText("")).encoders


class FakeCompressor:
    """What the libraries of Brotli and Zstandard have in common with this file: it says what it was asked."""

    FLUSH_BLOCK, FLUSH_FRAME = "block", "frame"

    def __init__(self, **options: int) -> None:
        self.options = options

    def process(self, data: bytes) -> bytes:
        return data

    def flush(self) -> bytes:
        return b"|flush"

    def finish(self) -> bytes:
        return b"|finish"

    def compress(self, data: bytes, mode: str) -> bytes:
        return data + b"|" + mode.encode()


@pytest.mark.parametrize(
    ("coding", "module", "whole"),
    [
        ("br", "brotli", b"a|flush" + BIG + b"|finish"),
        ("zstd", "compression.zstd", b"a|block" + BIG + b"|frame"),
    ],
)
async def test_optional_codings_flush_each_piece_and_end(
    coding: str, module: str, whole: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    library: Any = ModuleType(module)
    library.Compressor = library.ZstdCompressor = FakeCompressor
    if "." in module:
        package = module.partition(".")[0]
        monkeypatch.setitem(sys.modules, package, sys.modules.get(package) or ModuleType(package))
    monkeypatch.setitem(sys.modules, module, library)
    app = CompressionMiddleware(saying(start(), body(b"a", True), body(BIG)), codings=[coding, "gzip"])
    wire = await ask(app, "gzip, br, zstd")
    assert fields(wire)["content-encoding"] == coding
    assert wire.body == whole


@pytest.mark.parametrize(
    ("coding", "module"), [("br", "brotli"), ("zstd", "compression.zstd"), ("zstd", "backports.zstd")]
)
async def test_real_libraries_decode_what_we_send(coding: str, module: str) -> None:
    try:
        library: Any = import_module(module)
    except ImportError:
        pytest.skip(f"{module} is not installed")
    app = CompressionMiddleware(saying(start(), body(b"a", True), body(BIG, True), body(b"")), codings=[coding])
    wire = await ask(app, coding)
    assert library.decompress(wire.body) == b"a" + BIG


async def test_one_answer_after_another_starts_anew() -> None:
    app = GZipMiddleware(saying(start(), body(BIG)))
    assert (await ask(app)).body == (await ask(app)).body
