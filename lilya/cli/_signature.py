"""A function as a click command: its parameters become arguments and options."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Sequence
from enum import Enum
from pathlib import Path, PurePath
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import click

from lilya.cli.decorator import Argument, Option
from lilya.cli.exceptions import DirectiveError

__all__ = ["command_of"]


def command_of(function: Callable[..., Any], name: str) -> click.Command:
    """A command that calls `function`. Raises `DirectiveError` for a parameter no command line can fill."""
    hints = get_type_hints(function, include_extras=True)
    params = [
        _parameter(each, hints.get(each.name, str), name) for each in inspect.signature(function).parameters.values()
    ]
    text = inspect.getdoc(function)
    return click.Command(
        name, params=params, callback=function, help=text, context_settings={"help_option_names": ["-h", "--help"]}
    )


def _parameter(parameter: inspect.Parameter, annotation: Any, command: str) -> click.Parameter:
    said: Any = None
    if get_origin(annotation) is Annotated:
        annotation, *extra = get_args(annotation)
        said = next((each for each in extra if isinstance(each, Option | Argument)), None)
    if parameter.kind in (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.POSITIONAL_ONLY):
        raise DirectiveError(f"{command}: a command line has nothing for the parameter {parameter}")
    if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
        raise DirectiveError(f"{command}: write the parameter {parameter} as a list: {parameter.name}: list[str]")
    needed = parameter.default is inspect.Parameter.empty
    default = None if needed else parameter.default
    kind, many = _kind(annotation, f"{command}: {parameter.name}")
    # What is not given is left out: click takes a default of None for one.
    options: dict[str, Any] = {} if needed else {"default": default}
    if many and get_origin(annotation) is not tuple:
        options["callback"] = lambda ctx, param, value: list(value)  # click gives a tuple
    if isinstance(said, Argument) or (said is None and needed and kind is not click.BOOL):
        return click.Argument([parameter.name], type=kind, required=needed, nargs=-1 if many else 1, **options)
    said = said or Option()
    long = f"--{parameter.name.replace('_', '-')}"
    flags = list(said.flags)
    if not any(flag.startswith("--") for flag in flags):
        flags.append(f"{long}/--no-{long[2:]}" if kind is click.BOOL and default is True else long)
    options |= {"help": said.help or None, "envvar": said.envvar}
    if kind is click.BOOL:
        return click.Option([parameter.name, *flags], is_flag=True, **{**options, "default": bool(default)})
    options["show_default"] = default is not None
    return click.Option([parameter.name, *flags], type=kind, multiple=many, required=needed, **options)


def _kind(annotation: Any, where: str) -> tuple[click.ParamType[Any] | Any, bool]:
    """What click reads a parameter as, and whether there are several of it."""
    origin, args = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        members = [each for each in args if each is not types.NoneType]
        if len(members) == 1:
            return _kind(members[0], where)
    elif origin is Literal:
        return click.Choice([str(each) for each in args]), False
    elif origin in (list, tuple, Sequence):
        return _kind(args[0], where)[0], True
    elif annotation is bool:
        return click.BOOL, False
    elif annotation in (str, int, float, Any):
        return (str if annotation is Any else annotation), False
    elif isinstance(annotation, type) and issubclass(annotation, Enum):
        return click.Choice(annotation), False
    elif isinstance(annotation, type) and issubclass(annotation, PurePath):
        return click.Path(path_type=Path), False
    elif callable(annotation):
        return click.types.FuncParamType(annotation), False
    raise DirectiveError(f"{where}: no command line can be read as {annotation}")
