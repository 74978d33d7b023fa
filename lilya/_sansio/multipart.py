"""The grammar of `multipart/form-data` (RFC 7578, RFC 2046 section 5.1): bytes in, events out.

The bytes are taken apart by a library (`multipart_parser`). Here lives what it leaves open: what the headers of a part
mean, how much of everything is taken, that the end must have come, and that a body means the same however it is cut.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final, NamedTuple, TypeAlias

from lilya._sansio.form import (
    DEFAULT_LIMITS,
    FormLimits,
    body_too_large,
    decode_text,
    text_too_large,
    too_large,
    too_long,
    too_many,
)
from lilya._sansio.headers import parse_options
from lilya._sansio.multipart_parser import Fault, MakeParser, Malformed, PythonMultipart
from lilya.exceptions import MultiPartException

__all__ = ["FILE_END", "Event", "Field", "FileStart", "MultipartDecoder", "check_boundary"]

# RFC 2046 section 5.1.1 allows 70; some senders do not count.
MAX_BOUNDARY: Final = 200

# Printable ASCII, no space at the end. RFC 2046 allows fewer, but no sender and no attack needs us to be strict here.
_BOUNDARY: Final = re.compile(r"[\x20-\x7e]*[\x21-\x7e]").fullmatch

# What nearly all senders write. `parse_options` would read the same in it, at ten times the cost.
_PLAIN_DISPOSITION: Final = re.compile(r'form-data; name="([^"\\]*)"(?:; filename="([^"\\]*)")?').fullmatch


class Field(NamedTuple):
    """A field, whole."""

    name: str
    value: str


class FileStart(NamedTuple):
    """A file begins: its content follows in pieces of bytes, then `FILE_END`."""

    name: str
    filename: str
    headers: list[tuple[bytes, bytes]]


class _FileEnd(Enum):
    FILE_END = "FILE_END"


FILE_END: Final = _FileEnd.FILE_END

Event: TypeAlias = Field | FileStart | bytes | _FileEnd


def check_boundary(boundary: str | None) -> str:
    """The `boundary` of a `Content-Type`, if it may be one.

    Raises:
        MultiPartException: there is none, or it is longer than 200 characters, or it holds what it may not (400).
    """
    if not boundary:
        raise MultiPartException("Missing boundary in multipart.")
    if len(boundary) > MAX_BOUNDARY:
        raise MultiPartException(f"Boundary too long. Maximum length of a boundary is {MAX_BOUNDARY} characters.")
    if _BOUNDARY(boundary) is None:
        raise MultiPartException(
            f"Invalid boundary {boundary!r} in multipart: wanted letters, digits and '()+_,-./:=? (RFC 2046)."
        )
    return boundary


class MultipartDecoder:
    """Takes a body apart as it comes: `feed` it all pieces, then `finish`.

    A part whose `Content-Disposition` has a `filename` is a file, every other one a field. A field is text in the
    charset of its part, else in that of a field `_charset_` before it (RFC 7578 section 4.6), else in `charset`.

    Args:
        boundary: what separates the parts, checked by `check_boundary`.
        limits: how much is taken.
        charset: what the request declares.
        parser: what takes the bytes apart.
    """

    def __init__(
        self,
        boundary: str,
        limits: FormLimits = DEFAULT_LIMITS,
        charset: str = "utf-8",
        parser: MakeParser = PythonMultipart,
    ) -> None:
        self._boundary = boundary
        self._limits = limits
        self._charset = charset
        self._events: list[Event] = []
        self._begun = self._in_headers = self._ended = False
        self._taken = self._parts = self._files = self._fields = self._fields_size = 0
        # The part that is being read.
        self._headers: list[tuple[bytes, bytes]] = []
        self._name, self._field_charset = "", charset
        self._is_file = False
        self._size = 0
        self._value = bytearray()
        # What ends it, the piece that is being read, and whether the last one was content to its very end.
        self._delimiter = b"\r\n--" + boundary.encode("ascii")
        self._piece = b""
        self._inside = False
        self._parser = parser(self._delimiter[4:], limits, self)

    def feed(self, data: bytes) -> list[Event]:
        """The events in the next piece of the body.

        Raises:
            MultiPartException: the body is malformed or over a limit; do not go on.
        """
        self._taken += len(data)
        if self._taken > self._limits.max_body_size:
            raise body_too_large(self._limits)
        if not self._begun:
            # Some senders begin with line ends. The parser would also skip what follows them, up to the next hyphen,
            # but only where both are in one piece.
            data = data.lstrip(b"\r\n")
            self._begun = bool(data)
        self._piece = data
        if self._inside and data and self._is_content(data):
            self.on_part_data(data, 0, len(data))
        else:
            self._inside = False
            try:
                self._parser.feed(data)
            except Malformed as error:
                raise self._refusal(error.fault, self._taken - len(data) + error.offset) from error
        # Handed over, not kept: decoder and parser know each other and may wait for the garbage collector.
        events, self._events, self._piece = self._events, [], b""
        return events

    def _is_content(self, data: bytes) -> bool:
        """Whether a piece that begins inside a part has no end of it: then the parser need not see it.

        Most pieces of a large file are such. `rfind` needs a quarter of the time of `find` for what is not there, and
        its time is linear for whatever a client makes up: a delimiter begins with the only CR in it, so behind each
        place that looked like one the search goes on a whole delimiter further.
        """
        delimiter = self._delimiter
        if data.rfind(delimiter) >= 0:
            return False
        start = data.rfind(b"\r", -len(delimiter))  # only there a delimiter may begin that the next piece ends
        return start < 0 or not delimiter.startswith(data[start:])

    def finish(self) -> None:
        """The body is over.

        Raises:
            MultiPartException: its final boundary is missing, so it was cut off (400).
        """
        if not self._ended:
            raise MultiPartException(f"The multipart body ends before its final boundary '--{self._boundary}--'.")

    def _refusal(self, fault: Fault, offset: int) -> MultiPartException:
        if fault is Fault.HEADER_SIZE:
            limit = self._limits.max_header_size
            return MultiPartException(f"Part header too long. Maximum size of a part header is {limit} bytes.")
        if fault is Fault.HEADER_COUNT:
            limit = self._limits.max_headers
            return MultiPartException(f"Too many part headers. Maximum number of headers of a part is {limit}.")
        if not self._parts:
            return MultiPartException(f"The multipart body does not begin with its boundary '--{self._boundary}'.")
        place = "in the headers of a part" if self._in_headers else "after a boundary"
        return MultiPartException(f"The multipart body is malformed at byte {offset}, {place}.")

    # -- what the parser finds --------------------------------------------------------------------------------------

    def on_part_begin(self) -> None:
        """See `Findings`."""
        self._parts += 1
        if self._parts > self._limits.max_parts:
            raise too_many("parts", self._limits.max_parts)
        self._headers = []
        self._in_headers = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """See `Findings`."""
        self._headers.append((name.lower(), value.strip(b" \t")))

    def on_headers_finished(self) -> None:
        """See `Findings`."""
        self._in_headers = False
        limits = self._limits
        disposition = decode_text(self._header(b"content-disposition"), self._charset)
        if plain := _PLAIN_DISPOSITION(disposition):
            name, filename = plain.groups()
        else:
            _, options = parse_options(disposition)
            name, filename = options.get("name"), options.get("filename")
        if name is None:
            raise MultiPartException('The Content-Disposition header field "name" must be provided.')
        if len(name) > limits.max_name_length:
            raise too_long("field name", name, limits.max_name_length)
        self._name = name
        self._size = 0
        self._is_file = filename is not None
        if filename is not None:
            self._files += 1
            if self._files > limits.max_files:
                raise too_many("files", limits.max_files)
            if len(filename) > limits.max_name_length:
                raise too_long("file name", filename, limits.max_name_length)
            self._events.append(FileStart(name, filename, self._headers))
        else:
            self._fields += 1
            if self._fields > limits.max_fields:
                raise too_many("fields", limits.max_fields)
            self._field_charset = self._charset
            if media_type := self._header(b"content-type"):
                _, options = parse_options(media_type.decode("latin-1"))
                self._field_charset = options.get("charset", self._charset)

    def _header(self, name: bytes) -> bytes:
        return next((value for header, value in self._headers if header == name), b"")

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        """See `Findings`."""
        size = end - start
        self._size += size
        self._inside = data is self._piece and end == len(data)  # then the parser has nothing of it in hand
        limits = self._limits
        if self._is_file:
            if self._size > limits.max_file_size:
                raise too_large(f"File {self._name!r}", "a file", limits.max_file_size)
            self._events.append(data if size == len(data) else data[start:end])
            return
        self._fields_size += size
        if self._size > limits.max_field_size:
            raise too_large(f"Field {self._name!r}", "a field", limits.max_field_size)
        if self._fields_size > limits.max_fields_size:
            raise text_too_large(limits)
        self._value += data[start:end]

    def on_part_end(self) -> None:
        """See `Findings`."""
        if self._is_file:
            self._events.append(FILE_END)
            return
        value = decode_text(self._value, self._field_charset)
        self._value.clear()
        if self._name == "_charset_":
            self._charset = value.strip()
        self._events.append(Field(self._name, value))

    def on_end(self) -> None:
        """See `Findings`."""
        self._ended = True
