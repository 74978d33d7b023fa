"""Reading signatures: which parameters a function has, and which of them the connection itself fills."""

from __future__ import annotations

import builtins
import inspect
import re
import sys
from collections.abc import Callable, Collection, Iterable
from functools import partial
from types import FunctionType, UnionType
from typing import Annotated, Any, TypeGuard, Union, get_args, get_origin

from lilya.exceptions import ImproperlyConfigured

__all__ = ["parameters_of", "source_of"]

# What annotations stand for: classes by the name of their package and their own, so that nothing need be imported here.
# Others have classes of these names too (asyncio a TaskGroup): those are no reason to inject ours.
ANNOTATED = (
    ("lilya", "Request", "request"),
    ("lilya", "Context", "context"),
    ("lilya", "WebSocket", "websocket"),
    ("lilya", "Connection", "connection"),
    ("anyio", "TaskGroup", "task_group"),
    ("trio", "Nursery", "nursery"),
)
# Of code that takes `*args` or `**kwargs`.
STARRED = inspect.CO_VARARGS | inspect.CO_VARKEYWORDS
# A text that names a class or nothing, as far as one can tell from the text.
OPTIONAL = re.compile(r"(?:[\w.]+\.)?(?:Optional|Union|Annotated)\[(.*)\]")


def parameters_of(handler: Callable[..., Any], where: object) -> list[inspect.Parameter]:
    """The parameters of a handler; an annotation is the object it stands for, or its text where there is none."""
    if _is_plain(handler):
        try:
            return _of_code(handler)
        except NameError:  # since Python 3.14 annotations are code, and may fail to run
            pass
    function = handler
    while isinstance(function, partial):
        function = function.func
    function = getattr(function, "__func__", function)
    if not inspect.isfunction(function) or hasattr(function, "__wrapped__") or hasattr(function, "__signature__"):
        try:
            return list(inspect.signature(handler, eval_str=True).parameters.values())
        except Exception:  # whatever the evaluation of somebody's annotation raises: the others may be fine
            pass
    try:
        parameters = list(_signature(handler).parameters.values())
    except (TypeError, ValueError) as exc:
        raise ImproperlyConfigured(f"{where}: the signature of {handler!r} cannot be read: {exc}") from exc
    if not any(isinstance(each.annotation, str) for each in parameters):
        return parameters
    # Of a function, most of the time: `eval_str` would compile each text, that of the return annotation, too, which
    # takes longer than all the rest.
    function = inspect.unwrap(function)
    return [each.replace(annotation=_resolved(each.annotation, function)) for each in parameters]


def _is_plain(handler: Any) -> TypeGuard[FunctionType]:
    """Whether it is a function whose signature is that of its code, without `*args` and `**kwargs`."""
    if not inspect.isfunction(handler) or handler.__code__.co_flags & STARRED:
        return False
    return not (hasattr(handler, "__wrapped__") or hasattr(handler, "__signature__"))


def _of_code(function: FunctionType) -> list[inspect.Parameter]:
    """What `inspect.signature` says of a plain function, in a third of the time: there may be thousands of handlers."""
    code = function.__code__
    count = code.co_argcount
    if not count and not code.co_kwonlyargcount:
        return []
    annotations = function.__annotations__
    kinds: list[Any] = [inspect.Parameter.POSITIONAL_ONLY] * code.co_posonlyargcount
    kinds += [inspect.Parameter.POSITIONAL_OR_KEYWORD] * (count - code.co_posonlyargcount)
    kinds += [inspect.Parameter.KEYWORD_ONLY] * code.co_kwonlyargcount
    names = code.co_varnames[: len(kinds)]
    defaults = dict(zip(reversed(names[:count]), reversed(function.__defaults__ or ()), strict=False))
    defaults |= function.__kwdefaults__ or {}
    empty = inspect.Parameter.empty
    return [
        inspect.Parameter(
            name,
            kind,
            default=defaults.get(name, empty),
            annotation=_resolved(annotations.get(name, empty), function),
        )
        for name, kind in zip(names, kinds, strict=True)
    ]


def _signature(handler: Callable[..., Any]) -> inspect.Signature:
    if sys.version_info >= (3, 14):  # annotations are code, and may fail to run: 4 (Format.STRING) asks for their text
        try:
            return inspect.signature(handler)
        except NameError:
            return inspect.signature(handler, annotation_format=4)
    return inspect.signature(handler)


def _resolved(annotation: Any, function: Any) -> Any:
    """What a text stands for where the function was written; the text where that cannot be said."""
    if not isinstance(annotation, str):
        return annotation
    names = getattr(function, "__globals__", {})
    generic = {each.__name__: each for each in getattr(function, "__type_params__", ())}
    for known in (generic, names, vars(builtins)):
        if annotation in known:
            return known[annotation]
    try:
        return eval(annotation, names, generic)
    except Exception:  # it exists for type checkers only: its text must do
        return annotation


def source_of(parameter: inspect.Parameter, path_params: Collection[str], sources: Collection[str]) -> str | None:
    """What of `sources` a parameter asks for, by its name or its annotation; "path" for a parameter of the path."""
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
