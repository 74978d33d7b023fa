"""Dependencies: values that handlers ask for, and that are made, shared and closed for them.

    async def database(request: Request) -> AsyncIterator[Connection]:
        async with request.app.state.pool.acquire() as connection:
            yield connection

    async def user(database: Connection, id: int) -> User: ...

    app = Lilya(
        routes=[Path("/users/{id:int}", show)],      # async def show(user: User) -> ...
        dependencies={"database": Provide(database), "user": Provide(user)},
    )

They are registered by name at the levels of routing, the nearest of which wins, and asked for by parameters of that
name. What is needed is found out when the application is built. Outside of requests `inject` and `PureScope` do the
same for any function.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Literal, Self, TypeVar, overload

from lilya._current import in_event_loop
from lilya._handling.injection import Builder, Moment, Offer
from lilya._handling.provide import Depends, Provide, Provides, Resolve, Security, provide_all
from lilya._handling.signature import parameters_of
from lilya.concurrency.threads import enforce_async_callable, is_async_callable, run_on_loop, run_sync, thread_limits
from lilya.enums import Scope
from lilya.exceptions import ImproperlyConfigured

__all__ = ["Depends", "Provide", "Provides", "PureScope", "Resolve", "Scope", "Security", "inject"]

F = TypeVar("F", bound=Callable[..., Any])


class _Needs:
    """What a function needs that is called outside of requests: its steps, and which parameter is filled by which."""

    def __init__(self, func: Callable[..., Any], offer: Offer) -> None:
        where = f"inject({getattr(func, '__qualname__', repr(func))})"
        builder = Builder(offer, (), "", where)
        self.parameters: dict[str, int] = {}
        for parameter in parameters_of(func, where):
            number = builder.step(parameter)
            if number is not None:
                self.parameters[parameter.name] = number
        self.steps = builder.steps
        if any(step.instance is not None for step in self.steps):
            raise ImproperlyConfigured(f"{where}: there is no application here whose life a dependency could share")
        self.signature = inspect.signature(func)

    def missing(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, int]:
        """The parameters that a call has not given by itself."""
        given = self.signature.bind_partial(*args, **kwargs).arguments
        return {name: number for name, number in self.parameters.items() if name not in given}

    def wanted(self, missing: Mapping[str, int]) -> frozenset[int]:
        """The steps that these parameters need."""
        return frozenset[int]().union(*(self.steps[number].needs for number in missing.values()))

    async def fill(self, moment: Moment, missing: Mapping[str, int]) -> dict[str, Any]:
        """Make the values, in the task that will leave `moment.stack`."""
        wanted = self.wanted(missing)
        for number, step in enumerate(self.steps):
            moment.values.append(await step.make(moment) if number in wanted else None)
        return {name: moment.values[number] for name, number in missing.items()}

    def fill_sync(self, stack: ExitStack, missing: Mapping[str, int]) -> dict[str, Any]:
        """The same, for factories all of which are sync."""
        moment, wanted = Moment({}, None), self.wanted(missing)
        for number, step in enumerate(self.steps):
            value = None
            if number in wanted:
                arguments = {name: read(moment) for name, read in step.arguments}
                provide = step.provide
                value = provide.factory.enter_sync(stack, provide.args, {**arguments, **provide.kwargs})
            moment.values.append(value)
        return {name: moment.values[number] for name, number in missing.items()}

    def all_sync(self, missing: Mapping[str, int]) -> bool:
        """Whether no factory that these parameters need has to be awaited."""
        return all(self.steps[number].provide.factory.is_sync for number in self.wanted(missing))


@overload
def inject(func: F, /) -> F: ...
@overload
def inject(
    func: None = None,
    /,
    *,
    overrides: Mapping[str, Any] | None = None,
    dependencies_map: Mapping[str, Any] | None = None,
    backend: Literal["asyncio", "trio"] = "asyncio",
) -> Callable[[F], F]: ...
def inject(
    func: Any = None,
    /,
    *,
    overrides: Mapping[str, Any] | None = None,
    dependencies_map: Mapping[str, Any] | None = None,
    backend: Literal["asyncio", "trio"] = "asyncio",
) -> Any:
    """Fill the parameters of any function, sync or async, outside of requests: `@inject`.

    A parameter is filled whose default (or `Annotated`) is `Depends(factory)`, `Resolve(factory)` or, by its name in
    `dependencies_map`, `Provides()`; also a required one of a name that is there. `overrides` go first. What a call
    gives by itself is not made. Each factory is called once in a call; what generators open is closed when the function
    has returned or raised, which they see.

    An async function awaits its factories in its own task. A sync one calls sync factories then and there; where one
    has to be awaited, the factories run on the event loop whose worker thread this is, or else on one that is run for
    them on `backend`, and the function in another thread. On the thread of a running loop that is a `RuntimeError`.

    Raises `ImproperlyConfigured`, when the function is decorated, for what is missing or goes round in a circle.
    """

    def decorate(func: Any) -> Any:
        name = getattr(func, "__qualname__", repr(func))
        offer = Offer.nothing().under(
            provide_all(dependencies_map, f"inject({name})"), overrides=provide_all(overrides, f"inject({name})")
        )
        needs = _Needs(func, offer)

        async def call(args: tuple[Any, ...], kwargs: dict[str, Any], function: Callable[..., Any]) -> Any:
            moment = Moment({}, None)
            async with moment.stack:
                made = await needs.fill(moment, needs.missing(args, kwargs))
                return await function(*args, **kwargs, **made)

        if is_async_callable(func):

            @functools.wraps(func)
            async def injected(*args: Any, **kwargs: Any) -> Any:
                return await call(args, kwargs, func)

            return injected

        async def in_thread(*args: Any, **kwargs: Any) -> Any:
            # Who calls holds a thread already: waiting for a limit here could be waiting for oneself.
            return await run_sync(functools.partial(func, *args, **kwargs), limiter=thread_limits().cleanup)

        @functools.wraps(func)
        def injected_sync(*args: Any, **kwargs: Any) -> Any:
            missing = needs.missing(args, kwargs)
            if needs.all_sync(missing):
                with ExitStack() as stack:
                    return func(*args, **kwargs, **needs.fill_sync(stack, missing))
            if in_event_loop():
                raise RuntimeError(
                    f"{name} is sync, and what it depends on has to be awaited: called on the event loop it would wait "
                    "for itself. Make it async, or call it in a thread, by `await run_in_threadpool(...)`"
                )
            return run_on_loop(functools.partial(call, args, kwargs, in_thread), backend)

        return injected_sync

    return decorate if func is None else decorate(func)


class PureScope:
    """A place for dependencies outside of requests: what is resolved in it is shared, and closed at its end.

        async with PureScope() as scope:
            database = await scope.resolve(open_database)

    `dependencies` are registrations by name, for parameters of the factories. Enter and leave it in one task.
    """

    def __init__(self, dependencies: Mapping[str, Any] | None = None) -> None:
        self._builder = Builder(Offer.nothing().under(provide_all(dependencies, "PureScope")), (), "", "PureScope")
        self._moment = Moment({}, None)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> bool | None:
        return await self._moment.stack.__aexit__(exc_type, exc, tb)

    async def resolve(self, dependency: Any) -> Any:
        """The value of a factory, a `Provide` or a marker; made when it is first asked for.

        Raises `ImproperlyConfigured` for what is missing or goes round in a circle. Cancelling it leaves what was made
        already to the end of the scope.
        """
        marker = dependency if isinstance(dependency, Depends) else Depends(dependency)
        parameter = inspect.Parameter("dependency", inspect.Parameter.KEYWORD_ONLY, default=marker)
        number = self._builder.step(parameter)
        assert number is not None
        for step in self._builder.steps[len(self._moment.values) : number + 1]:
            self._moment.values.append(await step.make(self._moment))
        return self._moment.values[number]

    def add_cleanup(self, cleanup: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Call `cleanup`, sync (in a thread) or async, at the end. The last added runs first."""
        self._moment.stack.push_async_callback(enforce_async_callable(cleanup), *args, **kwargs)
