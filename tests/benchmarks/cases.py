"""What is measured: a call as a server makes it, who answers it, and the mark it has to reach."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeAlias

from lilya.types import ASGIApp, Message, Scope
from tests.benchmarks import ours, raw

__all__ = ["CASES", "Case", "Makers"]

HEADERS: Final = (
    (b"host", b"127.0.0.1:8000"),
    (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    (b"accept", b"text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"),
    (b"accept-language", b"en-US,en;q=0.5"),
    (b"accept-encoding", b"gzip, deflate, br, zstd"),
    (b"connection", b"keep-alive"),
)
Makers: TypeAlias = Mapping[str, Callable[[], ASGIApp]]
NO_BODY: Final[Message] = {"type": "http.request", "body": b"", "more_body": False}


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of call.

    `contenders` make the applications; "raw" is the floor, "lilya" what the verdict is about. Where they are asked for
    different paths, `paths` says so. `mark` is the ratio raw / lilya of CPU times to be reached. `peers`: whether the
    applications of `peers.py` know the path.
    """

    name: str
    contenders: Makers
    path: str = "/"
    method: str = "GET"
    messages: tuple[Message, ...] = (NO_BODY,)
    headers: tuple[tuple[bytes, bytes], ...] = ()
    paths: Mapping[str, str] | None = None
    websocket: bool = False
    status: int = 200
    mark: float | None = None
    peers: bool = False

    def scope(self, contender: str) -> Scope:
        """The scope of the call, to be copied for each."""
        path = (self.paths or {}).get(contender, self.path)
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


SITE: Final[Makers] = {"raw": lambda: raw.site, "lilya": ours.site}
THOUSAND: Final[Makers] = {"raw": partial(raw.routes, 1000), "lilya": partial(ours.routes, 1000)}
BODY: Final = json.dumps(
    {"items": [{"name": f"item number {number}", "price": 9.99 + number, "tags": ["a", "b"]} for number in range(16)]}
).encode()
FORM: Final = (
    b"name=Ada+Lovelace&email=ada%40example.org&age=36&city=London"
    b"&comment=The+Analytical+Engine+weaves+algebraical+patterns"
)


def layered_raw() -> ASGIApp:
    """The floor behind five middlewares."""
    app: ASGIApp = raw.site
    for _ in range(5):
        app = raw.PassThrough(app)
    return app


CASES: Final[tuple[Case, ...]] = (
    Case("plaintext", SITE, mark=0.40, peers=True),
    Case("JSON", SITE, "/json", mark=0.60, peers=True),
    Case("path parameter", SITE, "/items/42", mark=0.50, peers=True),
    Case("1000 routes, first", THOUSAND, "/api/v1/thing1/42"),
    Case("1000 routes, last", THOUSAND, "/api/v1/thing999/42"),
    Case("1000 routes, none", THOUSAND, "/api/v1/nothing/at/all", status=404),
    Case(
        "JSON body of 1 KB",
        SITE,
        "/post",
        "POST",
        messages=({"type": "http.request", "body": BODY, "more_body": False},),
        headers=((b"content-type", b"application/json"), (b"content-length", b"%d" % len(BODY))),
        mark=0.72,
        peers=True,
    ),
    Case(
        "urlencoded form",
        SITE,
        "/form",
        "POST",
        messages=({"type": "http.request", "body": FORM, "more_body": False},),
        headers=((b"content-type", b"application/x-www-form-urlencoded"), (b"content-length", b"%d" % len(FORM))),
        mark=0.62,
    ),
    Case("3 nested includes", SITE, "/api/v1/users/42", mark=0.48),
    Case("5 middlewares", {"raw": layered_raw, "lilya": partial(ours.layered, 5)}),
    Case(
        "a handler that waits",
        {"raw": lambda: raw.waiting, "lilya": ours.site, "uncut": ours.site},
        "/waiting",
        paths={"uncut": "/waiting/uncut"},
    ),
    Case(
        "stream of 1000 chunks",
        {"raw": lambda: raw.stream, "lilya": ours.site},
        "/stream",
        mark=0.72,
        peers=True,
    ),
    Case(
        "1000 websocket messages",
        {"raw": lambda: raw.echo, "lilya": ours.site},
        "/echo",
        messages=(
            {"type": "websocket.connect"},
            *({"type": "websocket.receive", "text": raw.GREETING} for _ in range(raw.MESSAGES)),
            {"type": "websocket.disconnect", "code": 1000, "reason": ""},
        ),
        websocket=True,
        mark=0.55,
        peers=True,
    ),
)
