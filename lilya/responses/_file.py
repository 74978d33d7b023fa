"""Files to be sent, and how they are reached without blocking the event loop.

Two kinds with the same five methods: a `DiskFile` is known by its path, and opened when it is sent; a `GivenFile` is an
open file object that somebody handed over. Both work in threads under the limiter for files, and are closed by a thread
no limit can hold up. They know nothing of HTTP.
"""

from __future__ import annotations

import os
import stat
from io import SEEK_END, FileIO
from tempfile import SpooledTemporaryFile
from typing import Any, Final, NamedTuple, TypeAlias

from lilya.concurrency.nursery import shielded
from lilya.concurrency.threads import is_async_callable, run_cleanup, run_sync, thread_limits

__all__ = ["AnyFile", "DiskFile", "FilePath", "GivenFile", "Measures"]

FilePath: TypeAlias = str | os.PathLike[str]

# How long closing an async file may hold up a cancellation, in seconds: it gives back a descriptor, no more.
CLOSE_SECONDS: Final = 5.0


class Measures(NamedTuple):
    """Length in bytes, and POSIX time of the last change where there is one."""

    size: int
    modified: float | None


class DiskFile:
    """The file at a path. Each method that reads opens, reads or looks at it in a thread, once."""

    __slots__ = ("_ahead", "_file", "path")

    def __init__(self, path: FilePath) -> None:
        self.path = path
        self._file: FileIO | None = None
        self._ahead = b""

    @property
    def file(self) -> FileIO | None:
        """The file object, while the file is open."""
        return None if self._file is None or self._file.closed else self._file

    async def look(self) -> Measures:
        """Measure it without opening it. Raises `RuntimeError` when there is no such file."""
        return await run_sync(self._look, limiter=thread_limits().files)

    async def open(self, ahead: int) -> tuple[Measures, bytes]:
        """Open and measure it; its first `ahead` bytes are read, and returned, on the same way.

        Raises `RuntimeError` when there is no such file, `OSError` when it cannot be opened. Whatever happens, `close`.
        """
        return await run_sync(self._open, ahead, limiter=thread_limits().files)

    async def read(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes from `offset`; none at the end."""
        if offset < len(self._ahead):
            return self._ahead[offset : offset + size]
        return await run_sync(self._read, offset, size, limiter=thread_limits().files)

    async def close(self) -> None:
        """Close it, if it is open; shielded from cancellation."""
        if self.file is not None:
            await run_cleanup(self.file.close)

    def _look(self) -> Measures:
        try:
            found = os.stat(self.path)
        except (FileNotFoundError, NotADirectoryError) as exc:
            raise RuntimeError(f"File at path {os.fspath(self.path)} does not exist.") from exc
        if not stat.S_ISREG(found.st_mode):
            raise RuntimeError(f"File at path {os.fspath(self.path)} is not a file.")
        return Measures(found.st_size, found.st_mtime)

    def _open(self, ahead: int) -> tuple[Measures, bytes]:
        self._look()  # opening a pipe would wait for its writer
        # Kept where `close` finds it: a cancelled caller does not get to see what a thread returns.
        file = self._file = FileIO(self.path)
        found = os.fstat(file.fileno())
        if ahead:
            self._ahead = file.read(ahead) or b""
            if found.st_size <= len(self._ahead):
                file.close()
        return Measures(found.st_size, found.st_mtime), self._ahead

    def _read(self, offset: int, size: int) -> bytes:
        assert self._file is not None, "open() comes first"
        self._file.seek(offset)
        return self._file.read(size) or b""


class GivenFile:
    """An open, binary, seekable file object, sync or async. All of it is meant, wherever it stands."""

    __slots__ = ("_file", "_is_async")

    file = None  # not offered to the server: what is written may still stand in a buffer

    def __init__(self, file: Any) -> None:
        self._file: Any = getattr(file, "wrapped", file)  # the async files of anyio and trio: we have threads, too
        self._is_async = is_async_callable(self._file.read)

    async def look(self) -> Measures:
        """Measure it."""
        if not self._is_async:
            return await run_sync(self._look, limiter=thread_limits().files)
        await self._file.seek(0, SEEK_END)
        return Measures(await self._file.tell(), None)

    async def open(self, ahead: int) -> tuple[Measures, bytes]:
        """Measure it, and return its first bytes, `ahead` at most."""
        measures = await self.look()
        return measures, await self.read(0, ahead) if ahead else b""

    async def read(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes from `offset`; none at the end."""
        if not self._is_async:
            return await run_sync(self._read, offset, size, limiter=thread_limits().files)
        await self._file.seek(offset)
        data: bytes = await self._file.read(size)
        return data

    async def close(self) -> None:
        """Close it; shielded from cancellation, an async one for 5 seconds at most."""
        close = getattr(self._file, "aclose", self._file.close)
        if is_async_callable(close):
            with shielded(CLOSE_SECONDS):
                await close()
        else:
            await run_cleanup(close)

    def _look(self) -> Measures:
        self._file.seek(0, SEEK_END)
        size: int = self._file.tell()
        try:
            if isinstance(self._file, SpooledTemporaryFile):  # asking for its descriptor would put it on the disk
                return Measures(size, None)
            return Measures(size, os.fstat(self._file.fileno()).st_mtime)
        except (AttributeError, OSError):  # not a file of the system's
            return Measures(size, None)

    def _read(self, offset: int, size: int) -> bytes:
        self._file.seek(offset)
        data: bytes = self._file.read(size)
        return data


AnyFile: TypeAlias = DiskFile | GivenFile
