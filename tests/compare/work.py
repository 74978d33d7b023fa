"""What the handlers of every program do: the same functions, whatever framework calls them."""

from __future__ import annotations

import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator

import anyio

__all__ = ["asks", "blocking", "fails", "feed", "late", "second", "silence", "slow", "spin", "ticks"]


def say(what: str) -> None:
    """A line of the log that the driver waits for, with the time."""
    sys.stdout.write(f"<{what} {time.time():.3f}>\n")
    sys.stdout.flush()


async def slow() -> str:
    """A handler that waits three seconds, and says how it ended."""
    say("slow began")
    try:
        await anyio.sleep(3)
        say("slow done")
        return "done"
    finally:
        say("slow ended")


async def asks(disconnected: Callable[[], Awaitable[bool]]) -> str:
    """A handler that asks for three seconds whether its client is still there."""
    say("asks began")
    for _ in range(30):
        if await disconnected():
            say("asks told")
            break
        await anyio.sleep(0.1)
    return "done"


async def ticks() -> AsyncGenerator[bytes]:
    """A stream with a line each fifth of a second, without end."""
    try:
        while True:
            yield b"tick\n"
            await anyio.sleep(0.2)
    finally:
        say("ticks ended")


async def silence() -> AsyncGenerator[bytes]:
    """A stream that waits three seconds for its second piece, like a feed without news."""
    try:
        yield b"one\n"
        await anyio.sleep(3)
        yield b"two\n"
    finally:
        say("silence ended")


async def spin() -> AsyncGenerator[bytes]:
    """A stream without end that never waits for anything but its reader."""
    say("spin began")
    try:
        while True:
            yield b"x" * 1024
    finally:
        say("spin ended")


def blocking() -> Iterator[bytes]:
    """A sync iterable that blocks a fifth of a second for each piece, as reading a file over a network does."""
    say("blocking began")
    for _ in range(10):
        time.sleep(0.2)
        yield b"piece\n"


async def fails() -> None:
    """The first of two background tasks."""
    raise ValueError("the first task fails")


async def second() -> None:
    """The second of two background tasks."""
    say("second done")


async def late() -> None:
    """A background task of one second."""
    say("late began")
    await anyio.sleep(1)
    say("late done")


async def feed() -> None:
    """A websocket handler's wait for news that do not come for five seconds."""
    say("feed began")
    try:
        await anyio.sleep(5)
    finally:
        say("feed ended")
