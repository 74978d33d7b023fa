"""Where uploaded files are kept, who writes them, and that none of them stays open."""

from __future__ import annotations

import errno
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

import lilya._forms
from lilya._forms import FAR_READERS, PIECE, READ_AHEAD, SMALL_FILE, WRITE_BLOCK, FormOptions
from lilya.apps import Lilya
from lilya.background import Task
from lilya.concurrency.nursery import open_nursery
from lilya.datastructures import DataUpload
from lilya.exceptions import ClientDisconnect, MultiPartException
from lilya.requests import Request
from lilya.responses.base import PlainText
from lilya.routing import Path as Route
from lilya.testing.server import MemoryServer, http_scope
from tests.forms.bodies import Part, multipart
from tests.forms.posting import MULTIPART, needs_proc, open_files, pieces, post

MIB = 1024 * 1024
LARGE = bytes(range(256)) * (3 * MIB // 256)


class Spool(tempfile.SpooledTemporaryFile[bytes]):
    """Notes who writes how much, and who reads."""

    writes: list[tuple[bool, int]]
    reads: list[bool]
    closes: list[bool]
    _rolled: bool

    def write(self, data: Any) -> int:
        assert self._rolled == in_thread()
        self.writes.append((in_thread(), len(data)))
        return super().write(data)

    def read(self, *args: Any) -> bytes:
        self.reads.append(in_thread())
        return super().read(*args)

    def close(self) -> None:
        self.closes.append(in_thread())
        super().close()


def in_thread() -> bool:
    return threading.current_thread() is not threading.main_thread()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files are made during the test."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def spool(monkeypatch: pytest.MonkeyPatch) -> type[Spool]:
    """The spool of uploads during the test."""
    monkeypatch.setattr(lilya._forms, "SpooledTemporaryFile", Spool)
    monkeypatch.setattr(Spool, "writes", [], raising=False)
    monkeypatch.setattr(Spool, "reads", [], raising=False)
    monkeypatch.setattr(Spool, "closes", [], raising=False)
    return Spool


def upload(value: object) -> DataUpload:
    assert isinstance(value, DataUpload)
    return value


# -- where files are ---------------------------------------------------------------------------------------------------


@needs_proc
@pytest.mark.parametrize(("size", "files"), [(0, 0), (MIB, 0), (MIB + 1, 1), (3 * MIB, 1)])
@pytest.mark.parametrize("cut", [65536, 3000, 10 * MIB])
async def test_a_file_above_1_mib_is_on_the_disk(size: int, files: int, cut: int, folder: Path) -> None:
    async def handler(request: Request) -> None:
        file = upload((await request.form())["f"])
        assert len(open_files(folder)) == files
        assert file.size == size
        assert await file.read() == LARGE[:size]
        await file.seek(size - 1 if size else 0)
        assert await file.read() == LARGE[size - 1 : size]

    await post(handler, MULTIPART, pieces(multipart([Part("f", LARGE[:size], "x")]), cut))
    assert open_files(folder) == []


@needs_proc
async def test_how_much_of_a_file_is_kept_in_memory_can_be_set(folder: Path) -> None:
    async def handler(request: Request) -> None:
        form = await request.form(file_memory=10)
        assert len(open_files(folder)) == 1
        assert [await upload(file).read() for file in form.values()] == [b"0123456789", b"0123456789+"]

    await post(handler, MULTIPART, multipart([Part("a", b"0123456789", "x"), Part("b", b"0123456789+", "x")]))


@needs_proc
async def test_all_files_together_take_a_limited_part_of_the_memory_but_small_ones_stay(folder: Path) -> None:
    small, middle = LARGE[:SMALL_FILE], LARGE[: SMALL_FILE + 1]

    async def handler(request: Request) -> None:
        form = await request.form(files_memory=2 * len(middle))
        assert len(open_files(folder)) == 1
        assert [await upload(file).read() for file in form.values()] == [middle, middle, small, middle, small]

    parts = [Part("f", content, "x") for content in (middle, middle, small, middle, small)]
    await post(handler, MULTIPART, pieces(multipart(parts)))


# -- who writes and reads ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cut", [65536, 1000])
async def test_the_disk_is_written_by_threads_in_large_blocks(cut: int, spool: type[Spool], folder: Path) -> None:
    async def handler(request: Request) -> None:
        await request.form()

    await post(handler, MULTIPART, pieces(multipart([Part("f", LARGE, "x")]), cut))
    in_memory = [size for threaded, size in spool.writes if not threaded]
    on_disk = [size for threaded, size in spool.writes if threaded]
    assert sum(in_memory) <= MIB
    assert all(size >= WRITE_BLOCK for size in on_disk[:-1])
    assert len(on_disk) <= 3


async def test_a_small_file_needs_no_thread(spool: type[Spool]) -> None:
    async def handler(request: Request) -> None:
        async with request.form() as form:
            await upload(form["f"]).read()

    await post(handler, MULTIPART, pieces(multipart([Part("f", LARGE[:100_000], "x")])))
    assert not any(threaded for threaded, _ in spool.writes)
    assert spool.reads == [False]


async def test_a_file_on_the_disk_is_read_ahead_so_that_most_reads_need_no_thread(
    spool: type[Spool], folder: Path
) -> None:
    async def handler(request: Request) -> None:
        file = upload((await request.form())["f"])
        content = bytearray()
        while piece := await file.read(READ_AHEAD // 16):
            content += piece
        assert bytes(content) == LARGE

    await post(handler, MULTIPART, pieces(multipart([Part("f", LARGE, "x")])))
    assert spool.reads.count(True) == len(LARGE) // READ_AHEAD + 1
    assert spool.reads.count(False) == len(LARGE) // READ_AHEAD * 15


async def test_only_so_many_files_of_a_form_read_far_ahead(spool: type[Spool], folder: Path) -> None:
    piece = SMALL_FILE // 4

    async def handler(request: Request) -> list[int]:
        hops = []
        for value in (await request.form(file_memory=0)).values():
            spool.reads.clear()
            while await upload(value).read(piece):
                pass
            hops.append(spool.reads.count(True))
        return hops

    size = 3 * SMALL_FILE
    parts = [Part("f", LARGE[:size], "x") for _ in range(FAR_READERS + 2)]
    assert await post(handler, MULTIPART, pieces(multipart(parts))) == [2] * FAR_READERS + [4] * 2


async def test_a_file_is_closed_once_and_in_a_thread_where_it_is_on_the_disk(spool: type[Spool], folder: Path) -> None:
    async def handler(request: Request) -> None:
        async with request.form():
            pass

    await post(handler, MULTIPART, pieces(multipart([Part("f", LARGE, "x"), Part("g", b"small", "y")])))
    assert sorted(spool.closes) == [False, True]


async def test_a_file_on_the_disk_can_be_written_and_read_in_turn(folder: Path) -> None:
    async def handler(request: Request) -> None:
        file = upload((await request.form())["f"])
        assert await file.read(4) == LARGE[:4]
        await file.write(b"new!")
        assert await file.read(4) == LARGE[8:12]
        assert file.file.tell() == 12
        await file.seek(2)
        assert await file.read(8) == LARGE[2:4] + b"new!" + LARGE[8:10]

    await post(handler, MULTIPART, pieces(multipart([Part("f", LARGE, "x")])))


async def test_others_run_while_a_body_that_is_there_whole_is_taken_apart() -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await anyio.lowlevel.checkpoint()
            turns += 1

    async def handler(request: Request) -> int:
        await request.body()
        async with open_nursery() as nursery:
            nursery.start_soon(count)
            await request.form(file_memory=2 * len(LARGE))
            nursery.cancel_scope.cancel()
        return turns

    assert await post(handler, MULTIPART, multipart([Part("f", LARGE, "x")])) >= len(LARGE) // PIECE // 2


# -- that none stays open ----------------------------------------------------------------------------------------------

TWO_LARGE = multipart([Part("f", LARGE, "x"), Part("g", LARGE, "y")])


@needs_proc
async def test_files_are_closed_when_the_exchange_ends(folder: Path) -> None:
    async def handler(request: Request) -> list[DataUpload]:
        files = [upload(file) for file in (await request.form()).values()]
        assert len(open_files(folder)) == 2
        return files

    files = await post(handler, MULTIPART, pieces(TWO_LARGE))
    assert open_files(folder) == []
    assert all(file.file.closed for file in files)


@needs_proc
async def test_files_are_closed_when_the_handler_fails(folder: Path) -> None:
    kept = []

    async def handler(request: Request) -> None:
        kept.append(await request.form())
        raise KeyError("of the handler")

    with pytest.raises(KeyError, match="of the handler"):
        await post(handler, MULTIPART, pieces(TWO_LARGE))
    assert open_files(folder) == []


@needs_proc
async def test_files_are_closed_when_the_handler_is_cancelled(folder: Path) -> None:
    kept = []

    async def handler(request: Request) -> None:
        kept.append(await request.form())
        await anyio.sleep_forever()

    with anyio.move_on_after(1) as scope:
        await post(handler, MULTIPART, pieces(TWO_LARGE))
    assert scope.cancelled_caught
    assert kept
    assert open_files(folder) == []


@needs_proc
@pytest.mark.parametrize(
    ("body", "options"),
    [
        (TWO_LARGE[:-10], {}),
        (TWO_LARGE.replace(b'filename="y"', b"nonsense"), {}),
        (TWO_LARGE.replace(b'Disposition: form-data; name="g"', b" "), {}),
        (TWO_LARGE, {"max_files": 1}),
        (TWO_LARGE, {"max_file_size": len(LARGE) - 1}),
        (TWO_LARGE, {"max_body_size": 4 * MIB}),
    ],
)
async def test_a_refused_form_leaves_no_file(body: bytes, options: FormOptions, folder: Path) -> None:
    async def handler(request: Request) -> None:
        with pytest.raises(MultiPartException) as caught:
            await request.form(**options)
        assert caught.value.__traceback__ is not None  # kept, and with it the frames that hold the files
        assert open_files(folder) == []

    await post(handler, MULTIPART, pieces(body))


@needs_proc
async def test_a_client_that_leaves_leaves_no_file(folder: Path) -> None:
    async def handler(request: Request) -> None:
        with pytest.raises(ClientDisconnect):
            await request.form()
        assert open_files(folder) == []

    await post(handler, MULTIPART, pieces(TWO_LARGE[:-10]), leaves=True)


@needs_proc
async def test_being_cancelled_while_waiting_for_the_client_leaves_no_file(folder: Path) -> None:
    async def handler(request: Request) -> None:
        never = anyio.Event()

        async def receive() -> Any:
            message = await request.receive()
            if not message.get("more_body"):
                await never.wait()
            return message

        inner = Request(request.scope, receive)
        with anyio.move_on_after(1) as scope:
            await inner.form()
        assert scope.cancelled_caught
        assert open_files(folder) == []

    await post(handler, MULTIPART, pieces(TWO_LARGE))


def failing(at: int, error: Exception | Callable[[], None]) -> type[Spool]:
    """A spool whose write number `at` on the disk fails, or calls something first."""

    class Failing(Spool):
        def write(self, data: Any) -> int:
            written = super().write(data)
            if [threaded for threaded, _ in self.writes].count(True) == at and in_thread():
                if isinstance(error, Exception):
                    raise error
                error()
            return written

    return Failing


@needs_proc
async def test_being_cancelled_while_a_thread_writes_waits_for_it_and_leaves_no_file(
    folder: Path, spool: type[Spool], monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[bool] = []

    def cancel() -> None:
        anyio.from_thread.run_sync(scope.cancel)
        ended.append(True)

    monkeypatch.setattr(lilya._forms, "SpooledTemporaryFile", failing(2, cancel))

    async def handler(request: Request) -> None:
        await request.form()

    with anyio.CancelScope() as scope:
        await post(handler, MULTIPART, pieces(TWO_LARGE))
    assert scope.cancelled_caught
    assert ended == [True]
    assert open_files(folder) == []


@needs_proc
@pytest.mark.parametrize("at", [1, 3])
async def test_a_full_disk_is_the_servers_fault_and_leaves_no_file(
    at: int, folder: Path, spool: type[Spool], monkeypatch: pytest.MonkeyPatch
) -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    monkeypatch.setattr(lilya._forms, "SpooledTemporaryFile", failing(at, full))

    async def handler(request: Request) -> None:
        with pytest.raises(OSError, match="No space left") as caught:
            await request.form()
        assert caught.value is full
        assert open_files(folder) == []

    await post(handler, MULTIPART, pieces(TWO_LARGE))


@needs_proc
async def test_a_file_that_cannot_even_be_closed_hides_nothing(
    folder: Path, spool: type[Spool], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stuck(Spool):
        def close(self) -> None:
            super().close()
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(lilya._forms, "SpooledTemporaryFile", Stuck)

    async def handler(request: Request) -> None:
        with pytest.raises(MultiPartException, match="ends before its final boundary"):
            await request.form()
        assert open_files(folder) == []

    await post(handler, MULTIPART, pieces(TWO_LARGE[:-10]))


# -- in an application -------------------------------------------------------------------------------------------------


@needs_proc
async def test_a_background_task_still_has_the_file_and_it_is_gone_afterwards(folder: Path) -> None:
    read: list[int] = []

    async def work(file: DataUpload) -> None:
        read.append(len(await file.read()))

    async def handler(request: Request) -> PlainText:
        file = upload((await request.form())["f"])
        return PlainText("taken", background=Task(work, file))

    app = Lilya(routes=[Route("/", handler, methods=["POST"])])
    async with MemoryServer(app) as server:
        scope = http_scope("POST", "/", headers=[(b"content-type", MULTIPART.encode())])
        exchange = server.request(scope, TWO_LARGE)
        assert (await exchange.head()).status == 200
        assert await exchange.chunk() == b"taken"
        assert await exchange.chunk() is None
        await exchange.aclose()
    assert read == [len(LARGE)]
    assert open_files(folder) == []


@needs_proc
async def test_in_an_application_a_refusal_is_the_answer(folder: Path) -> None:
    async def handler(request: Request) -> PlainText:
        await request.form(max_files=1)
        raise AssertionError("there are two")

    app = Lilya(routes=[Route("/", handler, methods=["POST"])])
    async with MemoryServer(app) as server:
        scope = http_scope("POST", "/", headers=[(b"content-type", MULTIPART.encode())])
        exchange = server.request(scope, TWO_LARGE)
        assert (await exchange.head()).status == 400
        assert await exchange.chunk() == b"Too many files. Maximum number of files is 1."
        await exchange.aclose()
    assert open_files(folder) == []


@needs_proc
async def test_in_an_application_a_client_that_leaves_leaves_no_file(folder: Path) -> None:
    ended: list[type[BaseException]] = []

    async def handler(request: Request) -> PlainText:
        try:
            await request.form()
        except BaseException as exc:
            ended.append(type(exc))
            raise
        raise AssertionError("it never came whole")

    async def body() -> Any:
        for piece in pieces(TWO_LARGE[:-10]):
            yield piece
        await anyio.sleep_forever()

    app = Lilya(routes=[Route("/", handler, methods=["POST"])])
    async with MemoryServer(app) as server:
        scope = http_scope("POST", "/", headers=[(b"content-type", MULTIPART.encode())])
        exchange = server.request(scope, body())
        await anyio.sleep(1)
        assert len(open_files(folder)) == 2
        await exchange.aclose()
    assert ended == [ClientDisconnect]
    assert open_files(folder) == []
