"""Where a waiting task is: the frames of its coroutine, from the outermost to the one that waits.

Nothing is asked of the task, and no value of a variable is read but those named in `_owner.py`. Both backends keep
their tasks as coroutines, and anyio names them, so one way serves both.
"""

from __future__ import annotations

import gc
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath
from types import AsyncGeneratorType, CoroutineType, FrameType, GeneratorType
from typing import Any, Final

__all__ = ["MAX_FRAMES", "Place", "frames_of", "place_of"]

# Of one task. Deeper ones have run away in a recursion, and are shown by what is outermost.
MAX_FRAMES: Final = 200

_STANDARD: Final = (sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"))
_LILYA: Final = str(Path(__file__).parents[2])
_INSTALLED: Final = ("site-packages", "dist-packages")
# Everything waits in these in the end: they say nothing of a task.
_LOOPS: Final = frozenset({"anyio", "asyncio", "trio", "uvloop"})


_WITHOUT_A_NAME: Final = frozenset({"async_generator_asend", "async_generator_athrow", "coroutine_wrapper"})


@dataclass(frozen=True, slots=True)
class Place:
    """`where`: the innermost function of the user's own code (where there is none, of a library), its file and line.

    `awaits`: what that one has called.
    """

    where: str = ""
    awaits: str = ""


def frames_of(coroutine: Any) -> Iterator[FrameType]:
    """The frames of a coroutine, each awaited by the one before; that of a running one is its outermost alone."""
    for _ in range(MAX_FRAMES):
        if isinstance(coroutine, CoroutineType):
            frame, inner = coroutine.cr_frame, coroutine.cr_await
        elif isinstance(coroutine, GeneratorType):
            frame, inner = coroutine.gi_frame, coroutine.gi_yieldfrom
        elif isinstance(coroutine, AsyncGeneratorType):
            frame, inner = coroutine.ag_frame, coroutine.ag_await
        else:
            # A step of an async generator, or the iterator of a coroutine: they do not say whose they are.
            kinds = (AsyncGeneratorType, CoroutineType)
            hidden = type(coroutine).__name__ in _WITHOUT_A_NAME
            coroutine = next((each for each in gc.get_referents(coroutine) if isinstance(each, kinds)), None)
            if not hidden or coroutine is None:
                return
            continue
        if frame is not None:
            yield frame
        coroutine = inner


def place_of(frames: list[FrameType]) -> Place:
    """Where the owner of these frames waits."""
    if not frames:
        return Place()
    # Of equals the innermost: the later one.
    closeness, number = max((_closeness(frame.f_code.co_filename), number) for number, frame in enumerate(frames))
    number = number if closeness else 0
    own = frames[number]
    path = PurePath(own.f_code.co_filename)
    where = f"{own.f_code.co_qualname} ({'/'.join(path.parts[-2:])}:{own.f_lineno})"
    return Place(where, frames[number + 1].f_code.co_qualname if number + 1 < len(frames) else "")


def _closeness(filename: str) -> int:
    """How much a file is the user's own: 2 it is, 1 it is a library's, 0 the event loop's or Python's."""
    path = PurePath(filename)
    for place, part in enumerate(path.parts[:-1]):
        if part in _INSTALLED:
            return 0 if path.parts[place + 1] in _LOOPS else 1
    if filename.startswith(("<", *_STANDARD)):
        return 0
    return 1 if path.is_relative_to(_LILYA) else 2
