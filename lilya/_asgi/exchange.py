"""One connection's life: an HTTP request with its response, or a websocket from handshake to close.

The exchange joins the two pillars. It is the writer (`Outbox`), it owns the reader (`Inbox`, built when somebody
reads), and it knows which work to cancel when the client leaves. User code runs in the server's task; the only task an
exchange may start is its reader, and when the exchange is over the reader is, too.

A disconnect counts only before the last message of the response was sent. Then, in this order:

* scopes of `cancel_on_disconnect` and of streaming bodies are cancelled;
* the handler's scope is cancelled, unless the handler took the matter over (`release`), or it is a websocket's handler
  that receives: it is told by its next `receive`, and only if it does not come back for `PATIENCE` seconds cancelled.

Three things end with it, in this order, the first two each under a shielded deadline: clean-up callbacks (last
registered first), the reader, the nursery the exchange had to open for itself.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from inspect import isawaitable
from time import monotonic
from typing import Any, Protocol

import anyio
from anyio.abc import TaskGroup

from lilya._asgi.inbox import Inbox
from lilya._asgi.outbox import Outbox
from lilya._asgi.watch import Watch
from lilya._current import EXCHANGE
from lilya._sansio import websocket
from lilya._sansio.http import HEADERS
from lilya.concurrency.nursery import open_nursery, raise_plain, shielded, unwrap
from lilya.exceptions import ClientDisconnect, WebSocketDisconnect, WebSocketRuntimeError
from lilya.types import ASGIApp, Message, Receive, Scope, Send

__all__ = [
    "CLEANUP_SECONDS",
    "EXCHANGE",
    "MAX_BODY_SIZE",
    "PATIENCE",
    "Exchange",
    "Home",
    "Nowhere",
    "exchange_of",
    "run_alone",
]

logger = logging.getLogger("lilya.exchange")

# How long a websocket handler that receives may be busy with what came before the disconnect, in seconds.
PATIENCE = 0.5
# How long the clean-up of one exchange may take, in seconds, when even cancellation must wait for it.
CLEANUP_SECONDS = 10.0
# How many bytes of a request body are read into memory where nobody says otherwise: more than forms and JSON of people
# have, little enough that some dozens of clients at once do not fill a small machine.
MAX_BODY_SIZE = 16 * 1024 * 1024

Cleanup = Callable[[], Any]
Failure = Callable[["Exchange", Exception], Awaitable[None]]


class Home(Protocol):
    """Where exchanges live: what an application's lifespan offers them."""

    watch: Watch | None
    draining: bool
    live: dict[Exchange, None]  # the exchanges that are not over
    idle: anyio.Event | None  # exists while somebody waits for the last of them
    drainees: dict[anyio.CancelScope, None]  # what is cancelled as soon as it drains
    max_body_size: int | None  # how many bytes of a request body are kept in memory, unless the reader says otherwise

    @property
    def cancel_scope(self) -> Callable[[], anyio.CancelScope]:
        """What makes a cancel scope."""

    async def wait_draining(self) -> None: ...
    def start_soon(self, fn: Callable[..., Any], *args: Any, name: str | None = None) -> None: ...
    def task_failed(self, name: str, failure: BaseException) -> None: ...


class Nowhere:
    """The home of a part used alone, in a framework that is not ours: nothing is watched, drained or counted."""

    watch: Watch | None = None
    draining = False
    max_body_size: int | None = MAX_BODY_SIZE
    idle: anyio.Event | None = None

    def __init__(self) -> None:
        self.live: dict[Exchange, None] = {}
        self.drainees: dict[anyio.CancelScope, None] = {}

    @property
    def cancel_scope(self) -> Callable[[], anyio.CancelScope]:
        """What makes a cancel scope; asked for when one is needed, for anyio loads it then."""
        return anyio.CancelScope

    async def wait_draining(self) -> None:
        """Nobody will ever drain: wait for ever, until cancelled."""
        await anyio.sleep_forever()

    def task_failed(self, name: str, failure: BaseException) -> None:
        """Nobody counts."""

    def start_soon(self, fn: Callable[..., Any], *args: Any, name: str | None = None) -> None:
        """There is no nursery."""
        raise RuntimeError(f"{name or fn!r} needs the nursery of a Lilya application; this part of Lilya is used alone")


class Exchange(Outbox):
    """The life of one connection: `scope` is the one the server gave, `home` is where it lives.

    It begins when it is made. Whoever makes it runs it, or does what `run` does where the home has a nursery for it:
    an exception goes to `fail`, and `finish` comes last, whatever happened.
    """

    # All of them are set on each: what is missing on some and found on the class takes ten times as long to look up.
    __slots__ = (
        "_cleanups",
        "_guards",
        "_handler",
        "_inbox",
        "_nursery",
        "_reader",
        "_reading",
        "_receive",
        "born",
        "home",
        "over",
        "scope",
    )

    _reading: anyio.TaskHandle[None]  # the reader's task

    def __init__(self, home: Home, scope: Scope, receive: Receive, send: Send) -> None:
        self.sink = send
        if scope["type"] == "http":
            self.phase = HEADERS
        elif scope["type"] == "websocket":
            self.phase = websocket.CONNECTING
        else:
            raise RuntimeError(
                f"the server opened a connection of type {scope['type']!r}; Lilya knows 'http', 'websocket', 'lifespan'"
            )
        self.gone = self.over = False
        self.home = home
        self.scope = scope
        self.born = monotonic()
        self._receive = receive
        self._inbox: Inbox | None = None
        self._nursery: TaskGroup | None = None  # one of its own, when the home has none
        self._reader: anyio.CancelScope | None = None
        self._handler: anyio.CancelScope | None = None
        self._guards: list[anyio.CancelScope] | None = None
        self._cleanups: list[Cleanup] | None = None
        scope[EXCHANGE] = self
        home.live[self] = None

    def settle(self, home: Home) -> None:
        """Live at `home` from now on: an application found that a part used alone outside of it began the exchange."""
        del self.home.live[self]
        self.home = home
        home.live[self] = None

    # -- reading ----------------------------------------------------------------------------------------------------

    @property
    def inbox(self) -> Inbox:
        """The reader of the connection, built when it is first asked for."""
        if self._inbox is None:
            self._inbox = Inbox(self._receive, self)
        return self._inbox

    def receive(self) -> Awaitable[Message]:
        """ASGI `receive` for the layers further in."""
        return self.inbox.receive()

    def read_ahead(self) -> None:
        """Start the reader, where there is none: from now on a disconnect is noticed whatever the handler does."""
        if self._reader is not None or self.gone or self.over:
            return
        nursery = self._nursery
        if nursery is None:
            if self.home.watch is None:
                raise RuntimeError(
                    "nobody watches this connection: it is not run by an application, or that one is over"
                )
            nursery = self.home.watch.nursery
        # Its own scope, though the task has one: cancelled by that, it would keep an exception that keeps us.
        self._reader = anyio.CancelScope()
        self._reading = nursery.start_soon(
            self._read, self.inbox, self._reader, name=f"reader of {self.scope['type']} {self.scope.get('path', '')}"
        )

    async def _read(self, inbox: Inbox, cut: anyio.CancelScope) -> None:
        with cut:
            await inbox.read_ahead()
            # A websocket handler that receives has this long to come back for what is waiting.
            while self.gone and (handler := self._handler) is not None and not handler.cancel_called:
                inbox.noted = True
                await anyio.sleep(PATIENCE)
                if self._handler is handler and inbox.noted and not inbox.receiving:
                    handler.cancel()

    # -- the disconnect ---------------------------------------------------------------------------------------------

    def disconnected(self) -> None:
        """The client left (told by the inbox, or by a `send` that broke)."""
        if not self.phase or self.gone:
            return
        self.gone = True
        self.sink = lost
        for guard in self._guards or ():
            guard.cancel()
        if self._handler is not None and not self._is_patient():
            self._handler.cancel()

    def departure(self) -> ClientDisconnect:
        """What says that the client is gone; on a websocket with its code, 1006 where it was simply lost."""
        if self.scope["type"] == "http":
            return super().departure()
        self.release()
        message = self._inbox.disconnect if self._inbox is not None else None
        return WebSocketDisconnect(1006) if message is None else departure_of(message)

    def misuse(self, kind: str) -> RuntimeError:
        """What says that a message of this kind may not come now."""
        if self.scope["type"] == "http":
            return super().misuse(kind)
        return WebSocketRuntimeError(websocket.complaint(self.phase, kind))

    def _is_patient(self) -> bool:
        """Whether the handler is a websocket's that receives, and so will hear of it by itself."""
        inbox = self._inbox
        return (
            self.scope["type"] == "websocket"
            and inbox is not None
            and (inbox.receiving or inbox.taken or not inbox.empty)
        )

    def note(self) -> bool:
        """For the watch: take note of where the exchange stands; whether it needs a reader if it stands there still."""
        if self._reader is not None or self.gone or self.over:
            return False
        if self._inbox is None:
            return True
        self._inbox.noted = True  # the next message to be taken brings it back to the watch
        return not self._inbox.receiving and not self._inbox.ahead

    def resumed(self) -> None:
        """A message was taken since the watch looked: the handler is at work, look again."""
        if self._handler is not None or self._guards:
            self._watch()

    def _watch(self) -> None:
        if self._nursery is not None:
            self.read_ahead()
        elif self._reader is None and self.home.watch is not None:
            self.home.watch.add(self)

    def handle(self, scope: anyio.CancelScope) -> anyio.CancelScope | None:
        """A handler runs in `scope` from now on: cancel it when the client leaves. Returns whom it takes over from."""
        before, self._handler = self._handler, scope
        if self.gone:
            scope.cancel()
        else:
            self._watch()
        return before

    def handled(self, before: anyio.CancelScope | None) -> None:
        """The handler has returned."""
        self._handler = before

    def release(self) -> None:
        """The handler takes disconnects over: it is told, not cancelled."""
        self._handler = None

    def guard(self, scope: anyio.CancelScope) -> None:
        """Cancel `scope` when the client leaves, whatever the handler does."""
        if self._guards is None:
            self._guards = []
        self._guards.append(scope)
        if self.gone:
            scope.cancel()
        else:
            self._watch()

    def unguard(self, scope: anyio.CancelScope) -> None:
        """`scope` was left."""
        if self._guards is not None:
            self._guards.remove(scope)

    @contextmanager
    def guarding(self, scope: anyio.CancelScope) -> Iterator[None]:
        """Cancel `scope` when the client leaves while the block runs, whatever the handler does."""
        self.guard(scope)
        try:
            yield
        finally:
            self.unguard(scope)

    async def is_disconnected(self) -> bool:
        """Whether the client left before the response was complete. From now on the handler is told, not cancelled."""
        self.release()
        if self._reader is None and not self.gone:
            self.read_ahead()
            await anyio.lowlevel.checkpoint()  # the reader gets to the server's `receive`
        await anyio.lowlevel.checkpoint()
        return self.gone

    async def wait_disconnected(self) -> None:
        """Wait until the client left;

        for ever, when the response is completed first. Cancellation does nothing else.
        """
        self.release()
        self.read_ahead()  # at once: one who waits again and again, a little each time, would be new at every look
        gone = anyio.CancelScope()
        self.guard(gone)
        try:
            with gone:
                await anyio.Event().wait()
        finally:
            self.unguard(gone)

    def rest(self, scope: anyio.CancelScope) -> Awaitable[None]:
        """Wait inside `scope` until it is cancelled or the client left, whichever is first; then `gone` tells.

        For who does nothing but wait: it reads by itself, and no reader is needed. Returns without a reason at most
        once.
        """
        if self._reader is None and not self.gone and not self.inbox.ended:
            return self.inbox.read_ahead()
        return self._rest_guarded(scope)

    async def _rest_guarded(self, scope: anyio.CancelScope) -> None:
        """Wait where there is a reader, or nothing to read any more."""
        self.guard(scope)
        try:
            await anyio.sleep_forever()
        finally:
            self.unguard(scope)

    # -- the end ----------------------------------------------------------------------------------------------------

    def at_end(self, cleanup: Cleanup) -> None:
        """Call `cleanup`, sync or async, when the exchange is over, however it ends. The last registered runs first."""
        if self._cleanups is None:
            self._cleanups = []
        self._cleanups.append(cleanup)

    async def run(self, app: ASGIApp, failed: Failure | None = None) -> None:
        """Run `app` as this exchange, to its very end, in a nursery of its own.

        An exception goes to `failed`, which may still answer, and on to the server; that of a client who left goes
        nowhere. Cancelling it cancels the application and does the clean-up under a shielded deadline.
        """
        async with open_nursery() as self._nursery:
            try:
                await app(self.scope, self.receive, self.send)
            except Exception as exc:
                await self.fail(exc, failed)
            finally:
                if self.finish():
                    await self.end()

    async def fail(self, exc: Exception, failed: Failure | None) -> None:
        """An exception came out: it ends here if it only says that the client left, else it is raised once more."""
        plain = unwrap(exc)
        if (self.gone or not self.phase) and is_departure(plain):
            logger.debug("the client of %s left", self.scope.get("path"), extra=self._extra("disconnected"))
            await anyio.lowlevel.checkpoint_if_cancelled()  # whoever cancelled us beside that hears of it
            return
        if self.phase and self.phase is not HEADERS and self.scope["type"] == "http":
            # The server will say why, with the traceback; which answer the client has half of, only we know.
            logger.warning("the answer to %s is broken off", self.scope.get("path"), extra=self._extra("failed"))
        if failed is not None and isinstance(plain, Exception):
            await failed(self, plain)
        raise_plain(plain)

    def _extra(self, outcome: str) -> dict[str, object]:
        """What the records of the log carry."""
        scope = self.scope
        route = scope.get("route_path_template") or scope.get("path", "")
        return {"outcome": outcome, "method": scope.get("method", ""), "route": route}

    def finish(self) -> bool:
        """The application has returned. True: there is something to wait for, `end` does."""
        self.over = True
        del self.scope[EXCHANGE]  # scope and exchange hold each other: leave nothing to the cycle collector
        if self._cleanups is not None:
            return True
        if (inbox := self._inbox) is not None:
            if self._reader is not None:  # who reads has an inbox
                return True
            inbox.disown()
        home = self.home
        del home.live[self]
        if home.idle is not None:
            self._left()
        return False

    def _left(self) -> None:
        """Tell who waits for the last exchange, if it was that."""
        if self.home.idle is not None and not self.home.live:
            self.home.idle.set()

    async def end(self) -> None:
        """Clean up, and wait for the reader, each under a shielded deadline."""
        try:
            with shielded(CLEANUP_SECONDS) as scope:
                while self._cleanups:
                    await self._clean(self._cleanups.pop())
            if scope.cancelled_caught:
                logger.error("clean-up of %s took more than %s s and was cut", self.scope.get("path"), CLEANUP_SECONDS)
            if self._reader is not None:
                self._reader.cancel()
                with shielded(CLEANUP_SECONDS):
                    await self._reading.wait()
        finally:
            if self._inbox is not None:
                self._inbox.disown()
            del self.home.live[self]
            self._left()

    async def _clean(self, cleanup: Cleanup) -> None:
        try:
            result = cleanup()
            if isawaitable(result):
                await result
        except Exception:
            logger.exception("clean-up %r of %s failed", cleanup, self.scope.get("path"))


async def lost(message: Message) -> None:
    """ASGI `send` of a client that is gone: it says so, as not every server does (ASGI 2.4 asks for an `OSError`)."""
    raise BrokenPipeError("the client has left")


def is_departure(exc: BaseException) -> bool:
    """Whether an exception only says that the client left.

    Another framework further in may have put its own words for it; a bug in somebody's clean-up is none of them.
    """
    if isinstance(exc, ClientDisconnect):
        return True
    if isinstance(exc, BaseExceptionGroup):  # several tasks of a handler were told
        return all(is_departure(each) for each in exc.exceptions)
    reason = exc.__cause__ or exc.__context__
    if isinstance(exc, ConnectionError) or type(exc).__name__.endswith("Disconnect"):
        return reason is not None and is_departure(reason)
    return False


def departure_of(message: Message) -> WebSocketDisconnect:
    """The exception a websocket's disconnect message stands for; without a code it is 1005 (RFC 6455, 7.1.5)."""
    code = message.get("code")
    return WebSocketDisconnect(1005 if code is None else code, message.get("reason"))


def exchange_of(scope: Scope) -> Exchange | None:
    """The exchange of a connection, or None where a part of Lilya is used alone."""
    exchange: Exchange | None = scope.get(EXCHANGE)
    return None if exchange is None or exchange.over else exchange


async def run_alone(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Run a part of Lilya that is used alone as an exchange of its own: it keeps the same promises.

    The scope given is left as it was.
    """
    await Exchange(Nowhere(), {**scope}, receive, send).run(app)
