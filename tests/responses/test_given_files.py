"""Open file objects are sent like files on the disk, and closed afterwards."""

# ruff: noqa: ASYNC240  (what a test does to its files may hold its loop)

from __future__ import annotations

from io import SEEK_END, BytesIO, StringIO
from pathlib import Path
from tempfile import NamedTemporaryFile, SpooledTemporaryFile
from typing import IO, Any

import anyio
import pytest

from lilya.responses.files import CHUNK, FileResponse
from tests.responses.fetching import fetch

CONTENT = bytes(range(256)) * 300  # more than one chunk


class AsyncFile:
    """An async file object that is none of anyio's or trio's."""

    def __init__(self, content: bytes) -> None:
        self.inner = BytesIO(content)
        self.closed = False

    async def seek(self, offset: int, whence: int = 0) -> int:
        await anyio.lowlevel.checkpoint()
        return self.inner.seek(offset, whence)

    async def tell(self) -> int:
        return self.inner.tell()

    async def read(self, size: int = -1) -> bytes:
        await anyio.lowlevel.checkpoint()
        return self.inner.read(size)

    async def close(self) -> None:
        await anyio.sleep(1)
        self.closed = True


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "data.png"
    path.write_bytes(CONTENT)
    return path


async def test_an_open_file_is_sent_with_its_name_and_its_time(path: Path) -> None:
    file = path.open("rb")
    fetched = await fetch(FileResponse(file))
    assert fetched.body == CONTENT
    assert file.closed
    assert fetched.headers == (await fetch(FileResponse(path))).headers


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_file_in_memory_has_no_time_and_so_no_validators(method: str) -> None:
    file = BytesIO(CONTENT)
    fetched = await fetch(FileResponse(file), method=method)
    assert fetched.body == (CONTENT if method == "GET" else b"")
    assert fetched.headers == {
        "content-type": "application/octet-stream",
        "accept-ranges": "bytes",
        "content-length": str(len(CONTENT)),
    }
    assert file.closed


async def test_all_of_it_is_meant_wherever_it_stands() -> None:
    file = BytesIO()
    file.write(CONTENT)
    assert (await fetch(FileResponse(file))).body == CONTENT


async def test_what_was_written_and_stands_in_a_buffer_counts() -> None:
    file = NamedTemporaryFile()  # noqa: SIM115
    file.write(b"buffered")
    fetched = await fetch(FileResponse(file))
    assert (fetched.headers["content-length"], fetched.body) == ("8", b"buffered")
    assert file.closed
    assert not Path(file.name).exists()


async def test_a_spooled_file_stays_in_memory() -> None:
    file: SpooledTemporaryFile[bytes] = SpooledTemporaryFile(max_size=CHUNK)  # noqa: SIM115
    file.write(b"spooled")
    response = FileResponse(file, headers={"x-rolled": "?"})
    fetched = await fetch(response)
    assert fetched.body == b"spooled"
    assert "etag" not in fetched.headers


@pytest.mark.parametrize("headers", [{}, {"range": "bytes=70000-70009"}])
async def test_the_async_files_of_the_libraries_are_taken(path: Path, headers: dict[str, str]) -> None:
    file = await anyio.open_file(path, "rb")
    fetched = await fetch(FileResponse(file), headers=headers)
    assert fetched.body == (CONTENT[70000:70010] if headers else CONTENT)
    assert "etag" in fetched.headers
    assert file.wrapped.closed


@pytest.mark.parametrize("headers", [{}, {"range": "bytes=70000-70009"}])
async def test_any_other_async_file_is_awaited(headers: dict[str, str]) -> None:
    file = AsyncFile(CONTENT)
    fetched = await fetch(FileResponse(file), headers=headers)
    assert fetched.body == (CONTENT[70000:70010] if headers else CONTENT)
    assert file.closed


async def test_an_async_file_is_closed_when_the_response_is_cancelled() -> None:
    class Stuck(AsyncFile):
        async def read(self, size: int = -1) -> bytes:
            await anyio.sleep_forever()
            raise AssertionError

    file = Stuck(CONTENT)
    with anyio.move_on_after(1):
        await fetch(FileResponse(file))
    assert file.closed


@pytest.mark.parametrize("headers", [{"if-none-match": "*"}, {"range": "bytes=99999999-"}])
async def test_a_file_that_is_not_needed_is_closed_too(path: Path, headers: dict[str, str]) -> None:
    file = path.open("rb")
    assert (await fetch(FileResponse(file), headers=headers)).status in (304, 416)
    assert file.closed


async def test_an_open_file_is_not_handed_to_the_server(path: Path) -> None:
    extensions = ["http.response.pathsend", "http.response.zerocopysend"]
    fetched = await fetch(FileResponse(path.open("rb")), extensions=extensions)
    assert set(fetched.kinds) == {"start", "body"}


async def test_a_file_that_cannot_seek_is_an_error_and_is_closed() -> None:
    class Pipe(BytesIO):
        def seek(self, offset: int, whence: int = 0) -> int:
            raise OSError("this cannot seek")

    file = Pipe(CONTENT)
    with pytest.raises(OSError, match="cannot seek"):
        await fetch(FileResponse(file))
    assert file.closed


async def test_a_file_object_of_somebody_elses_making_is_taken() -> None:
    class Duck:
        name = 5

        def __init__(self) -> None:
            self.inner: IO[bytes] = BytesIO(CONTENT)
            self.closed = False

        def seek(self, offset: int, whence: int = 0) -> None:
            assert whence in (0, SEEK_END)
            self.inner.seek(offset, whence)

        def tell(self) -> int:
            return self.inner.tell()

        def read(self, size: int) -> bytes:
            return self.inner.read(size)

        def close(self) -> None:
            self.closed = True

    file = Duck()
    assert (await fetch(FileResponse(file))).body == CONTENT
    assert file.closed


@pytest.mark.parametrize("file", [StringIO("text")])
def test_a_file_open_for_text_is_refused(file: Any) -> None:
    with pytest.raises(TypeError, match="open it with mode 'rb'"):
        FileResponse(file)
