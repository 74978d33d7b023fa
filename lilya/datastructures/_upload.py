"""Uploaded files: one way to use sync and async file objects, without blocking the event loop."""

from __future__ import annotations

from collections.abc import Callable
from inspect import isawaitable
from io import BufferedRandom, BufferedReader, BytesIO
from tempfile import SpooledTemporaryFile
from typing import Any, Final

from lilya.concurrency.nursery import shielded
from lilya.concurrency.threads import is_async_callable, run_cleanup, run_sync, thread_limits
from lilya.datastructures._headers import Header

__all__ = ["DataUpload", "UploadFile"]

# How long closing an async file may hold up a cancellation: it flushes a buffer, no more.
CLOSE_SECONDS: Final = 5.0
# Files on the disk that read ahead.
BUFFERED: Final = (BufferedReader, BufferedRandom)


class DataUpload:
    """A file of a form.

    The file object may be sync or async. What is async is awaited. A sync one is used directly while it is in memory
    (`BytesIO`, `SpooledTemporaryFile` below its limit, what a buffer holds) and in a worker thread where it may wait
    for a disk.

    Args:
        file: the file object, open for reading and writing bytes.
        size: its length in bytes, if known.
        filename: what the client calls it. Never use it as a path: it may hold anything.
        headers: those of its part of the form.
    """

    __slots__ = ("file", "filename", "headers", "size")

    def __init__(
        self,
        *,
        file: Any,
        size: int | None = None,
        filename: str | None = None,
        headers: Header | None = None,
    ) -> None:
        self.file: Any = file
        self.size = size
        self.filename = filename
        self.headers = Header() if headers is None else headers

    def __repr__(self) -> str:
        return f"{type(self).__name__}(filename={self.filename!r}, size={self.size!r}, headers={self.headers!r})"

    @property
    def content_type(self) -> str | None:
        """The media type the client gives, with its parameters; `None` if it gives none."""
        return self.headers.get("content-type")

    async def read(self, size: int = -1) -> bytes:
        """Read up to `size` bytes, or all the rest. Cancelled in a thread, it ends when the thread does."""
        if not self._is_at_hand(size):
            data: bytes = await self._call(self.file.read, size)
            return data
        here = self.file.read(size)
        if type(here) is not bytes and isawaitable(here):
            here = await here
        return here  # type: ignore[no-any-return]

    async def write(self, data: bytes) -> None:
        """Write at the current position; a known `size` grows by the length.

        Cancelled in a thread, the data is written all the same.
        """
        await self._call(self.file.write, data, growth=len(data))
        if self.size is not None:
            self.size += len(data)

    async def seek(self, offset: int) -> None:
        """Go to a position, in bytes from the start."""
        await self._call(self.file.seek, offset)

    async def close(self) -> None:
        """Close the file, which removes a temporary one. Once more does nothing.

        Done even if the caller is cancelled; a cancellation waits for it, at most 5 seconds for an async file.
        """
        if getattr(self.file, "closed", False) is True:
            return
        close = getattr(self.file, "aclose", None) or self.file.close
        if is_async_callable(close):
            with shielded(CLOSE_SECONDS):
                await close()
        elif self._is_in_memory():
            close()
        else:
            await run_cleanup(close)

    async def _call(self, method: Callable[..., Any], argument: bytes | int, *, growth: int = 0) -> Any:
        if self._is_in_memory(growth) or is_async_callable(method):
            result = method(argument)
            return await result if isawaitable(result) else result
        return await run_sync(method, argument, limiter=thread_limits().files)

    def _is_in_memory(self, growth: int = 0) -> bool:
        """Whether the file does not touch the disk, not even when it grows by so many bytes."""
        file = self.file
        if isinstance(file, SpooledTemporaryFile):
            # The only way to learn it: where the spool is, and when it rolls over, is not in its public interface.
            rolled: bool = getattr(file, "_rolled", True)
            limit: int = getattr(file, "_max_size", 0)
            return not rolled and not (growth and limit and file.tell() + growth > limit)
        return isinstance(file, BytesIO)

    def _is_at_hand(self, size: int) -> bool:
        """Whether the next `size` bytes are in memory: all of the file, or what its buffer holds of one on the disk."""
        file = self.file
        if isinstance(file, SpooledTemporaryFile):
            if not getattr(file, "_rolled", True):  # as in `_is_in_memory`
                return True
            file = getattr(file, "_file", file)
        if isinstance(file, BUFFERED):
            return 0 <= size <= file.raw.tell() - file.tell()
        return isinstance(file, BytesIO)


UploadFile = DataUpload
