"""A plan becomes an ASGI app: arguments, the call, the response.

User code runs in the server's task. A handler that may wait is called inside a cancel scope that ends when the client
leaves; only the call is inside, so what stands around it may still await. One that cannot wait gets no scope at all.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import nullcontext
from copy import copy
from functools import partial
from types import FunctionType
from typing import Any, Literal, TypeAlias

import anyio
import anyio.lowlevel

from lilya._asgi.exchange import EXCHANGE, Exchange, is_departure
from lilya._handling.context import Context
from lilya._handling.injection import INJECTED, Moment
from lilya._handling.plan import Plan
from lilya._handling.result import DATA, to_response
from lilya._sansio.http import SAFE_METHODS
from lilya.background import run_after
from lilya.concurrency.nursery import open_nursery, open_trio_nursery, raise_plain, unwrap
from lilya.concurrency.threads import run_in_threadpool
from lilya.exceptions import ClientDisconnect, WebSocketDisconnect
from lilya.requests import Request
from lilya.responses.base import Background, Ok, Response
from lilya.responses.streaming import StreamingResponse
from lilya.types import ASGIApp, Receive, Scope, Send
from lilya.websockets import WebSocket, WebSocketState

__all__ = ["Handling", "Invoke", "OnDisconnect", "compile_http", "compile_websocket", "response_of"]

OnDisconnect: TypeAlias = Literal["cancel", "ignore"]
Bind: TypeAlias = Callable[[Scope, Receive, Send], dict[str, Any]]
Invoke: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[Any]]

# What a handler has returned that has not.
MISSING = object()


def bind_http(plan: Plan) -> Bind:
    """What fills a plan's arguments from a request. A nursery is added by whoever opens it."""
    requests = [name for name, source in plan.arguments if source == "request"]
    contexts = [name for name, source in plan.arguments if source == "context"]
    params = [name for name, source in plan.arguments if source == "path"]
    injects = plan.injection is not None

    def bind(scope: Scope, receive: Receive, send: Send) -> dict[str, Any]:
        found = scope["path_params"]
        arguments = {name: found[name] for name in params}
        if injects:
            arguments |= scope[INJECTED]
        if requests or contexts:
            request = Request(scope, receive, send)
            arguments |= dict.fromkeys(requests, request)
            if contexts:
                arguments |= dict.fromkeys(contexts, Context(scope["route"], request))
        return arguments

    return bind


def callable_of(plan: Plan) -> Callable[..., Awaitable[Any]]:
    """The handler as something to await: a sync one runs in a thread."""
    return plan.handler if plan.is_async else partial(run_in_threadpool, plan.handler)


def invoke_http(plan: Plan) -> Invoke:
    """What calls a plan's handler for a request. The usual shapes of arguments have a way of their own."""
    handler = callable_of(plan)
    if not plan.arguments:
        return lambda scope, receive, send: handler()
    name, source = plan.arguments[0]
    if len(plan.arguments) == 1 and comes_first(name, plan.handler):
        if source == "path":
            return lambda scope, receive, send: handler(scope["path_params"][name])
        if source == "request":
            return lambda scope, receive, send: handler(Request(scope, receive, send))
    bind = bind_http(plan)
    return lambda scope, receive, send: handler(**bind(scope, receive, send))


def comes_first(name: str, handler: Callable[..., Any]) -> bool:
    """Whether a function takes `name` as its first argument, by position, too: by name takes twice as long."""
    code = handler.__code__ if isinstance(handler, FunctionType) else None
    return code is not None and code.co_argcount > 0 and code.co_varnames[0] == name


async def response_of(result: Any) -> ASGIApp:
    """What answers with what a handler returned. An iterator, which may block, is exhausted in a thread first."""
    if isinstance(result, Response):
        return result
    if isinstance(result, Iterator):
        result = await run_in_threadpool(list, result)
    return to_response(result)


def _without_background(response: ASGIApp) -> tuple[ASGIApp, Background | None]:
    """A response without what it carries for afterwards, and that. The response itself, which may be shared, stays."""
    if not isinstance(response, Response) or response.background is None:
        return response, None
    bare = copy(response)
    bare.background = None
    return bare, response.background


async def respond(result: Any, scope: Scope, receive: Receive, send: Send) -> None:
    """Send what a handler returned."""
    answer = await response_of(result)
    await answer(scope, receive, send)


class Handling:
    """The ASGI app of a handler that nothing is around: `invoke` calls it, and what it gives is sent.

    `bare` does the same for a request, where the handler asks for nothing.
    """

    __slots__ = ("bare", "invoke")

    def __init__(self, invoke: Invoke, bare: Callable[[], Awaitable[Any]] | None = None) -> None:
        self.invoke = invoke
        self.bare = bare

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the handler, and answer with what it returns."""
        try:
            result = await self.invoke(scope, receive, send)
        except BaseExceptionGroup as group:
            raise_plain(unwrap(group))
        if not isinstance(result, Response):
            result = Ok(result) if isinstance(result, DATA) else await response_of(result)
        await result.__call__(scope, receive, send)  # by name: half the cost of a call of the object


def compile_http(plan: Plan, on_disconnect: OnDisconnect | None) -> ASGIApp:
    """The ASGI app of an HTTP handler. `on_disconnect` None: by the method."""
    if plan.opens is not None:
        return compile_in_nursery(plan, on_disconnect)
    invoke = invoke_http(plan)
    if plan.waits and on_disconnect != "ignore":
        invoke = cancellable(invoke, always=on_disconnect == "cancel")
    elif not plan.arguments:
        return injecting(plan, Handling(invoke, callable_of(plan)))
    return injecting(plan, Handling(invoke))


def cancellable(invoke: Invoke, *, always: bool) -> Invoke:
    """`invoke` inside a scope that ends when the client leaves; unless `always`, where the method is safe."""

    async def invoke_in_scope(scope: Scope, receive: Receive, send: Send) -> Any:
        exchange: Exchange = scope[EXCHANGE]
        with exchange.home.cancel_scope() as cut:
            before = exchange.handle(cut)
            try:
                return await invoke(scope, receive, send)
            except BaseExceptionGroup as group:
                raise_plain(unwrap(group))
            finally:
                exchange.handled(before)
        raise ClientDisconnect(detail="the client left while the handler was at work")

    def invoke_by_method(scope: Scope, receive: Receive, send: Send) -> Awaitable[Any]:
        return (invoke_in_scope if scope["method"] in SAFE_METHODS else invoke)(scope, receive, send)

    return invoke_in_scope if always else invoke_by_method


def compile_in_nursery(plan: Plan, on_disconnect: OnDisconnect | None) -> ASGIApp:
    """The ASGI app of an HTTP handler that asks for a nursery: its tasks may live until the body is sent."""
    handler = callable_of(plan)
    bind = bind_http(plan)

    async def run_in_nursery(scope: Scope, receive: Receive, send: Send) -> None:
        exchange: Exchange = scope[EXCHANGE]
        cancels = on_disconnect == "cancel" or (on_disconnect is None and scope["method"] in SAFE_METHODS)
        arguments = bind(scope, receive, send)
        result: Any = MISSING
        background: Background | None = None
        sent = left = False
        try:
            async with _open(plan, arguments) as nursery:
                before = exchange.handle(nursery.cancel_scope) if cancels else None
                try:
                    result = await handler(**arguments)
                finally:
                    if cancels:
                        exchange.handled(before)
                if not nursery.cancel_scope.cancel_called:
                    # The nursery is the request's: a streaming body may live off its tasks, and ends with them.
                    result, background = _without_background(await response_of(result))
                    guards = cancels or isinstance(result, StreamingResponse)
                    try:
                        with exchange.guarding(nursery.cancel_scope) if guards else nullcontext():
                            await result(scope, receive, send)
                        sent = True
                    except ClientDisconnect:
                        if guards:
                            raise
                        left = True  # the tasks run on, as the handler would; it is raised when they have ended
                    if sent and background is not None:
                        await run_after(background, scope)
            if sent:
                return
            if left or exchange.gone:
                raise ClientDisconnect(detail="the client left before the response was complete")
        except ClientDisconnect:
            # Here, where nobody is cancelled: work for after the answer is not cut by a disconnect.
            if background is not None and not sent:
                await run_after(background, scope)
            raise
        if result is MISSING:
            raise RuntimeError(f"{plan.handler!r} cancelled its own nursery before it returned: there is no answer")
        await respond(result, scope, receive, send)  # it cancelled its nursery when it was done

    return injecting(plan, run_in_nursery)


def injecting(plan: Plan, app: ASGIApp) -> ASGIApp:
    """`app` inside what its plan has injected: around the cancel scope of the handler, and around its response."""
    injection = plan.injection
    if injection is None:
        return app

    async def run(scope: Scope, receive: Receive, send: Send) -> None:
        await injection.run(Moment(scope, Request(scope, receive, send)), partial(app, scope, receive, send))

    return run


def compile_websocket(plan: Plan, on_disconnect: OnDisconnect | None) -> ASGIApp:
    """The ASGI app of a websocket handler. It ends quietly when the handler lets a `WebSocketDisconnect` through."""
    handler = callable_of(plan)
    injection = plan.injection
    sockets = [name for name, source in plan.arguments if source == "websocket"]
    params = [name for name, source in plan.arguments if source == "path"]

    def bind(websocket: WebSocket, scope: Scope) -> dict[str, Any]:
        arguments: dict[str, Any] = dict.fromkeys(sockets, websocket)
        for name in params:
            arguments[name] = scope["path_params"][name]
        if injection is not None:
            arguments |= scope[INJECTED]
        return arguments

    async def run(websocket: WebSocket, scope: Scope) -> None:
        exchange: Exchange = scope[EXCHANGE]
        with anyio.CancelScope() as cut:
            before = exchange.handle(cut) if on_disconnect != "ignore" else None
            try:
                await handler(**bind(websocket, scope))
            finally:
                exchange.handled(before)

    async def run_in_nursery(websocket: WebSocket, scope: Scope) -> None:
        exchange: Exchange = scope[EXCHANGE]
        arguments = bind(websocket, scope)
        async with _open(plan, arguments) as nursery:
            before = exchange.handle(nursery.cancel_scope) if on_disconnect != "ignore" else None
            try:
                await handler(**arguments)
            finally:
                exchange.handled(before)

    call = run if plan.opens is None else run_in_nursery

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        websocket = WebSocket(scope, receive, send)
        try:
            if injection is None:
                await call(websocket, scope)
            else:
                await injection.run(Moment(scope, websocket), partial(call, websocket, scope))
        except WebSocketDisconnect:
            pass
        except BaseExceptionGroup as group:
            plain = unwrap(group)
            if not is_departure(plain):
                raise_plain(plain)
        if websocket.application_state is not WebSocketState.DISCONNECTED:
            await websocket.close()
        await anyio.lowlevel.checkpoint_if_cancelled()  # a cancellation beside the departure is not lost with it

    return serve


def _open(plan: Plan, arguments: dict[str, Any]) -> Any:
    """The nursery a plan asks for; entering it fills the argument."""
    return _Opened(open_nursery() if plan.opens == "task_group" else open_trio_nursery(), plan, arguments)


class _Opened:
    __slots__ = ("_arguments", "_manager", "_plan")

    def __init__(self, manager: Any, plan: Plan, arguments: dict[str, Any]) -> None:
        self._manager = manager
        self._plan = plan
        self._arguments = arguments

    async def __aenter__(self) -> Any:
        nursery = await self._manager.__aenter__()
        for name, source in self._plan.arguments:
            if source == self._plan.opens:
                self._arguments[name] = nursery
        return nursery

    async def __aexit__(self, *exc: Any) -> Any:
        return await self._manager.__aexit__(*exc)
