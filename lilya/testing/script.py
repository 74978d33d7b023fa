"""Exact message sequences, and faults at every step of them.

`ScriptedExchange` plays what a server would say, message by message, and writes down what the application says. The two
sweeps call an application once per step and make that step go wrong: a client that leaves there, a cancellation that
arrives there. They know nothing of frameworks, and nothing of real time: run them on a virtual clock.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Literal, TypeAlias

import anyio
import anyio.lowlevel

from lilya.concurrency.nursery import unwrap
from lilya.exceptions import ClientDisconnect
from lilya.testing.connection import is_echo, split_cancelled
from lilya.testing.exceptions import UncleanExit
from lilya.testing.leaks import watch_leaks
from lilya.testing.steps import Stepped
from lilya.types import ASGIApp, Message, Scope

__all__ = [
    "AfterSent",
    "Disconnect",
    "Fail",
    "ScriptedExchange",
    "SentMessage",
    "Sleep",
    "cancel_everywhere",
    "disconnect_everywhere",
]

# Sends, or suspensions, that a sweep goes through at most: an endless stream has no last one.
MAX_STEPS = 200

# Seconds of the event loop's clock an application may take to end once its client is gone, or it is cancelled.
PATIENCE = 10.0

# By these words the sweep knows its own cancellation again.
REASON = "a sweep cancels everywhere"


@dataclass(frozen=True, slots=True)
class AfterSent:
    """The next step comes when the application has sent `count` messages in all."""

    count: int


@dataclass(frozen=True, slots=True)
class Sleep:
    """The next step comes `seconds` later (of the event loop's clock)."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Disconnect:
    """The client leaves: every `receive` from here on says so."""


@dataclass(frozen=True, slots=True)
class Fail:
    """`receive` raises `error`, as servers do whose connection broke."""

    error: Exception


Step: TypeAlias = Message | AfterSent | Sleep | Disconnect | Fail
AfterDisconnect: TypeAlias = Literal["ignore", "raise"]


@dataclass(frozen=True, slots=True)
class SentMessage:
    """A message of the application, and when it sent it: seconds of the event loop's clock since the call."""

    message: Message
    time: float


class ScriptedExchange:
    """One call of `app`, whose `receive` plays `script`: messages, `AfterSent(n)`, `Sleep(seconds)`, `Disconnect()`,
    `Fail(error)`.

    After the last step the client stays connected and silent. `sent` and `received` record what went each way.
    `on_send(index, message)` is awaited before each message is recorded, the first with index 0: to fail there, raise;
    to be slow, sleep; to stall, wait for ever. After a disconnect, messages are neither recorded nor shown to it: they
    are ignored, or with `send_after_disconnect="raise"` raise `ClientDisconnect` (an OSError: ASGI 2.4).
    """

    def __init__(
        self,
        app: ASGIApp,
        scope: Scope,
        script: Sequence[Step],
        *,
        on_send: Callable[[int, Message], Awaitable[None]] | None = None,
        send_after_disconnect: AfterDisconnect = "ignore",
    ) -> None:
        self.sent: list[SentMessage] = []
        self.received: list[Message] = []
        self.gone = False
        self._app = app
        self._scope = scope
        self._steps = list(script)
        self._on_send = on_send
        self._raise_after_disconnect = send_after_disconnect == "raise"
        self._began = 0.0
        self._changed: anyio.Event | None = None  # exists while `receive` waits for us

    async def run(self) -> None:
        """Call the application, in this task. Raises what it raises; cancellation reaches it and propagates."""
        self._began = anyio.current_time()
        await self._app(self._scope, self._receive, self._send)

    def disconnect(self) -> None:
        """The client leaves now, whatever the script still holds."""
        self.gone = True
        self._change()

    async def _receive(self) -> Message:
        await anyio.lowlevel.checkpoint()
        while not self.gone:
            if not self._steps:
                await self._wait_changed()
                continue
            step = self._steps[0]
            if isinstance(step, AfterSent) and len(self.sent) < step.count:
                await self._wait_changed()
                continue
            if isinstance(step, Sleep):
                await anyio.sleep(step.seconds)
            del self._steps[0]
            if isinstance(step, Disconnect):
                self.gone = True
            elif isinstance(step, Fail):
                raise step.error
            elif isinstance(step, Mapping):
                self.gone = step["type"] in ("http.disconnect", "websocket.disconnect")
                self.received.append(step)
                return step
        goodbye: Message = {"type": "http.disconnect"}
        if self._scope["type"] == "websocket":
            goodbye = {"type": "websocket.disconnect", "code": 1006, "reason": ""}
        self.received.append(goodbye)
        return goodbye

    async def _send(self, message: Message) -> None:
        if not self.gone:
            if self._on_send is not None:
                await self._on_send(len(self.sent), message)
            self.sent.append(SentMessage(message, anyio.current_time() - self._began))
            self._change()
        if self.gone and self._raise_after_disconnect:
            raise ClientDisconnect("the client is gone")
        await anyio.lowlevel.checkpoint()

    async def _wait_changed(self) -> None:
        self._changed = self._changed or anyio.Event()
        await self._changed.wait()

    def _change(self) -> None:
        if self._changed is not None:
            self._changed.set()
            self._changed = None


# An application and the scope to call it with, made afresh for each run; or a context manager around such a pair, for
# an application that needs something opened (its lifespan: `async with MemoryServer(app): yield app, scope`).
Pair: TypeAlias = tuple[ASGIApp, Scope]
Make: TypeAlias = Callable[[], Pair | AbstractAsyncContextManager[Pair]]
Exceptions: TypeAlias = tuple[type[BaseException], ...]


async def disconnect_everywhere(
    make: Make,
    messages: Sequence[Message],
    *,
    allow: Exceptions = (),
    patience: float = PATIENCE,
    max_steps: int = MAX_STEPS,
) -> int:
    """Let the client leave at every step of an exchange, and assert that the application ends cleanly each time.

    The client leaves instead of each of `messages`, after the last one, and while each of the application's messages is
    being sent (the first `max_steps` of them), once with later sends ignored and once with them raising `OSError`.
    Each time the application must end within `patience` seconds, leave no task and no open async generator, and
    raise nothing but `ClientDisconnect`, `WebSocketDisconnect` or one of `allow`: else `UncleanExit` names the step.
    Returns the number of runs. `make()` makes the application and its scope, afresh for each run.
    """
    sweep = _Sweep(make, messages, allow, patience)
    runs = 0
    for index in range(len(messages) + 1):
        runs += 1
        script: list[Step] = [*messages[:index], Disconnect()]
        await sweep.leave(f"the client left instead of message {index}", script)
    modes: tuple[AfterDisconnect, ...] = ("ignore", "raise")
    for mode in modes:
        for index in range(max_steps):
            runs += 1
            step = f"the client left while send {index} was under way (later sends: {mode})"
            if not await sweep.leave(step, messages, at_send=index, mode=mode):
                break
    return runs


async def cancel_everywhere(
    make: Make,
    messages: Sequence[Message],
    *,
    allow: Exceptions = (),
    patience: float = PATIENCE,
    max_steps: int = MAX_STEPS,
) -> int:
    """Cancel an application's call at every point where it suspends, and assert that it ends cleanly each time.

    The client sends `messages` and then stays connected and silent. The call is cancelled at its first suspension, in
    the next run at its second, and so on, until a run ends, or waits for `patience` seconds, before it gets there; at
    most `max_steps` times. Suspensions of the task that makes the call are counted, not those of its children. What is
    asserted, and the parameters, are those of `disconnect_everywhere`; besides, one that was told it is cancelled may
    not return as if nothing had happened, with an answer or without. Returns the number of runs.
    """
    sweep = _Sweep(make, messages, allow, patience)
    for index in range(1, max_steps + 1):
        if not await sweep.cancel(index):
            return index
    return max_steps


@dataclass(frozen=True, slots=True)
class _Sweep:
    make: Make
    messages: Sequence[Message]
    allow: Exceptions
    patience: float

    async def leave(
        self, step: str, script: Sequence[Step], *, at_send: int | None = None, mode: AfterDisconnect = "ignore"
    ) -> bool:
        """One run in which the client leaves; returns whether it came to that."""

        async def on_send(index: int, message: Message) -> None:
            if index == at_send:
                frame.deadline = anyio.current_time() + self.patience
                exchange.disconnect()
                await anyio.lowlevel.checkpoint()

        async with self._made() as (app, scope):
            exchange = ScriptedExchange(app, scope, script, on_send=on_send, send_after_disconnect=mode)
            with anyio.CancelScope(deadline=anyio.current_time() + self.patience) as frame:
                await self._judged(step, exchange.run())
            if frame.cancelled_caught and exchange.gone:
                raise UncleanExit(f"{step}: the application did not end within {self.patience} s")
        return exchange.gone

    async def cancel(self, index: int) -> bool:
        """One run that is cancelled at its suspension number `index`; returns whether it came to that."""
        step = f"it was cancelled at suspension {index}"

        def cancel() -> None:
            frame.deadline = anyio.current_time() + self.patience
            call.cancel(REASON)

        async with self._made() as (app, scope):
            exchange = ScriptedExchange(app, scope, self.messages)
            stepped = Stepped(exchange.run(), index, cancel, REASON)
            with anyio.CancelScope(deadline=anyio.current_time() + self.patience) as frame:
                with anyio.CancelScope() as call:
                    if await self._judged(step, stepped) and stepped.told:
                        raise UncleanExit(f"{step}: {_swallowed(exchange)}")
            if call.cancel_called and anyio.current_time() > frame.deadline:
                raise UncleanExit(f"{step}: the application did not end within {self.patience} s")
        return call.cancel_called

    @asynccontextmanager
    async def _made(self) -> AsyncIterator[Pair]:
        made = self.make()
        if isinstance(made, tuple):
            yield made
        else:
            async with made as pair:
                yield pair

    async def _judged(self, step: str, call: Awaitable[None]) -> bool:
        """Await `call`; whatever it leaves behind, or raises but may not, is an `UncleanExit`.

        Returns whether it returned by itself, and did not raise what it may.
        """
        with watch_leaks() as watch:
            try:
                await call
            except BaseException as exc:
                cancellation, failure = split_cancelled(exc)
                self._complain(step, watch.problems(), failure)
                if cancellation is not None:
                    raise cancellation from None
                return False
            self._complain(step, watch.problems(), None)
            return True

    def _complain(self, step: str, problems: list[str], failure: BaseException | None) -> None:
        if failure is not None and not is_echo(failure) and not isinstance(unwrap(failure), self.allow):
            problems = [f"the application raised {failure!r}", *problems]
        if problems:
            raise UncleanExit(f"{step}: {'; '.join(problems)}") from failure


def _swallowed(exchange: ScriptedExchange) -> str:
    """What is said of an application that was told it is cancelled, and returned as if nothing had happened."""
    last = exchange.sent[-1].message if exchange.sent else {"type": ""}
    complete = last["type"].endswith((".body", ".close")) and not last.get("more_body", False)
    return (
        f"the application swallowed the cancellation and returned, {'after' if complete else 'without'} a complete "
        "answer: whoever cancelled it takes its work for done. Let it pass, and clean up in `finally`; look for a bare "
        "`except:`, an `except BaseException` or `except get_cancelled_exc_class()` without a `raise`, a `return` in a "
        "`finally`, an exception group that is taken although a cancellation is in it"
    )
