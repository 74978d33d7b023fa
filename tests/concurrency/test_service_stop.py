"""Services stop in reverse order, in bounded time, and nothing is restarted meanwhile."""

from __future__ import annotations

import anyio
import pytest

from lilya.concurrency.nursery import open_nursery, shielded
from lilya.concurrency.service import Service, ServiceState, ServiceStatistics, Supervisor
from tests.concurrency.recorder import Recorder, only, running


async def test_stopping_waits_for_the_clean_up() -> None:
    async def service() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            with shielded(10):
                await anyio.sleep(3)

    async with running(Service(service)) as supervisor:
        await supervisor.stop()
        assert anyio.current_time() == 3
        assert only(supervisor).state is ServiceState.STOPPED


async def test_a_service_that_does_not_stop_in_time_is_named_and_left_behind(caplog: pytest.LogCaptureFixture) -> None:
    recorder = Recorder()

    async def stuck() -> None:
        with shielded(100):
            await anyio.sleep(50)

    services = [recorder.steady_service("first"), Service(stuck, stop_timeout=2)]
    async with running(*services) as supervisor:
        await supervisor.stop()
        assert anyio.current_time() == 2
        assert recorder.events == ["first ready", "first stops"]
        assert supervisor.statistics()[1].state is ServiceState.RUNNING
    assert "service 'stuck' did not stop within 2 s" in caplog.text
    assert supervisor.statistics()[1].state is ServiceState.STOPPED


async def test_stopping_goes_on_although_its_caller_is_cancelled() -> None:
    recorder = Recorder()
    supervisor = Supervisor([recorder.steady_service("first"), recorder.steady_service("second")])
    async with open_nursery() as nursery:
        await supervisor.start(nursery)
        with anyio.CancelScope() as scope:
            scope.cancel()
            await supervisor.stop()
    assert recorder.events[2:] == ["second stops", "first stops"]


async def test_a_failure_while_stopping_is_logged_and_holds_nothing_up(caplog: pytest.LogCaptureFixture) -> None:
    recorder = Recorder()

    async def service() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            raise ValueError("clean-up")

    async with running(recorder.steady_service("first"), Service(service, restart="always")) as supervisor:
        await anyio.sleep(1)
    assert recorder.events == ["first ready", "first stops"]
    assert supervisor.statistics()[1].state is ServiceState.FAILED
    assert supervisor.statistics()[1].last_error == "ValueError: clean-up"
    assert "ValueError: clean-up" in caplog.text


async def test_nothing_is_restarted_while_others_stop() -> None:
    recorder = Recorder()

    async def slow_to_stop() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            with shielded(100):
                await anyio.sleep(50)

    backing_off = Service(recorder.failing, 1, ValueError(), restart="on-failure", backoff=(10, 10), name="backing off")
    failing = Service(recorder.failing, 20, ValueError(), ValueError(), restart="on-failure", name="failing")
    async with running(backing_off, failing, Service(slow_to_stop, stop_timeout=60)) as supervisor:
        await anyio.sleep(5)
        assert supervisor.statistics()[0].state is ServiceState.BACKING_OFF
    assert recorder.runs == [0, 0]
    assert [each.state.value for each in supervisor.statistics()] == ["stopped", "failed", "stopped"]


async def test_stopping_twice_or_before_the_start_does_nothing() -> None:
    recorder = Recorder()
    supervisor = Supervisor([recorder.steady_service("only")])
    await supervisor.stop()
    assert only(supervisor) == ServiceStatistics("only", ServiceState.WAITING, 0, 0, None)
    async with open_nursery() as nursery:
        await supervisor.start(nursery)
        await supervisor.stop()
        await supervisor.stop()
    assert recorder.events == ["only ready", "only stops"]


async def test_services_can_be_started_again_after_they_were_stopped_but_not_before() -> None:
    recorder = Recorder()
    supervisor = Supervisor([recorder.steady_service("only")])
    for _ in range(2):
        async with open_nursery() as nursery:
            await supervisor.start(nursery)
            with pytest.raises(RuntimeError, match=r"stop\(\) them before"):
                await supervisor.start(nursery)
            await supervisor.stop()
    assert recorder.events == ["only ready", "only stops"] * 2


async def test_after_a_second_start_services_are_restarted_as_before() -> None:
    recorder = Recorder()
    supervisor = Supervisor([Service(recorder.failing, 1, *[ValueError()] * 2, restart="on-failure")])
    for _ in range(2):
        async with open_nursery() as nursery:
            await supervisor.start(nursery)
            await anyio.sleep(10)
            assert only(supervisor).restarts == 1 + (len(recorder.runs) == 3)
            await supervisor.stop()
            recorder.runs.clear()
