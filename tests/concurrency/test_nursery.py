"""What leaves a nursery is plain, and nothing that was started in one is left."""

# ruff: noqa: PT012  (what raises is the end of a block)

from __future__ import annotations

import anyio
import pytest
import trio

from lilya.concurrency.nursery import in_trio, open_nursery, open_trio_nursery, raise_plain, shielded, unwrap


async def fail(exc: BaseException, after: float = 0) -> None:
    await anyio.sleep(after)
    raise exc


async def test_leaving_waits_for_every_child() -> None:
    ended: list[int] = []

    async def child(seconds: int) -> None:
        await anyio.sleep(seconds)
        ended.append(seconds)

    async with open_nursery() as nursery:
        nursery.start_soon(child, 2)
        nursery.start_soon(child, 1)
    assert ended == [1, 2]
    assert anyio.current_time() == 2


async def test_start_returns_what_a_child_says_when_it_is_ready() -> None:
    async def child(*, task_status: anyio.abc.TaskStatus[str]) -> None:
        task_status.started("ready")
        await anyio.sleep(1)

    async with open_nursery() as nursery:
        assert await nursery.start(child) == "ready"


async def test_the_exception_of_a_child_leaves_as_it_was_raised_and_the_others_are_cancelled() -> None:
    error = ValueError("plain")
    with pytest.raises(ValueError, match="plain") as caught:
        async with open_nursery() as nursery:
            nursery.start_soon(anyio.sleep_forever)
            nursery.start_soon(fail, error)
    assert caught.value is error
    assert error.__context__ is None


async def test_the_exception_of_the_block_leaves_as_it_was_raised() -> None:
    error = KeyError("block")
    with pytest.raises(KeyError) as caught:
        async with open_nursery() as nursery:
            nursery.start_soon(anyio.sleep_forever)
            raise error
    assert caught.value is error
    assert error.__context__ is None


async def test_an_exception_is_unwrapped_through_any_number_of_nurseries() -> None:
    with pytest.raises(ValueError, match="deep"):
        async with open_nursery() as outer:
            outer.start_soon(anyio.sleep_forever)
            async with anyio.create_task_group() as middle:
                middle.start_soon(anyio.sleep_forever)
                async with anyio.create_task_group() as inner:
                    inner.start_soon(fail, ValueError("deep"))


async def test_the_chain_of_causes_is_kept() -> None:
    async def child() -> None:
        try:
            raise KeyError("first")
        except KeyError as exc:
            raise ValueError("second") from exc

    with pytest.raises(ValueError, match="second") as caught:
        async with open_nursery() as nursery:
            nursery.start_soon(child)
    assert isinstance(caught.value.__cause__, KeyError)


async def test_several_exceptions_leave_as_a_group_without_the_cancellations() -> None:
    async def fail_when_cancelled() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            raise KeyError("second")

    with pytest.raises(ExceptionGroup) as caught:
        async with open_nursery() as nursery:
            nursery.start_soon(anyio.sleep_forever)
            nursery.start_soon(fail_when_cancelled)
            nursery.start_soon(fail, ValueError("first"), 1)
    assert {type(exc) for exc in caught.value.exceptions} == {ValueError, KeyError}


async def test_cancelling_the_block_cancels_the_children() -> None:
    with anyio.move_on_after(1) as scope:
        async with open_nursery() as nursery:
            nursery.start_soon(anyio.sleep_forever)
    assert scope.cancelled_caught
    assert anyio.current_time() == 1


async def test_an_exception_beside_a_cancellation_from_outside_is_not_lost() -> None:
    async def fail_when_cancelled() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            raise ValueError("clean-up")

    with pytest.raises(ValueError, match="clean-up"):
        with anyio.move_on_after(1):
            async with open_nursery() as nursery:
                nursery.start_soon(fail_when_cancelled)
                await anyio.sleep_forever()


def test_what_is_no_group_is_unwrapped_to_itself() -> None:
    error = ValueError()
    assert unwrap(error) is error


async def test_a_group_of_cancellations_alone_is_left_as_it_came() -> None:
    caught: list[BaseException] = []
    with anyio.CancelScope() as scope:
        scope.cancel()
        try:
            await anyio.sleep_forever()
        except anyio.get_cancelled_exc_class() as exc:
            caught.append(exc)
            raise
    group = BaseExceptionGroup("only cancellations", caught)
    assert unwrap(group) is group
    assert isinstance(unwrap(BaseExceptionGroup("and one error", [*caught, ValueError()])), ValueError)


async def test_a_trio_nursery_is_a_real_one_on_trio_and_a_clear_error_elsewhere(backend: str) -> None:
    if backend == "trio":
        with pytest.raises(ValueError, match="plain"):
            async with open_trio_nursery() as nursery:
                assert isinstance(nursery, trio.Nursery)
                nursery.start_soon(fail, ValueError("plain"))
        return
    with pytest.raises(RuntimeError, match="ask for `task_group`"):
        open_trio_nursery()


async def test_the_running_loop_is_known(backend: str) -> None:
    assert in_trio() == (backend == "trio")


def test_no_loop_is_not_trio() -> None:
    assert not in_trio()


async def test_a_shielded_block_goes_on_when_it_is_cancelled_until_its_time_is_up() -> None:
    with anyio.CancelScope() as outer:
        outer.cancel()
        with shielded(5) as scope:
            await anyio.sleep(3)
        assert not scope.cancelled_caught
        with shielded(5) as scope:
            await anyio.sleep(7)
        assert scope.cancelled_caught
    assert anyio.current_time() == 8


def test_carrying_an_exception_changes_nothing_in_it() -> None:
    error = ValueError()
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        try:
            raise KeyError
        except KeyError:
            raise_plain(error)
    assert caught.value is error
    assert error.__context__ is None
