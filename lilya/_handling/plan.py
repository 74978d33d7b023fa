"""What a handler wants, found out once: its signature becomes a plan.

A parameter is filled by its name (a path parameter, `request`, `context`, `websocket`, `task_group`, `nursery`) or,
whatever it is called, by its annotation (`Request`, `Context`, `WebSocket`, `TaskGroup`, `trio.Nursery`). One that
nothing can fill is an error when the application is built.
"""

from __future__ import annotations

import dis
import inspect
import re
import sys
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from types import CodeType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from lilya.concurrency.threads import is_async_callable
from lilya.exceptions import ImproperlyConfigured

__all__ = ["Plan", "make_plan", "may_wait"]

# What annotations stand for: classes by the name of their package and their own, so that nothing need be imported here.
# Others have classes of these names too (asyncio a TaskGroup): those are no reason to inject ours.
ANNOTATED = (
    ("lilya", "Request", "request"),
    ("lilya", "Context", "context"),
    ("lilya", "WebSocket", "websocket"),
    ("anyio", "TaskGroup", "task_group"),
    ("trio", "Nursery", "nursery"),
)
# A text that names a class or nothing, as far as one can tell from the text.
OPTIONAL = re.compile(r"(?:[\w.]+\.)?(?:Optional|Union|Annotated)\[(.*)\]")
SEND = dis.opmap["SEND"]
HTTP_SOURCES = ("request", "context", "task_group", "nursery")
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
    if code is None or not code.co_flags & inspect.CO_COROUTINE:
        return True  # not Python, or a function that returns what somebody else's code made
    # Every await, `async with` and `async for` compiles to a SEND loop (CPython 3.11 and later). Instructions are two
    # bytes, the first of them says which; this is ten times as fast as `dis.get_instructions`.
    return SEND in code.co_code[::2]


def make_plan(handler: Callable[..., Any], path_params: Collection[str], kind: str, where: str) -> Plan:
    """The plan of `handler`, called for a route whose path has `path_params`.

    `kind` is "http" or "websocket"; `where` names the route in errors. Raises `ImproperlyConfigured` for a parameter
    that nothing can fill.
    """
    sources = HTTP_SOURCES if kind == "http" else WEBSOCKET_SOURCES
    parameters = [
        each for each in parameters_of(handler, where) if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
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
    nurseries = sorted({source for _, source in arguments if source in ("task_group", "nursery")})
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


def parameters_of(handler: Callable[..., Any], where: str) -> list[inspect.Parameter]:
    """The parameters of a handler; an annotation is the object it stands for, or its text where there is none."""
    try:
        return list(inspect.signature(handler, eval_str=True).parameters.values())
    except Exception:  # whatever the evaluation of somebody's annotation raises: the others may be fine
        pass
    # From Python 3.14 on annotations are code: 4 (annotationlib.Format.STRING) asks for their text.
    text: dict[str, Any] = {"annotation_format": 4} if sys.version_info >= (3, 14) else {}
    try:
        signature = inspect.signature(handler, **text)
    except (TypeError, ValueError) as exc:
        raise ImproperlyConfigured(f"{where}: the signature of {handler!r} cannot be read: {exc}") from exc
    while isinstance(handler, partial):
        handler = handler.func
    names = getattr(inspect.unwrap(handler), "__globals__", {})
    return [each.replace(annotation=_resolved(each.annotation, names)) for each in signature.parameters.values()]


def _resolved(annotation: Any, names: dict[str, Any]) -> Any:
    if not isinstance(annotation, str):
        return annotation
    try:
        return eval(annotation, names)
    except Exception:  # it exists for type checkers only: its text must do
        return annotation


def _source_of(parameter: inspect.Parameter, path_params: Collection[str], sources: Collection[str]) -> str | None:
    if parameter.name in path_params:
        return "path"
    for home, name in _named(parameter.annotation):
        for package, class_name, source in ANNOTATED:
            if name == class_name and home in (package, "") and source in sources:
                return source
    return parameter.name if parameter.name in sources else None


def _named(annotation: Any) -> Iterable[tuple[str, str]]:
    """The classes an annotation allows, as (package, name); the package of a mere text is not known."""
    if isinstance(annotation, str):
        optional = OPTIONAL.fullmatch(annotation)
        texts = re.split(r"[|,]", optional[1] if optional else annotation)
        return [("", text.strip().rpartition(".")[2]) for text in texts]
    if get_origin(annotation) in (Union, UnionType, Annotated):
        return [pair for each in get_args(annotation) for pair in _named(each)]
    return [(str(annotation.__module__).partition(".")[0], annotation.__name__)] if isinstance(annotation, type) else []


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
