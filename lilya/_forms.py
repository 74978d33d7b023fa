"""Forms read from request bodies: fields into memory, files into spools that a thread writes to the disk.

What is legal, and how much is taken, is said by `_sansio` (`form`, `urlencoded`, `multipart`). Here the body is read,
no faster than it is stored, and whatever happens no file stays open: until the form is whole it is closed here,
afterwards at the end of the exchange.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextlib import AbstractAsyncContextManager, suppress
from tempfile import SpooledTemporaryFile
from types import TracebackType
from typing import Any, Final, TypedDict

import anyio
import anyio.lowlevel

from lilya._asgi.exchange import exchange_of
from lilya._asgi.inbox import BodyStream, Inbox
from lilya._sansio.form import DEFAULT_LIMITS, FormLimits, body_too_large, text_too_large
from lilya._sansio.headers import parse_options
from lilya._sansio.multipart import Field, FileStart, MultipartDecoder, check_boundary
from lilya._sansio.urlencoded import parse_urlencoded
from lilya.concurrency.threads import run_sync, thread_limits
from lilya.datastructures._forms import FormData, FormValue
from lilya.datastructures._headers import Header
from lilya.datastructures._upload import DataUpload
from lilya.types import Scope

__all__ = ["FormOptions", "PendingForm", "form_read"]

# The scope key under which all requests of a connection share its forms: one for each reader of a body.
FORMS: Final = "lilya.forms"
# How much is given to a thread to be written at once, in bytes: the hop there and back costs little beside it.
WRITE_BLOCK: Final = 1024 * 1024
# How far a file on the disk is read ahead, in bytes, so that reading it in pieces is not a thread for each: the hop
# there and back costs what reading as much does.
READ_AHEAD: Final = 1024 * 1024
# How many files of a form read ahead that far. The others do so by a small file each: a thousand buffers are memory.
FAR_READERS: Final = 16
# A file no larger than this, in bytes, stays in memory whatever the others took: a descriptor is worth more.
SMALL_FILE: Final = 64 * 1024
# A body that was read before comes whole: it is taken apart in pieces of this size, in bytes; others run in between.
PIECE: Final = 256 * 1024
# A urlencoded form larger than this, in bytes, is decoded in a thread: a MiB can take a tenth of a second.
LARGE_FORM: Final = 64 * 1024


class FormOptions(TypedDict, total=False):
    """What `Request.form` takes; a form beyond a limit is refused. Sizes are in bytes, `math.inf` is no limit.

    How many: `max_files` (1000), `max_fields` (1000), `max_parts` (both together, no limit). How large:
    `max_field_size` (1 MiB), `max_fields_size` (all together, 8 MiB), `max_file_size` (no limit), `max_body_size` (no
    limit). In each part: `max_headers` (16), `max_header_size` (of one, 4 KiB), `max_name_length` (of a field's name or
    a file's, 1024 characters).

    No limits but a measure: files are kept in memory up to `file_memory` (1 MiB) each and, unless they are small, up to
    `files_memory` (16 MiB) together, beyond that on the disk.
    """

    max_files: float
    max_fields: float
    max_parts: float
    max_field_size: float
    max_fields_size: float
    max_file_size: float
    max_body_size: float
    max_headers: float
    max_header_size: float
    max_name_length: float
    file_memory: float
    files_memory: float


class PendingForm(AbstractAsyncContextManager[FormData], Awaitable[FormData]):
    """A form to be awaited, or to be entered: `async with` closes its files when the block is left.

    It is read once for all who ask, through whatever request of the connection, also at the same time; the options of
    the first count. Reading raises `MultiPartException` (the form is malformed, 400, or over a limit, 400 or 413),
    `ClientDisconnect` (the client left before its end), `RuntimeError` (the body was streamed before), `OSError` (the
    disk is full). Then, and when it is cancelled, its files are closed, and the body is consumed.
    """

    __slots__ = ("_headers", "_inbox", "_limits", "_scope", "_shared")

    def __init__(self, scope: Scope, inbox: Inbox, headers: Header, options: FormOptions) -> None:
        self._scope = scope
        self._inbox = inbox
        self._headers = headers
        self._limits = FormLimits(**options) if options else DEFAULT_LIMITS
        forms = _forms_of(scope)
        shared = forms.get(inbox)
        if shared is None:
            shared = forms[inbox] = _SharedForm()
        self._shared = shared

    def __await__(self) -> Generator[Any, Any, FormData]:
        return self._shared.get(self._read).__await__()

    def __aenter__(self) -> Coroutine[Any, Any, FormData]:
        return self._shared.get(self._read)

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        if self._shared.has_files and self._shared.form is not None:
            await self._shared.form.close()

    def _read(self) -> Coroutine[Any, Any, FormData]:
        media_type, parameters = parse_options(self._headers.get("content-type", ""))
        charset = parameters.get("charset", "utf-8")
        if media_type == "application/x-www-form-urlencoded":
            self._check_length()
            return _read_urlencoded(self._inbox.stream(), self._limits, charset)
        if media_type != "multipart/form-data":
            return _read_nothing()
        decoder = MultipartDecoder(check_boundary(parameters.get("boundary")), self._limits, charset)
        self._check_length()
        return self._read_parts(decoder)

    async def _read_parts(self, decoder: MultipartDecoder) -> FormData:
        form = FormData(await _read_multipart(self._inbox.stream(), decoder, self._limits))
        if any(isinstance(value, DataUpload) for value in form.values()):
            self._shared.has_files = True
            exchange = exchange_of(self._scope)
            if exchange is not None:
                exchange.at_end(form.close)
        return form

    def _check_length(self) -> None:
        """Refuse a body that is declared too large before any of it is read."""
        limit = self._limits.max_body_size
        length = self._headers.get("content-length", "") if limit < math.inf else ""
        if length.isdecimal() and float(length) > limit:
            raise body_too_large(self._limits)


def form_read(scope: Scope, inbox: Inbox) -> FormData | None:
    """The form of a body that somebody has read already, None where nobody has."""
    shared = _forms_of(scope).get(inbox)
    return None if shared is None else shared.form


def _forms_of(scope: Scope) -> dict[Inbox, _SharedForm]:
    exchange = exchange_of(scope)
    forms: dict[Inbox, _SharedForm] = (scope if exchange is None else exchange.scope).setdefault(FORMS, {})
    return forms


class _SharedForm:
    """The form of one body: the first who asks reads it, the others wait."""

    __slots__ = ("_changed", "_reading", "form", "has_files")

    def __init__(self) -> None:
        self.form: FormData | None = None
        self.has_files = False
        self._reading = False
        self._changed: anyio.Event | None = None  # exists while somebody waits for the reader

    async def get(self, read: Callable[[], Awaitable[FormData]]) -> FormData:
        while self.form is None:
            if self._reading:
                if self._changed is None:
                    self._changed = anyio.Event()
                await self._changed.wait()
                continue
            self._reading = True
            try:
                self.form = await read()
            finally:
                self._reading = False
                if self._changed is not None:
                    self._changed.set()
                    self._changed = None
        return self.form


async def _read_nothing() -> FormData:
    return FormData()


async def _read_urlencoded(stream: BodyStream, limits: FormLimits, charset: str) -> FormData:
    body = await anext(stream)  # all of it, most of the time
    _check_size(len(body), limits)
    if stream.more:
        collected = bytearray(body)
        async for chunk in stream:
            collected += chunk
            _check_size(len(collected), limits)
        body = bytes(collected)
    if len(body) > LARGE_FORM:
        return FormData(await run_sync(parse_urlencoded, body, limits, charset, limiter=thread_limits().files))
    return FormData(parse_urlencoded(body, limits, charset))


def _check_size(size: int, limits: FormLimits) -> None:
    """Refuse a form without files that has grown too large."""
    if size > limits.max_body_size:
        raise body_too_large(limits)
    if size > limits.max_fields_size:
        raise text_too_large(limits)


async def _read_multipart(
    stream: BodyStream, decoder: MultipartDecoder, limits: FormLimits
) -> list[tuple[str, FormValue]]:
    pairs: list[tuple[str, FormValue]] = []
    spool: _Spool | None = None
    in_memory = on_disk = 0
    try:
        async for chunk in stream:
            for start in range(0, len(chunk), PIECE):
                if start:
                    await anyio.lowlevel.checkpoint()
                for event in decoder.feed(chunk[start : start + PIECE]):
                    if type(event) is bytes:
                        assert spool is not None  # a file starts before it goes on
                        spool.add(event)
                        if spool.is_full:
                            await spool.store()
                    elif isinstance(event, Field):
                        pairs.append(event)
                    elif isinstance(event, FileStart):
                        roomy = in_memory < limits.files_memory
                        room = limits.file_memory if roomy else min(limits.file_memory, SMALL_FILE)
                        spool = _Spool(event, room, READ_AHEAD if on_disk < FAR_READERS else SMALL_FILE)
                        pairs.append((event.name, spool.upload))
                    else:
                        assert spool is not None
                        await spool.finish()
                        in_memory += spool.size if spool.in_memory else 0
                        on_disk += not spool.in_memory
        decoder.finish()
    except BaseException:
        with suppress(OSError):  # nobody wants what could not be written any more
            await FormData(pairs).close()
        raise
    return pairs


class _Spool:
    """A file on its way in: in memory up to `room` bytes, beyond that on the disk, written by a thread.

    There it is read `ahead` that many bytes later on.
    """

    __slots__ = ("_file", "_room", "_waiting", "size", "upload")

    def __init__(self, start: FileStart, room: float, ahead: int) -> None:
        # On the disk it has no name, or loses it at once: whatever becomes of this process, nothing is left there.
        self._file = SpooledTemporaryFile(  # noqa: SIM115 (it lives as long as the form)
            max_size=max(1, int(min(room, sys.maxsize))), buffering=ahead
        )
        self._room = room
        self._waiting = bytearray()
        self.size = 0
        self.upload = DataUpload(file=self._file, filename=start.filename, headers=Header.from_raw(start.headers))

    @property
    def in_memory(self) -> bool:
        return self.size <= self._room

    @property
    def is_full(self) -> bool:
        return len(self._waiting) >= WRITE_BLOCK

    def add(self, data: bytes) -> None:
        self.size += len(data)
        if self.in_memory:
            self._file.write(data)
        else:
            self._waiting += data

    async def store(self) -> None:
        await run_sync(self._write, limiter=thread_limits().files)

    async def finish(self) -> None:
        self.upload.size = self.size
        if self.in_memory:
            self._file.seek(0)
        else:
            await run_sync(self._write_rest, limiter=thread_limits().files)

    def _write(self) -> None:
        self._file.rollover()
        self._file.write(self._waiting)
        self._waiting.clear()

    def _write_rest(self) -> None:
        self._write()
        self._file.seek(0)
