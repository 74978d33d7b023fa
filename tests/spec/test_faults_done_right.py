"""What the original does wrong and this does right: one test or more for each numbered item of the list.

Each is tried in full where it lives; here stands the list as a whole, so that nothing of it is forgotten.

| item | what is right here | tests |
|---|---|---|
| 1 | `middleware=[]` given is given; no logging is set up; settings | `test_01_...`; `test_faults_in_rooms.py` |
| 2 | `add_permission` has an effect; there is no way round permissions and hooks | `test_02_...` |
| 3 | redirects keep the method; `Allow` lists all; params of a skipped route are gone | `test_03_...` |
| 4 | reversed paths are percent-encoded | `test_04_...` |
| 5 | fractions of seconds and upper-case UUIDs | `test_05_...` |
| 6 | path params of websocket functions | `test_06_...` |
| 7 | charsets; no message of a body is eaten; malformed JSON is a 400 | `test_07_...` |
| 8 | clean-up runs when the exchange ends | `test_08_...` |
| 9 | `Error` is a 500; `cookies=`; the mapping of headers is left alone; plain start messages | `test_09_...` |
| 10 | HEAD and OPTIONS of streams; plain exceptions; sync iterators off the loop | `test_10_...` |
| 11 | ranges, multipart of them, quoted ETags, `If-Range` | `test_11_...` |
| 12 | CSV, XML, server-sent events | `test_12_...` |
| 13 | the order of pairs, the case of keys, latin-1 | `test_13_...` |
| 14 | static files stay in their directory | `test_14_...` |
| 15 | multipart split anywhere; urlencoded decoded once; limits | `test_15_...` |
| 16 | details that are no text | `test_16_...` |
| 17 | async handlers at every level, by the MRO, the nearest first | `test_17_...` |
| 18 | close codes; nothing leaks; an unknown websocket path is refused | `test_18_...` |
| 19 | hooks added later; unwinding after half a start; the hooks of the process | `test_19_...`, also there |
| 20 | an instance of a controller for each request; 405 with `Allow` | `test_20_...` |
| 21, 22, 24 | CSRF, `requires`, sessions | there |
| 23 | `q=0`; extension messages pass; each chunk is flushed | `test_23_...` |
| 25 | `Vary` of CORS; the lifespan passes; IPv6 hosts | `test_25_...` |
| 26 | settings | there |
| 27 | the test client | `test_27_...`, also there, `tests/testclient` |
| 28 | `run_sync` on the running loop; `cache`, `observable` | `test_28_...`, also there |
"""

from __future__ import annotations

import datetime
import logging
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path as FilePath
from typing import Any

import anyio
import pytest

from lilya.apps import ChildLilya, Lilya
from lilya.compat import run_sync
from lilya.concurrency import iterate_in_threadpool
from lilya.controllers import Controller
from lilya.datastructures import Header, MultiDict
from lilya.exceptions import ContinueRouting, HTTPException, NotAuthorized, ValidationError
from lilya.middleware.clientip import ClientIPMiddleware
from lilya.middleware.compression import GZipMiddleware
from lilya.middleware.cors import CORSMiddleware
from lilya.middleware.trustedhost import TrustedHostMiddleware
from lilya.permissions.deny_all import DenyAll
from lilya.requests import Request
from lilya.responses import (
    CSVResponse,
    Error,
    EventStreamResponse,
    FileResponse,
    PlainText,
    Response,
    StreamingResponse,
    XMLResponse,
)
from lilya.routing import Include, Path, WebSocketPath
from lilya.staticfiles import StaticFiles
from lilya.testclient import AsyncTestClient
from lilya.types import ASGIApp, Receive, Scope, Send
from lilya.websockets import WebSocket
from tests.routing.client import call, fail, fail_talk, fail_to_start, talk
from tests.support.life import running
from tests.support.wire import GONE, Wire, http_scope, left, request

DENIALS: dict[str, Any] = {"extensions": {"websocket.http.response": {}}}


async def home() -> str:
    return "home"


# -- 1, 2: applications -----------------------------------------------------------------------------------------------


def test_01_neither_an_application_nor_its_children_set_logging_up() -> None:
    root = logging.getLogger()
    before = (root.level, list(root.handlers))
    Lilya(routes=[Include("/", app=ChildLilya())], middleware=[])
    assert (root.level, root.handlers) == before


async def test_02_a_permission_that_is_added_denies_also_where_there_is_one_route_and_nothing_else() -> None:
    app = Lilya(routes=[Path("/", home)])
    app.add_permission(DenyAll)
    assert (await call(app)).status == 401
    log: list[str] = []

    async def hook(scope: Scope, receive: Receive, send: Send) -> None:
        log.append("hook")

    hooked = Lilya(routes=[Path("/", home)], before_request=[hook], permissions=[DenyAll])
    assert (await call(hooked)).status == 401
    assert log == ["hook"]


async def test_02_declining_does_not_escape_from_an_application_of_one_route() -> None:
    async def declines() -> None:
        raise ContinueRouting

    assert (await call(Lilya(routes=[Path("/", declines)]))).status == 404


# -- 3, 4, 5, 6: routing ----------------------------------------------------------------------------------------------


async def test_03_a_redirected_post_stays_one_and_allow_lists_all_methods_of_the_path() -> None:
    app = Lilya(routes=[Path("/x", home, methods=["POST"]), Path("/x", home, methods=["PUT"])])
    assert (await call(app, "/x/", "POST")).status == 307
    assert (await call(app, "/x")).headers["allow"] == "POST, PUT"


async def test_03_the_parameters_of_a_route_that_declined_are_not_those_of_the_next() -> None:
    async def declines(a: str) -> None:
        raise ContinueRouting

    async def takes(request: Request) -> dict[str, Any]:
        return request.path_params

    app = Lilya(routes=[Path("/{a}", declines), Path("/{b}", takes)])
    assert (await call(app, "/x")).json == {"b": "x"}


def test_04_what_may_not_stand_in_a_path_is_percent_encoded() -> None:
    app = Lilya(routes=[Path("/{name}", home, name="x")])
    assert app.path_for("x", name="a b?c#ä%") == "/a%20b%3Fc%23%C3%A4%25"


async def test_05_fractions_of_a_second_and_upper_case_uuids_are_read_and_nonsense_is_a_404() -> None:
    async def item(value: Any) -> str:
        return str(value)

    app = Lilya(routes=[Path("/d/{value:datetime}", item), Path("/u/{value:uuid}", item)])
    assert (await call(app, "/d/2026-01-31T10:20:30.5")).json == str(datetime.datetime(2026, 1, 31, 10, 20, 30, 500000))
    assert (await call(app, "/d/2026-99-31T10:20:30")).status == 404
    assert (await call(app, "/u/ABCDEF00-0000-0000-0000-000000000000")).json[:6] == "abcdef"


async def test_06_websocket_functions_get_their_path_parameters() -> None:
    async def join(websocket: WebSocket, room: int) -> None:
        await websocket.accept()
        await websocket.send_json(room)

    answer = await talk(Lilya(routes=[WebSocketPath("/{room:int}", join)]), "/5")
    assert answer.sent[1]["text"] == "5"


# -- 7, 8: requests ---------------------------------------------------------------------------------------------------


async def test_07_the_declared_charset_is_used_and_malformed_json_is_the_clients_fault() -> None:
    async def text(request: Request) -> str:
        return await request.text()

    async def json(request: Request) -> Any:
        return await request.json()

    app = Lilya(routes=[Path("/text", text, methods=["POST"]), Path("/json", json, methods=["POST"])])
    headers = [(b"content-type", b"text/plain; charset=latin-1")]
    assert (await call(app, "/text", "POST", body=b"\xe6", headers=headers)).json == "æ"
    assert (await call(app, "/json", "POST", body=b"{")).status == 400


async def test_07_asking_for_the_disconnect_eats_no_piece_of_the_body_and_a_message_without_body_is_fine() -> None:
    async def reads(request: Request) -> list[Any]:
        return [await request.is_disconnected(), await request.text()]

    wire = Wire({"type": "http.request", "more_body": True}, request(b"a", more=True), request(b"b"))
    await Lilya(routes=[Path("/", reads, methods=["POST"])])(http_scope("/", "POST"), wire.receive, wire.send)
    assert wire.body == b'[false,"ab"]'


async def test_08_clean_up_runs_when_the_exchange_ends_however_it_ends() -> None:
    log: list[str] = []

    async def works(request: Request) -> str:
        request.add_cleanup(lambda: log.append("request"))
        return "done"

    async def breaks(request: Request) -> None:
        request.add_cleanup(lambda: log.append("broken request"))
        raise KeyError

    async def socket(websocket: WebSocket) -> None:
        websocket.add_cleanup(lambda: log.append("websocket"))
        await websocket.accept()
        await websocket.receive_text()

    app = Lilya(routes=[Path("/", works), Path("/broken", breaks), WebSocketPath("/", socket)])
    await call(app)
    await fail(app, "/broken")
    await talk(app, "/", left())
    assert log == ["request", "broken request", "websocket"]


# -- 9, 10: responses -------------------------------------------------------------------------------------------------


async def test_09_responses_are_what_they_say() -> None:
    given = {"X-A": "b"}
    response = Response("x", headers=given, cookies={"c": "d"})
    answer = await call(response)
    assert given == {"X-A": "b"}
    assert answer.headers["set-cookie"].startswith("c=d;")
    assert all(type(name) is bytes and type(value) is bytes for name, value in answer.sent[0]["headers"])
    assert Error("<p>").status_code == 500
    assert (await call(Response("x", status_code=204))).body == b""


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS"])
async def test_10_a_stream_answers_head_and_options_to_the_end(method: str) -> None:
    answer = await call(StreamingResponse(["a", "b"]), "/", method)
    assert not answer.sent[-1].get("more_body")
    assert answer.body == (b"" if method == "HEAD" else b"ab")


async def test_10_what_a_stream_raises_is_plain() -> None:
    async def body() -> Any:
        yield b"a"
        raise KeyError("x")

    async def stream() -> StreamingResponse:
        return StreamingResponse(body())

    assert isinstance((await fail(Lilya(routes=[Path("/", stream)]))).error, KeyError)


async def test_10_a_sync_iterator_runs_off_the_loop() -> None:
    def threads() -> Iterator[bool]:
        yield threading.current_thread() is threading.main_thread()

    assert [each async for each in iterate_in_threadpool(threads())] == [False]


# -- 11, 14: files ----------------------------------------------------------------------------------------------------


@pytest.fixture
def ten(tmp_path: FilePath) -> FilePath:
    path = tmp_path / "ten"
    path.write_bytes(b"0123456789")
    return path


@pytest.mark.parametrize(
    ("asked", "status", "body", "content_range"),
    [
        (b"bytes=-3", 206, b"789", "bytes 7-9/10"),
        (b"bytes=8-99", 206, b"89", "bytes 8-9/10"),
        (b"bytes=99-", 416, b"Content range is not satisfiable.", "bytes */10"),
    ],
)
async def test_11_ranges_are_as_long_as_they_say(
    ten: FilePath, asked: bytes, status: int, body: bytes, content_range: str
) -> None:
    answer = await call(FileResponse(ten), headers=[(b"range", asked)])
    assert (answer.status, answer.headers["content-range"]) == (status, content_range)
    assert answer.body == body or (status == 416 and b"{" not in answer.body)


async def test_11_several_ranges_end_their_lines_and_themselves_as_mime_wants_it(ten: FilePath) -> None:
    answer = await call(FileResponse(ten, range_multipart_boundary="B"), headers=[(b"range", b"bytes=0-1,4-5")])
    assert answer.headers["content-type"] == "multipart/byteranges; boundary=B"
    assert answer.body.replace(b"\r\n", b"").count(b"\n") == 0
    assert answer.body.rstrip(b"\r\n").endswith(b"--B--")
    assert int(answer.headers["content-length"]) == len(answer.body)


async def test_11_an_etag_is_quoted_and_if_range_takes_dates(ten: FilePath) -> None:
    whole = await call(FileResponse(ten))
    assert whole.headers["etag"].startswith('"')
    since = [(b"range", b"bytes=0-1"), (b"if-range", b"Sun, 06 Nov 1994 08:49:37 GMT")]
    assert (await call(FileResponse(ten), headers=since)).status == 200


async def test_14_nothing_outside_of_the_directory_is_served_and_well_known_is(tmp_path: FilePath) -> None:
    inside = tmp_path / "public"
    (inside / ".well-known").mkdir(parents=True)
    (inside / ".well-known" / "x").write_text("known")
    (tmp_path / "secret").write_text("secret")
    (inside / "link").symlink_to(tmp_path / "secret")
    app = StaticFiles(directory=inside)
    for path in ("/../secret", "/%2e%2e/secret", "//secret", f"/{tmp_path}/secret", "/..\\secret", "/link"):
        assert (await call(app, path)).status == 404, path
    known = await call(app, "/.well-known/x")
    assert known.text == "known"
    headers = [(b"if-none-match", b'"another"'), (b"if-modified-since", b"Fri, 01 Jan 2100 00:00:00 GMT")]
    assert (await call(app, "/.well-known/x", headers=headers)).status == 200
    headers = [(b"if-none-match", known.headers["etag"].encode())]
    assert (await call(app, "/.well-known/x", headers=headers)).status == 304


# -- 12: formats and events -------------------------------------------------------------------------------------------


def test_12_csv_is_quoted_and_xml_escaped() -> None:
    assert CSVResponse([{"a": 'x,"y"'}]).body == b'a\n"x,""y"""'
    assert b"<a>&lt;b&gt;&amp;</a>" in XMLResponse({"a": "<b>&"}).body


async def test_12_events_begin_with_the_start_message_and_end_once() -> None:
    async def events() -> Any:
        yield {"data": "one"}

    answer = await call(EventStreamResponse(events()))
    assert answer.types[0] == "http.response.start"
    assert [message.get("more_body", False) for message in answer.sent[1:]].count(False) == 1
    assert not {"connection", "transfer-encoding"} & answer.headers.keys()


# -- 13, 15: values and forms -----------------------------------------------------------------------------------------


def test_13_headers_keep_their_order_their_values_and_take_any_byte() -> None:
    pairs = [("A", "1"), ("b", "2"), ("a", "3")]
    header = Header(pairs)
    assert [(name.lower(), value) for name, value in header.multi_items()] == [("a", "1"), ("b", "2"), ("a", "3")]
    assert header.getlist("A") == header.getlist("a") == ["1", "3"]
    assert Header.from_scope({"headers": [(b"x", b"\xff")]})["x"] == "\xff"
    assert MultiDict([("b", 1), ("a", 2)]).multi_items() == [("b", 1), ("a", 2)]


async def test_15_a_multipart_body_may_be_split_anywhere_and_escapes_are_decoded_once() -> None:
    async def read(request: Request) -> dict[str, Any]:
        form = await request.form()
        return {key: value if isinstance(value, str) else (await value.read()).decode() for key, value in form.items()}

    app = Lilya(routes=[Path("/", read, methods=["POST"])])
    part = b'--BB\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\nx\r\n-\r\n--B\r\n--BB--\r\n'
    scope = {**http_scope("/", "POST"), "headers": [(b"content-type", b"multipart/form-data; boundary=BB")]}
    for cut in range(len(part)):
        wire = Wire(request(part[:cut], more=True), request(part[cut:]))
        await app({**scope}, wire.receive, wire.send)
        assert wire.body == b'{"f":"x\\r\\n-\\r\\n--B"}', cut
    headers = [(b"content-type", b"application/x-www-form-urlencoded")]
    assert (await call(app, "/", "POST", body=b"a=%252B", headers=headers)).json == {"a": "%2B"}


# -- 16, 17, 18: exceptions -------------------------------------------------------------------------------------------


async def test_16_a_detail_with_parts_is_answered_as_json() -> None:
    async def invalid() -> None:
        raise ValidationError({"name": ["required"]})

    answer = await call(Lilya(routes=[Path("/", invalid)]))
    assert (answer.status, answer.json) == (400, {"name": ["required"]})


@pytest.mark.parametrize("level", ["path", "include", "app"])
async def test_17_async_handlers_find_subclasses_at_every_level(level: str) -> None:
    async def unauthorized() -> None:
        raise NotAuthorized

    async def handle(request: Request, exc: Exception) -> PlainText:
        return PlainText(level)

    handlers = {each: {HTTPException: handle} if each == level else {} for each in ("path", "include", "app")}
    route = Path("/x", unauthorized, exception_handlers=handlers["path"])
    include = Include("/in", routes=[route], exception_handlers=handlers["include"])
    assert (await call(Lilya(routes=[include], exception_handlers=handlers["app"]), "/in/x")).text == level


async def test_18_a_websocket_is_closed_with_a_valid_code_that_tells_nothing() -> None:
    async def broken(websocket: WebSocket) -> None:
        await websocket.accept()
        raise KeyError("secret")

    async def forbidden(websocket: WebSocket) -> None:
        await websocket.accept()
        raise HTTPException(status_code=403)

    app = Lilya(routes=[WebSocketPath("/broken", broken), WebSocketPath("/forbidden", forbidden)])
    assert (await fail_talk(app, "/broken")).closed == (1011, "internal error")
    assert (await talk(app, "/forbidden")).closed == (1008, "Forbidden")


async def test_18_an_unknown_websocket_path_is_refused_at_once() -> None:
    assert (await talk(Lilya(), "/none")).types == ["websocket.close"]
    denied = await talk(Lilya(), "/none", **DENIALS)
    assert (denied.types[0], denied.status) == ("websocket.http.response.start", 404)


# -- 19, 20: lifespan, controllers ------------------------------------------------------------------------------------


async def test_19_hooks_may_be_added_later_and_half_a_start_is_undone() -> None:
    log: list[str] = []
    app = Lilya(on_startup=[lambda: log.append("given")])
    app.add_event_handler("startup", lambda: log.append("added"))
    async with running(app):
        assert log == ["given", "added"]
    log.clear()

    def broken() -> None:
        raise LookupError

    await fail_to_start(Lilya(on_startup=[lambda: log.append("up"), broken], on_shutdown=[lambda: log.append("down")]))
    assert log == ["up", "down"]
    log.clear()
    child = ChildLilya(on_startup=[broken])
    parent = Lilya(
        routes=[Include("/", app=child)],
        on_startup=[lambda: log.append("up")],
        on_shutdown=[lambda: log.append("down")],
    )
    await fail_to_start(parent)
    assert log == ["up", "down"]


async def test_20_every_request_has_a_controller_of_its_own_also_with_middleware() -> None:
    class Passing:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            await self.app(scope, receive, send)

    class Counter(Controller):
        """Counts what it is asked."""

        middleware = (Passing,)

        def __init__(self) -> None:
            self.count = 0

        async def get(self) -> int:
            self.count += 1
            await anyio.lowlevel.checkpoint()
            return self.count

    app = Lilya(routes=[Path("/", Counter)])
    assert [(await call(app)).json for _ in range(2)] == [1, 1]
    refused = await call(app, "/", "POST")
    assert (refused.status, refused.headers["allow"]) == (405, "GET, HEAD")


# -- 23, 25: middleware -----------------------------------------------------------------------------------------------


async def test_23_gzip_that_is_refused_is_not_used_and_each_chunk_is_flushed() -> None:
    app = GZipMiddleware(PlainText("x" * 1000))
    assert "content-encoding" not in (await call(app, headers=[(b"accept-encoding", b"gzip;q=0")])).headers
    stream = GZipMiddleware(StreamingResponse([b"a" * 600, b"b" * 600]))
    answer = await call(stream, headers=[(b"accept-encoding", b"gzip")])
    unpack = zlib.decompressobj(31)
    assert [unpack.decompress(message["body"]) for message in answer.sent[1:3]] == [b"a" * 600, b"b" * 600]


async def test_23_messages_of_extensions_pass() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.pathsend", "path": "/x"})

    scope = http_scope(headers=[(b"accept-encoding", b"gzip")], extensions={"http.response.pathsend": {}})
    wire = Wire(request())
    await GZipMiddleware(app)(scope, wire.receive, wire.send)
    assert wire.types == ["http.response.start", "http.response.pathsend"]


async def test_25_vary_names_headers_the_lifespan_passes_and_ipv6_hosts_are_hosts() -> None:
    cors = CORSMiddleware(PlainText("x"), allow_origins=["http://a.test"], expose_headers=["X-A"])
    answer = await call(cors, headers=[(b"origin", b"http://a.test")])
    assert (answer.headers["vary"], answer.headers["access-control-expose-headers"]) == ("Origin", "X-A")
    async with running(ClientIPMiddleware(Lilya())):
        pass
    host = TrustedHostMiddleware(PlainText("x"), allowed_hosts=["[::1]"])
    assert (await call(host, headers=[(b"host", b"[::1]:8000")])).status == 200


# -- 27, 28: tools ----------------------------------------------------------------------------------------------------


async def test_27_the_test_client_speaks_async_websockets_and_tells_of_a_failed_start() -> None:
    async def echo(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text(await websocket.receive_text())

    async with (
        AsyncTestClient(Lilya(routes=[WebSocketPath("/", echo)])) as client,
        client.websocket_connect("/") as talking,
    ):
        await talking.send_text("x")
        assert await talking.receive_text() == "x"

    def broken() -> None:
        raise LookupError("no luck")

    with pytest.raises(LookupError, match="no luck"):
        async with AsyncTestClient(Lilya(on_startup=[broken])):
            pass


async def test_28_waiting_for_the_loop_on_its_own_thread_is_refused_on_both_backends() -> None:
    with pytest.raises(RuntimeError, match="would stop the event loop"):
        run_sync(anyio.sleep, 0)


async def test_28_a_client_that_is_gone_leaves_nothing_behind() -> None:
    async def waits() -> None:
        await anyio.sleep_forever()

    app = Lilya(routes=[Path("/", waits)])
    wire = Wire(request(), GONE)
    async with running(app):
        await app(http_scope(), wire.receive, wire.send)
        assert app.statistics().idle
