"""A reverse proxy that streams both ways and keeps nothing: httpx asks the upstream, in the task of the request."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import httpx

from lilya.apps import Lilya
from lilya.exceptions import HTTPException
from lilya.requests import Request
from lilya.responses import StreamingResponse
from lilya.routing import Path
from lilya.servers import run

# Seconds. `read` is the longest silence of the upstream, before its answer and in the middle of it.
TIMEOUT = httpx.Timeout(connect=2, read=10, write=10, pool=5)
LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=20)  # to the upstream
METHODS = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"]

# What is meant for the next hop alone (RFC 9110 section 7.6.1); so is whatever `Connection` names.
HOP_BY_HOP = frozenset(
    [
        "connection",
        "keep-alive",
        "proxy-connection",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ]
)
# What we say ourselves: clients must not say it for us. The server has answered `Expect` already.
OURS = frozenset(("host", "expect", "forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"))

Headers = Iterable[tuple[str, str]]


def end_to_end(headers: Headers, without: frozenset[str] = frozenset()) -> list[tuple[str, str]]:
    """The headers that may pass a proxy, in their order, none joined."""
    headers = list(headers)
    named = {
        option.strip().lower() for name, value in headers if name.lower() == "connection" for option in value.split(",")
    }
    kept = [(name, value) for name, value in headers if name.lower() not in HOP_BY_HOP | named | without]
    return [*kept, ("via", "1.1 lilya")]


def request_for(upstream: httpx.URL, request: Request, timeout: httpx.Timeout) -> httpx.Request:
    """What to ask the upstream. Nothing has been read of the body yet: it is streamed when this is sent."""
    path = request.scope.get("raw_path") or request.scope["path"].encode()
    query = request.scope["query_string"]
    headers = end_to_end(request.headers.multi_items(), OURS)
    headers += [("x-forwarded-host", request.headers.get("host", "")), ("x-forwarded-proto", request.scope["scheme"])]
    if request.client is not None:
        headers.append(("x-forwarded-for", request.client.host))
    has_body = "content-length" in request.headers or "transfer-encoding" in request.headers
    return httpx.Request(
        request.method,
        upstream.copy_with(raw_path=upstream.raw_path.rstrip(b"/") + path + (b"?" + query if query else b"")),
        headers=headers,
        content=request.stream() if has_body else None,
        extensions={"timeout": timeout.as_dict()},
    )


async def forward(request: Request) -> StreamingResponse:
    """Ask the upstream, and pass on what it answers. Cancelled wherever it is when the client leaves."""
    proxy: Proxy = request.app.state.proxy
    try:
        answer = await proxy.transport.handle_async_request(request_for(proxy.upstream, request, proxy.timeout))
    except httpx.PoolTimeout:
        raise HTTPException(status_code=503, detail="The proxy is at its limit.") from None
    except httpx.TimeoutException:
        raise HTTPException(status_code=504, detail="The upstream did not answer in time.") from None
    except httpx.TransportError as error:
        raise HTTPException(status_code=502, detail=f"The upstream cannot be asked: {type(error).__name__}.") from None
    request.add_cleanup(answer.aclose)  # its connection is given back, or closed where there was more to read
    return StreamingResponse(
        answer.aiter_raw(),  # as it came: compressed if it was
        status_code=answer.status_code,
        headers=end_to_end(answer.headers.multi_items()),
    )


class Proxy:
    """The upstream, and the connections to it. A transport, no client: that one would keep cookies and follow links."""

    def __init__(self, upstream: str, timeout: httpx.Timeout) -> None:
        self.upstream = httpx.URL(upstream)
        self.timeout = timeout
        self.transport = httpx.AsyncHTTPTransport(limits=LIMITS)


def make_app(upstream: str, timeout: httpx.Timeout = TIMEOUT) -> Lilya:
    """An application that is nothing but a proxy for the origin `upstream`."""

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncGenerator[None]:
        app.state.proxy = Proxy(upstream, timeout)
        async with app.state.proxy.transport:
            yield

    # "cancel": a POST whose client has left is cancelled too. Whether it has been done is for the upstream to know.
    return Lilya(routes=[Path("/{path:path}", forward, methods=METHODS, on_disconnect="cancel")], lifespan=lifespan)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit("usage: app.py BIND UPSTREAM [SECONDS]      such as 127.0.0.1:8000 http://127.0.0.1:9000")
    patience = httpx.Timeout(float(sys.argv[3])) if len(sys.argv) > 3 else TIMEOUT
    # The upstream's own `Date` and `Server` are passed on; a second one would be wrong.
    config = {"include_date_header": False, "include_server_header": False}
    run(make_app(sys.argv[2], patience), sys.argv[1], config=config)
