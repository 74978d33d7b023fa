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
from typing import Any, Final, TypeAlias

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
from lilya.background import run_after
from lilya.datastructures._headers import Header
from lilya.exceptions import ClientDisconnect, ContentRangeNotSatisfiable
from lilya.ranges import ContentRanges, parse_range_value
from lilya.responses._file import AnyFile, DiskFile, FilePath, GivenFile, Measures
from lilya.responses.base import Background, HeadersInput, Response, content_type, has_no_content
from lilya.responses.streaming import StreamingResponse
from lilya.types import Receive, Scope, Send

__all__ = ["DispositionResponse", "FileResponse", "ImageResponse", "RangeResponse", "SimpleFileResponse"]

# How much is read and sent at once, in bytes: enough that a thread is worth its while, little to hold for a slow client.
CHUNK: Final = 64 * 1024

# What describes a content that is not sent with a 304, a 412 or a 416 (RFC 9110 sections 8 and 15.4.5).
_OF_CONTENT: Final = (
    "accept-ranges",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-length",
    "content-range",
    "content-type",
)

Piece: TypeAlias = bytes | ByteRange


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

    allow_range_requests: bool = True
    range_multipart_boundary: bool | str = False

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

    def check_if_range(self, scope: Scope, etag: ETag | None, last_modified: float | None) -> bool:
        """Whether the parts fit what the client has (`If-Range`); if not it gets the whole."""
        return may_send_range(Header.from_scope(scope), etag=etag, last_modified=last_modified)

    def check_conditions(self, scope: Scope, etag: ETag | None, last_modified: float | None) -> Outcome:
        """What `If-Match`, `If-None-Match`, `If-Modified-Since` and `If-Unmodified-Since` decide."""
        return evaluate(scope["method"], Header.from_scope(scope), etag=etag, last_modified=last_modified)

    def set_range_headers(
        self, headers: Header, ranges: ContentRanges, multipart: MultipartByteRanges | None
    ) -> None:
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

    def _accept_ranges(self) -> bool:
        return self.allow_range_requests and self.status_code == 200

    def _answer(self, scope: Scope, size: int, headers: Header) -> Answer:
        """Decide. `headers` are those of the whole; they are changed."""
        method = scope.get("method")
        etag = parse_etag(headers.get("etag", ""))
        last_modified = parse_http_date(headers.get("last-modified", ""))
        if method in ("GET", "HEAD") and 200 <= self.status_code < 300:
            outcome = self.check_conditions(scope, etag, last_modified)
            if outcome is not Outcome.PROCEED:
                return _without_content(outcome, headers, has_etag=etag is not None)
        if method == "HEAD" or has_no_content(self.status_code):
            return Answer(self.status_code, headers)
        if method == "GET" and self._accept_ranges() and self.check_if_range(scope, etag, last_modified):
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


def _without_content(outcome: Outcome, headers: Header, *, has_etag: bool) -> Answer:
    """A 304 or a 412: what describes the content goes, what caches need to know stays."""
    _forget_content(headers)
    if has_etag:
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
    for name in _OF_CONTENT:
        headers.popall(name, None)
