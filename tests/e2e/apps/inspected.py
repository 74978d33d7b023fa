"""What `test_inspecting.py` looks into."""

from __future__ import annotations

import anyio
from anyio.abc import TaskGroup

from lilya.apps import Lilya
from lilya.contrib.inspect import TaskTree
from lilya.routing import Include, Path


async def news() -> None:
    await anyio.sleep_forever()


async def poll(topic: str, task_group: TaskGroup) -> None:
    task_group.start_soon(anyio.sleep, 60, name="patience")
    await news()


app = Lilya(routes=[Path("/poll/{topic}", poll), Include("/tasks", app=TaskTree())], drain_timeout=0.1)
