"""The clock of the tests keeps its promises on both backends."""

from __future__ import annotations

import asyncio
import math
import threading
import time

import anyio
import pytest
from anyio import from_thread, to_thread

from tests.support.virtual_time import THREAD_GRACE, VirtualTimeLoop


async def test_the_clock_starts_at_zero_and_an_hour_takes_no_time() -> None:
    started = time.perf_counter()
    assert anyio.current_time() == 0
    await anyio.sleep(3600)
    assert anyio.current_time() == 3600
    assert time.perf_counter() - started < 5


async def test_the_clock_stands_still_while_a_task_can_run() -> None:
    for _ in range(100):
        await anyio.lowlevel.checkpoint()
    assert anyio.current_time() == 0


async def test_sleeping_tasks_wake_in_the_order_of_their_timers() -> None:
    woken: list[float] = []

    async def sleeper(seconds: float) -> None:
        await anyio.sleep(seconds)
        assert anyio.current_time() == pytest.approx(seconds)
        woken.append(seconds)

    async with anyio.create_task_group() as group:
        for seconds in (0.3, 0.1, 86_400.0 * 30, 0.2):
            group.start_soon(sleeper, seconds)
    assert woken == [0.1, 0.2, 0.3, 86_400 * 30]


async def test_a_deadline_passes_at_its_exact_time() -> None:
    with anyio.move_on_after(1.5) as scope:
        await anyio.sleep_forever()
    assert scope.cancelled_caught
    assert anyio.current_time() == 1.5


async def test_a_timer_is_not_lost_in_the_rounding_of_a_late_clock() -> None:
    for seconds in (8e6, 1e6, 1.5, 1e-3):
        await anyio.sleep(seconds)
    assert anyio.current_time() == pytest.approx(9_000_001.501, abs=1e-6)


def test_a_late_clock_jumps_past_its_timer_and_not_short_of_it() -> None:
    loop = VirtualTimeLoop()
    try:
        loop.jump(3600)
        assert loop.time() == 3600
        loop.jump(1e9)
        assert loop.time() == math.nextafter(3600 + 1e9, math.inf)
    finally:
        loop.close()


async def test_the_clock_does_not_jump_past_the_completion_of_a_thread() -> None:
    for _ in range(3):  # the second one reuses the first one's thread
        with anyio.fail_after(1):
            await to_thread.run_sync(time.sleep, 0.05)
    assert anyio.current_time() == 0


async def test_an_abandoned_thread_holds_the_clock_no_longer() -> None:
    released = threading.Event()
    with anyio.move_on_after(1):
        await to_thread.run_sync(released.wait, abandon_on_cancel=True)
    started = time.perf_counter()
    await anyio.sleep(100)
    assert time.perf_counter() - started < THREAD_GRACE
    released.set()


async def test_the_clock_goes_on_when_a_thread_waits_for_it() -> None:
    released = threading.Event()

    async def release() -> None:
        await anyio.sleep(7)
        released.set()

    async with anyio.create_task_group() as group:
        group.start_soon(release)
        await to_thread.run_sync(released.wait)
    assert anyio.current_time() == 7


async def test_a_thread_that_calls_back_into_the_loop_is_not_waited_for() -> None:
    started = time.perf_counter()
    for _ in range(5):
        await to_thread.run_sync(from_thread.run, anyio.sleep, 100)
    assert anyio.current_time() == 500
    assert time.perf_counter() - started < 5 * THREAD_GRACE


async def test_waiting_until_all_tasks_are_blocked_does_not_move_the_clock() -> None:
    steps: list[int] = []

    async def task() -> None:
        for step in range(10):
            await anyio.lowlevel.checkpoint()
            steps.append(step)
        await anyio.sleep(0.001)
        steps.append(10)

    async with anyio.create_task_group() as group:
        group.start_soon(task)
        await anyio.wait_all_tasks_blocked()
        assert steps == list(range(10))
        assert anyio.current_time() == 0


async def test_all_who_wait_until_tasks_are_blocked_are_woken_and_the_cancelled_one_is_not_missed() -> None:
    woken: list[str] = []

    async def waiter() -> None:
        await anyio.wait_all_tasks_blocked()
        woken.append("waiter")

    async def hasty() -> None:
        with anyio.CancelScope() as scope:
            scope.cancel()
            await anyio.wait_all_tasks_blocked()
        woken.append("hasty")

    async with anyio.create_task_group() as group:
        group.start_soon(waiter)
        group.start_soon(waiter)
        group.start_soon(hasty)
    assert sorted(woken) == ["hasty", "waiter", "waiter"]


@pytest.mark.realtime
async def test_a_realtime_test_has_the_real_clock() -> None:
    started = time.perf_counter()
    await anyio.sleep(0.02)
    await anyio.wait_all_tasks_blocked()
    assert time.perf_counter() - started >= 0.015


def test_a_message_from_outside_wakes_a_loop_without_timers() -> None:
    loop = VirtualTimeLoop()
    woken = asyncio.Event()
    thread = threading.Thread(target=loop.call_soon_threadsafe, args=(woken.set,))
    thread.start()
    try:
        loop.run_until_complete(woken.wait())
        assert loop.time() == 0
    finally:
        thread.join()
        loop.close()
