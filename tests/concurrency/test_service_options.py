"""What cannot work is refused when it is made, and says what was meant."""

from __future__ import annotations

import functools
import math
from collections.abc import AsyncIterator
from typing import Any

import pytest
from anyio.abc import TaskStatus

from lilya.concurrency.service import Service, Supervisor
from lilya.concurrency.threads import AsyncCallable


async def worker(number: int = 0, *, task_status: TaskStatus[None]) -> None: ...


async def generator() -> AsyncIterator[int]:
    yield 1


def blocking() -> None: ...


class Worker:
    async def __call__(self) -> None: ...


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (worker, "worker"),
        (functools.partial(worker, 1), "worker"),
        (Worker(), "Worker"),
        (AsyncCallable(blocking), "blocking"),
    ],
)
def test_a_service_is_called_after_its_function(function: Any, name: str) -> None:
    assert Service(function).name == name
    assert Service(function, name="other").name == "other"


@pytest.mark.parametrize("wrong", [blocking, generator, 3, None, Worker])
def test_what_is_not_async_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match="a service is an async function without a yield"):
        Service(wrong)


def test_a_coroutine_in_place_of_a_function_is_refused() -> None:
    wrong: Any = Worker()()
    with pytest.raises(TypeError, match=r"got a coroutine: write Service\(__call__, \.\.\.\)"):
        Service(wrong)


def test_arguments_that_do_not_fit_are_refused() -> None:
    with pytest.raises(TypeError, match=r"worker\(number: .* cannot be called .* too many positional arguments"):
        Service(worker, 1, 2)


def test_any_keyword_is_no_wish_for_a_task_status() -> None:
    async def function(**task_status: object) -> None: ...

    assert not Service(function).takes_task_status
    assert Service(worker).takes_task_status


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"restart": "sometimes"}, "restart is one of 'never', 'on-failure', 'always', got 'sometimes'"),
        ({"max_restarts": -1}, "max_restarts is an int, 0 or more, not -1"),
        ({"within": 0}, "within is a number of seconds above 0 and finite, got 0"),
        ({"within": math.inf}, "within is a number of seconds above 0 and finite, got inf"),
        ({"stop_timeout": 0}, "stop_timeout is a number of seconds above 0 and finite, got 0"),
        ({"stop_timeout": math.nan}, "stop_timeout is a number of seconds above 0 and finite, got nan"),
        ({"backoff": (0, 1)}, "0 < first <= longest, got"),
        ({"backoff": (2, 1)}, "0 < first <= longest, got"),
        ({"backoff": (1, math.inf)}, "0 < first <= longest, got"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        Service(worker, **options)
    assert str(caught.value).startswith("Service('worker'): ")


def test_dependencies_must_be_a_sequence() -> None:
    wrong: Any
    for wrong in ("database", Service(worker, name="database")):
        with pytest.raises(TypeError, match=r"depends_on is a sequence, got .*: write depends_on=\["):
            Service(worker, depends_on=wrong)


def test_services_that_cannot_be_put_in_order_are_refused() -> None:
    first, second = Service(worker, name="first", depends_on=["second"]), Service(worker, name="second")
    with pytest.raises(ValueError, match="two services are called 'second'"):
        Supervisor([second, second])
    with pytest.raises(ValueError, match=r"Service\('first'\) depends on 'second', which is not among the services"):
        Supervisor([first])
    with pytest.raises(ValueError, match="did you mean 'second'"):
        Supervisor([second, Service(worker, name="typo", depends_on=["secnod"])])
    with pytest.raises(ValueError, match="in a circle: a -> b -> c -> a"):
        Supervisor(
            Service(worker, name=name, depends_on=[needs])
            for name, needs in [("x", "a"), ("a", "b"), ("b", "c"), ("c", "a")]
        )
    wrong: Any = [worker]
    with pytest.raises(TypeError, match=r"got <function worker .*: write Service\(worker, \.\.\.\)"):
        Supervisor(wrong)
