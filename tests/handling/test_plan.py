"""A handler's parameters are filled by name or annotation; what nothing can fill is refused when the app is built.

The annotations of this module are texts, as under `from __future__ import annotations`, and some exist for type
checkers only.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Optional, Union

import anyio
import anyio.abc
import pytest
import trio
from anyio.abc import TaskGroup

from lilya._handling.plan import Plan, make_plan, may_wait
from lilya.exceptions import ImproperlyConfigured
from lilya.requests import Request
from lilya.websockets import WebSocket

if TYPE_CHECKING:
    import decimal
    from decimal import Decimal


def plan(handler: Callable[..., Any], *path_params: str, kind: str = "http") -> Plan:
    return make_plan(handler, path_params, kind, "Path('/x')")


def sources(handler: Callable[..., Any], *path_params: str, kind: str = "http") -> dict[str, str]:
    return dict(plan(handler, *path_params, kind=kind).arguments)


def taking(annotation: Any) -> Callable[..., Any]:
    """A handler with one parameter of this annotation, called by a name that means nothing."""

    async def handler(it): ...  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202

    handler.__annotations__ = {"it": annotation}
    return handler


async def test_names_are_filled_whatever_their_annotations() -> None:
    async def handler(request, id, task_group): ...  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202

    assert sources(handler, "id") == {"request": "request", "id": "path", "task_group": "task_group"}


@pytest.mark.parametrize(
    ("annotation", "source"),
    [
        (Request, "request"),
        ("Request", "request"),
        ("lilya.requests.Request", "request"),
        (Request | None, "request"),
        ("Request | None", "request"),
        (Optional[Request], "request"),  # noqa: UP045
        ("Optional[Request]", "request"),
        ("typing.Optional[Request]", "request"),
        (Union[Request, None], "request"),  # noqa: UP007
        (Annotated[Request, "of a client"], "request"),
        ("Annotated[Request, 'of a client']", "request"),
        (TaskGroup, "task_group"),
        ("anyio.abc.TaskGroup", "task_group"),
        (trio.Nursery, "nursery"),
        ("trio.Nursery", "nursery"),
        ("trio.Nursery | None", "nursery"),
    ],
)
def test_an_annotation_fills_a_parameter_of_any_name(annotation: Any, source: str) -> None:
    assert sources(taking(annotation)) == {"it": source}


@pytest.mark.parametrize("text", ["nowhere.Request", "None | nowhere.Request", "nowhere.Optional[nowhere.Request]"])
def test_an_annotation_that_cannot_be_resolved_is_taken_at_its_word(text: str) -> None:
    assert sources(taking(text)) == {"it": "request"}


def test_one_annotation_for_type_checkers_only_does_not_hide_the_others() -> None:
    async def handler(it: Request | None, price: Decimal | None = None, rate: decimal.Decimal | None = None) -> Nowhere:  # type: ignore[name-defined]  # noqa: F821
        ...

    assert sources(handler) == {"it": "request"}
    assert sources(partial(handler, price=None)) == {"it": "request"}


def test_texts_and_objects_may_stand_side_by_side() -> None:
    async def handler(it, other=None): ...  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202

    handler.__annotations__ = {"it": Request, "other": "Nowhere"}
    assert sources(handler) == {"it": "request"}


def test_an_annotation_that_raises_hides_nothing() -> None:
    assert sources(taking("1 / 0 | Request")) == {"it": "request"}


class Own(Request):
    """A subclass: nobody makes one."""


@pytest.mark.parametrize(
    "annotation", [asyncio.TaskGroup, list[Request], "list[Request]", Own, "Own", dict[str, TaskGroup], int, "int"]
)
def test_what_only_looks_alike_is_not_injected(annotation: Any) -> None:
    with pytest.raises(ImproperlyConfigured, match="nothing can fill the parameter 'it'"):
        plan(taking(annotation))


def test_a_class_of_somebody_elses_with_one_of_our_names_is_not_injected() -> None:
    class Request: ...

    with pytest.raises(ImproperlyConfigured, match="nothing can fill"):
        plan(taking(Request))


def test_an_annotation_says_which_nursery_whatever_the_name() -> None:
    async def handler(nursery: TaskGroup) -> None: ...

    assert plan(handler).nursery == "task_group"


def test_a_path_parameter_goes_before_all_other_sources_of_its_name() -> None:
    async def handler(request: Any) -> None: ...

    assert sources(handler, "request") == {"request": "path"}


def test_defaults_stay_where_nothing_fills_them_and_give_way_where_something_does() -> None:
    async def handler(a: int = 1, request: Any = None, *, b: str = "b", id: int = 0) -> None: ...

    assert sources(handler, "id") == {"request": "request", "id": "path"}


def test_open_ended_parameters_are_left_open() -> None:
    async def handler(*args: Any, **kwargs: Any) -> None: ...

    assert sources(handler, "id") == {}


def test_what_a_partial_has_given_is_not_asked_for() -> None:
    async def handler(service: object, request: Request, limit: int) -> None: ...

    assert sources(partial(handler, object(), limit=3)) == {"request": "request"}


def test_methods_are_planned_without_their_owner() -> None:
    class Owner:
        async def method(self, request: Request) -> None: ...

        @classmethod
        async def of_class(cls, request: Request) -> None: ...

        @staticmethod
        async def static(request: Request) -> None: ...

    for handler in (Owner().method, Owner.of_class, Owner.static, partial(Owner().method)):
        assert sources(handler) == {"request": "request"}


def test_a_decorator_that_says_what_it_wraps_is_looked_through() -> None:
    def decorated(function: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        @functools.wraps(function)
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            return await function(*args, **kwargs)

        return wrapper

    @decorated
    async def handler(it: Request) -> None: ...

    assert sources(handler) == {"it": "request"}
    assert plan(handler).waits


def test_a_parameter_nothing_can_fill_is_named_with_route_path_and_sources() -> None:
    async def handler(requets: Any, ide: int, price: int) -> None: ...

    with pytest.raises(ImproperlyConfigured) as error:
        plan(handler, "id")
    assert error.value.detail == (
        "Path('/x'): nothing can fill the parameter 'requets', 'ide', 'price': the path has 'id', and besides them "
        "handlers may ask for 'request', 'context', 'task_group', 'nursery'. Did you mean 'request' or 'id'?"
    )


def test_where_nothing_is_near_no_guess_is_made() -> None:
    async def handler(xyzzy: int) -> None: ...

    with pytest.raises(ImproperlyConfigured, match=r"the path has no parameters, .* 'nursery'\.$"):
        plan(handler)


def test_positional_only_parameters_are_refused() -> None:
    async def handler(request: Request, /) -> None: ...

    with pytest.raises(ImproperlyConfigured, match="'request' is positional-only; handlers get keywords"):
        plan(handler)


def test_a_handler_gets_one_nursery() -> None:
    async def both(task_group: Any, nursery: Any) -> None: ...

    async def twice(task_group: Any, it: TaskGroup) -> None: ...

    with pytest.raises(ImproperlyConfigured, match="ask for `task_group` or for `nursery`, not for both"):
        plan(both)
    assert sources(twice) == {"task_group": "task_group", "it": "task_group"}
    assert plan(twice).nursery == "task_group"


def test_a_signature_that_cannot_be_read_is_refused() -> None:
    class Opaque:
        __signature__ = "no signature"

        def __call__(self) -> None: ...

    with pytest.raises(ImproperlyConfigured, match=r"Path\('/x'\): the signature of .* cannot be read"):
        plan(Opaque())


# -- websockets -------------------------------------------------------------------------------------------------------


def test_a_websocket_comes_by_name_by_annotation_or_as_what_nothing_else_fills() -> None:
    async def by_name(websocket: Any) -> None: ...

    async def by_annotation(it: WebSocket) -> None: ...

    async def by_position(sock: Any, room: str) -> None: ...

    async def request_is_no_source(request: Any) -> None: ...

    assert sources(by_name, kind="websocket") == {"websocket": "websocket"}
    assert sources(by_annotation, kind="websocket") == {"it": "websocket"}
    assert sources(by_position, "room", kind="websocket") == {"sock": "websocket", "room": "path"}
    assert sources(request_is_no_source, kind="websocket") == {"request": "websocket"}


def test_what_else_a_websocket_handler_wants_is_refused_as_a_request_handlers_is() -> None:
    async def handler(websocket: WebSocket, rom: str) -> None: ...

    with pytest.raises(ImproperlyConfigured, match=r"'rom': the path has 'room'.* Did you mean 'room'\?"):
        plan(handler, "room", kind="websocket")


def test_a_request_cannot_be_had_on_a_websocket_nor_the_other_way_round() -> None:
    async def wants_websocket(it: WebSocket) -> None: ...

    async def wants_request(websocket: WebSocket, it: Request) -> None: ...

    with pytest.raises(ImproperlyConfigured):
        plan(wants_websocket)
    with pytest.raises(ImproperlyConfigured):
        plan(wants_request, kind="websocket")


# -- waiting ----------------------------------------------------------------------------------------------------------


async def returns_at_once() -> int:
    return 1


async def awaits() -> None:
    await anyio.sleep(1)


async def enters() -> None:
    async with anyio.create_task_group():
        pass


async def iterates(source: Any = None) -> None:
    async for _ in source:
        pass


async def comprehends(source: Any = None) -> list[Any]:
    return [each async for each in source]


def sync() -> None: ...


def hands_on() -> Awaitable[int]:
    return returns_at_once()


class Callable_:
    async def __call__(self) -> None: ...


@pytest.mark.parametrize("handler", [awaits, enters, iterates, comprehends, partial(awaits), sync, Callable_(), print])
def test_what_may_wait_can_be_cancelled(handler: Callable[..., Any]) -> None:
    assert may_wait(handler)


@pytest.mark.parametrize("handler", [returns_at_once, partial(returns_at_once)])
def test_a_coroutine_function_without_an_await_cannot(handler: Callable[..., Any]) -> None:
    assert not may_wait(handler)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="inspect.markcoroutinefunction came with Python 3.12")
def test_a_function_marked_as_async_may_wait_wherever_its_coroutine_does() -> None:
    marked = plan(vars(inspect)["markcoroutinefunction"](hands_on))
    assert marked.is_async
    assert marked.waits


def test_a_sync_handler_may_wait_for_its_thread() -> None:
    assert plan(sync).waits
    assert not plan(sync).is_async
