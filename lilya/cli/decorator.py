"""Directives as functions.

    # myproject/apps/shop/directives/operations/createuser.py
    @directive
    async def create_user(name: Annotated[str, Option("-n", help="Whose account.")], admin: bool = False) -> None:
        ...

`lilya run createuser -n Ada --admin` runs it: the name is that of the file. With `display_in_cli=True` it is also
`lilya create-user`, named by the function. A `click` command below the decorator is taken as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar, overload

__all__ = ["Argument", "Option", "directive"]

C = TypeVar("C", bound=Callable[..., Any])

IS_DIRECTIVE: Final = "__is_custom_directive__"
IN_CLI: Final = "__display_in_cli__"


class Option:
    """A parameter is an option: `Annotated[int, Option("-c", "--count", help="How often.")]`.

    Without a long flag, that of the parameter's name is added.
    """

    def __init__(self, *flags: str, help: str = "", envvar: str | None = None) -> None:
        self.flags = flags
        self.help = help
        self.envvar = envvar


class Argument:
    """A parameter is a positional argument, though it may have a default: `Annotated[str, Argument()]`."""

    def __init__(self, help: str = "") -> None:
        self.help = help


@overload
def directive(func: C, *, display_in_cli: bool = False) -> C: ...
@overload
def directive(func: None = None, *, display_in_cli: bool = False) -> Callable[[C], C]: ...
def directive(func: C | None = None, *, display_in_cli: bool = False) -> C | Callable[[C], C]:
    """Make a function, sync or async, or a click command the directive of its file.

    Parameters of a function without a default are arguments, those with one are options; a bool is a flag, a list may
    be given several times. `Option` and `Argument` say it otherwise.
    """

    def mark(marked: C) -> C:
        setattr(marked, IS_DIRECTIVE, True)
        setattr(marked, IN_CLI, display_in_cli)
        return marked

    return mark if func is None else mark(func)
