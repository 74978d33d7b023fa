"""Reading signatures: which parameters a function has, and which of them the connection itself fills."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Collection, Iterable
from functools import partial
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

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
# A text that names a class or nothing, as far as one can tell from the text.
OPTIONAL = re.compile(r"(?:[\w.]+\.)?(?:Optional|Union|Annotated)\[(.*)\]")


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
