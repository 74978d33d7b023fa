"""A generator that does what is hard to get right: it holds a nursery across its yields, and cleans up slowly."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import anyio

from lilya.concurrency.nursery import shielded

__all__ = ["Numbers", "task_id"]


def task_id() -> int:
    """Which task this is."""
    return anyio.get_current_task().id


class Numbers:
    """A generator of 0, 1, 2 ... that remembers how far it is, who ran it, and how it ended."""

    def __init__(self, length: int = 10, error: BaseException | None = None, pause: float = 0) -> None:
        self.made = 0
        self.tasks: set[int] = set()
        self.ends: list[str] = []
        self._length = length
        self._error = error
        self._pause = pause

    async def __call__(self) -> AsyncGenerator[int]:
        self.tasks.add(task_id())
        try:
            async with anyio.create_task_group() as children:
                children.start_soon(anyio.sleep_forever)
                for number in range(self._length):
                    await anyio.sleep(self._pause)
                    self.made += 1
                    yield number
                    self.tasks.add(task_id())
                if self._error is not None:
                    raise self._error
                children.cancel_scope.cancel()
        except BaseException as exc:
            self.ends.append(type(exc).__name__)
            raise
        else:
            self.ends.append("end")
        finally:
            self.tasks.add(task_id())
            with shielded(5):
                await anyio.sleep(1)
            self.ends.append("cleaned up")
