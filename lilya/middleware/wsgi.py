"""WSGI applications (PEP 3333), such as Flask's and Django's, inside an ASGI one, under trio as under asyncio."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
from anyio.abc import ObjectSendStream
from anyio.lowlevel import RunVar, checkpoint_if_cancelled

from lilya._asgi.exchange import Exchange, exchange_of, run_alone
from lilya._define import import_string
from lilya.concurrency.nursery import open_nursery
from lilya.concurrency.threads import run_sync
from lilya.exceptions import ClientDisconnect, HTTPException, ImproperlyConfigured
from lilya.middleware._wsgi_call import WSGIApp, WSGICall
from lilya.types import Message, Receive, Scope, Send

__all__ = ["WSGIMiddleware"]


class WSGIMiddleware:
    """Serves a WSGI application: `Include("/flask", app=WSGIMiddleware(flask_app))`.

    Every request has one worker thread for all of the call. Bodies are streamed both ways; a client that is slow to
    read slows the application down. When the client leaves, or the request is cancelled, what the application reads or
    writes next raises an `OSError`; its iterable is closed, and the thread is waited for: it is never left behind.

    Args:
        app: the WSGI application, or its dotted path.
        workers: how many threads it may have at once, in each event loop; more requests wait for their turn.
        send_queue_size: how many pieces of an answer may wait for the client to read them.
        redirect_exceptions: whether an answer with a status from 400 on becomes an exception, for the handlers of the
            application outside; what the WSGI application has to say about it is lost, but for the reason.
        exception_class: called with `status_code` and `detail`, the reason.

    Raises:
        ImproperlyConfigured: the application cannot be called, or a number is below its least.
    """

    def __init__(
        self,
        app: WSGIApp | str,
        workers: int = 10,
        send_queue_size: int = 10,
        redirect_exceptions: bool = False,
        exception_class: Callable[..., Exception] = HTTPException,
    ) -> None:
        self.app: WSGIApp = import_string(app) if isinstance(app, str) else app
        if not callable(self.app):
            raise ImproperlyConfigured(f"WSGIMiddleware got {app!r}, wanted a WSGI application, which can be called")
        if workers < 1 or send_queue_size < 0:
            raise ImproperlyConfigured(
                f"WSGIMiddleware wants workers >= 1 and send_queue_size >= 0, got {workers!r} and {send_queue_size!r}"
            )
        self.workers = workers
        self.send_queue_size = send_queue_size
        self.redirect_exceptions = redirect_exceptions
        self.exception_class = exception_class
        self._limiter: RunVar[anyio.CapacityLimiter] = RunVar(f"lilya.wsgi.{id(self)}")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request. A websocket is refused, for WSGI knows none; a lifespan has nothing to do."""
        if scope["type"] == "lifespan":
            return await _live(receive, send)
        if scope["type"] == "websocket":
            return await send({"type": "websocket.close", "code": 1000, "reason": ""})
        exchange = exchange_of(scope)
        if exchange is None:
            return await run_alone(self, scope, receive, send)
        with anyio.CancelScope() as cut:
            exchange.guard(cut)
            try:
                await self._serve(exchange, scope, receive, send)
            except ClientDisconnect:
                await checkpoint_if_cancelled()  # the cancellation that made it one
                raise
            finally:
                exchange.unguard(cut)
        if cut.cancelled_caught:
            raise ClientDisconnect(detail="the client left before the response was complete")

    async def _serve(self, exchange: Exchange, scope: Scope, receive: Receive, send: Send) -> None:
        """Send here what the thread, in a task of its own, puts into a bounded queue."""
        outgoing, incoming = anyio.create_memory_object_stream[list[Message]](self.send_queue_size)
        call = WSGICall(self.app, scope, receive, outgoing.send, self._refusal, anyio.get_cancelled_exc_class())
        async with open_nursery() as nursery:
            nursery.start_soon(self._call, call, outgoing, name=f"WSGI {scope['method']} {scope['path']}")
            with incoming:
                async for messages in incoming:
                    for message in messages:
                        await send(message)
            await checkpoint_if_cancelled()  # on asyncio that the thread was, and its queue ends, may be heard first

    async def _call(self, call: WSGICall, outgoing: ObjectSendStream[list[Message]]) -> None:
        async with outgoing:
            await run_sync(call.run, limiter=self._threads())

    def _threads(self) -> anyio.CapacityLimiter:
        limiter = self._limiter.get(None)
        if limiter is None:
            limiter = anyio.CapacityLimiter(self.workers)
            self._limiter.set(limiter)
        return limiter

    def _refusal(self, status: int, reason: str) -> Exception | None:
        if self.redirect_exceptions and status >= 400:
            return self.exception_class(status_code=status, detail=reason)
        return None

    def __repr__(self) -> str:
        return f"WSGIMiddleware({self.app!r})"


async def _live(receive: Receive, send: Send) -> None:
    while True:
        message: Any = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return
