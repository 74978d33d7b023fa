"""A file on the disk is sent whole, in threads, with backpressure, and is closed whatever happens."""

# ruff: noqa: ASYNC240  (what a test does to its files may hold its loop)

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from lilya.concurrency.nursery import open_nursery
from lilya.concurrency.threads import thread_limits
from lilya.responses.base import Response
from lilya.responses.files import CHUNK, DispositionResponse, FileResponse
from lilya.testing.options import ServerOptions
from lilya.testing.server import MemoryServer, http_scope, websocket_scope
from lilya.types import Message
from tests.responses.fetching import fetch

ZEROCOPY = "http.response.zerocopysend"
PATHSEND = "http.response.pathsend"


class Openings:
    """Which of the files below a directory are opened, as the interpreter's audit events tell."""

    def __init__(self) -> None:
        self.below = ""
        self.paths: list[str] = []
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and self.below and str(arguments[0]).startswith(self.below):
            self.paths.append(str(arguments[0]))

    @contextmanager
    def heard(self, directory: Path) -> Iterator[list[str]]:
        self.below, self.paths = str(directory), []
        try:
            yield self.paths
        finally:
            self.below = ""


OPENINGS = Openings()  # an audit hook stays for ever: there is one


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "hello.txt"
    path.write_bytes(b"hello, world")
    return path


@pytest.fixture
def big(tmp_path: Path) -> Path:
    path = tmp_path / "big.bin"
    path.write_bytes(bytes(range(256)) * 1024)  # 4 chunks
    return path


async def test_a_file_is_sent_with_all_that_is_known_of_it(text: Path) -> None:
    os.utime(text, (784111777, 784111777))
    fetched = await fetch(FileResponse(text))
    assert fetched.status == 200
    assert fetched.body == b"hello, world"
    headers = fetched.headers
    etag = headers.pop("etag")
    assert etag.startswith('"')
    assert etag.endswith('"')
    assert headers == {
        "content-type": "text/plain; charset=utf-8",
        "accept-ranges": "bytes",
        "content-length": "12",
        "last-modified": "Sun, 06 Nov 1994 08:49:37 GMT",
    }


async def test_a_big_file_is_sent_in_chunks_the_last_of_which_says_so(big: Path) -> None:
    fetched = await fetch(FileResponse(str(big)))
    assert fetched.body == big.read_bytes()
    assert [len(message["body"]) for message in fetched.messages[1:]] == [CHUNK] * 4
    assert [message["more_body"] for message in fetched.messages[1:]] == [True, True, True, False]


async def test_an_empty_file_has_an_empty_body(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    fetched = await fetch(FileResponse(tmp_path / "empty"))
    assert fetched.headers["content-length"] == "0"
    assert fetched.headers["content-type"] == "application/octet-stream"
    assert fetched.messages[1:] == [{"type": "http.response.body", "body": b""}]


async def test_a_response_can_be_sent_again(text: Path) -> None:
    response = FileResponse(text)
    assert (await fetch(response, headers={"range": "bytes=0-0"})).status == 206
    text.write_bytes(b"changed")
    fetched = await fetch(response)
    assert (fetched.status, fetched.body) == (200, b"changed")


def test_making_a_response_does_not_touch_the_disk(tmp_path: Path) -> None:
    with OPENINGS.heard(tmp_path) as opened:
        FileResponse(tmp_path / "not there", filename="x.txt")
    assert opened == []


async def test_a_small_file_takes_one_thread(text: Path) -> None:
    limits = thread_limits()
    limits.cleanup.total_tokens = 1
    async with limits.cleanup:  # nothing is left to be closed
        assert (await fetch(FileResponse(text))).body == b"hello, world"


async def test_head_is_answered_without_opening_the_file(text: Path) -> None:
    with OPENINGS.heard(text.parent) as opened:
        head = await fetch(FileResponse(text), method="HEAD", headers={"range": "bytes=0-1"}, extensions=[PATHSEND])
    assert opened == []
    assert head.headers == (await fetch(FileResponse(text))).headers
    assert (head.status, head.body, head.kinds) == (200, b"", ["start", "body"])


async def test_head_with_a_stat_result_does_not_even_look(tmp_path: Path, text: Path) -> None:
    response = FileResponse(tmp_path / "moved", stat_result=text.stat())
    assert (await fetch(response, method="HEAD")).headers["content-length"] == "12"


async def test_a_condition_a_stat_result_decides_is_answered_without_opening_the_file(text: Path) -> None:
    response = FileResponse(text, stat_result=text.stat())
    with OPENINGS.heard(text.parent) as opened:
        fetched = await fetch(response, headers={"if-none-match": response.headers["etag"]})
        assert fetched.status == 304
        assert opened == []
        assert (await fetch(response, headers={"if-none-match": '"other"'})).status == 200
        assert opened == [str(text)]


async def test_a_stat_result_that_is_out_of_date_does_no_harm(text: Path) -> None:
    response = FileResponse(text, stat_result=text.stat())
    before = response.headers["etag"]
    assert response.headers["content-length"] == "12"
    text.write_bytes(b"longer than it was before")
    fetched = await fetch(response)
    assert fetched.body == b"longer than it was before"
    assert fetched.headers["content-length"] == "25"
    assert fetched.headers["etag"] != before


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("name", ["missing", "hello.txt/below"])
async def test_a_missing_file_is_an_error_before_anything_is_sent(text: Path, name: str, method: str) -> None:
    with pytest.raises(RuntimeError, match=r"File at path .* does not exist\."):
        await fetch(FileResponse(text.parent / name), method=method)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_directory_is_no_file(tmp_path: Path, method: str) -> None:
    with pytest.raises(RuntimeError, match=r"File at path .* is not a file\."):
        await fetch(FileResponse(tmp_path), method=method)


async def test_a_pipe_is_no_file_and_nobody_waits_for_its_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(RuntimeError, match="is not a file"):
        await fetch(FileResponse(tmp_path / "pipe"))


async def test_a_file_that_becomes_shorter_aborts_the_response(big: Path) -> None:
    async def send(message: Message) -> None:
        sent.append(message)
        if len(sent) == 2:
            os.truncate(big, CHUNK)

    async def receive() -> Message:
        await anyio.sleep_forever()
        raise AssertionError

    sent: list[Message] = []
    with pytest.raises(RuntimeError, match="became shorter while it was sent"):
        await FileResponse(big)(http_scope("GET", "/"), receive, send)
    assert sent[-1]["more_body"]


async def test_a_file_that_grows_is_sent_as_long_as_was_announced(big: Path) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        async def send_and_append(message: Message) -> None:
            await send(message)
            with big.open("ab") as file:
                file.write(b"more")

        await FileResponse(big)(scope, receive, send_and_append)

    assert len((await fetch(app)).body) == 4 * CHUNK


async def test_a_client_that_leaves_ends_the_reading_and_the_background_runs(big: Path) -> None:
    done: list[str] = []

    async def background() -> None:
        done.append("background")

    file = big.open("rb")
    async with MemoryServer(FileResponse(file, background=background), lifespan=False) as server:
        exchange = server.request(http_scope("GET", "/"))
        await exchange.head()
        assert len(await exchange.chunk() or b"") == CHUNK
        await exchange.aclose()
    assert file.closed
    assert done == ["background"]


async def test_nothing_is_read_before_the_client_took_what_came_before(big: Path) -> None:
    file = big.open("rb")
    async with MemoryServer(FileResponse(file), lifespan=False) as server:
        exchange = server.request(http_scope("GET", "/"))
        await exchange.head()
        await anyio.sleep(1)
        assert file.tell() == CHUNK
        await exchange.chunk()
        await anyio.sleep(1)
        assert file.tell() == 2 * CHUNK
        while await exchange.chunk() is not None:
            pass
        await exchange.aclose()
    assert file.closed


async def test_a_cancelled_response_closes_its_file(big: Path) -> None:
    file = big.open("rb")

    async def send(message: Message) -> None:
        await anyio.sleep_forever()

    async def receive() -> Message:
        await anyio.sleep_forever()
        raise AssertionError

    with anyio.move_on_after(1) as scope:
        await FileResponse(file)(http_scope("GET", "/"), receive, send)
    assert scope.cancelled_caught
    assert file.closed


async def test_cancelled_while_a_thread_opens_the_file_it_is_closed_all_the_same(text: Path) -> None:
    class SlowPath:
        """Takes its time in the thread that opens it."""

        def __fspath__(self) -> str:
            if threading.current_thread() is not threading.main_thread():
                inside.set()
                go_on.wait()
            return str(text)

    inside, go_on = threading.Event(), threading.Event()
    response = FileResponse(SlowPath())
    with OPENINGS.heard(text.parent) as opened:
        async with open_nursery() as nursery:
            nursery.start_soon(fetch, response)
            while not inside.is_set():
                await anyio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel()
            go_on.set()
    assert len(opened) <= 1  # and that it was closed, the collector's warnings tell


async def test_a_client_that_left_before_it_began_has_its_file_closed(big: Path) -> None:
    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        await anyio.sleep_forever()

    file = big.open("rb")
    await FileResponse(file)(http_scope("GET", "/"), receive, send)
    assert file.closed


async def test_files_do_not_wait_for_busy_handlers(text: Path) -> None:
    limits = thread_limits()
    limits.handlers.total_tokens = 1
    async with limits.handlers:
        assert (await fetch(FileResponse(text))).body == b"hello, world"


async def test_closing_waits_for_no_limit(big: Path) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        async def send_last(message: Message) -> None:
            if message["type"] == "http.response.body" and not message["more_body"]:
                limits.files.acquire_on_behalf_of_nowait(app)
            await send(message)

        await FileResponse(big)(scope, receive, send_last)

    limits = thread_limits()
    limits.files.total_tokens = 1
    assert len((await fetch(app)).body) == 4 * CHUNK


async def test_a_file_can_refuse_a_websocket(text: Path) -> None:
    async with MemoryServer(FileResponse(text, status_code=403), lifespan=False) as server:
        websocket = server.websocket(websocket_scope("/"))
        with pytest.raises(Exception, match="403") as caught:
            await websocket.connect()
        assert caught.value.body == b"hello, world"  # type: ignore[attr-defined]


async def test_a_status_without_a_content_sends_none(text: Path) -> None:
    fetched = await fetch(FileResponse(text, status_code=204, headers={"x-a": "b"}))
    assert (fetched.status, fetched.body, fetched.kinds) == (204, b"", ["start", "body"])
    assert fetched.headers.keys() == {"x-a", "last-modified", "etag"}


async def test_headers_that_were_given_win_but_for_the_length(text: Path) -> None:
    given = {"ETag": '"mine"', "Content-Length": "5", "Content-Type": "text/x", "Last-Modified": "then", "X-A": "b"}
    headers = (await fetch(FileResponse(text, headers=given))).headers
    assert headers == {
        "etag": '"mine"',
        "content-length": "12",
        "content-type": "text/x",
        "last-modified": "then",
        "x-a": "b",
        "accept-ranges": "bytes",
    }


async def test_two_codings_of_one_file_have_two_entity_tags(text: Path) -> None:
    plain = await fetch(FileResponse(text))
    packed = await fetch(FileResponse(text, headers={"content-encoding": "gzip"}))
    assert plain.headers["etag"] != packed.headers["etag"]


# -- the server sends it ------------------------------------------------------------------------------------------


async def test_a_server_that_takes_paths_gets_an_absolute_one(text: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(text.parent)
    fetched = await fetch(FileResponse(text.name), extensions=[PATHSEND])
    assert fetched.headers["content-length"] == "12"
    assert fetched.messages[1:] == [{"type": PATHSEND, "path": str(text)}]


async def test_the_memory_server_sends_a_path(big: Path) -> None:
    options = ServerOptions(extensions=frozenset({PATHSEND}))
    async with MemoryServer(FileResponse(big), options=options, lifespan=False) as server:
        exchange = server.request(http_scope("GET", "/"))
        assert (await exchange.head()).status == 200
        body = b""
        while chunk := await exchange.chunk():
            body += chunk
        await exchange.aclose()
    assert body == big.read_bytes()


async def test_a_path_is_not_sent_for_a_part_or_for_nothing(text: Path) -> None:
    async def kinds(**options: Any) -> list[str]:
        return (await fetch(FileResponse(text), extensions=[PATHSEND], **options)).kinds

    assert await kinds(headers={"range": "bytes=0-1"}) == ["start", "body"]
    assert await kinds(headers={"range": "bytes=99-"}) == ["start", "body"]
    assert await kinds(headers={"if-none-match": "*"}) == ["start", "body"]
    assert await kinds(method="HEAD") == ["start", "body"]
    text.write_bytes(b"")
    assert await kinds() == ["start", "body"]


async def test_a_missing_file_is_noticed_before_the_server_is_asked(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="does not exist"):
        await fetch(FileResponse(tmp_path / "missing"), extensions=[PATHSEND])


class SendFile:
    """A server that copies from the open file, as `os.sendfile` would."""

    def __init__(self) -> None:
        self.body = b""
        self.kinds: list[str] = []

    async def send(self, message: Message) -> None:
        await anyio.lowlevel.checkpoint()
        self.kinds.append(message["type"].rpartition(".")[2])
        self.body += message.get("body", b"")
        if message["type"] == ZEROCOPY:
            self.body += os.pread(message["file"].fileno(), message["count"], message["offset"])

    async def serve(self, response: Response, **headers: str) -> None:
        async def receive() -> Message:
            await anyio.sleep_forever()
            raise AssertionError

        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        scope = {**http_scope("GET", "/", headers=raw), "extensions": {ZEROCOPY: {}, PATHSEND: {}}}
        await response(scope, receive, self.send)


async def test_a_server_that_copies_files_gets_the_open_one(big: Path) -> None:
    server = SendFile()
    await server.serve(FileResponse(big))
    assert server.kinds == ["start", "zerocopysend"]
    assert server.body == big.read_bytes()


async def test_a_server_that_copies_files_gets_the_parts_too(text: Path) -> None:
    server = SendFile()
    await server.serve(FileResponse(text), range="bytes=7-")
    assert server.kinds == ["start", "zerocopysend"]
    assert server.body == b"world"


async def test_the_frame_of_several_parts_is_sent_between_them(text: Path) -> None:
    response = FileResponse(text, range_multipart_boundary="b")
    server = SendFile()
    await server.serve(response, range="bytes=0-0,7-7")
    assert server.kinds == ["start", "body", "zerocopysend", "body", "zerocopysend", "body"]
    assert server.body == (await fetch(response, headers={"range": "bytes=0-0,7-7"})).body


async def test_a_server_that_copies_files_is_not_asked_for_nothing(text: Path) -> None:
    server = SendFile()
    text.write_bytes(b"")
    await server.serve(FileResponse(text))
    assert server.kinds == ["start", "body"]


async def test_a_small_file_that_had_to_be_looked_into_needs_no_copying(text: Path) -> None:
    server = SendFile()
    await server.serve(FileResponse(text, deduce_media_type_from_body=True))
    assert server.kinds == ["start", "body"]
    assert server.body == b"hello, world"


# -- what it is and what it is called -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "disposition"),
    [
        ({}, None),
        ({"filename": "a.txt"}, 'attachment; filename="a.txt"'),
        ({"filename": "ä b.txt"}, "attachment; filename*=utf-8''%C3%A4%20b.txt"),
        ({"filename": "a.txt", "content_disposition_type": "inline"}, 'inline; filename="a.txt"'),
        ({"content_disposition_type": "inline"}, "inline"),
        ({"filename": "a.txt", "headers": {"Content-Disposition": "inline"}}, "inline"),
        ({"filename": 'a"\r\nx: y'}, "attachment; filename*=utf-8''a%22%0D%0Ax%3A%20y"),
    ],
)
def test_how_the_client_shall_call_it(options: Any, disposition: str | None) -> None:
    assert FileResponse("x", **options).headers.get("content-disposition") == disposition
    assert DispositionResponse(content=b"x", **options).headers.get("content-disposition") == disposition


@pytest.mark.parametrize(
    ("options", "media_type"),
    [
        ({"path": "a/picture.png"}, "image/png"),
        ({"path": "a/picture", "filename": "picture.png"}, "image/png"),
        ({"path": "picture.png", "media_type": "image/x"}, "image/x"),
        ({"path": "picture"}, "application/octet-stream"),
        ({"path": "style.css"}, "text/css; charset=utf-8"),
    ],
)
def test_the_name_says_what_it_is(options: Any, media_type: str) -> None:
    assert FileResponse(**options).headers["content-type"] == media_type


@pytest.mark.parametrize("headers", [{}, {"range": "bytes=1-"}])
async def test_the_first_bytes_may_say_what_it_is(tmp_path: Path, headers: dict[str, str]) -> None:
    path = tmp_path / "picture.txt"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"x" * CHUNK)
    response = FileResponse(path, deduce_media_type_from_body=True)
    fetched = await fetch(response, headers=headers)
    assert fetched.headers["content-type"] == "image/png"
    assert fetched.body == path.read_bytes()[1 if headers else 0 :]
    assert "content-type" not in (await fetch(response, method="HEAD")).headers


async def test_a_given_media_type_is_not_deduced(text: Path) -> None:
    response = FileResponse(text, media_type="text/x", deduce_media_type_from_body=True)
    assert (await fetch(response)).headers["content-type"] == "text/x; charset=utf-8"


def test_the_method_of_the_constructor_only_warns() -> None:
    with pytest.warns(DeprecationWarning, match="the request has one"):
        FileResponse("x", method="HEAD")


@pytest.mark.parametrize("path", [b"x", 5, None])
def test_what_is_no_path_is_refused(path: Any) -> None:
    with pytest.raises(TypeError, match="a path or an open file"):
        FileResponse(path)
