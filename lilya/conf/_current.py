"""Which settings are meant by `lilya.conf.settings`: those of the application that serves, else those of the process.

The settings of the process are the class that the environment variable `LILYA_SETTINGS_MODULE` names, made when they
are first asked for. `override_settings` changes some of them for the code inside, and for it alone.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from functools import wraps
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from types import TracebackType
from typing import Any, Final, TypeVar, cast

from lilya._current import AROUND, SETTINGS
from lilya._define import import_string
from lilya.conf._base import replaced
from lilya.conf.exceptions import FieldException
from lilya.conf.global_settings import Settings
from lilya.exceptions import ImproperlyConfigured

__all__ = [
    "VARIABLE",
    "LazySettings",
    "current_settings",
    "global_settings",
    "overridden",
    "override_settings",
    "reload_settings",
    "resolve_settings",
    "settings",
]

F = TypeVar("F", bound=Callable[..., Any])

VARIABLE: Final = "LILYA_SETTINGS_MODULE"


class _Override:
    """Values over settings, in place of those `before`; the copies that have them are made once."""

    __slots__ = ("_made", "before", "options")

    def __init__(self, options: Mapping[str, Any], before: _Override | None) -> None:
        outer: Mapping[str, Any] = {} if before is None else before.options
        self.options: Mapping[str, Any] = {**outer, **options}
        self.before = before
        self._made: dict[int, tuple[Settings, Settings]] = {}

    def over(self, base: Settings) -> Settings:
        found = self._made.get(id(base))
        if found is None:
            found = self._made[id(base)] = (base, replaced(base, self.options))  # `base` kept: its id stays its own
        return found[1]


OVERRIDE: Final[ContextVar[_Override | None]] = ContextVar("lilya.conf.override", default=None)


class LazySettings:
    """Stands for the settings that are meant where it is asked. Made for `settings`; reads, writes and shows them."""

    __slots__ = ("_loaded",)

    _loaded: Settings | None

    def __init__(self) -> None:
        object.__setattr__(self, "_loaded", None)

    def __getattr__(self, name: str) -> Any:
        return getattr(current_settings(), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(current_settings(), name, value)

    def __dir__(self) -> list[str]:
        return dir(current_settings())

    def __repr__(self) -> str:
        return repr(current_settings())


settings: Final[Settings] = cast(Settings, LazySettings())
"""The settings of the application that serves, else those of the process."""


def global_settings() -> Settings:
    """The settings of the process, as an override has them. Raises what is wrong with them."""
    return overridden(_loaded())


def _loaded() -> Settings:
    """The settings of the process, made at the first call."""
    loaded: Settings | None = object.__getattribute__(settings, "_loaded")
    if loaded is None:
        loaded = _load()
        object.__setattr__(settings, "_loaded", loaded)
    return loaded


def _load() -> Settings:
    dotted = os.environ.get(VARIABLE)
    if not dotted:
        return Settings()
    try:
        return _resolved(import_string(dotted))
    except FieldException:
        raise
    except ImproperlyConfigured as exc:
        raise FieldException(f"{VARIABLE}: {exc}") from exc


def reload_settings() -> type[Settings]:
    """Read the environment again: the settings of the process are made anew. Returns their class.

    Applications that were made before keep what they have taken from the old ones.
    """
    loaded = _load()
    object.__setattr__(settings, "_loaded", loaded)
    return type(loaded)


def overridden(base: Settings) -> Settings:
    """Settings as an override has them, where there is one."""
    override = OVERRIDE.get()
    return base if override is None else override.over(base)


def current_settings() -> Settings:
    """The settings of the application that serves; without one, or if it has none of its own, those of the process."""
    # Where the request is over, a task it left behind still belongs to its application.
    own: Settings | None = AROUND.get({}).get(SETTINGS)
    return global_settings() if own is None else overridden(own)


def resolve_settings(given: Any) -> Settings | None:
    """The settings an application is given: a class, an instance, the dotted path of one. None: none.

    Raises `FieldException` for anything else.
    """
    if given is None:
        return None
    return _resolved(import_string(given) if isinstance(given, str) else given)


def _resolved(found: Any) -> Settings:
    if isinstance(found, LazySettings):
        found = current_settings()
    if isinstance(found, type) and issubclass(found, Settings):
        made: Settings = found()
        return made
    if isinstance(found, Settings):
        return found
    raise FieldException(f"'settings_module' must be a subclass of Settings, not {found!r}")


class override_settings:  # used like a function
    """Other values for some settings, for the code inside: in a `with`, an `async with`, or around a function.

        with override_settings(debug=True):
            ...

    What runs at the same time elsewhere does not see them; tasks and threads that are started inside do. Values are
    cast as those of arguments are; names that are no fields are set all the same. An application that was made
    before keeps what it took when it was made.
    """

    def __init__(self, **options: Any) -> None:
        self.options = options

    def __enter__(self) -> Settings:
        override = _Override(self.options, OVERRIDE.get())
        override.over(_loaded())  # fails now, if a value does not fit
        OVERRIDE.set(override)
        return current_settings()

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        override = OVERRIDE.get()
        OVERRIDE.set(None if override is None else override.before)

    async def __aenter__(self) -> Settings:
        return self.__enter__()

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.__exit__(exc_type, exc, tb)

    def __call__(self, function: F) -> F:
        """Let every call of a function, sync or async, run inside."""
        if isgeneratorfunction(function) or isasyncgenfunction(function):
            raise TypeError(f"override_settings cannot be around the generator {function!r}: use `with` in its body")
        if iscoroutinefunction(function):

            @wraps(function)
            async def run_inside(*args: Any, **kwargs: Any) -> Any:
                with type(self)(**self.options):
                    return await function(*args, **kwargs)

            return cast(F, run_inside)

        @wraps(function)
        def call_inside(*args: Any, **kwargs: Any) -> Any:
            with type(self)(**self.options):
                return function(*args, **kwargs)

        return cast(F, call_inside)
