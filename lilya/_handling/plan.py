"""What a handler wants, found out once: its signature becomes a plan.

A parameter is filled by its name (a path parameter, `request`, `websocket`, `task_group`, `nursery`) or, whatever it is
called, by its annotation (`Request`, `WebSocket`, `TaskGroup`, `trio.Nursery`). One that nothing can fill is an error
when the application is built.
"""

from __future__ import annotations

import dis
import inspect
from collections.abc import Callable, Collection
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from types import CodeType
from typing import Any, get_args

from lilya.concurrency.threads import is_async_callable
from lilya.exceptions import ImproperlyConfigured

__all__ = ["Plan", "make_plan", "may_wait"]

# Annotations by the name of their class: resolving them needs no import of what they name.
ANNOTATED = (
    ("Request", "request"),
    ("WebSocket", "websocket"),
    ("TaskGroup", "task_group"),
    ("Nursery", "nursery"),
)
HTTP_SOURCES = ("request", "task_group", "nursery")
WEBSOCKET_SOURCES = ("websocket", "task_group", "nursery")


@dataclass(frozen=True, slots=True)
class Plan:
    """How to call a handler: which parameter is filled from what.

    `arguments` are (parameter, source) pairs, a source being "path" or one of the names above. `nursery` is the source
    of the nursery it wants, if it wants one. `is_async`: called on the loop, in a thread otherwise. `waits`: whether it
    can be cancelled at all; a coroutine function without an await in it cannot.
    """

    handler: Callable[..., Any]
    arguments: tuple[tuple[str, str], ...]
    is_async: bool
    waits: bool
    nursery: str | None


def may_wait(handler: Callable[..., Any]) -> bool:
    """Whether a call of `handler` may be suspended: false only for a coroutine function that awaits nothing."""
    while isinstance(handler, partial):
        handler = handler.func
    code: CodeType | None = getattr(inspect.unwrap(handler, stop=lambda f: hasattr(f, "__code__")), "__code__", None)
    if code is None or not inspect.iscoroutinefunction(handler):
        return True
    # Every await, `async with` and `async for` compiles to a SEND loop (CPython 3.11 and later).
    return any(instruction.opname == "SEND" for instruction in dis.get_instructions(code))


def make_plan(handler: Callable[..., Any], path_params: Collection[str], kind: str, where: str) -> Plan:
    """The plan of `handler`, called for a route whose path has `path_params`.

    `kind` is "http" or "websocket"; `where` names the route in errors. Raises `ImproperlyConfigured` for a parameter
    that nothing can fill.
    """
    sources = HTTP_SOURCES if kind == "http" else WEBSOCKET_SOURCES
    parameters = [
        each
        for each in signature_of(handler, where).parameters.values()
        if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
    ]
    arguments: list[tuple[str, str]] = []
    missing: list[str] = []
    for each in parameters:
        source = _source_of(each, path_params, sources)
        if source is not None:
            arguments.append((each.name, source))
        elif each.default is each.empty:
            missing.append(each.name)
        if each.kind is each.POSITIONAL_ONLY:
            raise ImproperlyConfigured(f"{where}: parameter {each.name!r} is positional-only; handlers get keywords")
    if kind == "websocket" and missing and "websocket" not in (source for _, source in arguments):
        arguments.append((missing.pop(0), "websocket"))
    if missing:
        raise ImproperlyConfigured(_complaint(where, missing, path_params, sources))
    nurseries = [source for _, source in arguments if source in ("task_group", "nursery")]
    if len(nurseries) > 1:
        raise ImproperlyConfigured(f"{where}: ask for `task_group` or for `nursery`, not for both")
    is_async = is_async_callable(handler)
    return Plan(
        handler=handler,
        arguments=tuple(arguments),
        is_async=is_async,
        waits=may_wait(handler) if is_async else True,
        nursery=nurseries[0] if nurseries else None,
    )


def signature_of(handler: Callable[..., Any], where: str) -> inspect.Signature:
    """The signature of a handler, with its annotations as objects where they can be resolved."""
    try:
        return inspect.signature(handler, eval_str=True)
    except (NameError, AttributeError, TypeError, SyntaxError):
        pass  # an annotation that exists for type checkers only: its text must do
    try:
        return inspect.signature(handler)
    except (TypeError, ValueError) as exc:
        raise ImproperlyConfigured(f"{where}: the signature of {handler!r} cannot be read: {exc}") from exc


def _source_of(parameter: inspect.Parameter, path_params: Collection[str], sources: Collection[str]) -> str | None:
    if parameter.name in path_params:
        return "path"
    if parameter.name in sources:
        return parameter.name
    names = {base.__name__ for base in _classes(parameter.annotation)}
    if isinstance(parameter.annotation, str):
        names = {parameter.annotation.rpartition(".")[2]}
    return next((source for name, source in ANNOTATED if name in names and source in sources), None)


def _classes(annotation: Any) -> list[type]:
    if isinstance(annotation, type):
        return list(annotation.__mro__)
    return [base for each in get_args(annotation) for base in _classes(each)]


def _complaint(where: str, missing: list[str], path_params: Collection[str], sources: Collection[str]) -> str:
    known = [*path_params, *sources]
    hints = [match for name in missing for match in get_close_matches(name, known, n=1, cutoff=0.4)]
    names = ", ".join(repr(name) for name in missing)
    has = f"the path has {', '.join(map(repr, path_params))}" if path_params else "the path has no parameters"
    hint = f" Did you mean {' or '.join(map(repr, hints))}?" if hints else ""
    return (
        f"{where}: nothing can fill the parameter {names}: {has}, and besides them handlers may ask for "
        f"{', '.join(map(repr, sources))}.{hint}"
    )
