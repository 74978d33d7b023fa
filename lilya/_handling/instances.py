"""Values of dependencies that live as long as the application: made when it starts, closed when it stops."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from lilya._handling.provide import Provide
from lilya.concurrency.flight import SingleFlight

__all__ = ["Instance", "Instances"]


class Instance:
    """The value of one registration, for one application. `uses` are the instances it is made of, by parameter."""

    def __init__(self, provide: Provide, uses: Mapping[str, Instance]) -> None:
        self.provide = provide
        self.uses = uses
        self.made = provide.factory.kind == "value"
        self.value: Any = provide.dependency if self.made else None
        self._flights: SingleFlight[Any] = SingleFlight()

    async def make(self) -> Any:
        """The value, made now if it was not when the application started:

        it was registered later, or there is no lifespan. Raises `RuntimeError` where there is something to close then.
        """
        if not self.made:
            if self.provide.factory.closes:
                raise RuntimeError(
                    f"{self.provide!r} lives from the start of the application to its shutdown, which closes it: it "
                    "needs a server with lifespan support, or the TestClient in a `with` block, and a registration "
                    "before the start"
                )
            await self._flights.run("value", self._make_unopened)
        return self.value

    async def _make_unopened(self) -> None:
        async with AsyncExitStack() as stack:  # nothing will be on it
            await self.enter(stack)

    async def enter(self, stack: AsyncExitStack) -> None:
        """Make the value, in the task that will leave `stack`."""
        arguments = {name: await other.make() for name, other in self.uses.items()}
        provide = self.provide
        self.value = await provide.factory.enter(stack, provide.args, {**arguments, **provide.kwargs})
        self.made = True

    def forget(self) -> None:
        """The value is closed, or about to be."""
        if self.provide.factory.kind != "value":
            self.value, self.made = None, False


class Instances:
    """The instances of one application, in the order they are made: each behind those it uses."""

    def __init__(self) -> None:
        self._known: dict[tuple[Provide, frozenset[tuple[str, Instance]]], Instance] = {}
        self._used: dict[Instance, None] = {}

    def build(self) -> None:
        """The routes are built anew: what they use is found out once more. What was made stays made."""
        self._used.clear()

    def of(self, provide: Provide, uses: Mapping[str, Instance]) -> Instance:
        """The instance of a registration."""
        key = (provide, frozenset(uses.items()))  # the same names may mean other values for other routes
        instance = self._known.get(key)
        if instance is None:
            instance = self._known[key] = Instance(provide, uses)
        self._used[instance] = None
        return instance

    @asynccontextmanager
    async def life(self) -> AsyncIterator[None]:
        """Make all of them, in the task of the lifespan; close them at its end, the last made first."""
        made: list[Instance] = []
        async with AsyncExitStack() as stack:
            try:
                for instance in list(self._used):
                    made.append(instance)
                    if not instance.made:
                        await instance.enter(stack)
                yield
            finally:
                for instance in made:
                    instance.forget()
