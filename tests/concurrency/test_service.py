"""Services start in order, are restarted by their policy, stop in reverse order, and never fail in silence."""

# ruff: noqa: PT012  (what raises is the end of a block)

from __future__ import annotations

import asyncio
import logging
from typing import Any

import anyio
import pytest
from anyio.abc import TaskStatus

from lilya.concurrency.nursery import open_nursery
from lilya.concurrency.service import Service, ServiceState, ServiceStatistics, Supervisor
from lilya.exceptions import ServiceFailed
from lilya.testing.steps import cancelled_at
from tests.concurrency.recorder import Recorder, no_jitter, only, running


async def test_services_start_one_after_the_other_and_stop_in_reverse_order() -> None:
    recorder = Recorder()
    slow = Service(recorder.steady, "slow", 10, name="slow")
    async with running(slow, recorder.steady_service("quick")) as supervisor:
        assert anyio.current_time() == 10
        assert recorder.events == ["slow ready", "quick ready"]
        assert [each.state for each in supervisor.statistics()] == [ServiceState.RUNNING] * 2
    assert recorder.events[2:] == ["quick stops", "slow stops"]
    assert [each.state for each in supervisor.statistics()] == [ServiceState.STOPPED] * 2


async def test_what_a_service_depends_on_starts_before_it_and_stops_after_it() -> None:
    recorder = Recorder()
    database = recorder.steady_service("database")
    api = recorder.steady_service("api", depends_on=[database, "cache"])
    cache = recorder.steady_service("cache", depends_on=("database",))
    alone = recorder.steady_service("alone")
    async with running(api, cache, alone, database) as supervisor:
        assert recorder.events == ["database ready", "cache ready", "api ready", "alone ready"]
        assert [each.name for each in supervisor.statistics()] == ["database", "cache", "api", "alone"]
    assert recorder.events[4:] == ["alone stops", "api stops", "cache stops", "database stops"]


async def test_a_service_without_task_status_is_ready_as_soon_as_it_is_started() -> None:
    async with running(Service(anyio.sleep, 100)) as supervisor:
        assert only(supervisor).state is ServiceState.RUNNING
        assert only(supervisor).name == "sleep"


async def test_a_failure_before_readiness_fails_the_start_and_stops_the_others_in_reverse_order() -> None:
    recorder = Recorder()
    error = ValueError("no port")

    async def broken(*, task_status: TaskStatus[None]) -> None:
        await anyio.sleep(1)
        raise error

    first, second = recorder.steady_service("first"), recorder.steady_service("second")
    supervisor = Supervisor([first, second, Service(broken, restart="always"), recorder.steady_service("never")])
    async with open_nursery() as nursery:
        with pytest.raises(ValueError, match="no port") as caught:
            await supervisor.start(nursery)
        assert recorder.events == ["first ready", "second ready", "second stops", "first stops"]
    assert caught.value is error
    assert [each.state.value for each in supervisor.statistics()] == ["stopped", "stopped", "failed", "waiting"]


async def test_a_service_that_returns_without_being_ready_fails_the_start() -> None:
    async def forgetful(*, task_status: TaskStatus[None]) -> None: ...

    async with open_nursery() as nursery:
        with pytest.raises(RuntimeError, match=r"'forgetful'.*without calling task_status.started\(\)"):
            await Supervisor([Service(forgetful)]).start(nursery)


async def test_a_service_that_is_ready_twice_is_told_so() -> None:
    async def eager(*, task_status: TaskStatus[None]) -> None:
        task_status.started()
        task_status.started()

    with pytest.raises(ServiceFailed, match="twice in one run"):
        async with running(Service(eager)):
            await anyio.sleep_forever()


async def test_a_start_that_is_cancelled_stops_what_runs_and_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    recorder = Recorder()
    caplog.set_level(logging.DEBUG)
    supervisor = Supervisor([recorder.steady_service("first"), Service(recorder.steady, "slow", 100, name="slow")])
    async with open_nursery() as nursery:
        with anyio.move_on_after(10) as scope:
            await supervisor.start(nursery)
    assert scope.cancelled_caught
    assert recorder.events == ["first ready", "first stops"]
    assert anyio.current_time() == 10
    assert not [record for record in caplog.records if record.name == "lilya.services"]


async def test_a_start_that_is_cancelled_at_any_checkpoint_leaves_nothing_running() -> None:
    number, interrupted = 0, True
    while interrupted:
        number += 1
        recorder = Recorder()
        supervisor = Supervisor([recorder.steady_service(name) for name in ("first", "second", "third")])
        before = anyio.current_time()
        async with open_nursery() as nursery:

            async def start(supervisor: Supervisor = supervisor, nursery: Any = nursery) -> None:
                await supervisor.start(nursery)

            _, steps = await cancelled_at(number, start)
            interrupted = steps >= number
            if not interrupted:
                await supervisor.stop()
        assert len([event for event in recorder.events if event.endswith("ready")]) * 2 == len(recorder.events)
        assert anyio.current_time() == before
    assert number > 3


async def test_a_failure_restarts_the_service_after_pauses_that_grow_to_a_bound() -> None:
    recorder = Recorder()
    service = Service(
        recorder.failing, 1, *[ValueError()] * 6, restart="on-failure", max_restarts=10, backoff=(1, 5), within=1000
    )
    async with running(service) as supervisor:
        await anyio.sleep(100)
        pauses = [later - sooner - 1 for sooner, later in zip(recorder.runs, recorder.runs[1:], strict=False)]
        assert pauses == [1, 2, 4, 5, 5, 5]
        assert only(supervisor).restarts == 6
        assert only(supervisor).state is ServiceState.RUNNING


async def test_pauses_are_shortened_at_random_by_up_to_a_half() -> None:
    recorder = Recorder()
    numbers = iter([0.0, 0.5, 0.999])
    service = Service(recorder.failing, 0, *[ValueError()] * 3, restart="on-failure", backoff=(8, 8))
    async with running(service, jitter=lambda: next(numbers)):
        await anyio.sleep(100)
    assert recorder.runs == pytest.approx([0, 8, 14, 18.004])


async def test_a_long_run_makes_the_pauses_begin_anew() -> None:
    recorder = Recorder()
    service = Service(
        recorder.failing, 60, *[ValueError()] * 3, restart="on-failure", backoff=(1, 30), within=60, max_restarts=1
    )
    async with running(service):
        await anyio.sleep(300)
    assert recorder.runs == [0, 61, 122, 183]


async def test_a_service_that_fails_too_often_is_given_up_and_ends_its_nursery() -> None:
    recorder = Recorder()
    errors = [ValueError(f"number {number}") for number in range(9)]
    service = Service(recorder.failing, 0, *errors, name="feed", restart="on-failure", max_restarts=2, within=60)
    supervisor = Supervisor([service], jitter=no_jitter)
    with pytest.raises(ServiceFailed) as caught:
        async with open_nursery() as nursery:
            await supervisor.start(nursery)
            await anyio.sleep_forever()
    assert str(caught.value) == (
        "service 'feed' is given up after 3 runs (restart='on-failure', at most 2 restarts within 60 s): "
        "ValueError: number 2"
    )
    assert caught.value.__cause__ is errors[2]
    assert only(supervisor).state is ServiceState.FAILED
    assert only(supervisor).restarts == 2
    assert only(supervisor).last_error == "ValueError: number 2"
    assert not any(unit.runs for unit in supervisor._units)


async def test_restarts_are_counted_within_the_window_only() -> None:
    recorder = Recorder()
    service = Service(
        recorder.failing, 6, *[ValueError()] * 4, restart="on-failure", max_restarts=2, within=10, backoff=(0.1, 0.1)
    )
    async with running(service) as supervisor:
        await anyio.sleep(100)
        assert only(supervisor).restarts == 4


async def test_without_restarts_the_first_failure_is_final() -> None:
    recorder = Recorder()
    error = KeyError("gone")
    with pytest.raises(ServiceFailed, match=r"given up after 1 run \(restart='never'\): KeyError: 'gone'") as caught:
        async with running(Service(recorder.failing, 1, error)):
            await anyio.sleep_forever()
    assert caught.value.__cause__ is error
    assert recorder.runs == [0]


async def test_the_failure_of_a_nursery_inside_a_service_is_plain() -> None:
    async def fail() -> None:
        raise ValueError("child")

    async def service() -> None:
        async with anyio.create_task_group() as children:
            children.start_soon(anyio.sleep_forever)
            children.start_soon(fail)

    with pytest.raises(ServiceFailed) as caught:
        async with running(Service(service)):
            await anyio.sleep_forever()
    assert isinstance(caught.value.__cause__, ValueError)


@pytest.mark.parametrize("restart", ["never", "on-failure"])
async def test_a_service_that_returns_has_finished(restart: Any) -> None:
    recorder = Recorder()
    async with running(Service(recorder.returning, 1, restart=restart)) as supervisor:
        await anyio.sleep(10)
        assert only(supervisor) == ServiceStatistics("returning", ServiceState.STOPPED, 0, 9, None)
    assert recorder.runs == [0]


async def test_a_service_that_must_always_run_is_restarted_when_it_returns_until_it_is_given_up() -> None:
    recorder = Recorder()
    with pytest.raises(ServiceFailed, match=r"given up after 3 runs .*: it returned") as caught:
        async with running(Service(recorder.returning, 1, restart="always", max_restarts=2, backoff=(2, 2))):
            await anyio.sleep_forever()
    assert recorder.runs == [0, 3, 6]
    assert caught.value.__cause__ is None


async def test_a_restarted_service_is_starting_until_it_is_ready_again() -> None:
    async def service(*, task_status: TaskStatus[None]) -> None:
        runs.append(anyio.current_time())
        if len(runs) > 1:
            await anyio.sleep(5)
        task_status.started()
        await anyio.sleep(5)
        raise ValueError

    runs: list[float] = []
    states: list[str] = []
    async with running(Service(service, restart="on-failure", backoff=(5, 5))) as supervisor:
        for _ in range(4):
            states.append(only(supervisor).state.value)
            assert only(supervisor).since in (0, 2.5)
            await anyio.sleep(5 if states[1:] else 7.5)
    assert states == ["running", "backing-off", "starting", "running"]


async def test_a_failure_before_readiness_in_a_restart_is_one_like_any_other() -> None:
    async def service(*, task_status: TaskStatus[None]) -> None:
        runs.append(anyio.current_time())
        if len(runs) == 2:
            raise KeyError
        task_status.started()
        await anyio.sleep(1)
        raise ValueError

    runs: list[float] = []
    with pytest.raises(ServiceFailed):
        async with running(Service(service, restart="on-failure", max_restarts=2, backoff=(1, 1))):
            await anyio.sleep_forever()
    assert runs == [0, 2, 3]


async def test_nothing_is_restarted_when_the_nursery_is_cancelled() -> None:
    recorder = Recorder()
    supervisor = Supervisor([Service(recorder.steady, "steady", restart="always")])
    with anyio.move_on_after(5) as scope:
        async with open_nursery() as nursery:
            await supervisor.start(nursery)
            await anyio.sleep_forever()
    assert scope.cancelled_caught
    assert recorder.events == ["steady ready", "steady stops"]
    assert only(supervisor).state is ServiceState.STOPPED


async def test_a_failure_while_the_nursery_is_cancelled_is_raised_and_not_followed_by_a_restart() -> None:
    async def service() -> None:
        runs.append(anyio.current_time())
        try:
            await anyio.sleep_forever()
        finally:
            raise ValueError("clean-up")

    runs: list[float] = []
    supervisor = Supervisor([Service(service, restart="always")])
    with pytest.raises(ValueError, match="clean-up"):
        with anyio.move_on_after(5):
            async with open_nursery() as nursery:
                await supervisor.start(nursery)
                await anyio.sleep_forever()
    assert runs == [0]
    assert only(supervisor).state is ServiceState.FAILED


async def test_every_failure_is_logged_once_with_its_traceback_and_so_are_restarts_and_the_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    recorder = Recorder()
    errors = [ValueError("first"), ValueError("second")]
    with pytest.raises(ServiceFailed), caplog.at_level(logging.DEBUG, "lilya.services"):
        async with running(
            Service(recorder.failing, 1, *errors, name="feed", restart="on-failure", max_restarts=1, backoff=(4, 4))
        ):
            await anyio.sleep_forever()
    records = [record for record in caplog.records if record.name == "lilya.services"]
    assert [record.levelname for record in records] == ["ERROR", "WARNING", "ERROR", "CRITICAL"]
    assert [record.exc_info and record.exc_info[1] for record in records] == [errors[0], None, errors[1], None]
    assert [record.__dict__["restarts"] for record in records] == [0, 0, 1, 1]
    assert {record.__dict__["service"] for record in records} == {"feed"}
    assert records[1].__dict__["delay"] == 4
    assert records[1].getMessage() == "service 'feed' failed; restarting it in 4 s"


@pytest.mark.parametrize("restart", ["never", "always"])
async def test_a_foreign_cancellation_is_no_quiet_end_and_is_not_followed_by_a_restart(
    backend: str, restart: Any
) -> None:
    if backend == "trio":
        return  # it has no other cancellation than that of scopes

    async def service() -> None:
        await anyio.sleep(1)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.cancel()
        await future

    supervisor = Supervisor([Service(service, restart=restart)])
    with pytest.raises(ServiceFailed, match=r"given up after 1 run .*: CancelledError") as caught:
        async with open_nursery() as nursery:
            await supervisor.start(nursery)
            await anyio.sleep_forever()
    assert isinstance(caught.value.__cause__, asyncio.CancelledError)
    assert only(supervisor).state is ServiceState.FAILED
    assert only(supervisor).last_error == "CancelledError: "


async def test_what_ends_the_process_passes_through_a_service() -> None:
    async def service() -> None:
        raise BaseExceptionGroup("bare, it would leave the loop of asyncio at once", [SystemExit(3)])

    with pytest.raises(SystemExit, match="3"):
        async with running(Service(service, restart="always")):
            await anyio.sleep_forever()


async def test_a_supervisor_knows_the_failures_it_has_logged() -> None:
    recorder = Recorder()
    supervisor = Supervisor([Service(recorder.failing, 0, ValueError(), restart="on-failure")])
    async with open_nursery() as nursery:
        await supervisor.start(nursery)
        await anyio.sleep(1)
        await supervisor.stop()
    failure = supervisor._units[0].last_error
    assert failure is not None
    assert supervisor.logged(failure)
    assert supervisor.logged(BaseExceptionGroup("both", [failure, ServiceFailed()]))
    assert not supervisor.logged(ValueError())
    assert not supervisor.logged(BaseExceptionGroup("one", [failure, ValueError()]))


async def test_the_default_jitter_is_random_and_within_its_bounds() -> None:
    recorder = Recorder()
    supervisor = Supervisor([Service(recorder.failing, 0, ValueError(), restart="on-failure", backoff=(10, 10))])
    async with open_nursery() as nursery:
        await supervisor.start(nursery)
        await anyio.sleep(20)
        await supervisor.stop()
    assert 5 < recorder.runs[1] <= 10


async def test_a_restart_leaves_those_that_depend_on_the_service_alone_and_is_told() -> None:
    told: list[tuple[str, int, str]] = []
    runs = {"below": 0, "above": 0}

    async def below() -> None:
        runs["below"] += 1
        await anyio.sleep(1)
        raise ValueError("again")

    async def above() -> None:
        runs["above"] += 1
        await anyio.sleep_forever()

    supervisor = Supervisor(
        [Service(above, depends_on=["below"]), Service(below, restart="always", backoff=(0.1, 0.1))],
        jitter=lambda: 0.0,
        on_restart=lambda name, number, why: told.append((name, number, repr(why))),
    )
    async with anyio.create_task_group() as nursery:
        await supervisor.start(nursery)
        await anyio.sleep(1.05)
        assert [(each.name, each.ready) for each in supervisor.statistics()] == [("below", False), ("above", True)]
        await anyio.sleep(1.2)
        await supervisor.stop()
    assert runs == {"below": 3, "above": 1}
    assert told == [("below", 1, "ValueError('again')"), ("below", 2, "ValueError('again')")]
