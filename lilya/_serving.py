"""How an application serves: as the outermost one, by itself, and inside something else."""

from __future__ import annotations

from collections.abc import Callable
from threading import get_ident
from typing import TYPE_CHECKING, Any

from lilya._asgi.exchange import EXCHANGE, Exchange, Home, Nowhere, exchange_of, is_departure
from lilya._current import AROUND, LAYERED, enter, surround
from lilya._lazy import lazily
from lilya._sansio.http import BODY, DONE, HEADERS
from lilya.concurrency.nursery import raise_plain, unwrap
from lilya.exceptions import ContinueRouting
from lilya.types import ASGIApp, ExceptionHandler, Receive, Scope, Send

if TYPE_CHECKING:
    from lilya import _rooms as rooms
else:
    rooms = lazily("lilya._rooms")

__all__ = ["Serving"]


class Serving:
    """The ASGI entrance of an application, and what answers when nobody else does."""

    debug: bool
    root_path: str
    router: rooms.Router
    exception_handlers: dict[int | type[Exception], ExceptionHandler]
    _life: rooms.Life
    _rescue: rooms.Rescuer
    _own: dict[str, Any]  # what the scope is given that a plain application would not give it
    _given: dict[str, Any]  # all that the scope is given
    _exchange: Callable[[Home, Scope, Receive, Send], Exchange]
    _stack: ASGIApp | None = None
    _direct: rooms.Dispatcher | None = None  # what dispatches, where the stack is that and nothing else

    def build_middleware_stack(self) -> ASGIApp:
        """The layers around the routes."""
        raise NotImplementedError

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        raise NotImplementedError

    @property
    def middleware_stack(self) -> ASGIApp | None:
        """The layers around the routes, once they are built."""
        return self._stack

    @middleware_stack.setter
    def middleware_stack(self, stack: ASGIApp | None) -> None:
        inside = getattr(stack, "__self__", None)
        self._stack = stack
        self._direct = inside if isinstance(inside, rooms.Dispatcher) else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve HTTP, websockets and the lifespan: the ASGI entrance."""
        life = self._life
        if EXCHANGE in scope or "app" in scope or scope["type"] == "lifespan" or life.thread != get_ident():
            return await self._call_otherwise(scope, receive, send)
        scope |= self._given
        exchange = self._exchange(life, scope, receive, send)
        token = None
        if LAYERED in scope or self._own:
            token = enter(scope)
        else:
            surround(scope)  # and leave it there, see `lilya._current`
        invoke: rooms.Invoke | None = None
        try:
            if (direct := self._direct) is None:
                stack: Any = self._stack  # it serves
                await stack(scope, exchange.receive, exchange.send)
            else:  # what the dispatcher does, without its layer
                ready = direct.ready.get(scope["path"])
                if ready is not None and scope.get("method") in ready[1] and not scope.get("root_path"):
                    invoke, _, told, bare = ready
                    scope |= told
                    scope["path_params"] = {}
                    inside = scope
                else:
                    invoke, inside, path, found = direct.meet(scope)
                    bare = None
                if invoke is not None:
                    try:
                        if bare is not None:
                            result = await bare()
                        else:
                            result = await invoke(inside, exchange.receive, exchange.send)
                    except BaseExceptionGroup as group:
                        raise_plain(unwrap(group))
                    if not isinstance(result, rooms.Response):
                        if not isinstance(result, rooms.DATA):
                            answer = await rooms.response_of(result)
                            return await answer(inside, exchange.receive, exchange.send)
                        result = rooms.Ok(result)
                    if exchange.phase is not HEADERS or not result.is_plain or result.background is not None:
                        await result.__call__(inside, exchange.receive, exchange.send)
                        return
                    start, end = result.messages(inside)
                elif (
                    found is not rooms.NOWHERE
                    or direct.default is not None
                    or (self.exception_handlers and self._rescue.asks(404))
                    or exchange.phase is not HEADERS
                ):
                    return await direct(scope, exchange.receive, exchange.send, path, found)
                else:
                    start, end = rooms.refusal_messages(404, scope)
                # What calling a response does, without its layer. One who is gone is told so by the sink.
                exchange.phase = BODY
                try:
                    await exchange.sink(start)
                    exchange.phase = DONE
                    await exchange.sink(end)
                except Exception as exc:
                    exchange.send_failed(exc)
                    raise
        except Exception as exc:
            if invoke is None:
                await exchange.fail(exc, self._unhandled)
            else:
                await self._met_failed(exc, exchange)
        except ContinueRouting as exc:
            await self._met_failed(exc, exchange)
        finally:
            try:
                if exchange.finish():
                    await exchange.end()
            finally:
                if token is not None:
                    AROUND.reset(token)

    async def _met_failed(self, exc: Exception | ContinueRouting, exchange: Exchange) -> None:
        """The handler that was met has raised: on from there."""
        try:
            await self._direct.failed(exc, exchange.scope, exchange.receive, exchange.send)  # type: ignore[union-attr]
        except Exception as left:
            await exchange.fail(left, self._unhandled)

    async def _call_otherwise(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve what is no plain connection while the lifespan runs; in a nursery of its own where there is none."""
        if scope["type"] == "lifespan":
            return await self._lifespan(scope, receive, send)
        stack = self.middleware_stack = self.middleware_stack or self.build_middleware_stack()
        if EXCHANGE in scope or "app" in scope:
            return await self._call_inside(stack, scope, receive, send)
        scope |= self._given
        exchange = self._exchange(self._life, scope, receive, send)
        token = enter(scope) if self._own or LAYERED in scope else surround(scope)
        try:
            await exchange.run(stack if self._life.failure is None else rooms.unavailable, self._unhandled)
        finally:
            AROUND.reset(token)

    async def _call_inside(self, stack: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve inside something else: another application of ours, one of another framework, a layer of ours.

        What we set in the scope stays inside, but for a layer of ours, which is a part of this application.
        """
        exchange = exchange_of(scope)
        above = scope.get("app")
        root = scope.get("root_path") or ""
        if above is not None:
            scope = scope.copy()
            scope.pop("route", None)  # that of the application above: here, nothing has matched yet
        scope["app"] = self
        scope.update(self._own)
        if self.root_path and above is not None:
            scope["root_path"] = root  # where it is included says where it is
        if not isinstance(above, Serving):
            # What another framework has put there is of no use to us: reversing begins here.
            scope |= {"router": self.router, "app_root_path": scope.get("root_path") or ""}
        token = enter(scope)
        try:
            await self._serve_inside(stack, exchange, scope, receive, send)
        finally:
            AROUND.reset(token)

    async def _serve_inside(
        self, stack: ASGIApp, exchange: Exchange | None, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if exchange is None:
            return await self._exchange(self._life, scope, receive, send).run(stack, self._unhandled)
        if isinstance(exchange.home, Nowhere):  # a layer of ours outside began it: it is ours all the same
            exchange.settle(self._life)
            if self._life.failure is not None:
                stack = rooms.unavailable
        try:
            await stack(scope, receive, send)
        except Exception as exc:
            plain = unwrap(exc)
            # What it has no handler for is left to who is outside: that one may have one.
            handled = 500 in self.exception_handlers or Exception in self.exception_handlers
            if handled and isinstance(plain, Exception) and not is_departure(plain):
                await self._answer_unhandled(plain, scope, receive, send)
            raise_plain(plain)

    async def _unhandled(self, exchange: Exchange, exc: Exception) -> None:
        await self._answer_unhandled(exc, exchange.scope, exchange.receive, exchange.send)

    async def _answer_unhandled(self, exc: Exception, scope: Scope, receive: Receive, send: Send) -> None:
        """Nobody handled `exc`: answer it, if there is still time. It goes on to the server, which logs it."""
        handler = self.exception_handlers.get(500) or self.exception_handlers.get(Exception)
        await rooms.last_resort(exc, handler, self.debug, scope, receive, send)
