"""What a handler wants, found out once: its signature becomes a plan.

A parameter is filled by its name (a path parameter, `request`, `context`, `websocket`, `task_group`, `nursery`) or,
whatever it is called, by its annotation (`Request`, `Context`, `WebSocket`, `TaskGroup`, `trio.Nursery`). One that
nothing can fill is an error when the application is built.

What is not in the connection itself is found by an `Injection`: dependencies, what is read from headers and the like,
what is made of the body.
"""

from __future__ import annotations

import dis
import inspect
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import partial
from types import CodeType
from typing import TYPE_CHECKING, Any

from lilya._handling.injection import Builder, Injection, Offer, has_marker
from lilya._handling.signature import parameters_of, source_of
from lilya._lazy import lazily
from lilya.concurrency.threads import is_async_callable
from lilya.exceptions import ImproperlyConfigured

if TYPE_CHECKING:
    from lilya._handling import body as bodies
else:
    bodies = lazily("lilya._handling.body")

if TYPE_CHECKING:
    import difflib
else:
    difflib = lazily("difflib")

__all__ = ["HTTP_SOURCES", "Plan", "make_plan", "may_wait", "sort_parameters"]

SEND = dis.opmap["SEND"]
HTTP_SOURCES = ("request", "context", "task_group", "nursery")
WEBSOCKET_SOURCES = ("websocket", "task_group", "nursery")


@dataclass(slots=True)
class Plan:
    """How to call a handler: which parameter is filled from what.

    `arguments` are (parameter, source) pairs, a source being "path" or one of the names above. `nursery` is the source
    of the nursery it wants, if it wants one. `is_async`: called on the loop, in a thread otherwise. `waits`: whether it
    can be cancelled at all; a coroutine function without an await in it cannot. `injection` makes what has the source
    "injected"; it opens the nursery where something else than the handler asks for it, too.
    """

    handler: Callable[..., Any]
    arguments: tuple[tuple[str, str], ...]
    is_async: bool
    waits: bool
    nursery: str | None
    injection: Injection | None = None

    @property
    def opens(self) -> str | None:
        """The kind of nursery that is to be opened around the handler alone."""
        return None if self.injection is not None and self.injection.nursery else self.nursery


def may_wait(handler: Callable[..., Any]) -> bool:
    """Whether a call of `handler` may be suspended: false only for a coroutine function that awaits nothing."""
    while isinstance(handler, partial):
        handler = handler.func
    if not hasattr(handler, "__code__"):
        handler = inspect.unwrap(handler, stop=lambda f: hasattr(f, "__code__"))
    code: CodeType | None = getattr(handler, "__code__", None)
    if code is None or not code.co_flags & inspect.CO_COROUTINE:
        return True  # not Python, or a function that returns what somebody else's code made
    # Every await, `async with` and `async for` compiles to a SEND loop (CPython 3.11 and later). Instructions are two
    # bytes, the first of them says which; this is ten times as fast as `dis.get_instructions`.
    return SEND in code.co_code[::2]


def make_plan(
    handler: Callable[..., Any], path_params: Collection[str], kind: str, where: object, offer: Offer | None = None
) -> Plan:
    """The plan of `handler`, called for a route whose path has `path_params`, amid what `offer` has.

    `kind` is "http" or "websocket"; `where` names the route in errors, as text or as what has one. Raises
    `ImproperlyConfigured` for a parameter that nothing can fill, also one of a dependency.
    """
    is_async = is_async_callable(handler)
    waits = may_wait(handler) if is_async else True
    parameters = parameters_of(handler, where)
    if not parameters:
        return Plan(handler, (), is_async, waits, None)
    sources = HTTP_SOURCES if kind == "http" else WEBSOCKET_SOURCES
    builder = Builder(offer or Offer.nothing(), path_params, kind, where)
    arguments, missing = sort_parameters(parameters, builder, sources)
    if kind == "websocket" and missing and "websocket" not in (source for _, source in arguments):
        arguments.append((missing.pop(0).name, "websocket"))
    body = None
    if missing and builder.offer.infer_body and kind == "http":
        body = bodies.Body((each.name, Any if each.annotation is each.empty else each.annotation) for each in missing)
        arguments += [(each.name, "injected") for each in missing]
    elif missing:
        known = [*path_params, *sources, *builder.offer.names]
        raise ImproperlyConfigured(_complaint(where, [each.name for each in missing], path_params, sources, known))
    nursery = _nursery(arguments, builder, where)
    injected = [name for name, source in arguments if source == "injected"]
    injection = Injection(builder, body) if injected else None
    return Plan(handler, tuple(arguments), is_async, waits, nursery, injection)


def sort_parameters(
    parameters: Iterable[inspect.Parameter], builder: Builder, sources: Collection[str]
) -> tuple[list[tuple[str, str]], list[inspect.Parameter]]:
    """The parameters of a handler: those that are filled, with their sources, and those that nothing has filled yet."""
    arguments: list[tuple[str, str]] = []
    missing: list[inspect.Parameter] = []
    for each in parameters:
        if each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD):
            continue
        if each.kind is each.POSITIONAL_ONLY:
            raise ImproperlyConfigured(
                f"{builder.where}: parameter {each.name!r} is positional-only; handlers get keywords"
            )
        source = None if has_marker(each) else source_of(each, builder.path_params, sources)
        if source is not None:
            arguments.append((each.name, source))
        elif builder.take(each):
            arguments.append((each.name, "injected"))
        elif each.default is each.empty:
            missing.append(each)
    return arguments, missing


def _nursery(arguments: list[tuple[str, str]], builder: Builder, where: object) -> str | None:
    """The kind of nursery that is asked for. One that a dependency asks for is injected, to be shared."""
    if not arguments:
        return None
    asked = {source for _, source in arguments if source in ("task_group", "nursery")}
    if len(asked | {builder.nursery or source for source in asked}) > 1:
        raise ImproperlyConfigured(f"{where}: ask for `task_group` or for `nursery`, not for both")
    if builder.nursery is None:
        return asked.pop() if asked else None
    for index, (name, source) in enumerate(arguments):
        if source == builder.nursery:
            arguments[index] = (name, "injected")
            builder.arguments.append((name, builder.source(name, source)))
    return builder.nursery


def _complaint(
    where: object, missing: list[str], path_params: Collection[str], sources: Collection[str], known: Collection[str]
) -> str:
    hints = [match for name in missing for match in difflib.get_close_matches(name, known, n=1, cutoff=0.4)]
    names = ", ".join(repr(name) for name in missing)
    has = f"the path has {', '.join(map(repr, path_params))}" if path_params else "the path has no parameters"
    others = [name for name in known if name not in path_params and name not in sources]
    depends = f", or for the dependencies {', '.join(map(repr, others))}" if others else ""
    hint = f" Did you mean {' or '.join(map(repr, hints))}?" if hints else ""
    return (
        f"{where}: nothing can fill the parameter {names}: {has}, and besides them handlers may ask for "
        f"{', '.join(map(repr, sources))}{depends}.{hint}"
    )
