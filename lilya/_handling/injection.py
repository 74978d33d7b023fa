"""Dependencies: which a handler needs, found out once, and made for each request, in the request's own task.

`Builder` turns registrations into steps in the order they are run: a value stands before those made of it, and each
once, however many ask for it. What is missing or goes round in a circle is an error there, when the application is
built. `Injection` runs the steps.

What a step opens is on one exit stack, entered and left in the task of the request, around the handler's cancel scope:
a generator may hold a nursery or a cancel scope across its `yield`. The stack stands in a scope of its own which the
end of the request turns into a shield with a deadline, so that clean-up may await. It has to be opened before anything
else: a scope that is opened later cannot stand around one that was opened earlier.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

import anyio
import anyio.lowlevel

from lilya._asgi.exchange import CLEANUP_SECONDS
from lilya._handling.context import Context
from lilya._handling.instances import Instance, Instances
from lilya._handling.params import Param
from lilya._handling.provide import Depends, Marker, Provide, Provides, marker_of
from lilya._handling.signature import parameters_of, source_of
from lilya._lazy import lazily
from lilya.concurrency.nursery import open_nursery, open_trio_nursery, raise_plain
from lilya.exceptions import ImproperlyConfigured
from lilya.types import Scope

if TYPE_CHECKING:
    from lilya._handling import body as bodies
else:
    bodies = lazily("lilya._handling.body")

__all__ = ["INJECTED", "Builder", "Injection", "Moment", "Offer", "Reader", "has_marker"]

logger = logging.getLogger("lilya.dependencies")

# The scope key under which the handler finds what was made for it.
INJECTED = "lilya.injected"

NURSERIES = ("task_group", "nursery")


class Moment:
    """One request or websocket while dependencies are made for it."""

    __slots__ = ("connection", "nursery", "scope", "stack", "values")

    def __init__(self, scope: Scope, connection: Any) -> None:
        self.scope = scope
        self.connection = connection
        self.values: list[Any] = []
        self.nursery: Any = None
        self.stack = AsyncExitStack()


# Where an argument comes from.
Reader: TypeAlias = Callable[[Moment], Any]


@dataclass(frozen=True, slots=True, eq=False)
class Offer:
    """What stands around a route: the dependencies of the levels above it, the nearest one's first.

    `overrides` go before all of them. `instances` are those of the application. `build` is the same for all routes that
    are built at once.
    """

    dependencies: Mapping[str, Provide]
    overrides: Mapping[str, Provide]
    infer_body: bool
    instances: Instances
    build: object

    @classmethod
    def nothing(cls) -> Offer:
        """What stands around a route by itself."""
        return cls({}, {}, False, Instances(), object())

    def under(
        self,
        dependencies: Mapping[str, Provide],
        infer_body: bool | None = None,
        overrides: Mapping[str, Provide] | None = None,
    ) -> Offer:
        """The same with what a level further in adds. Overrides from outside win."""
        if not dependencies and infer_body is None and not overrides:
            return self
        return Offer(
            {**self.dependencies, **dependencies},
            {**(overrides or {}), **self.overrides},
            self.infer_body if infer_body is None else infer_body,
            self.instances,
            self.build,
        )

    def find(self, name: str) -> Provide | None:
        """What is registered under a name."""
        return self.overrides.get(name) or self.dependencies.get(name)

    @property
    def names(self) -> list[str]:
        """All that can be asked for."""
        return sorted({*self.dependencies, *self.overrides})


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """A value to be made: by a factory, with arguments read from the moment; or one the application keeps.

    `needs` are the numbers of the steps before it that it is made of, and its own.
    """

    provide: Provide
    arguments: tuple[tuple[str, Reader], ...]
    instance: Instance | None
    needs: frozenset[int]

    async def make(self, moment: Moment) -> Any:
        """Make the value, in the task that will leave `moment.stack`."""
        if self.instance is not None:
            return self.instance.value if self.instance.made else await self.instance.make()
        arguments = {name: read(moment) for name, read in self.arguments}
        return await self.provide.factory.enter(moment.stack, self.provide.args, {**arguments, **self.provide.kwargs})


class Builder:
    """Finds out what one handler needs. `kind` is that of its route, "" outside of any; `where` names it in errors."""

    def __init__(self, offer: Offer, path_params: Collection[str], kind: str, where: object) -> None:
        self.offer = offer
        self.path_params = path_params
        self.kind = kind
        self.where = where
        self.steps: list[Step] = []
        self.params: list[tuple[str, Callable[[Any], Any]]] = []
        self.arguments: list[tuple[str, Reader]] = []
        self.nursery: str | None = None
        self._found: dict[object, int] = {}
        self._chain: list[tuple[str, object]] = []

    def take(self, parameter: inspect.Parameter) -> bool:
        """Fill a parameter of the handler that says so by a marker, or is named as a dependency."""
        param = self._param(parameter)
        if param is not None:
            self.params.append((parameter.name, param))
            return True
        index = self.step(parameter)
        if index is not None:
            self.arguments.append((parameter.name, partial(_value_of, index)))
        return index is not None

    def _param(self, parameter: inspect.Parameter) -> Callable[[Any], Any] | None:
        param = marker_of(parameter, Param)
        if param is not None and not self.kind:
            self._fail(f"the parameter {parameter.name!r} is read from a request, and there is none")
        return None if param is None else param.reader(parameter, str(self.where))

    def step(self, parameter: inspect.Parameter) -> int | None:
        """The number of the step whose value a parameter asks for, None if it asks for no dependency."""
        depends = marker_of(parameter, Depends)
        if depends is not None:
            return self._step(parameter.name, depends.provide, depends.key)
        provide = self.offer.find(parameter.name)
        asked = marker_of(parameter, Provides) is not None
        if provide is not None and (asked or parameter.default is parameter.empty):
            return self._step(parameter.name, provide, provide)
        if asked:
            self._fail(f"Missing dependency {parameter.name!r}: {self._hint()}")
        return None

    def _step(self, name: str, provide: Provide, key: object) -> int:
        """The number of the step that makes a value; the steps it is made of are put before it."""
        found = self._found.get(key)
        if found is not None:
            return found
        circle = any(key == other for _, other in self._chain)
        self._chain.append((name, key))
        try:
            if circle:
                self._fail("the dependencies go round in a circle")
            step = self._make_step(name, provide)
        finally:
            self._chain.pop()
        self._found[key] = len(self.steps)
        self.steps.append(step)
        return self._found[key]

    def _make_step(self, name: str, provide: Provide) -> Step:
        arguments: list[tuple[str, Reader]] = []
        uses: dict[str, int] = {}
        parameters = self._open_parameters(provide)
        for parameter in parameters:
            read = self._read(parameter)
            if read is not None:
                arguments.append((parameter.name, read))
            elif (number := self.step(parameter)) is not None:
                uses[parameter.name] = number
            elif self._is_lone(parameter, parameters):
                arguments.append((parameter.name, self.source(parameter.name, "connection")))
            elif parameter.default is parameter.empty:
                self._fail(f"nothing can fill the parameter {parameter.name!r}: {self._hint()}")
        instance = self._instance(name, provide, arguments, uses) if provide.outlives_requests else None
        arguments += [(each, partial(_value_of, index)) for each, index in uses.items()]
        below = frozenset[int]().union(*(self.steps[each].needs for each in uses.values()))
        return Step(provide, tuple(arguments), instance, below | {len(self.steps)})

    def _is_lone(self, parameter: inspect.Parameter, parameters: Collection[inspect.Parameter]) -> bool:
        """Whether it is all a factory needs, of no type, and positional: such a one is for the connection."""
        needed = [each for each in parameters if each.default is each.empty]
        lone = needed == [parameter] and parameter.kind is parameter.POSITIONAL_OR_KEYWORD
        return bool(self.kind) and lone and parameter.annotation is parameter.empty

    def _open_parameters(self, provide: Provide) -> list[inspect.Parameter]:
        """The parameters of a factory which its registration has not filled."""
        factory = provide.dependency
        if provide.factory.kind == "value" or not _has_signature(factory):
            return []
        parameters = parameters_of(factory, f"{self.where}, {self._names()}")
        given = provide.given(inspect.Signature([each.replace(annotation=each.empty) for each in parameters]))
        still = [each for each in parameters if each.name not in given]
        for each in still:
            if each.kind is each.POSITIONAL_ONLY and each.default is each.empty:
                self._fail(f"the parameter {each.name!r} is positional-only; factories get keywords")
        return [each for each in still if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)]

    def _read(self, parameter: inspect.Parameter) -> Reader | None:
        """How a parameter of a factory is filled from the connection, None where it is not."""
        read = self._param(parameter)
        if read is not None:
            return lambda moment: read(moment.connection)
        source = None if has_marker(parameter) else source_of(parameter, self.path_params, self._sources())
        return None if source is None else self.source(parameter.name, source)

    def _sources(self) -> tuple[str, ...]:
        """What of the connection a factory may ask for. `connection` is the request or the websocket."""
        if not self.kind:
            return ()
        return ("connection", *(("request", "context") if self.kind == "http" else ("websocket",)), *NURSERIES)

    def source(self, name: str, source: str) -> Reader:
        """How a parameter is filled from the connection itself."""
        if source == "path":
            return lambda moment: moment.scope["path_params"][name]
        if source == "context":
            return lambda moment: Context(moment.scope["route"], moment.connection)
        if source in NURSERIES:
            if self.nursery not in (None, source):
                self._fail("ask for `task_group` or for `nursery`, not for both")
            self.nursery = source
            return lambda moment: moment.nursery
        return lambda moment: moment.connection

    def _instance(
        self, name: str, provide: Provide, arguments: Collection[tuple[str, Reader]], uses: Mapping[str, int]
    ) -> Instance:
        """What the application keeps may be made of what it keeps alone."""
        steps = {parameter: self.steps[index] for parameter, index in uses.items()}
        instances = {parameter: self._lasting(step) for parameter, step in steps.items()}
        fleeting = [*(each for each, _ in arguments), *(each for each, kept in instances.items() if kept is None)]
        if fleeting:
            self._fail(
                f"{name!r} lives as long as the application, and would hold on to {', '.join(map(repr, fleeting))} of "
                f"one request: give it the same scope, or {name!r} that of a request"
            )
        return self.offer.instances.of(provide, {key: kept for key, kept in instances.items() if kept is not None})

    def _lasting(self, step: Step) -> Instance | None:
        """The instance a step stands for; a mere value is one, too."""
        if step.instance is None and step.provide.factory.kind == "value":
            return self.offer.instances.of(step.provide, {})
        return step.instance

    def _names(self) -> str:
        return " -> ".join(name for name, _ in self._chain)

    def _hint(self) -> str:
        known = self.offer.names
        return f"the dependencies here are {', '.join(map(repr, known))}" if known else "no dependency is registered"

    def _fail(self, complaint: str) -> NoReturn:
        chain = f", dependency {self._names()}" if self._chain else ""
        raise ImproperlyConfigured(f"{self.where}{chain}: {complaint}")


def has_marker(parameter: inspect.Parameter) -> bool:
    """Whether a parameter says by a marker how it is filled."""
    return marker_of(parameter, Marker) is not None


def _value_of(index: int, moment: Moment) -> Any:
    return moment.values[index]


def _has_signature(factory: Any) -> bool:
    """Whether Python knows what a factory takes; of some built-in classes it does not, and they take nothing of us."""
    if not isinstance(factory, type) or factory.__module__ != "builtins":
        return True
    try:
        inspect.signature(factory)
    except ValueError:
        return False
    return True


class Injection:
    """What a handler is given besides what the connection itself holds: made before each call, closed behind it."""

    __slots__ = ("_arguments", "_body", "_closes", "_params", "_steps", "nursery")

    def __init__(self, builder: Builder, body: bodies.Body | None) -> None:
        self._steps = tuple(builder.steps)
        self._params = tuple(builder.params)
        self._arguments = tuple(builder.arguments)
        self._body = body
        self.nursery = builder.nursery
        self._closes = any(step.instance is None and step.provide.factory.closes for step in self._steps)

    async def run(self, moment: Moment, call: Callable[[], Awaitable[None]]) -> None:
        """Make the values, put them into the scope for the handler, call it, close what was opened.

        What `call` raises is seen by the generators, as at a `yield` inside `with`; they may raise something else, but
        not make it go away: nothing else would answer. Cancelling it lets the clean-up await, under a shield with a
        deadline (`CLEANUP_SECONDS`).
        """
        if self.nursery is None:
            return await self._run(moment, call)
        done = False
        async with open_nursery() if self.nursery == "task_group" else open_trio_nursery() as moment.nursery:
            await self._run(moment, call)
            done = True
        if not done:
            raise RuntimeError(
                "a handler, or something it depends on, cancelled the nursery they share before the answer was sent; "
                "cancel a nursery of your own"
            )

    async def _run(self, moment: Moment, call: Callable[[], Awaitable[None]]) -> None:
        if self._closes:
            return await self._run_closing(moment, call)
        await self._fill(moment)
        await call()

    async def _run_closing(self, moment: Moment, call: Callable[[], Awaitable[None]]) -> None:
        failure: BaseException | None = None
        with anyio.CancelScope() as frame:
            async with moment.stack:
                try:
                    await self._fill(moment)
                    await call()
                except BaseException as exc:
                    failure = exc
                    raise
                finally:
                    # From here on only clean-up: it is waited for, within bounds, whoever cancels us.
                    frame.deadline = anyio.current_time() + CLEANUP_SECONDS
                    frame.shield = True
        if frame.cancelled_caught:
            logger.error(
                "clean-up of the dependencies of %s took more than %s s and was cut",
                moment.scope.get("path"),
                CLEANUP_SECONDS,
            )
        if failure is not None:
            await self._insist(failure)

    async def _insist(self, failure: BaseException) -> None:
        """Clean-up has swallowed what the handler raised, or was cut: raise it all the same."""
        try:
            if not isinstance(failure, anyio.get_cancelled_exc_class()):
                raise_plain(failure)
            await anyio.lowlevel.checkpoint_if_cancelled()  # by somebody further out: it goes on
            raise RuntimeError(
                "a dependency cancelled what it was made for, by a scope that it holds across its `yield`, and raised "
                "nothing: there is no answer. Raise what shall be answered, as `fail_after` does"
            )
        finally:
            del failure

    async def _fill(self, moment: Moment) -> None:
        """Make the values. Headers and the like are looked at first: it is cheap to refuse then. The body is read last:

        a dependency may refuse to have it read at all.
        """
        injected = {name: read(moment.connection) for name, read in self._params}
        for step in self._steps:
            moment.values.append(await step.make(moment))
        for name, read in self._arguments:
            injected[name] = read(moment)
        if self._body is not None:
            injected.update(await self._body.read(moment.connection))
        moment.scope[INJECTED] = injected
