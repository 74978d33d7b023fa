"""A body that is made while it is sent.

The body is iterated in the task of the request, inside a cancel scope that ends when the client leaves. A generator
that may hold a cancel scope or a nursery open at its `yield` is iterated and closed in a task of its own; one that
cannot is iterated directly, which is many times cheaper. Either way it is closed before the exchange ends, never by
the garbage collector.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from inspect import isasyncgen, iscoroutinefunction
from typing import Any, TypeAlias

import anyio
from anyio.lowlevel import checkpoint

from lilya._asgi.exchange import Exchange, exchange_of, run_alone
from lilya._asgi.outbox import writer_of
from lilya._sansio.http import BODY
from lilya.background import run_after
from lilya.concurrency.channel import iterate, may_hold_scope
from lilya.concurrency.threads import iterate_in_threadpool
from lilya.exceptions import ClientDisconnect
from lilya.responses.base import NO_CONTENT, Background, HeadersInput, Response
from lilya.types import RawHeaders, Receive, Scope, Send

__all__ = ["Content", "StreamingResponse"]

Source: TypeAlias = AsyncIterable[Any] | Iterable[Any] | Callable[[], AsyncIterable[Any] | Iterable[Any]]
Content: TypeAlias = Source | AbstractAsyncContextManager[Source]

# How long a body may be sent without ever letting the loop run, in seconds. Servers turn `send` into something that
# does not wait once the client is gone: an endless generator would hold the whole process.
BREATHE_EVERY = 0.005
# In pieces: reading the clock costs a tenth of sending a piece to a server that does not wait.
LOOK_AT_THE_CLOCK_EVERY = 4


class StreamingResponse(Response):
    """Sends `content` piece by piece, each as soon as it is made.

    `content` is an (async) iterable of str or bytes, an async generator function, a memory object receive stream, or an
    async context manager that yields one of these. Sync iterables run in a worker thread, step by step.

    When the client leaves, the body is cancelled and closed, its clean-up awaited. An exception of the body aborts the
    response: the client sees that it is not whole. For HEAD the headers are sent and the body is closed, not run.
    """

    def __init__(
        self,
        content: Content,
        status_code: int | None = None,
        headers: HeadersInput = None,
        media_type: str | None = None,
        background: Background | None = None,
        encoders: Iterable[Any] | None = None,
    ) -> None:
        super().__init__(
            None,
            status_code=status_code,
            headers=headers,
            media_type=media_type,
            background=background,
            encoders=encoders,
        )
        known = isinstance(content, AsyncIterable | Iterable | AbstractAsyncContextManager)
        if not known and (not callable(content) or iscoroutinefunction(content)):
            raise TypeError(
                f"a streaming body must be an (async) iterable of str or bytes, an async generator function or an "
                f"async context manager that yields one of them, not {content!r}"
            )
        self.content = content

    def _default_headers(self) -> RawHeaders:
        return [] if self._content_type is None or self._is_bodiless() else [self._content_type]

    def _is_bodiless(self) -> bool:
        return self.status_code in NO_CONTENT

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response, then run `background`.

        Raises `ClientDisconnect` when the client left before the end, after the background work. Cancelling it closes
        the body and leaves the answer unfinished.
        """
        exchange = exchange_of(scope)
        if exchange is None:
            return await run_alone(self, scope, receive, send)
        try:
            await self._send(exchange, scope, send)
        except ClientDisconnect:
            if self.background is not None:
                await run_after(self.background, scope)
            raise
        if self.background is not None:
            await run_after(self.background, scope)

    async def _send(self, exchange: Exchange, scope: Scope, send: Send) -> None:
        with anyio.CancelScope() as cut:
            exchange.guard(cut)
            try:
                prefix = "" if scope["type"] == "http" else "websocket."
                await self._send_all(scope, send, prefix)
            finally:
                exchange.unguard(cut)
        if cut.cancelled_caught:
            raise ClientDisconnect(detail="the client left before the response was complete")

    async def _send_all(self, scope: Scope, send: Send, prefix: str) -> None:
        kind = prefix + "http.response.body"
        content: Any = self.content
        if scope.get("method") == "HEAD" or self._is_bodiless():
            try:
                await send(self.message(prefix))
            finally:
                await close_unstarted(content)
        elif isinstance(content, AbstractAsyncContextManager):
            async with content as source:
                await self._send_source(exchange_of(scope), source, send, prefix)
        else:
            await self._send_source(exchange_of(scope), content, send, prefix)
        # A task that feeds the body and fails closes its channel first: what looks like the end is one only if nobody
        # cancels us now. Nobody shall take a part for the whole.
        await checkpoint()
        await send({"type": kind, "body": b""})

    async def _send_source(self, exchange: Exchange | None, source: Source, send: Send, prefix: str) -> None:
        pieces = pieces_of(source)  # may fail: before the start is out
        try:
            await send(self.message(prefix))
            if isasyncgen(pieces) and may_hold_scope(pieces):
                async with iterate(pieces) as handed_over:
                    await self._send_pieces(exchange, handed_over, send, prefix)
            else:
                await self._send_pieces(exchange, pieces, send, prefix)
        finally:
            if hasattr(pieces, "aclose"):
                await pieces.aclose()

    async def _send_pieces(
        self, exchange: Exchange | None, pieces: AsyncIterator[Any], send: Send, prefix: str
    ) -> None:
        kind = prefix + "http.response.body"
        charset = self.charset
        writer = writer_of(send)
        now = time.monotonic
        breathed = now()
        pieces_left = LOOK_AT_THE_CLOCK_EVERY
        async for piece in pieces:
            if type(piece) is not bytes:
                piece = piece.encode(charset) if isinstance(piece, str) else bytes_of(piece)
            message = {"type": kind, "body": piece, "more_body": True}
            if writer is not None and writer.phase is BODY and not writer.gone:
                try:  # what `Outbox.send` does in this phase, which a piece does not change, without its layer
                    await writer.sink(message)
                except Exception as exc:
                    writer.send_failed(exc)
                    raise
            else:
                await send(message)
            pieces_left -= 1
            if not pieces_left:
                pieces_left = LOOK_AT_THE_CLOCK_EVERY
                if now() - breathed > BREATHE_EVERY:
                    if exchange is not None:
                        exchange.read_ahead()  # a body this busy may leave the watch no time to look
                    await checkpoint()
                    breathed = now()


def pieces_of(source: Any) -> AsyncIterator[Any]:
    """What iterates over a body; a str or bytes is one piece."""
    if not isinstance(source, AsyncIterable | Iterable) and callable(source):
        source = source()
    if isinstance(source, AsyncIterable):
        return aiter(source)
    if isinstance(source, str | bytes):
        source = (source,)
    if isinstance(source, list | tuple):
        return given(source)  # nothing in there can block
    if not isinstance(source, Iterable):
        raise TypeError(f"a streaming body must be an (async) iterable of str or bytes, not {source!r:.80}")
    return iterate_in_threadpool(source)


async def given(pieces: Sequence[Any]) -> AsyncGenerator[Any, None]:
    """Pieces that are there already."""
    for piece in pieces:
        yield piece


def bytes_of(piece: object) -> bytes:
    """A piece that is neither str nor bytes, as bytes."""
    if isinstance(piece, bytearray | memoryview):
        return bytes(piece)
    raise TypeError(f"a streaming body is made of str or bytes, not of {type(piece).__name__}: {piece!r:.80}")


async def close_unstarted(content: object) -> None:
    """Close a body that will not be run, so that its generator is not left to the garbage collector."""
    if isinstance(content, Iterable):
        content = iterate_in_threadpool(content)
    if hasattr(content, "aclose"):
        await content.aclose()
