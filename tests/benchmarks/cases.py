"""What is measured: a call as a server makes it, the application that answers it, and the mark it has to reach."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from lilya.types import Message, Scope
from tests.benchmarks import raw

__all__ = ["CASES", "Case"]

HEADERS: Final = (
    (b"host", b"127.0.0.1:8000"),
    (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    (b"accept", b"text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"),
    (b"accept-language", b"en-US,en;q=0.5"),
    (b"accept-encoding", b"gzip, deflate, br, zstd"),
    (b"connection", b"keep-alive"),
)
NO_BODY: Final[Message] = {"type": "http.request", "body": b"", "more_body": False}


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of call.

    `app` is the name under which each contender has the application that answers it (`raw.APPS`, `ours.APPS`, those
    of `peers`); who has none does not take part. `mark` is the ratio raw / Lilya of CPU times to be reached. `variants`
    are further paths of Lilya's that are measured beside it: name and path. `threads`: others than the thread of the
    event loop do a part of it, so that the CPU time of the process counts. `work`: the task that follows the answer has
    to be seen done.
    """

    name: str
    app: str = "site"
    path: str = "/"
    method: str = "GET"
    messages: tuple[Message, ...] = (NO_BODY,)
    headers: tuple[tuple[bytes, bytes], ...] = ()
    variants: tuple[tuple[str, str], ...] = ()
    websocket: bool = False
    threads: bool = False
    work: bool = False
    status: int = 200
    mark: float | None = None

    def scope(self, contender: str) -> Scope:
        """The scope of the call, to be copied for each."""
        path = dict(self.variants).get(contender, self.path)
        scope: dict[str, Any] = {
            "type": "websocket" if self.websocket else "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "scheme": "ws" if self.websocket else "http",
            "server": ("127.0.0.1", 8000),
            "client": ("127.0.0.1", 50000),
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [*HEADERS, *self.headers],
            "state": {},
        }
        if self.websocket:
            return {**scope, "subprotocols": []}
        return {**scope, "method": self.method}


BODY: Final = json.dumps(
    {"items": [{"name": f"item number {number}", "price": 9.99 + number, "tags": ["a", "b"]} for number in range(16)]}
).encode()
FORM: Final = (
    b"name=Ada+Lovelace&email=ada%40example.org&age=36&city=London"
    b"&comment=The+Analytical+Engine+weaves+algebraical+patterns"
)
BOUNDARY: Final = b"----WebKitFormBoundaryc0ffee0123456789"
FILE_HEAD: Final = (
    b"--" + BOUNDARY + b'\r\nContent-Disposition: form-data; name="title"\r\n\r\nreport\r\n'
    b"--" + BOUNDARY + b'\r\nContent-Disposition: form-data; name="file"; filename="data.bin"\r\n'
    b"Content-Type: application/octet-stream\r\n\r\n"
)
FILE_TAIL: Final = b"\r\n--" + BOUNDARY + b"--\r\n"
PIECE: Final = bytes(range(256)) * 256  # 64 KiB, as large as a server's messages; the same object each time


def posted(kind: bytes, *pieces: bytes) -> dict[str, Any]:
    """What a case with a body has of its own."""
    last = len(pieces) - 1
    return {
        "method": "POST",
        "headers": ((b"content-type", kind), (b"content-length", b"%d" % sum(map(len, pieces)))),
        "messages": tuple(
            {"type": "http.request", "body": piece, "more_body": number < last} for number, piece in enumerate(pieces)
        ),
    }


def uploaded(mib: int) -> Case:
    """A file of so many MiB in a multipart form."""
    pieces = [FILE_HEAD, *[PIECE] * (mib * 1024 * 1024 // len(PIECE)), FILE_TAIL]
    kind = b"multipart/form-data; boundary=" + BOUNDARY
    return Case(f"multipart, {mib} MiB", path="/upload", threads=True, mark=0.70, **posted(kind, *pieces))


def routed(number: int) -> list[Case]:
    """The first, one in the middle and the last with a parameter, the last without, and none of so many routes."""
    paths: Mapping[str, str] = {
        "first": "/api/v1/thing1/42",
        "middle": f"/api/v1/thing{number // 2 | 1}/42",
        "last": f"/api/v1/thing{number - 1}/42",
        "last static": f"/api/v1/thing{number - 2}/list",
        "none": "/api/v1/nothing/at/all",
    }
    marks = {"last": 0.46, "last static": 0.46, "none": 0.40} if number == max(raw.ROUTES) else {}
    return [
        Case(
            f"{number} routes, {which}",
            f"routes {number}",
            path,
            status=404 if which == "none" else 200,
            mark=marks.get(which),
        )
        for which, path in paths.items()
    ]


CASES: Final[tuple[Case, ...]] = (
    Case("plaintext, one route", "one"),
    Case("plaintext", mark=0.50),
    Case("JSON", path="/json", mark=0.65),
    Case("dict", path="/dict", mark=0.65),
    Case("path parameter", path="/items/42", mark=0.57),
    Case("injected path parameter", path="/injected/42", mark=0.57),
    Case("3 nested includes", path="/api/v1/users/42", mark=0.57),
    Case("5 middlewares", "layered", mark=0.55),
    Case("JSON body of 1 KB", path="/post", mark=0.85, **posted(b"application/json", BODY)),
    Case("urlencoded form", path="/form", mark=0.75, **posted(b"application/x-www-form-urlencoded", FORM)),
    uploaded(1),
    uploaded(32),
    Case("a handler that waits", path="/waiting", variants=(("uncut", "/waiting/uncut"),)),
    Case("sync handler", path="/sync", threads=True),
    Case("background task", path="/background", work=True),
    Case("stream of 1000 chunks", path="/stream"),
    Case("watched stream of 1000 chunks", path="/watched", mark=0.80),
    Case(
        "1000 websocket messages",
        "echo",
        "/echo",
        messages=(
            {"type": "websocket.connect"},
            *({"type": "websocket.receive", "text": raw.GREETING} for _ in range(raw.MESSAGES)),
            {"type": "websocket.disconnect", "code": 1000, "reason": ""},
        ),
        websocket=True,
        mark=0.68,
    ),
    *(case for number in raw.ROUTES for case in routed(number)),
)
