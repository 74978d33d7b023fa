"""Responses that are files: with a name to save them by, in parts where a client asks for parts (RFC 9110 section 14),
and not at all where it has them already (section 13).

What to send is decided first, by pure rules, from the size and the time of the file and the headers of the request: an
`Answer`. Then it is sent. A response object keeps nothing of that: it can be sent any number of times.
"""

from __future__ import annotations

import os
import secrets
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import md5
from io import TextIOBase
from typing import Any, Final, TypeAlias, TypedDict

from lilya._sansio.conditional import (
    ETag,
    Outcome,
    evaluate,
    format_http_date,
    may_send_range,
    parse_etag,
    parse_http_date,
)
from lilya._sansio.headers import content_disposition
from lilya._sansio.media_types import OCTET_STREAM, SNIFF_LENGTH, guess_media_type, sniff_media_type
from lilya._sansio.ranges import ByteRange, MultipartByteRanges, content_range
from lilya.datastructures._headers import Header
from lilya.exceptions import ContentRangeNotSatisfiable
from lilya.ranges import ContentRanges, parse_range_value
from lilya.responses._file import AnyFile, DiskFile, FilePath, GivenFile, Measures
from lilya.responses.base import NO_CONTENT, OF_CONTENT, Background, HeadersInput, Response, content_type
from lilya.responses.streaming import StreamingResponse
from lilya.types import RawHeaders, Receive, Scope, Send

__all__ = ["DispositionResponse", "FileResponse", "ImageResponse", "RangeResponse", "SimpleFileResponse"]

# How much is read and sent at once, in bytes: enough that a thread is worth its while, little to hold for each client.
CHUNK: Final = 64 * 1024

# With one of these, the request may be answered without opening the file.
_CONDITIONS: Final = ("if-match", "if-modified-since", "if-none-match", "if-unmodified-since")

Piece: TypeAlias = bytes | ByteRange


class Validators(TypedDict):
    """What tells one state of a file from another (RFC 9110 section 8.8)."""

    etag: ETag | None
    last_modified: float | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What one request gets: `pieces` are the body, bytes as they are and ranges of the file."""

    status: int
    headers: Header
    pieces: list[Piece] = field(default_factory=list)

    @property
    def needs_file(self) -> bool:
        """Whether anything of the file is sent."""
        return any(isinstance(piece, ByteRange) for piece in self.pieces)


class DispositionResponse(Response):
    """A response that says whether it is to be shown or saved, and under which name (RFC 6266).

    Args:
        filename: what the client calls the file when it saves it. With it the default is `attachment`.
        content_disposition_type: `attachment` or `inline`; the name is told either way.
        response_kwargs: whatever `Response` takes. A `content-disposition` among the headers wins.
    """

    def __init__(
        self,
        *,
        filename: str | None = None,
        content_disposition_type: str | None = None,
        **response_kwargs: Any,
    ) -> None:
        super().__init__(**response_kwargs)
        if filename is not None or content_disposition_type is not None:
            disposition = content_disposition(content_disposition_type or "attachment", filename)
            self.headers.setdefault("content-disposition", disposition)


class RangeResponse(DispositionResponse):
    """A response that can be asked for in parts; conditional requests are answered, too. Base of the file responses.

    Only a 200 to GET is sent in parts, only to GET and HEAD conditions apply. Several parts are sent only with
    `range_multipart_boundary`: otherwise whoever asks for several gets the whole.

    The methods are hooks: override them for rules of your own.
    """

    def __init__(
        self,
        *,
        allow_range_requests: bool = True,
        range_multipart_boundary: bool | str = False,
        **response_kwargs: Any,
    ) -> None:
        self.allow_range_requests = allow_range_requests
        self.range_multipart_boundary = range_multipart_boundary
        if isinstance(range_multipart_boundary, str):
            MultipartByteRanges((), 0, boundary=range_multipart_boundary, media_type=OCTET_STREAM)  # or a ValueError
        super().__init__(**response_kwargs)

    def get_content_ranges_and_multipart(
        self, scope: Scope, /, *, size: int, **kwargs: Any
    ) -> tuple[ContentRanges | None, bool]:
        """The parts a request asks for, and whether to send them as `multipart/byteranges`; `None` for the whole.

        Further arguments go to `lilya.ranges.parse_range_value`. Raises `ContentRangeNotSatisfiable`.
        """
        fields = Header.from_scope(scope).getlist("range")
        found = parse_range_value(", ".join(fields), size - 1, **kwargs) if fields else None
        several = found is not None and len(found.ranges) > 1
        if several and not self.range_multipart_boundary:
            return None, False
        return found, several

    def check_if_range(self, scope: Scope, headers: Header) -> bool:
        """Whether parts fit what the client has (`If-Range`), else it gets the whole. `headers` are the response's."""
        return may_send_range(Header.from_scope(scope), **_validators(headers))

    def check_conditions(self, scope: Scope, headers: Header) -> Outcome:
        """What `If-Match`, `If-None-Match`, `If-Modified-Since` and `If-Unmodified-Since` decide."""
        return evaluate(scope["method"], Header.from_scope(scope), **_validators(headers))

    def set_range_headers(self, headers: Header, ranges: ContentRanges, multipart: MultipartByteRanges | None) -> None:
        """Make the headers of the whole those of the parts."""
        if multipart is None:
            headers["content-range"] = content_range(ranges.ranges[0], ranges.max_value + 1)
            headers["content-length"] = str(ranges.size)
        else:
            headers["content-type"] = multipart.content_type
            headers["content-length"] = str(multipart.content_length)

    def make_boundary(self) -> str:
        """What separates the parts: the boundary that was given, else one that nobody can guess."""
        given = self.range_multipart_boundary
        return given if isinstance(given, str) else secrets.token_hex(16)

    def _has_ranges(self) -> bool:
        return self.allow_range_requests and self.status_code == 200

    def _has_no_content(self) -> bool:
        return self.status_code in NO_CONTENT

    def _default_headers(self) -> RawHeaders:
        defaults = super()._default_headers()
        if self._has_ranges():
            defaults.append((b"accept-ranges", b"bytes"))
        return defaults

    def _answer(self, scope: Scope, size: int, headers: Header) -> Answer:
        """Decide. `headers` are those of the whole; they are changed."""
        method = scope.get("method")
        if method in ("GET", "HEAD") and 200 <= self.status_code < 300:
            outcome = self.check_conditions(scope, headers)
            if outcome is not Outcome.PROCEED:
                return _without_content(outcome, headers)
        if self._has_no_content():
            _forget_content(headers)
            return Answer(self.status_code, headers)
        if method == "HEAD":
            return Answer(self.status_code, headers)
        if method == "GET" and self._has_ranges() and self.check_if_range(scope, headers):
            try:
                ranges, multipart = self.get_content_ranges_and_multipart(scope, size=size)
            except ContentRangeNotSatisfiable as exc:
                return _not_satisfiable(exc, headers)
            if ranges is not None:
                return self._partial_answer(ranges, multipart, size, headers)
        return Answer(self.status_code, headers, [ByteRange(0, size - 1)] if size else [])

    def _partial_answer(self, ranges: ContentRanges, several: bool, size: int, headers: Header) -> Answer:
        if not several:
            self.set_range_headers(headers, ranges, None)
            return Answer(206, headers, [ranges.ranges[0]])
        media_type = headers.get("content-type", OCTET_STREAM)
        multipart = MultipartByteRanges(ranges.ranges, size, boundary=self.make_boundary(), media_type=media_type)
        self.set_range_headers(headers, ranges, multipart)
        pieces: list[Piece] = []
        for part in multipart.ranges:
            pieces += (multipart.head(part), part)
        return Answer(206, headers, [*pieces, multipart.tail])


class SimpleFileResponse(RangeResponse):
    """A file that is in memory: bytes, str, or an awaitable of one of them.

    Args:
        content: the file.
        deduce_media_type_from_body: whether the first bytes say what it is, where `media_type` does not: True, they do;
            False, only the name does; None, they do where the name does not. HTML and XML are never deduced.
        allow_range_requests: whether it can be had in parts.
        range_multipart_boundary: whether several parts can be had at once: True, or the boundary between them.
    """

    def __init__(
        self,
        content: Any,
        *,
        filename: str | None = None,
        status_code: int | None = None,
        headers: HeadersInput = None,
        media_type: str | None = None,
        background: Background | None = None,
        content_disposition_type: str | None = "inline",
        deduce_media_type_from_body: bool | None = None,
        allow_range_requests: bool = True,
        range_multipart_boundary: bool | str = False,
    ) -> None:
        self.filename = filename
        self.deduce_media_type_from_body = deduce_media_type_from_body
        super().__init__(
            content=content,
            filename=filename,
            status_code=status_code,
            headers=headers,
            media_type=media_type,
            background=background,
            content_disposition_type=content_disposition_type,
            allow_range_requests=allow_range_requests,
            range_multipart_boundary=range_multipart_boundary,
        )

    def _default_headers(self) -> RawHeaders:
        if self.media_type is None:
            self.media_type = self._deduced()
            self._content_type = content_type(self.media_type, self.charset)
        return super()._default_headers()

    def _deduced(self) -> str:
        deduce = self.deduce_media_type_from_body
        by_name = None if deduce or self.filename is None else guess_media_type(self.filename)
        return by_name or (OCTET_STREAM if deduce is False else sniff_media_type(self.body))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send what the request asks for, then run `background`. Raises and is cancelled as `Response` is."""
        await self.resolve_async_content()
        answer = self._answer(scope, len(self.body), Header.from_raw(self.raw_headers))
        body = b"".join(
            piece if isinstance(piece, bytes) else self.body[piece.start : piece.stop + 1] for piece in answer.pieces
        )
        whole = Response(body, answer.status, [*answer.headers.items()], background=self.background)
        await whole(scope, receive, send)


ImageResponse = SimpleFileResponse


class FileResponse(RangeResponse, StreamingResponse):
    """A file that is on the disk, or open.

    The disk is not touched before the response is sent, and then only in threads. For HEAD, and for a condition that
    `stat_result` can decide, the file is not opened. It is closed in every case. When the client leaves, reading ends.

    A server that offers to send files itself is asked to: `http.response.zerocopysend`, or, where that is not offered
    and the whole file is sent, `http.response.pathsend` (ASGI, "Extensions").

    Args:
        path: where the file is; or an open file object, binary and seekable, sync or async. All of that is sent,
            wherever it stands, and it is closed afterwards.
        filename: under which name the client saves it; that makes it an `attachment`.
        stat_result: of `os.stat`, if it is known: the headers tell size and time at once, and nobody looks twice.
        method: does nothing; the method is that of the request.
        content_disposition_type: `attachment` or `inline`.
        deduce_media_type_from_body: let the first bytes say what it is, where `media_type` does not, instead of the
            name. HTML and XML are never deduced.
        allow_range_requests: whether it can be had in parts.
        range_multipart_boundary: whether several parts can be had at once: True, or the boundary between them.
    """

    def __init__(
        self,
        path: FilePath | Any,
        status_code: int | None = None,
        headers: HeadersInput = None,
        media_type: str | None = None,
        background: Background | None = None,
        filename: str | None = None,
        stat_result: os.stat_result | None = None,
        method: str | None = None,
        content_disposition_type: str | None = None,
        encoders: Iterable[Any] | None = None,
        deduce_media_type_from_body: bool = False,
        allow_range_requests: bool = True,
        range_multipart_boundary: bool | str = False,
    ) -> None:
        if isinstance(path, TextIOBase):
            raise TypeError(f"{path!r} is open for text; a file is sent as bytes: open it with mode 'rb'")
        if not hasattr(path, "read") and not isinstance(path, str | os.PathLike):
            raise TypeError(
                f"FileResponse takes a path or an open file, not {path!r:.80}; for bytes: SimpleFileResponse"
            )
        if method is not None:
            warnings.warn(
                "FileResponse(method=...) does nothing: the request has one", DeprecationWarning, stacklevel=2
            )
        self.path = path
        self.filename = filename
        self.stat_result = stat_result
        self.deduce_media_type_from_body = deduce_media_type_from_body
        if media_type is None and not deduce_media_type_from_body:
            media_type = guess_media_type(filename or _name_of(path)) or OCTET_STREAM
        super().__init__(
            content=(),
            filename=filename,
            status_code=status_code,
            headers=headers,
            media_type=media_type,
            background=background,
            content_disposition_type=content_disposition_type,
            encoders=encoders,
            allow_range_requests=allow_range_requests,
            range_multipart_boundary=range_multipart_boundary,
        )

    def _default_headers(self) -> RawHeaders:
        return super()._default_headers() + self._known_headers()

    def _known_headers(self) -> RawHeaders:
        """What can be said of the file without looking."""
        return [] if self.stat_result is None else self._headers_of(_measures_of(self.stat_result))

    def _headers_of(self, measures: Measures) -> RawHeaders:
        headers = [(b"content-length", b"%d" % measures.size)]
        if measures.modified is not None:
            headers.append((b"last-modified", format_http_date(measures.modified).encode()))
            headers.append((b"etag", str(ETag(self.make_etag(measures.size, measures.modified))).encode()))
        return headers

    def make_etag(self, size: int, modified: float) -> str:
        """The entity tag of a file of that size and time of last change, unquoted."""
        # The same file packed in two ways is two representations, though they may be of one size and time.
        coding = self._headers.get("content-encoding", "") if self._headers is not None else ""
        return md5(f"{modified}-{size}{coding}".encode(), usedforsecurity=False).hexdigest()

    def _headers_now(self, measures: Measures, begin: bytes) -> Header:
        """The headers of the whole file as it is now; those that were given win, but for its length."""
        stale = {*self._known_headers()}
        headers = Header.from_raw([pair for pair in self.raw_headers if pair not in stale])
        headers.popall("content-length", None)
        headers.merge(self._headers_of(measures))
        if begin and self.media_type is None and (line := content_type(sniff_media_type(begin), self.charset)):
            headers.setdefault("content-type", line[1].decode())
        return headers

    async def _send_all(self, scope: Scope, send: Send, prefix: str) -> None:
        file: AnyFile = GivenFile(self.path) if hasattr(self.path, "read") else DiskFile(self.path)
        extensions = scope.get("extensions") or {} if scope["type"] == "http" and isinstance(file, DiskFile) else {}
        zero_copy = "http.response.zerocopysend" in extensions
        path_send = "http.response.pathsend" in extensions
        try:
            answer = await self._decide(file, scope, ahead=not (zero_copy or path_send))
            start = {"status": answer.status, "headers": answer.headers.encoded_multi_items()}
            await send({"type": prefix + "http.response.start", **start})
            is_open = file.file is not None  # else it was read on the way
            if is_open and zero_copy:
                await self._hand_over(file, answer, send)
            elif is_open and path_send and answer.status == self.status_code and answer.needs_file:
                await send({"type": "http.response.pathsend", "path": _absolute(self.path)})
            else:
                await self._send_answer(file, answer, send, prefix + "http.response.body")
        finally:
            await file.close()

    async def _decide(self, file: AnyFile, scope: Scope, *, ahead: bool) -> Answer:
        """Look at the file, or open it, and decide. The first bytes are read on the way, where they will be sent."""
        headers = Header.from_scope(scope)
        known = None if self.stat_result is None else _measures_of(self.stat_result)
        if scope.get("method") == "HEAD" or self._has_no_content():
            measures = known or await file.look()
            return self._answer(scope, measures.size, self._headers_now(measures, b""))
        if known is not None and any(name in headers for name in _CONDITIONS):
            answer = self._answer(scope, known.size, self._headers_now(known, b""))
            if not answer.pieces:
                return answer
        ahead = ahead and "range" not in headers
        sniffed = SNIFF_LENGTH if self.media_type is None else 0
        # Decided by what the open file says of itself: who looked before may have seen another one.
        measures, begin = await file.open(CHUNK if ahead else sniffed)
        return self._answer(scope, measures.size, self._headers_now(measures, begin))

    async def _send_answer(self, file: AnyFile, answer: Answer, send: Send, kind: str) -> None:
        last = len(answer.pieces) - 1
        for number, piece in enumerate(answer.pieces):
            if isinstance(piece, bytes):
                await send({"type": kind, "body": piece, "more_body": number < last})
                continue
            offset, end = piece.start, piece.stop + 1
            while offset < end:
                data = await file.read(offset, min(CHUNK, end - offset))
                if not data:
                    raise RuntimeError(f"File {_name_of(self.path)!r} became shorter while it was sent.")
                offset += len(data)
                await send({"type": kind, "body": data, "more_body": number < last or offset < end})
        if not answer.pieces:
            await send({"type": kind, "body": b""})

    async def _hand_over(self, file: AnyFile, answer: Answer, send: Send) -> None:
        """Let the server copy the ranges of the open file."""
        last = len(answer.pieces) - 1
        for number, piece in enumerate(answer.pieces):
            more = {"more_body": number < last}
            if isinstance(piece, bytes):
                await send({"type": "http.response.body", "body": piece, **more})
            else:
                where = {"offset": piece.start, "count": len(piece)}
                await send({"type": "http.response.zerocopysend", "file": file.file, **where, **more})
        if not answer.pieces:
            await send({"type": "http.response.body", "body": b""})


def _name_of(path: Any) -> str:
    """The name of a file by its path, or as an open file has it; some have a number, or none."""
    name = getattr(path, "name", "") if hasattr(path, "read") else os.fspath(path)
    return name if isinstance(name, str) else ""


def _absolute(path: FilePath) -> str:
    """Asks the process where it works, and not the disk: it does not block."""
    return os.path.abspath(path)


def _measures_of(found: os.stat_result) -> Measures:
    return Measures(found.st_size, found.st_mtime)


def _validators(headers: Header) -> Validators:
    """What conditions are compared with: those the file made, or those that were set instead."""
    return {
        "etag": parse_etag(headers.get("etag", "")),
        "last_modified": parse_http_date(headers.get("last-modified", "")),
    }


def _without_content(outcome: Outcome, headers: Header) -> Answer:
    """A 304 or a 412: what describes the content goes, what caches need to know stays."""
    _forget_content(headers)
    if "etag" in headers:
        headers.popall("last-modified", None)
    if outcome is Outcome.PRECONDITION_FAILED:
        headers["content-length"] = "0"
    return Answer(outcome.value, headers)


def _not_satisfiable(exc: ContentRangeNotSatisfiable, headers: Header) -> Answer:
    _forget_content(headers)
    body = str(exc.detail).encode()
    headers.update(exc.headers)
    headers.update({"content-type": "text/plain; charset=utf-8", "content-length": str(len(body))})
    return Answer(exc.status_code, headers, [body])


def _forget_content(headers: Header) -> None:
    for name in OF_CONTENT:
        headers.popall(name, None)
