"""The seam behind which a library takes a multipart body apart: `Parser` is its shape, `Findings` what it tells.

A parser knows delimiters and header lines (RFC 2046 section 5.1), and how long those may be. It knows nothing of names,
files, charsets and of all other limits: that is `MultipartDecoder`, whatever the parser. One that is put here has to
pass tests/sansio/test_multipart.py and test_multipart_splits.py; `python -m tests.benchmarks.multipart_parsers`
measures it beside the one in use.
"""

from __future__ import annotations

import logging
from enum import Enum
from typing import Final, Protocol

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser

from lilya._sansio.form import FormLimits

__all__ = ["Fault", "Findings", "MakeParser", "Malformed", "Parser", "PythonMultipart"]

# The library logs a warning for each body it refuses: anybody could fill the log. What it has to say is in the answer.
_SILENT: Final = logging.Logger("lilya.multipart", logging.CRITICAL)


class Fault(Enum):
    """Why a body is refused by a parser."""

    GRAMMAR = "GRAMMAR"
    HEADER_SIZE = "HEADER_SIZE"
    HEADER_COUNT = "HEADER_COUNT"


class Malformed(ValueError):
    """A body that is no multipart body, or has too large a head of a part. `offset` is that in the piece."""

    def __init__(self, fault: Fault, offset: int = 0) -> None:
        super().__init__(fault, offset)
        self.fault = fault
        self.offset = offset


class Findings(Protocol):
    """Whom a parser tells what it finds, in order. What these raise goes through the parser, which is then over."""

    def on_part_begin(self) -> None:
        """A delimiter was read, and another part follows."""

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header of the part, whole: its name as sent, its value without the line end."""

    def on_headers_finished(self) -> None:
        """What follows is content."""

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        """`data[start:end]` is content, never empty. Where it is all of a piece, `data` is the piece itself."""

    def on_part_end(self) -> None:
        """The part is over."""

    def on_end(self) -> None:
        """The last delimiter was read; what follows it counts for nothing."""


class Parser(Protocol):
    """Takes a body apart."""

    def feed(self, data: bytes) -> None:
        """Tell what is in the next piece of the body. Raises `Malformed`; it is not fed again then.

        Once it has told all content of a piece up to its very end, it has nothing in hand: pieces that hold no
        delimiter, nor the begin of one at their end, may be kept from it.
        """


class MakeParser(Protocol):
    """Makes a parser, for a boundary that was checked."""

    def __call__(self, boundary: bytes, limits: FormLimits, findings: Findings, /) -> Parser: ...


class PythonMultipart:
    """`python_multipart` behind the seam: it gives headers in pieces, and content as they want it."""

    __slots__ = ("_findings", "_name", "_parser", "_value")

    def __init__(self, boundary: bytes, limits: FormLimits, findings: Findings) -> None:
        self._findings = findings
        self._name, self._value = b"", b""
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": findings.on_part_begin,
                "on_header_field": self._on_header_field,
                "on_header_value": self._on_header_value,
                "on_header_end": self._on_header_end,
                "on_headers_finished": findings.on_headers_finished,
                "on_part_data": findings.on_part_data,
                "on_part_end": findings.on_part_end,
                "on_end": findings.on_end,
            },
            max_header_count=limits.max_headers,  # type: ignore[arg-type]
            max_header_size=limits.max_header_size,  # type: ignore[arg-type]
        )
        self._parser.logger = _SILENT

    def feed(self, data: bytes) -> None:
        """See `Parser`."""
        try:
            self._parser.write(data)
        except MultipartParseError as error:
            reason = str(error)
            fault = Fault.GRAMMAR
            if "header size" in reason:
                fault = Fault.HEADER_SIZE
            elif "header count" in reason:
                fault = Fault.HEADER_COUNT
            raise Malformed(fault, error.offset) from error

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        name, value = self._name, self._value
        self._name = self._value = b""
        self._findings.on_header(name, value)
