"""Uploaded files and the forms that hold them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from io import BytesIO
from pathlib import Path
from tempfile import SpooledTemporaryFile, TemporaryFile
from typing import Any

import anyio
import pytest

from lilya.datastructures import DataUpload, FormData, FormMultiDict, Header, UploadFile


class AsyncBytes:
    """An async file object in memory; closing it takes a while."""

    def __init__(self, content: bytes = b"", closing: float = 0.0) -> None:
        self._file = BytesIO(content)
        self._closing = closing

    async def read(self, size: int = -1) -> bytes:
        return self._file.read(size)

    async def write(self, data: bytes) -> int:
        return self._file.write(data)

    async def seek(self, offset: int) -> int:
        return self._file.seek(offset)

    async def aclose(self) -> None:
        await anyio.sleep(self._closing)
        self._file.close()

    @property
    def closed(self) -> bool:
        return self._file.closed


class Later(BytesIO):
    """In memory, but what it answers must be awaited."""

    async def _answer(self, value: Any) -> Any:
        return value

    def read(self, size: int | None = -1) -> Any:
        return self._answer(super().read(size))


class Threads:
    """Mixed into a file: the threads in which each method was called."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.calls: list[tuple[str, bool]] = []

    def _note(self, name: str) -> None:
        self.calls.append((name, threading.current_thread() is threading.main_thread()))

    def read(self, *args: Any) -> Any:
        self._note("read")
        return super().read(*args)  # type: ignore[misc]

    def write(self, *args: Any) -> Any:
        self._note("write")
        return super().write(*args)  # type: ignore[misc]

    def seek(self, *args: Any) -> Any:
        self._note("seek")
        return super().seek(*args)  # type: ignore[misc]

    def close(self) -> None:
        self._note("close")
        super().close()  # type: ignore[misc]


class Memory(Threads, BytesIO):
    """A file in memory."""


class Spool(Threads, SpooledTemporaryFile[bytes]):
    """A file in memory that goes to the disk when it grows."""


class Plain:
    """Any object with the methods of a file: nothing is known of it."""

    def __init__(self) -> None:
        self._file = BytesIO()
        self.closed_in_main: bool | None = None

    def read(self, size: int) -> bytes:
        assert threading.current_thread() is not threading.main_thread()
        return self._file.read(size)

    def write(self, data: bytes) -> int:
        assert threading.current_thread() is not threading.main_thread()
        return self._file.write(data)

    def seek(self, offset: int) -> int:
        assert threading.current_thread() is not threading.main_thread()
        return self._file.seek(offset)

    def close(self) -> None:
        self.closed_in_main = threading.current_thread() is threading.main_thread()


FILES: list[Callable[[], Any]] = [
    BytesIO,
    AsyncBytes,
    TemporaryFile,
    Plain,
    SpooledTemporaryFile,
    partial(SpooledTemporaryFile, max_size=4),
    lambda: anyio.SpooledTemporaryFile(max_size=4),
]


@pytest.mark.parametrize("make", FILES)
async def test_every_kind_of_file_is_written_read_and_closed(make: Callable[[], Any]) -> None:
    upload = DataUpload(file=make(), size=0, filename="f")
    await upload.write(b"hello ")
    await upload.write(b"world")
    assert upload.size == 11
    await upload.seek(0)
    assert await upload.read(5) == b"hello"
    assert await upload.read() == b" world"
    assert await upload.read() == b""
    await upload.close()
    await upload.close()


async def test_a_file_opened_by_anyio_is_awaited(tmp_path: Path) -> None:
    upload = DataUpload(file=await anyio.open_file(tmp_path / "f", "w+b"))
    await upload.write(b"data")
    await upload.seek(1)
    assert await upload.read() == b"ata"
    await upload.close()
    assert upload.file.wrapped.closed


async def test_only_what_is_awaitable_is_awaited() -> None:
    assert await DataUpload(file=Later(b"data")).read() == b"data"


async def test_an_unknown_size_stays_unknown() -> None:
    upload = DataUpload(file=BytesIO())
    await upload.write(b"data")
    assert upload.size is None


async def test_a_file_in_memory_costs_no_thread() -> None:
    file = Memory()
    upload = DataUpload(file=file)
    await upload.write(b"data")
    await upload.seek(0)
    await upload.read()
    await upload.close()
    assert [in_main for _, in_main in file.calls] == [True] * 4


async def test_a_spool_costs_a_thread_from_the_write_that_takes_it_to_the_disk() -> None:
    file = Spool(max_size=8)
    upload = DataUpload(file=file)
    await upload.write(b"12345678")
    await upload.seek(8)
    await upload.write(b"9")
    await upload.seek(0)
    assert await upload.read() == b"123456789"
    await upload.close()
    assert file.calls == [
        ("write", True),
        ("seek", True),
        ("write", False),
        ("seek", False),
        ("read", False),
        ("close", False),
    ]


async def test_a_spool_without_a_limit_stays_in_memory() -> None:
    file = Spool()
    upload = DataUpload(file=file)
    await upload.write(b"x" * 100_000)
    await upload.close()
    assert [in_main for _, in_main in file.calls] == [True, True]


@pytest.mark.parametrize("make", [Memory, AsyncBytes, TemporaryFile, lambda: AsyncBytes(closing=1.0)])
async def test_a_file_is_closed_even_for_a_caller_that_is_cancelled(make: Callable[[], Any]) -> None:
    file = make()
    with anyio.CancelScope() as scope:
        scope.cancel()
        await DataUpload(file=file).close()
    assert file.closed


async def test_closing_a_stuck_async_file_holds_up_a_cancellation_for_five_seconds_only() -> None:
    file = AsyncBytes(closing=3600.0)
    start = anyio.current_time()
    with anyio.CancelScope() as scope:
        scope.cancel()
        await DataUpload(file=file).close()
    assert anyio.current_time() - start == pytest.approx(5.0)
    assert not file.closed


async def test_an_unknown_sync_file_is_closed_in_a_thread() -> None:
    file = Plain()
    await DataUpload(file=file).close()
    assert file.closed_in_main is False


def test_it_tells_what_the_client_said() -> None:
    headers = Header({"content-type": "text/plain; charset=latin-1"})
    upload = DataUpload(file=BytesIO(), size=4, filename="f", headers=headers)
    assert upload.content_type == "text/plain; charset=latin-1"
    assert DataUpload(file=BytesIO()).content_type is None
    assert repr(DataUpload(file=BytesIO(), size=4, filename="f")) == (
        "DataUpload(filename='f', size=4, headers=Header({}))"
    )
    assert UploadFile is DataUpload


@pytest.mark.parametrize("kind", [FormData, FormMultiDict])
async def test_a_form_closes_its_files(kind: type[FormData] | type[FormMultiDict]) -> None:
    files = [BytesIO(), BytesIO()]
    form = kind([("name", "text"), *(("file", DataUpload(file=file)) for file in files)])
    await form.close()
    assert all(file.closed for file in files)


async def test_a_file_that_fails_to_close_does_not_keep_the_others_open() -> None:
    class Broken(AsyncBytes):
        async def aclose(self) -> None:
            raise OSError("disk full")

    good = [BytesIO(), BytesIO()]
    form = FormData(
        [("a", DataUpload(file=good[0])), ("b", DataUpload(file=Broken())), ("c", DataUpload(file=good[1]))]
    )
    with pytest.raises(OSError, match="disk full"):
        await form.close()
    assert all(file.closed for file in good)


def test_forms_keep_texts_and_files_in_order() -> None:
    upload = DataUpload(file=BytesIO())
    form = FormData([("a", "1"), ("b", upload), ("a", "2")])
    assert form.multi_items() == [("a", "1"), ("b", upload), ("a", "2")]
    changed = FormMultiDict(form)
    changed.add("c", "3")
    assert changed.getlist("a") == ["1", "2"]
    assert repr(FormData([("a", "1")])) == "FormData([('a', '1')])"
