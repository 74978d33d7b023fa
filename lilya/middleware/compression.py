"""Compressed answers: gzip, and where their libraries are installed, Zstandard and Brotli (RFC 9110 section 8.4).

Nothing is buffered. Each piece of a streamed body is compressed and flushed by itself, so it reaches the client when it
was sent. The start of an answer waits for its first piece, as it does in servers, to know whether that is all.

Left as they are: what is coded already, parts (206), digests' bytes, files the server sends by itself, and whatever
says `Cache-Control: no-transform` (RFC 9111 section 5.2.2.6). Say that in an answer that shows a secret beside what the
client sent: the size of the two compressed together tells an observer about the secret (BREACH).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Any, Final, Protocol

from lilya._sansio.headers import best_coding, parse_list, parse_options
from lilya.concurrency.threads import run_sync
from lilya.datastructures._headers import Header
from lilya.exceptions import ImproperlyConfigured, MissingDependency
from lilya.types import ASGIApp, Message, RawHeaders, Receive, Scope, Send

__all__ = ["CompressionMiddleware", "Encoder", "GZipMiddleware"]

# Pieces of more bytes than this are compressed in a thread: below, going there takes longer than the work.
THREAD_SIZE: Final = 32 * 1024
# Where the ASGI extension exists, an application may mix this with bodies, which cannot be when these are compressed.
ZERO_COPY: Final = "http.response.zerocopysend"
# Of these media types some are compressed already, and so are all of the others' kinds.
COMPRESSED_KINDS: Final = ("audio/", "video/", "image/", "font/woff")
COMPRESSED_TYPES: Final = frozenset(
    {"application/zip", "application/gzip", "application/zstd", "application/x-7z-compressed", "application/x-xz"}
)
# They speak of the very bytes that are sent.
DIGESTS: Final = ("content-digest", "repr-digest", "digest", "content-md5")


class Encoder(Protocol):
    """Compresses one body, piece by piece."""

    def encode(self, data: bytes, last: bool) -> bytes:
        """What the client needs to have all of `data`; with `last`, the end too."""
        ...


class GZip:
    """RFC 1952, by the standard library; level 0 to 9."""

    def __init__(self, level: int) -> None:
        self._compressor = zlib.compressobj(level, wbits=zlib.MAX_WBITS | 16)

    def encode(self, data: bytes, last: bool) -> bytes:
        return self._compressor.compress(data) + self._compressor.flush(zlib.Z_FINISH if last else zlib.Z_SYNC_FLUSH)


class Brotli:
    """RFC 7932, by the library `brotli`; quality 0 to 11."""

    def __init__(self, library: Any, quality: int) -> None:
        self._compressor = library.Compressor(quality=quality)

    def encode(self, data: bytes, last: bool) -> bytes:
        compressed: bytes = self._compressor.process(data)
        rest: bytes = self._compressor.finish() if last else self._compressor.flush()
        return compressed + rest


class Zstandard:
    """RFC 8878, by the standard library or its backport; level 1 to 22."""

    def __init__(self, library: Any, level: int) -> None:
        self._compressor = library.ZstdCompressor(level=level)

    def encode(self, data: bytes, last: bool) -> bytes:
        mode = self._compressor.FLUSH_FRAME if last else self._compressor.FLUSH_BLOCK
        compressed: bytes = self._compressor.compress(data, mode)
        return compressed


class CompressionMiddleware:
    """Compresses answers in the coding that the client prefers; of equals the first of `codings`.

    Args:
        minimum_size: an answer of one piece with fewer bytes is left as it is.
        codings: of `zstd`, `br` and `gzip`; by default those that are installed.
        gzip_level: from 0 (none) to 9 (small and slow).
        brotli_quality: from 0 to 11.
        zstd_level: from 1 to 22; from 20 on, clients need much memory.

    Raises:
        ImproperlyConfigured: a coding that is not known, a number that is out of range.
        MissingDependency: a coding was named whose library is not installed.
    """

    def __init__(
        self,
        app: ASGIApp,
        minimum_size: int = 500,
        *,
        codings: Iterable[str] | None = None,
        gzip_level: int = 6,
        brotli_quality: int = 4,
        zstd_level: int = 3,
    ) -> None:
        self.app = app
        self.minimum_size = _within("minimum_size", minimum_size, 0, None)
        gzip_level = _within("gzip_level", gzip_level, 0, 9)
        brotli_quality = _within("brotli_quality", brotli_quality, 0, 11)
        zstd_level = _within("zstd_level", zstd_level, 1, 22)
        self.encoders: dict[str, Callable[[], Encoder]] = {}
        for coding in ("zstd", "br", "gzip") if codings is None else codings:
            if coding == "gzip":
                self.encoders[coding] = lambda: GZip(gzip_level)
            elif coding == "br":
                if (brotli := _library(coding, ("brotli", "brotlicffi"), needed=codings is not None)) is not None:
                    self.encoders[coding] = lambda library=brotli: Brotli(library, brotli_quality)  # type: ignore[misc]
            elif coding == "zstd":
                names = ("compression.zstd", "backports.zstd")
                if (zstd := _library(coding, names, needed=codings is not None)) is not None:
                    self.encoders[coding] = lambda library=zstd: Zstandard(library, zstd_level)  # type: ignore[misc]
            else:
                raise ImproperlyConfigured(f"codings got {coding!r}, wanted some of 'zstd', 'br' and 'gzip'")
        self._offers = tuple(self.encoders)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve inside, and compress the answer; what is no request passes untouched."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        wanted = ", ".join(Header.from_scope(scope).getlist("accept-encoding"))
        coding = best_coding(wanted, self._offers)
        make = None if coding is None else self.encoders.get(coding)
        if make is not None and ZERO_COPY in (scope.get("extensions") or ()):
            scope["extensions"] = {name: value for name, value in scope["extensions"].items() if name != ZERO_COPY}
        answer = _Answer(send, scope["method"] == "HEAD", self.minimum_size, coding or "", make)
        await self.app(scope, receive, answer.send)


class GZipMiddleware(CompressionMiddleware):
    """Compresses with gzip alone, at `compresslevel` from 0 to 9. For the rest see `CompressionMiddleware`."""

    def __init__(self, app: ASGIApp, minimum_size: int = 500, compresslevel: int = 9) -> None:
        super().__init__(app, minimum_size, codings=("gzip",), gzip_level=_within("compresslevel", compresslevel, 0, 9))


class _Answer:
    """One answer on its way out."""

    __slots__ = ("_coding", "_encoder", "_is_head", "_make", "_minimum_size", "_send", "_start")

    def __init__(
        self, send: Send, is_head: bool, minimum_size: int, coding: str, make: Callable[[], Encoder] | None
    ) -> None:
        self._send = send
        self._is_head = is_head
        self._minimum_size = minimum_size
        self._coding = coding
        self._make = make  # None: the client wants no coding we have
        self._start: Message | None = None  # waits for the first piece
        self._encoder: Encoder | None = None

    async def send(self, message: Message) -> None:
        """ASGI `send` for the layers further in. Cancelled while it compresses, it waits for the thread."""
        kind = message["type"]
        if kind == "http.response.start" and self._may_code(message):
            self._start = message
        elif kind == "http.response.body" and self._start is not None:
            start, self._start = self._start, None
            await self._begin(start, message)
        elif kind == "http.response.body" and self._encoder is not None:
            await self._send(await self._encoded(message))
        else:
            if self._start is not None and kind.startswith(("http.response.pathsend", ZERO_COPY)):
                start, self._start = self._start, None
                await self._send(start)
            await self._send(message)

    def _may_code(self, start: Message) -> bool:
        """Whether the body is one to be compressed; a 304 speaks of a body that was."""
        status = start["status"]
        if status < 200 or status in (204, 205, 206):
            return False
        headers = Header.from_raw(start.get("headers") or ())
        if "content-encoding" in headers or "content-range" in headers or any(name in headers for name in DIGESTS):
            return False
        if "no-transform" in parse_list(", ".join(headers.getlist("cache-control")).lower()):
            return False
        media_type, _ = parse_options(headers.get("content-type", ""))
        if media_type in COMPRESSED_TYPES:
            return False
        return media_type == "image/svg+xml" or not media_type.startswith(COMPRESSED_KINDS)

    async def _begin(self, start: Message, message: Message) -> None:
        body, more = message.get("body", b""), message.get("more_body", False)
        headers = Header.from_raw(start.get("headers") or ())
        if start["status"] == 304 or (self._is_head and not body):
            length = headers.get("content-length", "")
            if start["status"] != 304 and length.isdecimal() and int(length) < self._minimum_size:
                await self._send(start)
            else:
                await self._send({**start, "headers": self._coded(headers, None, start["status"] != 304)})
            return await self._send(message)
        if not more and len(body) < self._minimum_size:
            await self._send(start)
            return await self._send(message)
        if self._make is None:
            await self._send({**start, "headers": self._coded(headers, None, True)})
            return await self._send(message)
        self._encoder = self._make()
        message = await self._encoded(message)
        await self._send({**start, "headers": self._coded(headers, None if more else len(message["body"]), True)})
        await self._send(message)

    def _coded(self, headers: Header, length: int | None, has_coding: bool) -> RawHeaders:
        """The headers of the answer as it is sent; without `length` it is not known, or the headers' own holds."""
        headers.add_vary_header("Accept-Encoding")
        if self._make is not None:
            if has_coding:
                headers["content-encoding"] = self._coding
                headers.popall("content-length", None)
                if length is not None:
                    headers["content-length"] = str(length)
            etag = headers.get("etag")
            if etag is not None and etag.startswith('"'):  # the same to read, not the same bytes (RFC 9110 8.8.1)
                headers["etag"] = f"W/{etag}"
        return headers.encoded_multi_items()

    async def _encoded(self, message: Message) -> Message:
        body, more = message.get("body", b""), message.get("more_body", False)
        if self._encoder is None or (more and not body):  # nothing to say: a piece that only lets the headers go
            return message
        if len(body) > THREAD_SIZE:
            body = await run_sync(self._encoder.encode, bytes(body), not more)
        else:
            body = self._encoder.encode(body, not more)
        return {**message, "body": body}


def _within(name: str, value: int, least: int, most: int | None) -> int:
    if type(value) is not int or value < least or (most is not None and value > most):
        wanted = f"from {least} to {most}" if most is not None else f"of at least {least}"
        raise ImproperlyConfigured(f"{name} got {value!r}, wanted a whole number {wanted}")
    return value


# What to install for a coding.
_PACKAGES: Final[Mapping[str, str]] = {"br": "brotli", "zstd": "backports.zstd"}


def _library(coding: str, names: Iterable[str], *, needed: bool) -> Any:
    for name in names:
        try:
            return import_module(name)
        except ImportError:
            continue
    if needed:
        raise MissingDependency(f"the coding {coding!r} needs a library: pip install {_PACKAGES[coding]}")
    return None
