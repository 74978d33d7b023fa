"""One HTTP exchange of the in-memory server (ASGI HTTP 2.5, RFC 9110)."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread

from lilya.concurrency.nursery import open_nursery, raise_plain, shielded
from lilya.testing.conformance import HTTPJudge
from lilya.testing.connection import SERVER_ERROR_BODY, SERVER_ERROR_HEADERS, Connection
from lilya.testing.exceptions import ResponseAborted
from lilya.testing.options import ServerOptions
from lilya.testing.pipe import Pipe
from lilya.types import ASGIApp, Message, RawHeaders, Scope

__all__ = ["MemoryExchange", "ResponseHead"]

# Seconds a request body's generator has to close, when even cancellation must wait for it.
_CLOSE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """Status and headers of a response."""

    status: int
    headers: RawHeaders


class MemoryExchange(Connection):
    """A request that is being sent, and its response that is being read, at the same time.

    Read it with `head()`, then `chunk()` until it returns None, then `aclose()`; `aclose()` before the end is a client
    that leaves. `extras` collects the messages of extensions by type, as they come.
    """

    def __init__(
        self,
        app: ASGIApp,
        scope: Scope,
        body: bytes | AsyncIterator[bytes],
        options: ServerOptions,
        after: MemoryExchange | None = None,
    ) -> None:
        self._bodiless = scope["method"] == "HEAD"
        judge = HTTPJudge(options.extensions, bodiless=self._bodiless, strict=options.check_conformance)
        super().__init__(app, scope, options, judge)
        self.extras: dict[str, list[Message]] = {}
        self._head: ResponseHead | None = None  # waits for the first body message: ASGI HTTP, "Response Start"
        self._pending: bytes | None = None  # the body of the 500 a server answers for a failed application
        self._client_failure: Exception | None = None
        self._request: Pipe[Message] = Pipe(options.request_buffer, _body_size)
        self._response: Pipe[ResponseHead | bytes] = Pipe(options.response_buffer, _chunk_size)
        self._answered: anyio.Event | None = None  # exists while the next request on the connection waits
        self._upload: AsyncIterator[bytes] | None = None
        self._before = after  # on the same connection: HTTP/1.1 answers in the order of the requests
        if isinstance(body, bytes):
            self._put_whole(body)
        else:
            self._upload = body

    # -- the server's side ------------------------------------------------------------------------------------------

    async def _serve(self) -> None:
        if self._before is not None and not await self._our_turn(self._before):
            return
        if self._upload is None:
            await self._call()
            return
        async with open_nursery() as nursery:
            nursery.start_soon(self._send_body, self._upload)
            await self._call()
            nursery.cancel_scope.cancel()

    async def _our_turn(self, before: MemoryExchange) -> bool:
        """Wait for the response before ours (RFC 9112, section 9.3.2); false when the connection is gone with it."""
        await before.wait_answered()
        self._before = None
        if not before.answered and not self.released:
            self._client_failure = ResponseAborted("the connection was closed before the application was called")
            self.disconnect()
        return not self.released

    @property
    def answered(self) -> bool:
        """Whether the response is complete."""
        return self._judge.done

    async def wait_answered(self) -> None:
        """Wait until the response is complete, or the application's call is over. Cancelling it does nothing else."""
        while not (self._judge.done or self.gone or self.ended):
            self._answered = self._answered or anyio.Event()
            await self._answered.wait()

    def _put_whole(self, body: bytes) -> None:
        pieces = self._cut(body) or [b""]
        for piece in pieces[:-1]:
            self._request.put_nowait({"type": "http.request", "body": piece, "more_body": True})
        self._request.put_nowait({"type": "http.request", "body": pieces[-1], "more_body": False})

    def _cut(self, body: bytes) -> list[bytes]:
        size = self.options.message_size
        return [body[start : start + size] for start in range(0, len(body), size)]

    async def _send_body(self, body: AsyncIterator[bytes]) -> None:
        try:
            async for chunk in body:
                for piece in self._cut(chunk):
                    await self._request.put({"type": "http.request", "body": piece, "more_body": True})
            self._request.put_nowait({"type": "http.request", "body": b"", "more_body": False})
        except Exception as exc:
            self._client_failure = exc
            self.disconnect()
        finally:
            if isinstance(body, AsyncGenerator):
                with shielded(_CLOSE_SECONDS):
                    await body.aclose()

    async def _receive(self) -> Message:
        await anyio.lowlevel.checkpoint_if_cancelled()
        message = await self._request.get()
        if message is None:
            await anyio.lowlevel.checkpoint()  # it may be asked for ever
            return {"type": "http.disconnect"}
        return message

    async def _act(self, message: Message) -> None:
        kind = message["type"]
        if kind == "http.response.start":
            self._head = ResponseHead(message["status"], [_raw(pair) for pair in message.get("headers", ())])
            self._bodiless = self._bodiless or self._head.status in (204, 304)
        elif kind == "http.response.body":
            await self._put_chunk(message.get("body", b""), last=self._judge.done)
        elif kind == "http.response.pathsend":
            await self._put_file(message["path"])
        elif kind == "http.response.zerocopysend":
            await self._put_descriptor(message)
        else:
            self.extras.setdefault(kind, []).append(message)
        if self._judge.done:
            self._response.close()
            self._tell_answered()

    async def _put_file(self, path: str) -> None:
        await self._put_chunk(b"")
        async with await anyio.open_file(path, "rb") as file:
            while not self._response.closed and (chunk := await file.read(self.options.message_size)):
                await self._put_chunk(chunk)

    async def _put_descriptor(self, message: Message) -> None:
        """As `sendfile` does: from `offset`, which leaves the file's own position alone, or from that position on."""
        file, offset, count = message["file"], message.get("offset"), message.get("count")
        descriptor = file if isinstance(file, int) else file.fileno()
        await self._put_chunk(b"")
        while not self._response.closed and (count is None or count > 0):
            size = self.options.message_size if count is None else min(count, self.options.message_size)
            if offset is None:
                chunk = await anyio.to_thread.run_sync(os.read, descriptor, size)
            else:
                chunk = await anyio.to_thread.run_sync(os.pread, descriptor, size, offset)
                offset += len(chunk)
            if not chunk:
                break
            count = None if count is None else count - len(chunk)
            await self._put_chunk(chunk)

    async def _put_chunk(self, chunk: Any, *, last: bool = False) -> None:
        if self._head is not None:
            self._response.put_nowait(self._head)
            self._head = None
        if not chunk or self._bodiless:
            return
        data = _encoded(chunk)
        if last and len(data) <= self.options.message_size:
            self._response.put_nowait(data)
        else:
            await self._response.put(data)

    def _tell_answered(self) -> None:
        if self._answered is not None:
            self._answered.set()
            self._answered = None

    def _close_pipes(self) -> None:
        self._tell_answered()
        self._request.close(drop=self.gone and self.options.drop_unread_body)
        self._response.close()

    # -- the client's side ------------------------------------------------------------------------------------------

    async def head(self) -> ResponseHead:
        """Wait for status and headers, which come with the first body message; once.

        Raises what the application raised. Being cancelled here is leaving: the application sees a disconnect and is
        awaited, within its grace.
        """
        item = await self._next()
        if isinstance(item, ResponseHead):
            return item
        await self._broken()
        self._pending = SERVER_ERROR_BODY
        return ResponseHead(500, list(SERVER_ERROR_HEADERS))

    async def chunk(self) -> bytes | None:
        """Wait for the next piece of the body, as it was sent; None at the end.

        Raises what the application raised instead of sending on, or `ResponseAborted`. Being cancelled here is leaving.
        """
        if self._pending is not None:
            chunk, self._pending = self._pending, b""
            return chunk or None
        item = await self._next()
        if isinstance(item, bytes):
            return item
        if not self._judge.done:
            await self._broken()
            raise ResponseAborted("the application ended in the middle of its response")
        return None

    def half_close(self) -> None:
        """Close the client's sending side, and read on: what servers tell the application as `http.disconnect`.

        Whatever it sends all the same arrives. What is not yet taken of the request body does, too, before.
        """
        self._request.close()

    async def _next(self) -> ResponseHead | bytes | None:
        try:
            return await self._response.get()
        except anyio.get_cancelled_exc_class():
            await self._leave()
            raise

    async def _broken(self) -> None:
        """The response ends before it is complete: raise why, if anybody knows."""
        failure, self._client_failure = self._client_failure, None
        if failure is not None:
            await self._end()
            raise_plain(failure)
        self.raise_failure()


def _body_size(message: Message) -> int:
    return len(message["body"])


def _chunk_size(item: ResponseHead | bytes) -> int:
    return len(item) if isinstance(item, bytes) else 0


def _encoded(value: Any) -> bytes:
    """`value` as bytes: with conformance checks off a str is taken as latin-1, so that the test can see it."""
    return value.encode("latin-1") if isinstance(value, str) else bytes(value)


def _raw(pair: Any) -> tuple[bytes, bytes]:
    name, value = pair
    return _encoded(name), _encoded(value)
