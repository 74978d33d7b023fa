"""Where a coroutine waits, whatever stands between it and the event loop; and how that is written."""

from __future__ import annotations

import types
from collections.abc import AsyncGenerator, Generator
from typing import Any

import anyio
import pytest

from lilya._asgi.exchange import Nowhere
from lilya.contrib.inspect import _tree
from lilya.contrib.inspect._stack import MAX_FRAMES, Place, frames_of, place_of
from lilya.contrib.inspect._tree import Node, Picture, Section, take_picture
from lilya.contrib.inspect._write import write_fragment, write_text


@types.coroutine
def trap() -> Generator[str]:
    yield "waiting"


async def waits() -> None:
    await trap()


class Awaitable:
    def __await__(self) -> Generator[Any, Any, None]:
        return waits().__await__()


async def by_an_object() -> None:
    await Awaitable()


async def generator() -> AsyncGenerator[int]:
    await waits()
    yield 1


async def by_a_loop() -> None:
    async for _ in generator():
        pass


async def by_closing() -> None:
    async def ends_slowly() -> AsyncGenerator[int]:
        try:
            yield 1
        finally:
            await waits()

    items = ends_slowly()
    await anext(items)
    await items.aclose()


async def deep(level: int) -> None:
    await (deep(level - 1) if level else trap())


@pytest.mark.parametrize("function", [waits, by_an_object, by_a_loop, by_closing])
def test_the_innermost_frame_is_found(function: Any) -> None:
    coroutine = function()
    coroutine.send(None)
    names = [frame.f_code.co_name for frame in frames_of(coroutine)]
    assert names[0] == function.__name__
    assert names[-2:] == ["waits", "trap"]
    assert place_of(list(frames_of(coroutine))).where.startswith("trap (contrib/test_stack.py:")
    coroutine.close()
    assert place_of(list(frames_of(coroutine))) == Place()


def test_a_recursion_without_an_end_is_shown_by_its_beginning() -> None:
    coroutine = deep(MAX_FRAMES + 50)
    coroutine.send(None)
    assert len(list(frames_of(coroutine))) == MAX_FRAMES
    coroutine.close()


def test_code_without_a_file_is_not_the_users_own() -> None:
    names: dict[str, Any] = {"trap": trap}
    exec("async def made():\n    await trap()", names)
    coroutine = names["made"]()
    coroutine.send(None)
    assert place_of(list(frames_of(coroutine))).where.startswith("trap ")
    coroutine.close()
    (frame, *_) = frames_of(coroutine := names["made"]())
    assert place_of([frame]).where == "made (<string>:1)"
    coroutine.close()


async def test_no_more_tasks_are_looked_at_than_the_loop_can_bear(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_tree, "MAX_TASKS", 5)
    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(anyio.sleep, 1)
        await anyio.sleep(0.1)
        picture = take_picture(Nowhere(), 200)
    assert picture.unseen >= 16
    assert "tasks not looked at: " in write_text(picture)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.25, "250 ms"), (59.9, "59 s"), (185, "3 min 5 s"), (7260, "2 h 1 min")]
)
def test_ages_are_written_for_people(seconds: float, text: str) -> None:
    section = Section("Exchanges", 3, (Node("a", "handling", seconds, children=(Node("b", more=2),), more=1),))
    picture = Picture("serving", 0, 0, (section,))
    assert write_text(picture).splitlines()[2:] == [
        "Exchanges (3)",
        f"├─ a  handling  {text}",
        "│  ├─ b",
        "│  │  └─ and 2 more",
        "│  └─ and 1 more",
        "└─ and 2 more",
    ]
    assert f"<time>{text}</time>" in write_fragment(picture)
    assert write_fragment(picture).count('class="more"') == 3
