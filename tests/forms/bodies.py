"""Multipart bodies: a writer of any, and what clients in use really send."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

__all__ = ["BOUNDARY", "CAPTURED", "Captured", "Part", "multipart"]

BOUNDARY: Final = "----WebKitFormBoundaryvgKXvcLSy6NBlBDO"


@dataclass(frozen=True)
class Part:
    """One part of a body; `filename` makes it a file."""

    name: str
    content: bytes
    filename: str | None = None
    content_type: str | None = None

    def encode(self) -> bytes:
        """Head, blank line, content."""
        head = f'Content-Disposition: form-data; name="{self.name}"'
        if self.filename is not None:
            head += f'; filename="{self.filename}"'
        if self.content_type is not None:
            head += f"\r\nContent-Type: {self.content_type}"
        return head.encode() + b"\r\n\r\n" + self.content


def multipart(parts: Iterable[Part | bytes], boundary: str = BOUNDARY) -> bytes:
    """A body as browsers write it; a part given as bytes stands there as it is."""
    delimiter = b"--" + boundary.encode()
    body = b"".join(
        delimiter + b"\r\n" + (part if isinstance(part, bytes) else part.encode()) + b"\r\n" for part in parts
    )
    return body + delimiter + b"--\r\n"


@dataclass(frozen=True)
class Captured:
    """What a client sent, and what it meant: pairs of a name and a text, or a name and (file name, type, content)."""

    client: str
    content_type: str
    body: bytes
    meaning: tuple[tuple[str, str | tuple[str, str | None, bytes]], ...]


CAPTURED: Final = (
    Captured(
        "Chromium: text, a file input, a file input left empty, a check box without a value",
        "multipart/form-data; boundary=----WebKitFormBoundaryvgKXvcLSy6NBlBDO",
        b"------WebKitFormBoundaryvgKXvcLSy6NBlBDO\r\n"
        b'Content-Disposition: form-data; name="title"\r\n\r\n'
        b"caf\xc3\xa9 & co\r\n"
        b"------WebKitFormBoundaryvgKXvcLSy6NBlBDO\r\n"
        b'Content-Disposition: form-data; name="comment"\r\n\r\n'
        b"one\r\ntwo\r\n"
        b"------WebKitFormBoundaryvgKXvcLSy6NBlBDO\r\n"
        b'Content-Disposition: form-data; name="doc"; filename="\xc3\xbc %22q%22 \xe6\x97\xa5.txt"\r\n'
        b"Content-Type: text/plain\r\n\r\n"
        b"one\r\ntwo\n\r\n"
        b"------WebKitFormBoundaryvgKXvcLSy6NBlBDO\r\n"
        b'Content-Disposition: form-data; name="image"; filename=""\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n"
        b"\r\n"
        b"------WebKitFormBoundaryvgKXvcLSy6NBlBDO\r\n"
        b'Content-Disposition: form-data; name="terms"\r\n\r\n'
        b"on\r\n"
        b"------WebKitFormBoundaryvgKXvcLSy6NBlBDO--\r\n",
        (
            ("title", "café & co"),
            ("comment", "one\r\ntwo"),
            ("doc", ("ü %22q%22 日.txt", "text/plain", b"one\r\ntwo\n")),
            ("image", ("", "application/octet-stream", b"")),
            ("terms", "on"),
        ),
    ),
    Captured(
        "Chromium: an empty FormData",
        "multipart/form-data; boundary=----WebKitFormBoundaryLoUZ7eBaGWlbS0Hl",
        b"------WebKitFormBoundaryLoUZ7eBaGWlbS0Hl--\r\n",
        (),
    ),
    Captured(
        "Firefox: several files of one input",
        "multipart/form-data; boundary=----geckoformboundary1db2f4d2b8a4b7e1f1d3a1c6c1b1a3",
        b"------geckoformboundary1db2f4d2b8a4b7e1f1d3a1c6c1b1a3\r\n"
        b'Content-Disposition: form-data; name="files"; filename="a.png"\r\n'
        b"Content-Type: image/png\r\n\r\n"
        b"\x89PNG\r\n\x1a\n\r\n"
        b"------geckoformboundary1db2f4d2b8a4b7e1f1d3a1c6c1b1a3\r\n"
        b'Content-Disposition: form-data; name="files"; filename="b.bin"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n"
        b"\x00\xff\r\n--\r\n"
        b"------geckoformboundary1db2f4d2b8a4b7e1f1d3a1c6c1b1a3--\r\n",
        (
            ("files", ("a.png", "image/png", b"\x89PNG\r\n\x1a\n")),
            ("files", ("b.bin", "application/octet-stream", b"\x00\xff\r\n--")),
        ),
    ),
    Captured(
        "Firefox before 2024: hyphens and digits, a quoted name escaped by a backslash",
        "multipart/form-data; boundary=---------------------------313223033317673951981846372901",
        b"-----------------------------313223033317673951981846372901\r\n"
        b'Content-Disposition: form-data; name="a \\"b\\""\r\n\r\n'
        b"1\r\n"
        b"-----------------------------313223033317673951981846372901\r\n"
        b'Content-Disposition: form-data; name="f"; filename="C:\\fakepath\\x.txt"\r\n'
        b"Content-Type: text/plain\r\n\r\n"
        b"-----------------------------31322303331767395198184637290\r\n"
        b"-----------------------------313223033317673951981846372901--\r\n",
        (
            ('a "b"', "1"),
            (
                "f",
                (
                    "C:\\fakepath\\x.txt",
                    "text/plain",
                    b"-----------------------------31322303331767395198184637290",
                ),
            ),
        ),
    ),
    Captured(
        "curl 7.88: -F with a text, two files, an empty field, a field with a type, a name with a quote",
        "multipart/form-data; boundary=------------------------4d8fc2078b1438a3",
        b"--------------------------4d8fc2078b1438a3\r\n"
        b'Content-Disposition: form-data; name="title"\r\n\r\n'
        b"caf\xc3\xa9 & co\r\n"
        b"--------------------------4d8fc2078b1438a3\r\n"
        b'Content-Disposition: form-data; name="f"; filename="\xc3\xbc %22q%22 \xe6\x97\xa5.txt"\r\n'
        b"Content-Type: text/plain\r\n\r\n"
        b"one\r\ntwo\n\r\n"
        b"--------------------------4d8fc2078b1438a3\r\n"
        b'Content-Disposition: form-data; name="b"; filename="a.bin"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n"
        b"\x00\xff\r\n--\r\n"
        b"--------------------------4d8fc2078b1438a3\r\n"
        b'Content-Disposition: form-data; name="empty"\r\n\r\n'
        b"\r\n"
        b"--------------------------4d8fc2078b1438a3\r\n"
        b'Content-Disposition: form-data; name="j"\r\n'
        b"Content-Type: application/json\r\n\r\n"
        b'{"a":1}\r\n'
        b"--------------------------4d8fc2078b1438a3\r\n"
        b'Content-Disposition: form-data; name="na%22me"\r\n\r\n'
        b"x\r\n"
        b"--------------------------4d8fc2078b1438a3--\r\n",
        (
            ("title", "café & co"),
            ("f", ("ü %22q%22 日.txt", "text/plain", b"one\r\ntwo\n")),
            ("b", ("a.bin", "application/octet-stream", b"\x00\xff\r\n--")),
            ("empty", ""),
            ("j", '{"a":1}'),
            ("na%22me", "x"),
        ),
    ),
    Captured(
        "httpx 0.28: data with a list, files with and without a type",
        "multipart/form-data; boundary=c251b0a465a78206468080fb095a47e7",
        b"--c251b0a465a78206468080fb095a47e7\r\n"
        b'Content-Disposition: form-data; name="tags"\r\n\r\n'
        b"a\r\n"
        b"--c251b0a465a78206468080fb095a47e7\r\n"
        b'Content-Disposition: form-data; name="tags"\r\n\r\n'
        b"b\r\n"
        b"--c251b0a465a78206468080fb095a47e7\r\n"
        b'Content-Disposition: form-data; name="f"; filename="\xc3\xbc %22q%22 \xe6\x97\xa5.txt"\r\n'
        b"Content-Type: text/plain\r\n\r\n"
        b"one\r\ntwo\n\r\n"
        b"--c251b0a465a78206468080fb095a47e7--\r\n",
        (("tags", "a"), ("tags", "b"), ("f", ("ü %22q%22 日.txt", "text/plain", b"one\r\ntwo\n"))),
    ),
    Captured(
        "requests 2.34: a file without a type",
        "multipart/form-data; boundary=1afc6617dbeaf4f115fed279cf69b3ba",
        b"--1afc6617dbeaf4f115fed279cf69b3ba\r\n"
        b'Content-Disposition: form-data; name="title"\r\n\r\n'
        b"caf\xc3\xa9 & co\r\n"
        b"--1afc6617dbeaf4f115fed279cf69b3ba\r\n"
        b'Content-Disposition: form-data; name="b"; filename="a.bin"\r\n\r\n'
        b"\x00\xff\r\n--\r\n"
        b"--1afc6617dbeaf4f115fed279cf69b3ba--\r\n",
        (("title", "café & co"), ("b", ("a.bin", None, b"\x00\xff\r\n--"))),
    ),
    Captured(
        "requests on urllib3 1: a file name beyond ASCII, by RFC 8187",
        "multipart/form-data; boundary=e6d7b0c4a2f94f5b8c5d1f9a3e7b2c60",
        b"--e6d7b0c4a2f94f5b8c5d1f9a3e7b2c60\r\n"
        b"Content-Disposition: form-data; name=\"f\"; filename*=utf-8''%C3%BC%20%E6%97%A5.txt\r\n\r\n"
        b"x\r\n"
        b"--e6d7b0c4a2f94f5b8c5d1f9a3e7b2c60--\r\n",
        (("f", ("ü 日.txt", None, b"x")),),
    ),
    Captured(
        "aiohttp 3.14: the type first, a charset for each text, a file name in percent signs",
        "multipart/form-data; boundary=b57e940d143d48debae31342a6a89c94",
        b"--b57e940d143d48debae31342a6a89c94\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\n"
        b'Content-Disposition: form-data; name="title"\r\n\r\n'
        b"caf\xc3\xa9 & co\r\n"
        b"--b57e940d143d48debae31342a6a89c94\r\n"
        b"Content-Type: text/plain\r\n"
        b'Content-Disposition: form-data; name="f"; filename="%C3%BC%20%22q%22.txt"\r\n\r\n'
        b"one\r\ntwo\n\r\n"
        b"--b57e940d143d48debae31342a6a89c94--\r\n",
        (("title", "café & co"), ("f", ("%C3%BC%20%22q%22.txt", "text/plain", b"one\r\ntwo\n"))),
    ),
    Captured(
        "Node 20 fetch: line ends in a text and in a name, a Blob",
        "multipart/form-data; boundary=----formdata-undici-025118585798",
        b"------formdata-undici-025118585798\r\n"
        b'Content-Disposition: form-data; name="multi"\r\n\r\n'
        b"one\r\ntwo\r\nthree\r\n"
        b"------formdata-undici-025118585798\r\n"
        b'Content-Disposition: form-data; name="na%22me%0D%0Ax"\r\n\r\n'
        b"v\r\n"
        b"------formdata-undici-025118585798\r\n"
        b'Content-Disposition: form-data; name="b"; filename="blob"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n"
        b"\x00\xff\r\n--\r\n"
        b"------formdata-undici-025118585798--\r\n",
        (
            ("multi", "one\r\ntwo\r\nthree"),
            ("na%22me%0D%0Ax", "v"),
            ("b", ("blob", "application/octet-stream", b"\x00\xff\r\n--")),
        ),
    ),
    Captured(
        ".NET HttpClient: unquoted names, a quoted boundary, no line end at the end",
        'multipart/form-data; boundary="5b2e1b7a-9c7d-4f5e-8a34-6c0f5a2f9b11"',
        b"--5b2e1b7a-9c7d-4f5e-8a34-6c0f5a2f9b11\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\n"
        b"Content-Disposition: form-data; name=title\r\n\r\n"
        b"caf\xc3\xa9\r\n"
        b"--5b2e1b7a-9c7d-4f5e-8a34-6c0f5a2f9b11\r\n"
        b"Content-Disposition: form-data; name=f; filename=a.txt; filename*=utf-8''a.txt\r\n\r\n"
        b"x\r\n"
        b"--5b2e1b7a-9c7d-4f5e-8a34-6c0f5a2f9b11--",
        (("title", "café"), ("f", ("a.txt", None, b"x"))),
    ),
)
